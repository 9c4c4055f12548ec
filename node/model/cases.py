"""Cases as a pure state machine: who may take which step when, and what the clocks say.

A timeline is the steps that were taken, in their order; where a case stands is their fold and the
day. The decider's node gives every step its place, so both nodes have the same timeline. The
clocks are calendar months and working days of the agreement and of the decider's calendar, fixed
when the case is opened; nothing stops them, for no agreement has a clause that would.

  opened → acknowledged ⇄ documents asked → decided → appealed → decided on appeal
  withdrawn by who opened it; deemed decided where silence says so
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from enum import StrEnum
from functools import reduce
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.case_bodies import (
    CASE_CONTENT_MAX_BYTES,
    TERMS_SIZE_MAX_BYTES,
    Author,
    CaseKind,
    CaseOpening,
    CasePart,
    CaseStep,
    Ruling,
    StepKind,
    SubjectKind,
)
from node.model.recognition.form import (
    CalendarEntry,
    ClockEntry,
    ClocksEntry,
    DocumentName,
    RecognitionPart,
)
from node.model.recognition.spans import day_of, ends_on

_DEEMED: Final = {"granted": Ruling.GRANTED, "refused": Ruling.REFUSED}


class Terms(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The time limits of a case, and the documents that may be asked for; None: any."""

    clocks: ClocksEntry = ClocksEntry()
    calendar: CalendarEntry | None = None
    documents: tuple[DocumentName, ...] | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Terms)


def encode_terms(terms: Terms) -> bytes:
    """Return the one spelling of terms."""
    return _encoder.encode(terms)


def decode_terms(content: bytes) -> Terms:
    """Read terms strictly.

    Raises:
        Refusal: MALFORMED where they are none, or spelled otherwise than `encode_terms` does.
    """
    if len(content) > TERMS_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"opening.terms: over {TERMS_SIZE_MAX_BYTES} bytes")
    try:
        terms = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Code.MALFORMED, f"opening.terms: {error}") from None
    if _encoder.encode(terms) != content:
        raise Refusal(Code.MALFORMED, "opening.terms: are not spelled canonically")
    return terms


def terms_of(part: RecognitionPart | None, route: str, decider: str) -> Terms:
    """Return the terms of a route of an agreement; without a route there are none.

    Raises:
        Refusal: UNKNOWN where the agreement has no such route.
    """
    if not route:
        return Terms()
    for entry in () if part is None else part.routes:
        if entry.id == route:
            calendars = () if part is None else part.calendars
            calendar = next((one for one in calendars if one.party == decider), None)
            documents = tuple(dict.fromkeys(one.document for one in entry.documents))
            return Terms(entry.clocks, calendar, documents)
    raise Refusal(Code.UNKNOWN, f"route: the agreement has no route {route}")


# --- the fold ------------------------------------------------------------------------------


class Phase(StrEnum):
    """How far a case has come by its steps."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    DOCUMENTS_ASKED = "documents_asked"
    DECIDED = "decided"
    APPEALED = "appealed"
    DECIDED_ON_APPEAL = "decided_on_appeal"
    WITHDRAWN = "withdrawn"


_PENDING: Final = frozenset({Phase.OPENED, Phase.ACKNOWLEDGED, Phase.DOCUMENTS_ASKED})
_IN_HAND: Final = frozenset({Phase.ACKNOWLEDGED, Phase.DOCUMENTS_ASKED})
_FINAL: Final = frozenset({Phase.DECIDED_ON_APPEAL, Phase.WITHDRAWN})


class Taken(Struct, frozen=True):
    """A step that was taken: who said it, when (microseconds UTC), and what it is."""

    speaker: str
    said_at: int
    step: CaseStep


class Progress(Struct, frozen=True):
    """What the steps of a case amount to.

    Attributes:
        opener: node id of who opened it.
        other: node id of the other node.
        opened_by: in which role.
        steps: how many were taken.
        asked: kinds of documents that were asked for and not supplied since.
        decide_by: last day of the decision; None where there is none, or nobody can tell it yet.
        decided_on: the day of the decision that stands.
        lapsed: whether it is in the timeline that silence decided it.
        erased: whether its texts and documents are gone.
    """

    opener: str
    other: str
    opened_by: Author
    opening: CaseOpening
    terms: Terms
    opened_on: date
    phase: Phase
    steps: int
    decide_by: date | None
    acknowledged_on: date | None = None
    asked: tuple[str, ...] = ()
    extended: bool = False
    ruling: Ruling | None = None
    decided_on: date | None = None
    lapsed: bool = False
    erased: bool = False

    @property
    def decider(self) -> str:
        """Node id of the node whose authority decides."""
        return self.opening.decider


def opened(first: Taken) -> Progress:
    """Return what a case is after its first step.

    Raises:
        Refusal: MALFORMED where that opens none, CONFLICT where it may not be opened so.
    """
    step, opening = first.step, first.step.opening
    if step.kind is not StepKind.OPENED or opening is None:
        raise Refusal(Code.MALFORMED, "step.kind: the first step of a case opens it")
    if opening.decider not in {first.speaker, step.audience} or first.speaker == step.audience:
        raise Refusal(Code.CONFLICT, "opening.decider: must be one of the case's two nodes")
    if opening.decider == first.speaker and step.author is Author.AUTHORITY:
        raise Refusal(Code.CONFLICT, "author: an authority opens no case before itself")
    if opening.kind is CaseKind.CONTEST and opening.decider != step.audience:
        raise Refusal(Code.CONFLICT, "opening.decider: who said it decides on a contest of it")
    said_by = {SubjectKind.ANSWER: step.audience, SubjectKind.CONCLUSION: first.speaker}
    if opening.decider != said_by.get(opening.subject.kind, opening.decider):
        raise Refusal(Code.CONFLICT, "opening.decider: who said what it is about decides on it")
    named = {part.digest for part in step.parts if part.word == "credential"}
    if (opening.subject.kind is SubjectKind.CREDENTIAL) != (opening.subject.commitment in named):
        raise Refusal(Code.CONFLICT, "opening.subject: a credential is named by a part, and so")
    terms = decode_terms(opening.terms)
    on = day_of(first.said_at)
    return Progress(
        opener=first.speaker,
        other=step.audience,
        opened_by=step.author,
        opening=opening,
        terms=terms,
        opened_on=on,
        phase=Phase.OPENED,
        steps=1,
        decide_by=_ends(on, terms.clocks.decide, terms),
    )


def progress_of(steps: Sequence[Taken]) -> Progress:
    """Return what a whole timeline amounts to: the fold of its steps."""
    return reduce(take, steps[1:], opened(steps[0]))


def take(progress: Progress, taken: Taken) -> Progress:
    """Return what a case is after one more step; whether it is allowed is another question."""
    step, on = taken.step, day_of(taken.said_at)
    after = replace(progress, steps=progress.steps + 1)
    match step.kind:
        case StepKind.ACKNOWLEDGED:
            return replace(after, phase=Phase.ACKNOWLEDGED, acknowledged_on=on)
        case StepKind.DOCUMENTS_ASKED:
            return replace(after, phase=Phase.DOCUMENTS_ASKED, asked=step.wanted)
        case StepKind.DOCUMENTS_SUPPLIED if progress.phase is Phase.DOCUMENTS_ASKED:
            return replace(after, phase=Phase.ACKNOWLEDGED, asked=())
        case StepKind.EXTENDED:
            later = progress.decide_by and _ends(
                progress.decide_by, progress.terms.clocks.extend, progress.terms
            )
            return replace(after, extended=True, decide_by=later)
        case StepKind.DECIDED:
            on_appeal = progress.phase is Phase.APPEALED
            phase = Phase.DECIDED_ON_APPEAL if on_appeal else Phase.DECIDED
            return replace(after, phase=phase, ruling=step.ruling, decided_on=on, asked=())
        case StepKind.LAPSED:
            day = progress.decide_by or on
            return replace(
                after, phase=Phase.DECIDED, ruling=step.ruling, decided_on=day, lapsed=True
            )
        case StepKind.APPEALED:
            return replace(after, phase=Phase.APPEALED, asked=())
        case StepKind.WITHDRAWN:
            return replace(after, phase=Phase.WITHDRAWN, asked=())
        case StepKind.ERASED:
            return replace(after, erased=True)
    return after


def _ends(start: date, clock: ClockEntry | None, terms: Terms) -> date | None:
    return None if clock is None else ends_on(start, clock, terms.calendar)


# --- where it stands -----------------------------------------------------------------------

LimitName = Literal["acknowledge", "decide", "appeal"]


class Limit(Struct, frozen=True):
    """A time limit that still runs or has passed unused.

    Attributes:
        on: its last day; None where the calendar does not reach that far.
        clause: what it rests on.
    """

    clock: LimitName
    on: date | None
    clause: str
    passed: bool


class Standing(Struct, frozen=True):
    """Where a case stands on a day.

    Attributes:
        phase: by its steps.
        ruling: what was decided; where `by_silence`, what silence means.
        silent: the time for the decision has passed without one, and that may be appealed.
        closed: nothing more can follow.
        limits: those that matter now.
    """

    phase: Phase
    ruling: Ruling | None
    by_silence: bool
    silent: bool
    closed: bool
    limits: tuple[Limit, ...]


def standing(progress: Progress, today: date) -> Standing:
    """Return where a case stands on a day; total."""
    deemed = deemed_ruling(progress, today)
    overdue = _overdue(progress, today)
    silence = progress.terms.clocks.silence
    silent = overdue and silence is not None and silence.means == "appealable"
    appeal_by = _appeal_by(progress, today)
    decided = progress.phase is Phase.DECIDED or deemed is not None
    return Standing(
        phase=progress.phase,
        ruling=deemed if deemed is not None else progress.ruling,
        by_silence=deemed is not None or progress.lapsed,
        silent=silent,
        closed=progress.phase in _FINAL
        or (decided and appeal_by is not None and today > appeal_by),
        limits=tuple(_limits(progress, today, decided=decided, appeal_by=appeal_by)),
    )


def deemed_ruling(progress: Progress, today: date) -> Ruling | None:
    """Return what silence has decided by a day, where no step says it yet; else None."""
    silence = progress.terms.clocks.silence
    if silence is None or not _overdue(progress, today):
        return None
    return _DEEMED.get(silence.means)


def _overdue(progress: Progress, today: date) -> bool:
    return (
        progress.phase in _PENDING and progress.decide_by is not None and today > progress.decide_by
    )


def _appeal_by(progress: Progress, today: date) -> date | None:
    start = progress.decided_on if progress.phase is Phase.DECIDED else None
    if deemed_ruling(progress, today) is not None:
        start = progress.decide_by
    return start and _ends(start, progress.terms.clocks.appeal, progress.terms)


def _limits(
    progress: Progress, today: date, *, decided: bool, appeal_by: date | None
) -> Iterable[Limit]:
    clocks = progress.terms.clocks
    if progress.phase is Phase.OPENED and not decided and clocks.acknowledge is not None:
        on = _ends(progress.opened_on, clocks.acknowledge, progress.terms)
        yield _limit("acknowledge", on, clocks.acknowledge, today)
    if progress.phase in _PENDING and not decided and clocks.decide is not None:
        counted = clocks.extend if progress.extended and clocks.extend else clocks.decide
        yield _limit("decide", progress.decide_by, counted, today)
    if decided and clocks.appeal is not None:
        yield _limit("appeal", appeal_by, clocks.appeal, today)


def _limit(clock: LimitName, on: date | None, entry: ClockEntry, today: date) -> Limit:
    return Limit(clock, on, entry.clause, passed=on is not None and today > on)


def late_days(progress: Progress, taken: Taken) -> int:
    """Return by how many days a step comes after its time limit; 0 where it keeps it."""
    on = day_of(taken.said_at)
    limit: date | None = None
    if taken.step.kind is StepKind.ACKNOWLEDGED:
        limit = _ends(progress.opened_on, progress.terms.clocks.acknowledge, progress.terms)
    elif taken.step.kind is StepKind.DECIDED and progress.phase in _PENDING:
        limit = progress.decide_by
    return 0 if limit is None else max(0, (on - limit).days)


# --- who may do what -----------------------------------------------------------------------


def require_room(held: Iterable[CasePart], step: CaseStep) -> None:
    """Check that a case can take the texts and documents of one more step.

    Raises:
        Refusal: CONFLICT where it has one of them already, or they are too much together.
    """
    parts = list(held)
    if {part.digest for part in parts} & {part.digest for part in step.parts}:
        raise Refusal(Code.CONFLICT, "parts: the case has one of them already")
    if sum(part.size_bytes for part in (*parts, *step.parts)) > CASE_CONTENT_MAX_BYTES:
        raise Refusal(Code.CONFLICT, f"parts: over {CASE_CONTENT_MAX_BYTES} bytes in the case")


def require_allowed(progress: Progress, taken: Taken) -> None:
    """Check that a step may be taken, by who takes it, when it is said.

    Raises:
        Refusal: CONFLICT, with what forbids it.
    """
    step, on = taken.step, day_of(taken.said_at)
    if {taken.speaker, step.audience} != {progress.opener, progress.other}:
        raise _no("who says it is no party to the case")
    if on < progress.opened_on:
        raise _no("it is said before the case was opened")
    if progress.erased:
        raise _no("the case's texts and documents are erased; it is over")
    rule = _RULES.get(step.kind)
    if rule is None:
        raise _no("a case is opened once")
    for reason in rule(progress, taken, on):
        raise _no(reason)


def _no(reason: str) -> Refusal:
    return Refusal(Code.CONFLICT, f"the step may not be taken: {reason}")


def _decider(progress: Progress, taken: Taken) -> Iterable[str]:
    if taken.speaker != progress.decider or taken.step.author is not Author.AUTHORITY:
        yield f"only the authority of {progress.decider} may"


def _applicant(progress: Progress, taken: Taken) -> Iterable[str]:
    may = {progress.opened_by, Author.PERSON}
    if taken.speaker != progress.opener or taken.step.author not in may:
        yield "only who opened the case may"


def _phases(progress: Progress, phases: Iterable[Phase]) -> Iterable[str]:
    if progress.phase not in phases:
        yield f"the case is {progress.phase.value.replace('_', ' ')}"


def _not_deemed(progress: Progress, on: date) -> Iterable[str]:
    if deemed_ruling(progress, on) is not None:
        yield "silence has decided the case"


def _acknowledge(progress: Progress, taken: Taken, on: date) -> Iterable[str]:
    yield from _decider(progress, taken)
    yield from _phases(progress, {Phase.OPENED})
    yield from _not_deemed(progress, on)


def _ask(progress: Progress, taken: Taken, on: date) -> Iterable[str]:
    yield from _decider(progress, taken)
    yield from _phases(progress, _IN_HAND)
    yield from _not_deemed(progress, on)
    may = progress.terms.documents
    beyond = [word for word in taken.step.wanted if may is not None and word not in may]
    if beyond:
        yield f"the agreement lets nobody ask for {', '.join(beyond)}"


def _supply(progress: Progress, taken: Taken, _on: date) -> Iterable[str]:
    step = taken.step
    if step.author is Author.AUTHORITY:
        if taken.speaker == progress.decider:
            yield "the authority that decides supplies nothing to itself"
    else:
        yield from _applicant(progress, taken)
    yield from _phases(progress, _PENDING | {Phase.APPEALED})


def _extend(progress: Progress, taken: Taken, on: date) -> Iterable[str]:
    yield from _decider(progress, taken)
    yield from _phases(progress, _IN_HAND)
    if progress.extended:
        yield "the time was extended already"
    if progress.terms.clocks.extend is None or progress.decide_by is None:
        yield "the agreement lets nobody extend the time"
    elif on > progress.decide_by:
        yield "the time has passed"


def _decide(progress: Progress, taken: Taken, on: date) -> Iterable[str]:
    yield from _decider(progress, taken)
    yield from _phases(progress, _IN_HAND | {Phase.APPEALED})
    yield from _not_deemed(progress, on)


def _appeal(progress: Progress, taken: Taken, on: date) -> Iterable[str]:
    yield from _applicant(progress, taken)
    now = standing(progress, on)
    deemed = deemed_ruling(progress, on) is not None
    if not (progress.phase is Phase.DECIDED or deemed or now.silent):
        yield "there is nothing to appeal against"
    elif now.closed:
        yield "the time for an appeal has passed"


def _withdraw(progress: Progress, taken: Taken, on: date) -> Iterable[str]:
    yield from _applicant(progress, taken)
    yield from _phases(progress, _PENDING | {Phase.APPEALED})
    yield from _not_deemed(progress, on)


def _lapse(progress: Progress, taken: Taken, on: date) -> Iterable[str]:
    yield from _decider(progress, taken)
    deemed = deemed_ruling(progress, on)
    if deemed is None:
        yield "silence has decided nothing"
    elif taken.step.ruling is not deemed:
        yield "silence means something else"


def _erase(progress: Progress, taken: Taken, on: date) -> Iterable[str]:
    if taken.step.author is not Author.AUTHORITY:
        yield "only an authority may"
    now = standing(progress, on)
    over = now.closed or (progress.phase is Phase.DECIDED and progress.terms.clocks.appeal is None)
    if not over:
        yield "the case is not over"


_RULES: Final[dict[StepKind, Callable[[Progress, Taken, date], Iterable[str]]]] = {
    StepKind.ACKNOWLEDGED: _acknowledge,
    StepKind.DOCUMENTS_ASKED: _ask,
    StepKind.DOCUMENTS_SUPPLIED: _supply,
    StepKind.EXTENDED: _extend,
    StepKind.DECIDED: _decide,
    StepKind.APPEALED: _appeal,
    StepKind.WITHDRAWN: _withdraw,
    StepKind.LAPSED: _lapse,
    StepKind.ERASED: _erase,
}
