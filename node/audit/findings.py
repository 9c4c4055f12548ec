"""Findings: what an audit checked, and what came of each check.

Every check has a verdict, never only the first that fails. PASS says that the check was made and
held; FAIL that it was made and did not; INDETERMINATE that what is needed to make it is missing.
"""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

FINDINGS_MAX: Final = 1000
"""Findings kept of each verdict; those beyond are counted."""


class Verdict(StrEnum):
    """What came of a check, or of all of them."""

    PASS = "PASS"  # noqa: S105 - the field's word for a check that held
    FAIL = "FAIL"
    INDETERMINATE = "INDETERMINATE"


class Check(StrEnum):
    """What is checked; the value is stable and is what scripts see."""

    FORMAT = "format"
    TRUST_LIST = "trust-list"
    OWNER = "owner"
    ENTRY_ORDER = "entry-order"
    STATEMENT = "statement"
    SPEAKER = "speaker"
    TIME_ORDER = "time-order"
    TRUST_REFERENCE = "trust-reference"
    CHECKPOINT_ORDER = "checkpoint-order"
    CHECKPOINT_SIGNATURE = "checkpoint-signature"
    CHECKPOINT_ROOT = "checkpoint-root"
    JOURNAL_END = "journal-end"
    REGISTRY = "registry"
    QUERY_SEAL = "query-seal"
    ANSWER_SEAL = "answer-seal"
    CONCLUSION_SEAL = "conclusion-seal"
    PARTIES = "parties"
    ANSWERS_QUERY = "answers-query"
    TIMES = "times"
    DISCLOSURE = "disclosure"
    AGREEMENT = "agreement"
    AGREEMENT_NAMED = "agreement-named"
    CONCLUSION = "conclusion"
    ANSWERED_ONCE = "answered-once"
    RECOMPUTED = "recomputed"
    SETTLED = "settled"
    BOTH_SIDES = "both-sides"
    ONE_TREE = "one-tree"


TITLES: Final = {
    Check.FORMAT: "the file reads from its first to its last byte",
    Check.TRUST_LIST: "trust lists are signed by the federation's root and complete",
    Check.OWNER: "the journal is that of a node on the trust list",
    Check.ENTRY_ORDER: "entries follow each other without a gap",
    Check.STATEMENT: "statements read strictly",
    Check.SPEAKER: "statements are said by the journal's owner",
    Check.TIME_ORDER: "times do not go back",
    Check.TRUST_REFERENCE: "statements name a trust list in force at the node",
    Check.CHECKPOINT_ORDER: "checkpoints grow and stand after what they cover",
    Check.CHECKPOINT_SIGNATURE: "checkpoints carry the node's signatures",
    Check.CHECKPOINT_ROOT: "checkpoints are those of the entries",
    Check.JOURNAL_END: "the last entry stands under a checkpoint",
    Check.REGISTRY: "registry and consent events fit what came before",
    Check.QUERY_SEAL: "queries stand in the asking node's journal",
    Check.ANSWER_SEAL: "answers stand in the answering node's journal",
    Check.CONCLUSION_SEAL: "the conclusion stands in the asking node's journal",
    Check.PARTIES: "asking and answering node are who they should be",
    Check.ANSWERS_QUERY: "answers answer the query beside them, at their own position",
    Check.TIMES: "answers were given in time",
    Check.DISCLOSURE: "answers show only what was asked for",
    Check.AGREEMENT: "queries name an agreement in force that covers their purpose",
    Check.AGREEMENT_NAMED: "the query names the agreement that it relies on",
    Check.CONCLUSION: "conclusions say what the query and the answer say",
    Check.ANSWERED_ONCE: "no query is answered twice",
    Check.RECOMPUTED: "answers are those that the registry gives",
    Check.SETTLED: "every query is concluded or given up",
    Check.BOTH_SIDES: "what one journal holds of another stands in the other",
    Check.ONE_TREE: "a node showed its peers the checkpoints of the journal it gave",
}


class Place(Struct, frozen=True):
    """Where a finding was made: the journal's origin (or the file's name for it), the index."""

    journal: str
    index: int | None = None

    def __str__(self) -> str:
        return self.journal if self.index is None else f"{self.journal}[{self.index}]"


class Finding(Struct, frozen=True):
    """One check that failed or could not be made: where, and why in one sentence."""

    check: Check
    verdict: Verdict
    place: Place
    sentence: str


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
    """

    checks: tuple[CheckCount, ...]
    findings: tuple[Finding, ...]
    left_out: int
    journals: tuple[JournalSummary, ...] = ()

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


class Findings:
    """Gathers verdicts while an audit runs; memory is bounded."""

    def __init__(self) -> None:
        """Begin with nothing checked."""
        self._passed: Counter[Check] = Counter()
        self._counts: Counter[tuple[Check, Verdict]] = Counter()
        self._kept: dict[Verdict, list[Finding]] = {
            Verdict.FAIL: [],
            Verdict.INDETERMINATE: [],
        }

    def passed(self, check: Check) -> None:
        """Record that a check held."""
        self._passed[check] += 1

    def failed(self, check: Check, place: Place, sentence: str) -> None:
        """Record that a check did not hold."""
        self._keep(Finding(check, Verdict.FAIL, place, sentence))

    def undetermined(self, check: Check, place: Place, sentence: str) -> None:
        """Record that a check could not be made."""
        self._keep(Finding(check, Verdict.INDETERMINATE, place, sentence))

    def judge(self, check: Check, place: Place, faults: Iterable[str]) -> bool:
        """Record a check by its faults, PASS where there is none; tell whether it held."""
        held = True
        for fault in faults:
            self.failed(check, place, fault)
            held = False
        if held:
            self._passed[check] += 1
        return held

    def report(self, journals: Iterable[JournalSummary] = ()) -> Report:
        """Return what has been found so far."""
        counts = tuple(
            CheckCount(
                check,
                self._passed[check],
                self._counts[check, Verdict.FAIL],
                self._counts[check, Verdict.INDETERMINATE],
            )
            for check in Check
        )
        findings = (*self._kept[Verdict.FAIL], *self._kept[Verdict.INDETERMINATE])
        return Report(
            tuple(made for made in counts if made.passed or made.failed or made.undetermined),
            findings,
            self._counts.total() - len(findings),
            tuple(journals),
        )

    def _keep(self, finding: Finding) -> None:
        self._counts[finding.check, finding.verdict] += 1
        kept = self._kept[finding.verdict]
        if len(kept) < FINDINGS_MAX:
            kept.append(finding)


def render_lines(report: Report) -> list[str]:
    """Return a report as lines of plain text: journals, checks, findings, verdict."""
    lines = [str(journal) for journal in report.journals]
    lines += [
        f"{count.verdict:<13}  {TITLES[count.check]} ({count.made:,} checked)"
        for count in report.checks
    ]
    lines += [
        f"{finding.verdict}: {finding.place}: {finding.check}: {finding.sentence}"
        for finding in report.findings
    ]
    if report.omission:
        lines.append(report.omission)
    lines.append(f"{report.verdict}: {report.totals}")
    return lines


def render_json(report: Report) -> dict[str, Any]:
    """Return a report as what a JSON encoder takes."""
    return {
        "verdict": report.verdict.value,
        "journals": [
            {name: getattr(journal, name) for name in journal.__struct_fields__}
            for journal in report.journals
        ],
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
            }
            for finding in report.findings
        ],
        "findings_left_out": report.left_out,
    }
