"""Findings: what an audit checked, and what came of each check.

Every check has a verdict, never only the first that fails. PASS says that the check was made and
held; FAIL that it was made and did not; INDETERMINATE that what is needed to make it is missing.
"""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from msgspec import Struct

from node.audit.checks import TITLES, Check

__all__ = [
    "FINDINGS_MAX",
    "SPAN",
    "TITLES",
    "WITHHELD",
    "Check",
    "CheckCount",
    "Finding",
    "Findings",
    "JournalSummary",
    "Place",
    "Report",
    "Verdict",
    "in_a_line",
    "render_json",
    "render_lines",
    "span_in_words",
]

FINDINGS_MAX: Final = 1000
"""Findings kept of each verdict; those beyond are counted."""

SPAN: Final = "{span}"
"""In the sentence of what recurs: where its largest extent stands, in words."""

WITHHELD: Final = "entries withheld by the grant: not judged"
"""A note: goes on after how many."""

_KEPT_MAX: Final = 2  # times FINDINGS_MAX, before the least are let go
_RECURRING_MAX: Final = 65_536
_NOTES_MAX: Final = 1000
_OTHER_NOTES: Final = "for other reasons"


class Verdict(StrEnum):
    """What came of a check, or of all of them."""

    PASS = "PASS"  # noqa: S105 - the field's word for a check that held
    FAIL = "FAIL"
    INDETERMINATE = "INDETERMINATE"


class Place(Struct, frozen=True):
    """Where a finding was made: the journal's origin (or the file's name for it), the index."""

    journal: str
    index: int | None = None

    def __str__(self) -> str:
        return self.journal if self.index is None else f"{self.journal}[{self.index}]"


class Finding(Struct, frozen=True):
    """One check that failed or could not be made: where, and why in one sentence.

    Attributes:
        beside: other places that it rests on, in the other journals for the most part.
        at_fault: nodes whose own sealed words show that the fault is theirs.
        not_shown: nodes that may be at fault, with nothing to show it by.
        weight: ranks findings of one check; the heaviest comes first.
        times: how often this recurred; `place` is the first and the last of `beside` the last.
    """

    check: Check
    verdict: Verdict
    place: Place
    sentence: str
    beside: tuple[Place, ...] = ()
    at_fault: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    weight: int = 0
    times: int = 1

    @property
    def blame(self) -> str:
        """Who can be shown to be at fault and who cannot, in words; empty where nobody is named."""
        said = []
        if self.at_fault:
            said.append(f"shown to be at fault: {', '.join(self.at_fault)}")
        if self.not_shown:
            said.append(f"fault not shown: {', '.join(self.not_shown)}")
        return "; ".join(said)


class CheckCount(Struct, frozen=True):
    """How often a check was made, by verdict."""

    check: Check
    passed: int
    failed: int
    undetermined: int

    @property
    def made(self) -> int:
        """How often it was made, or should have been."""
        return self.passed + self.failed + self.undetermined

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        if self.failed:
            return Verdict.FAIL
        return Verdict.INDETERMINATE if self.undetermined else Verdict.PASS


class JournalSummary(Struct, frozen=True):
    """A replayed journal: whose, how long, and what it holds.

    `size` is that of the last checkpoint whose root and signatures held.
    """

    node: str
    origin: str
    entries: int
    size: int
    answers: int
    conclusions: int

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.origin}: {self.entries:,} entries, {self.answers:,} answers given, "
            f"{self.conclusions:,} questions concluded"
        )


class Report(Struct, frozen=True):
    """What an audit found.

    Attributes:
        checks: every check that was made or should have been, in a fixed order.
        findings: FAIL first, then INDETERMINATE, at most `FINDINGS_MAX` of each.
        left_out: how many findings there were beyond those.
        journals: what was replayed; empty for a receipt.
        notes: what is no finding, and has to be known to read the others, in words.
    """

    checks: tuple[CheckCount, ...]
    findings: tuple[Finding, ...]
    left_out: int
    journals: tuple[JournalSummary, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all checks; INDETERMINATE where none was made."""
        if any(count.failed for count in self.checks):
            return Verdict.FAIL
        if any(count.undetermined for count in self.checks) or not self.checks:
            return Verdict.INDETERMINATE
        return Verdict.PASS

    @property
    def totals(self) -> str:
        """How many checks held, failed and could not be made, in words."""
        failed = sum(count.failed for count in self.checks)
        undetermined = sum(count.undetermined for count in self.checks)
        passed = sum(count.passed for count in self.checks)
        return f"{passed:,} checks held, {failed:,} failed, {undetermined:,} could not be made"

    @property
    def omission(self) -> str:
        """How many findings are not listed, in words; empty where all are."""
        if not self.left_out:
            return ""
        return f"and {self.left_out:,} more findings that are counted, but not listed"


class _Recurrence(NamedTuple):
    """What recurs: how often, how far at most, where first and last."""

    times: int
    most: int
    first: Place
    last: Place


_GRAVEST: Final = (
    Check.CHECKPOINT_ROOT,
    Check.ONE_TREE,
    Check.BOTH_SIDES,
    Check.LEFT_OUT,
    Check.ANSWERS_DIFFER,
    Check.RECOMPUTED,
)
_RANKS: Final = {
    check: rank
    for rank, check in enumerate((*_GRAVEST, *(one for one in Check if one not in _GRAVEST)))
}
_Recurring = tuple[Check, Verdict, str, str, tuple[str, ...], tuple[str, ...]]


class Findings:
    """Gathers verdicts while an audit runs; memory is bounded.

    What several have gathered can be added up; the report is the same in whatever order.

    Attributes:
        held: how often each check held.
        counts: how often each came to another verdict.
        kept: the findings of each verdict, not more than twice as many as are listed.
        recurring: what is one finding however often it recurs.
        noted: what is no finding, by journal and sentence, and how often.
    """

    def __init__(self) -> None:
        """Begin with nothing checked."""
        self.held: Counter[Check] = Counter()
        self.counts: Counter[tuple[Check, Verdict]] = Counter()
        self.kept: dict[Verdict, list[Finding]] = {
            Verdict.FAIL: [],
            Verdict.INDETERMINATE: [],
        }
        self.recurring: dict[_Recurring, _Recurrence] = {}
        self.noted: Counter[tuple[str, str]] = Counter()

    def passed(self, check: Check, times: int = 1) -> None:
        """Record that a check held, once or more often."""
        self.held[check] += times

    def failed(self, check: Check, place: Place, sentence: str) -> None:
        """Record that a check did not hold."""
        self.add(Finding(check, Verdict.FAIL, place, sentence))

    def undetermined(self, check: Check, place: Place, sentence: str) -> None:
        """Record that a check could not be made."""
        self.add(Finding(check, Verdict.INDETERMINATE, place, sentence))

    def judge(self, check: Check, place: Place, faults: Iterable[str]) -> bool:
        """Record a check by its faults, PASS where there is none; tell whether it held."""
        held = True
        for fault in faults:
            self.failed(check, place, fault)
            held = False
        if held:
            self.held[check] += 1
        return held

    def add(self, finding: Finding) -> None:
        """Record a finding."""
        self.counts[finding.check, finding.verdict] += 1
        self._keep(finding)

    def recur(self, finding: Finding, extent_us: int = 0) -> None:
        """Record what is one finding however often it recurs in a journal.

        Args:
            finding: alike but for its place; `SPAN` in its sentence stands for the largest extent.
            extent_us: how far it went this time.
        """
        self.counts[finding.check, finding.verdict] += 1
        key = (
            finding.check,
            finding.verdict,
            finding.place.journal,
            finding.sentence,
            finding.at_fault,
            finding.not_shown,
        )
        self._recur(key, _Recurrence(1, extent_us, finding.place, finding.place))

    def note(self, journal: str, sentence: str, times: int = 1) -> None:
        """Count what is no finding; `sentence` goes on after its number."""
        if (journal, sentence) not in self.noted and len(self.noted) >= _NOTES_MAX:
            sentence = _OTHER_NOTES
        self.noted[journal, sentence] += times

    def merge(self, other: "Findings") -> None:
        """Add what another has gathered."""
        self.held.update(other.held)
        self.counts.update(other.counts)
        for kept in other.kept.values():
            for finding in kept:
                self._keep(finding)
        for key, recurrence in other.recurring.items():
            self._recur(key, recurrence)
        for (journal, sentence), times in sorted(other.noted.items()):
            self.note(journal, sentence, times)

    def count(self, check: Check) -> CheckCount:
        """Return how often a check was made so far, by verdict."""
        return CheckCount(
            check,
            self.held[check],
            self.counts[check, Verdict.FAIL],
            self.counts[check, Verdict.INDETERMINATE],
        )

    def report(self, journals: Iterable[JournalSummary] = ()) -> Report:
        """Return what has been found so far."""
        ranked = {verdict: list(kept) for verdict, kept in self.kept.items()}
        for key, recurrence in self.recurring.items():
            ranked[key[1]].append(_recurred(key, recurrence))
        findings = []
        for some in ranked.values():
            findings += sorted(some, key=_rank)[:FINDINGS_MAX]
        counts = map(self.count, Check)
        listed = sum(finding.times for finding in findings)
        return Report(
            tuple(made for made in counts if made.passed or made.failed or made.undetermined),
            tuple(findings),
            self.counts.total() - listed,
            tuple(journals),
            tuple(
                f"{journal}: {times:,} {sentence}"
                for (journal, sentence), times in sorted(self.noted.items())
            ),
        )

    def _keep(self, finding: Finding) -> None:
        kept = self.kept[finding.verdict]
        kept.append(finding)
        if len(kept) > FINDINGS_MAX * _KEPT_MAX:
            kept.sort(key=_rank)
            del kept[FINDINGS_MAX:]

    def _recur(self, key: _Recurring, new: _Recurrence) -> None:
        known = self.recurring.get(key)
        if known is None and len(self.recurring) >= _RECURRING_MAX:
            return  # counted, as whatever else is beyond what is listed
        if known is not None:
            new = _Recurrence(
                known.times + new.times,
                max(known.most, new.most),
                min(known.first, new.first, key=_position),
                max(known.last, new.last, key=_position),
            )
        self.recurring[key] = new


def _position(place: Place) -> int:
    return -1 if place.index is None else place.index


def _rank(finding: Finding) -> tuple[int, int, str, int, str, str]:
    """Order findings of one verdict: by check, the gravest first, then by weight, then by place."""
    beside = " ".join(map(str, finding.beside))
    place = finding.place
    return (
        _RANKS[finding.check],
        -finding.weight,
        place.journal,
        _position(place),
        finding.sentence,
        beside,
    )


def _recurred(key: _Recurring, recurrence: _Recurrence) -> Finding:
    check, verdict, _, sentence, at_fault, not_shown = key
    beside = () if recurrence.last == recurrence.first else (recurrence.last,)
    return Finding(
        check,
        verdict,
        recurrence.first,
        sentence.replace(SPAN, span_in_words(recurrence.most)),
        beside,
        at_fault,
        not_shown,
        recurrence.most,
        recurrence.times,
    )


def span_in_words(span_us: int) -> str:
    """Return a span of time as people say it, in its largest unit: 1.5 s, 12 min, 3 h, 40 days."""
    seconds = span_us / 1_000_000
    for size, unit, up_to in ((1, "s", 120), (60, "min", 120), (3600, "h", 48)):
        if seconds < size * up_to:
            return f"{seconds / size:.{1 if size == 1 else 0}f} {unit}"
    return f"{seconds / 86_400:,.0f} days"


def render_lines(report: Report) -> list[str]:
    """Return a report as lines of plain text: journals, checks, findings, verdict."""
    lines = [str(journal) for journal in report.journals]
    lines += report.notes
    lines += [
        f"{count.verdict:<13}  {TITLES[count.check]} ({count.made:,} checked)"
        for count in report.checks
    ]
    lines += [f"{finding.verdict}: {in_a_line(finding)}" for finding in report.findings]
    if report.omission:
        lines.append(report.omission)
    lines.append(f"{report.verdict}: {report.totals}")
    return lines


def in_a_line(finding: Finding) -> str:
    """Return a finding without its verdict: place, check, sentence, how often, who is at fault."""
    line = f"{finding.place}: {finding.check}: {finding.sentence}"
    if finding.times > 1:
        line += f" ({finding.times:,} times"
        line += f", up to {finding.beside[-1]})" if finding.beside else ")"
    elif finding.beside:
        line += f" (beside {', '.join(map(str, finding.beside))})"
    return f"{line} [{finding.blame}]" if finding.blame else line


def render_json(report: Report) -> dict[str, Any]:
    """Return a report as what a JSON encoder takes."""
    return {
        "verdict": report.verdict.value,
        "journals": [
            {name: getattr(journal, name) for name in journal.__struct_fields__}
            for journal in report.journals
        ],
        "notes": list(report.notes),
        "checks": [
            {
                "check": count.check.value,
                "title": TITLES[count.check],
                "verdict": count.verdict.value,
                "passed": count.passed,
                "failed": count.failed,
                "undetermined": count.undetermined,
            }
            for count in report.checks
        ],
        "findings": [
            {
                "check": finding.check.value,
                "verdict": finding.verdict.value,
                "journal": finding.place.journal,
                "index": finding.place.index,
                "sentence": finding.sentence,
                "beside": [
                    {"journal": place.journal, "index": place.index} for place in finding.beside
                ],
                "at_fault": list(finding.at_fault),
                "not_shown": list(finding.not_shown),
                "times": finding.times,
            }
            for finding in report.findings
        ],
        "findings_left_out": report.left_out,
    }
