"""What a registry's own journal tells of backdating: it shows, and is not proof of it.

1. awards that entered the registry long after their date, by themselves or in a burst
2. credentials edited after a query about them
3. registrations in bursts, of the whole registry and of one issuer
4. share codes used in bursts

All of these have honest reasons (an old register is brought in, a mistake is corrected), so they
are INDETERMINATE: places where an auditor looks further, the likeliest first.
"""

from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Final

from node.audit.findings import SPAN, Check, Finding, Findings, Place, Verdict, span_in_words
from node.audit.known import Known
from node.audit.slips import (
    Address,
    AwardSlip,
    ChangeSlip,
    CredentialSlip,
    Group,
    UseSlip,
)
from node.model.credential import Credential
from node.model.decide import Consent
from node.model.statement import (
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    StatusChanged,
)
from node.model.trust_entries import day_start

BURST_LEAST: Final = 50
BURST_FACTOR: Final = 10
"""A burst is at least so many, and so many times as many as in the median span."""

CODE_USES_MAX: Final = 10
CODE_SPAN_US: Final = 60 * 1_000_000
"""A share code used so often within such a span is used in a burst."""

_HOUR_US: Final = 60 * 60 * 1_000_000
_DAY_US: Final = 24 * _HOUR_US
_GRAVE: Final = frozenset(
    {"holder_name", "birth_date", "issuer", "title", "award_type", "isco08", "level_eqf",
     "level_national", "awarded_on"}
)  # fmt: skip
_GRAVITY: Final = 1 << 60


def find_bursts(registered: Mapping[int, Counter[int]]) -> frozenset[tuple[int, int]]:
    """Return journal and hour of each burst.

    Args:
        registered: by journal, how many credentials were registered in each hour.
    """
    return frozenset(
        (journal, hour) for journal, hours in registered.items() for hour in _bursts(hours)
    )


def _bursts(counts: Mapping[int, int]) -> set[int]:
    """Return the spans of time with a burst; where there is but one, it is compared with none."""
    usual = median(counts.values()) if len(counts) > 1 else 0
    least = max(BURST_LEAST, BURST_FACTOR * usual)
    return {span for span, count in counts.items() if count >= least}


def _note(check: Check, place: Place, sentence: str) -> Finding:
    return Finding(check, Verdict.INDETERMINATE, place, sentence)


class CredentialHistory:
    """Follows one credential: when it entered the registry, who asked, what changed after that."""

    def __init__(self, known: Known, findings: Findings) -> None:
        """Begin before it was registered."""
        self._known = known
        self._findings = findings
        self._credential: Credential | None = None
        self._last_use: tuple[Place, UseSlip] | None = None
        self._edit: Finding | None = None

    def register(self, address: Address, slip: CredentialSlip) -> None:
        """Take a registration: the first is judged by its date, others by what they change."""
        before, self._credential = self._credential, slip.credential
        place = self._known.place(address.journal, slip.index)
        if before is None:
            self._judge_date(address, slip, place)
            return
        self._credential = before
        self._restated(place, slip.said_at, slip.credential)

    def _restated(self, place: Place, said_at: int, credential: Credential) -> None:
        before, self._credential = self._credential, credential
        changed = [
            name
            for name in credential.__struct_fields__
            if before is not None and getattr(before, name) != getattr(credential, name)
        ]
        if changed:
            words = ", ".join(changed)
            self._edited(place, said_at, f"changes {words}", len(_GRAVE.intersection(changed)))

    def change(self, address: Address, slip: ChangeSlip) -> None:
        """Take an event after the registration."""
        place = self._known.place(address.journal, slip.index)
        match slip.event:
            case StatusChanged(status=status):
                self._edited(place, slip.said_at, f"changes the status to {status.name.lower()}", 0)
            case CredentialSuperseded():
                self._edited(place, slip.said_at, "changes the status to superseded", 0)
            case CredentialRenewed():
                self._edited(place, slip.said_at, "changes expires_on", 0)
            case (
                CredentialRegistered(credential=credential)
                | CredentialAmended(credential=credential)
            ):
                self._restated(place, slip.said_at, credential)

    def use(self, address: Address, slip: UseSlip) -> None:
        """Take an answer about it."""
        place = self._known.place(address.journal, slip.index)
        self._settle(slip)
        self._last_use = place, slip

    def finish(self) -> None:
        """Record what waited for the next answer."""
        self._settle(None)

    def _judge_date(self, address: Address, slip: CredentialSlip, place: Place) -> None:
        late_us = slip.said_at - day_start(slip.credential.awarded_on)
        hour = slip.said_at // _HOUR_US
        if late_us <= self._known.late_after_days * _DAY_US:
            self._findings.passed(Check.LATE_AWARD)
        elif (address.journal, hour) in self._known.bursts:
            self._findings.recur(
                _note(
                    Check.LATE_AWARD,
                    place,
                    f"in the burst of {_hour(hour)}, awards entered the registry up to {SPAN} "
                    "after their date",
                ),
                late_us,
            )
        else:
            self._findings.add(
                Finding(
                    Check.LATE_AWARD,
                    Verdict.INDETERMINATE,
                    place,
                    f"entered the registry by itself {span_in_words(late_us)} after the date of "
                    "the award",
                    # By itself is more telling than in a burst, however late.
                    weight=late_us + _GRAVITY,
                )
            )

    def _edited(self, place: Place, said_at: int, change: str, grave: int) -> None:
        self._settle(None)
        if self._last_use is None:
            self._findings.passed(Check.EDITED)
            return
        asked, use = self._last_use
        after_us = max(said_at - use.said_at, 0)
        self._edit = Finding(
            Check.EDITED,
            Verdict.INDETERMINATE,
            place,
            f"{change}, {span_in_words(after_us)} after a query about it was answered "
            f"{use.answer.outcome.name}",
            beside=(asked,),
            weight=min(grave, 8) * _GRAVITY - after_us,
        )

    def _settle(self, use: UseSlip | None) -> None:
        """Record the last edit, with what the next query was told where that differs."""
        edit, self._edit = self._edit, None
        if edit is None:
            return
        outcome = None if self._last_use is None else self._last_use[1].answer.outcome
        if use is not None and use.answer.outcome is not outcome:
            edit = Finding(
                edit.check,
                edit.verdict,
                edit.place,
                f"{edit.sentence}; the next was answered {use.answer.outcome.name}",
                edit.beside,
                weight=edit.weight + 8 * _GRAVITY,
            )
        self._findings.add(edit)


class CodeUses:
    """Follows the uses of one share code and finds bursts of them."""

    def __init__(self, known: Known, findings: Findings) -> None:
        """Begin with no use."""
        self._known = known
        self._findings = findings
        self._recent: deque[tuple[int, Place]] = deque(maxlen=CODE_USES_MAX)
        self._burst: tuple[Place, int, Place] | None = None
        self._first_at = self._last_at = 0
        self._requesters: set[str] = set()
        self._wrong = 0
        self._found = False

    def use(self, address: Address, slip: UseSlip, consent: Consent | None) -> None:
        """Take a use, successful or not."""
        place = self._known.place(address.journal, slip.index)
        if self._burst is not None and slip.said_at - self._last_at > CODE_SPAN_US:
            self._record()
        if self._burst is None and self._recent and slip.said_at - self._last_at > CODE_SPAN_US:
            self._recent.clear()
            self._requesters.clear()
            self._wrong = 0
        self._recent.append((slip.said_at, place))
        self._last_at = slip.said_at
        if len(self._requesters) < BURST_LEAST:
            self._requesters.add(slip.query.requester.register_id)
        proof = slip.query.selector.holder_proof
        self._wrong += consent is not None and consent.given.holder_proof != proof
        if self._burst is not None:
            first, count, _ = self._burst
            self._burst = first, count + 1, place
        elif (
            len(self._recent) == CODE_USES_MAX and slip.said_at - self._recent[0][0] <= CODE_SPAN_US
        ):
            self._first_at, first = self._recent[0]
            self._burst = first, CODE_USES_MAX, place

    def finish(self) -> None:
        """Record what the last uses were."""
        self._record()
        if not self._found:
            self._findings.passed(Check.CODE_BURST)

    def _record(self) -> None:
        burst, self._burst = self._burst, None
        if burst is None:
            return
        self._found = True
        first, count, last = burst
        wrong = f", {self._wrong} of them with a wrong birth date" if self._wrong else ""
        self._findings.add(
            Finding(
                Check.CODE_BURST,
                Verdict.INDETERMINATE,
                first,
                f"a share code was used {count} times within "
                f"{span_in_words(self._last_at - self._first_at)}, for {len(self._requesters)} "
                f"requesters{wrong}",
                beside=(last,),
                weight=count,
            )
        )


def follow_issuer(group: Group, known: Known, findings: Findings) -> None:
    """Find the days on which one issuer's awards entered the registry in bursts."""
    days: Counter[int] = Counter()
    first: dict[int, Place] = {}
    for address, slip in group:
        if isinstance(slip, AwardSlip):
            day = slip.said_at // _DAY_US
            days[day] += 1
            first.setdefault(day, known.place(address.journal, slip.index))
    # On its only day, an issuer's awards are those of the whole registry's burst.
    bursts = _bursts(days) if len(days) > 1 else set()
    usual = median(days.values()) if days else 0
    for day, count in days.items():
        if day in bursts:
            findings.add(
                Finding(
                    Check.BURST,
                    Verdict.INDETERMINATE,
                    first[day],
                    f"from here on, {count:,} awards of this issuer entered the registry on "
                    f"{_date(day)}; on its median day, {usual:g}",
                    weight=count,
                )
            )
        else:
            findings.passed(Check.BURST)


def judge_hours(registered: Mapping[int, Counter[int]], known: Known, findings: Findings) -> None:
    """Record the hours in which registrations came in bursts."""
    for journal, hours in sorted(registered.items()):
        usual = f"; in the median hour, {median(hours.values()):g}" if len(hours) > 1 else ""
        for hour, count in sorted(hours.items()):
            if (journal, hour) not in known.bursts:
                findings.passed(Check.BURST)
                continue
            findings.add(
                Finding(
                    Check.BURST,
                    Verdict.INDETERMINATE,
                    Place(known.ends[journal].origin),
                    f"{count:,} awards entered the registry in the hour from {_hour(hour)}{usual}",
                    weight=count,
                )
            )


def _hour(hour: int) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
