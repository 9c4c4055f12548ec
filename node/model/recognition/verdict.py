"""What was found, and why: every rule that was looked at, and a total that follows from them.

A verdict holds codes and values, no prose, and nothing that names a person. Its bytes are
canonical JSON: one verdict has one spelling, and what decodes encodes to the same bytes.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from node.errors import Code, Refusal
from node.model.recognition.form import (
    ChooserName,
    ClockEntry,
    DocumentName,
    EffectName,
    FeeEntry,
    MeasureEntry,
    Office,
    RouteName,
    SilenceEntry,
)

VERDICT_SIZE_MAX_BYTES: Final = 32 * 1024
"""A statement has 64 KiB for everything; a longer verdict is not reached at all."""

OutcomeName = Literal[
    "automatic",
    "recognised",
    "deemed",
    "conditional",
    "compensation",
    "partial_access",
    "postponed",
    "individual_assessment",
    "refused",
    "not_covered",
]
StateName = Literal["met", "not_met", "unknown"]
ReasonEffect = EffectName | Literal["not_covered"]
WhyName = Literal[
    "",
    "not_shown",
    "not_said",
    "no_crosswalk",
    "outside_crosswalk",
    "experience_not_said",
    "by_experience",
    "less_exact",
    "excluded",
    "direction",
    "too_long",
    "not_yet",
    "ended",
]
ClockName = Literal["acknowledge", "decide", "extend", "appeal", "postpone"]

OUTCOMES: Final[tuple[OutcomeName, ...]] = (
    "automatic",
    "recognised",
    "deemed",
    "conditional",
    "compensation",
    "partial_access",
    "postponed",
    "individual_assessment",
    "refused",
    "not_covered",
)
"""From what serves the applicant best to what serves least."""

RANKS: Final = {name: rank for rank, name in enumerate(OUTCOMES)}
BASE: Final[dict[RouteName, OutcomeName]] = {
    "automatic_training": "automatic",
    "automatic_experience": "automatic",
    "general_system": "recognised",
    "registration": "deemed",
    "partial_access": "partial_access",
    "temporary_service": "recognised",
}
"""What a route leads to where every rule is met."""

_FOLLOWS: Final[dict[str, OutcomeName]] = {
    "condition": "conditional",
    "measure": "compensation",
    "partial": "partial_access",
    "postpone": "postponed",
    "assess": "individual_assessment",
    "refuse": "refused",
    "not_covered": "not_covered",
}


class _Found(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Reason(_Found, frozen=True):
    """One rule that was looked at.

    Attributes:
        rule: its kind, a stable code.
        clause: what it rests on.
        state: met, not met or unknown.
        effect: what follows where it is not met.
        required, found: values, none of them prose; `found` is empty where it is unknown.
        why: what made it unknown, or met in another way; a code.
        measures: the ids of those that make up for it.
        route: the id of the route; empty for what holds for the agreement as a whole.
    """

    rule: str
    clause: str
    state: StateName
    effect: ReasonEffect
    required: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    why: WhyName = ""
    measures: tuple[str, ...] = ()
    route: str = ""


class RouteFound(_Found, frozen=True):
    """A route that was looked at, and what it leads to."""

    id: str
    route: RouteName
    clause: str
    outcome: OutcomeName


class DocumentAsked(_Found, frozen=True):
    """A document that may still be asked for."""

    document: DocumentName
    clause: str


class Deadline(_Found, frozen=True):
    """A time limit; `on` is its last day, None where nobody can tell it yet."""

    clock: ClockName
    limit: ClockEntry
    on: date | None = None


class Verdict(_Found, frozen=True):
    """What the qualification is worth in the host country, by one agreement, at one time.

    Attributes:
        as_of: the time that it is judged at, microseconds UTC.
        route: the id of the route that serves best; empty where none was looked at.
        routes: all that were looked at, in the agreement's order.
        reasons: all rules that were looked at, of every route.
        measures: those that make up for what is missing; `chooser` chooses among them.
        documents: those that may still be asked for, and no others.
        counted_from: the day that the time limits begin with: that of the application, or, where
            nothing is lodged yet, that of `as_of`.
        silence: what it means where no decision comes in time.
        format: of these bytes.
    """

    agreement: str
    version: Annotated[int, Meta(ge=1)]
    home: str
    host: str
    as_of: int
    outcome: OutcomeName
    counted_from: date
    reasons: Annotated[tuple[Reason, ...], Meta(min_length=1)]
    lodged: bool
    route: str = ""
    routes: tuple[RouteFound, ...] = ()
    measures: tuple[MeasureEntry, ...] = ()
    chooser: ChooserName | None = None
    documents: tuple[DocumentAsked, ...] = ()
    fees: tuple[FeeEntry, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    silence: SilenceEntry | None = None
    authority: Office | None = None
    appeal: Office | None = None
    format: Literal[1] = 1

    @property
    def conditions(self) -> tuple[Reason, ...]:
        """What recognition on the best route still depends on."""
        return tuple(
            reason
            for reason in self.reasons
            if reason.route == self.route and reason.effect == "condition" and reason.state != "met"
        )


# --- the total -----------------------------------------------------------------------------


def outcome_of(route: RouteName, reasons: Iterable[Reason]) -> OutcomeName:
    """Return what follows from the rules of one route: the worst of what each leads to.

    A rule that is not met leads to its effect. One that is unknown leads to individual
    assessment; where not meeting it would only be a condition, it is that condition.
    """
    worst: OutcomeName = BASE[route]
    rank = RANKS[worst]
    for reason in reasons:
        if reason.state == "met":
            continue
        if reason.state == "not_met" or reason.effect == "condition":
            follows = _FOLLOWS[reason.effect]
        else:
            follows = "individual_assessment"
        if RANKS[follows] > rank:
            worst, rank = follows, RANKS[follows]
    return worst


def best_of(routes: Sequence[RouteFound]) -> RouteFound:
    """Return the route that serves the applicant best, the first of several; at least one."""
    best = routes[0]
    for other in routes:
        if RANKS[other.outcome] < RANKS[best.outcome]:
            best = other
    return best


def _without_routes(reasons: Sequence[Reason]) -> OutcomeName:
    unknown = any(reason.state == "unknown" for reason in reasons)
    missing = any(reason.state == "not_met" for reason in reasons)
    return "individual_assessment" if unknown and not missing else "not_covered"


def total(routes: Sequence[RouteFound], reasons: Sequence[Reason]) -> tuple[OutcomeName, str]:
    """Return the outcome and the id of the best route, from what was found and nothing else."""
    if not routes:
        return _without_routes(reasons), ""
    best = best_of(routes)
    return best.outcome, best.id


# --- bytes ---------------------------------------------------------------------------------

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Verdict)


def encode_verdict(verdict: Verdict) -> bytes:
    """Return the canonical bytes of a verdict."""
    return _encoder.encode(verdict)


def decode_verdict(content: bytes) -> Verdict:
    """Read the bytes of a verdict strictly.

    Raises:
        Refusal: MALFORMED where they are too many, hold no verdict, spell one otherwise than
            `encode_verdict` does, or name a total that does not follow from the reasons.
    """
    if len(content) > VERDICT_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"verdict: over {VERDICT_SIZE_MAX_BYTES} bytes")
    try:
        verdict = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Code.MALFORMED, f"verdict: {error}") from None
    if _encoder.encode(verdict) != content:
        raise Refusal(Code.MALFORMED, "verdict: is not spelled canonically")
    for route in verdict.routes:
        reasons = [reason for reason in verdict.reasons if reason.route == route.id]
        if not reasons or outcome_of(route.route, reasons) != route.outcome:
            raise Refusal(
                Code.MALFORMED, "verdict.routes: an outcome does not follow from its reasons"
            )
    if total(verdict.routes, verdict.reasons) != (verdict.outcome, verdict.route):
        raise Refusal(Code.MALFORMED, "verdict.outcome: does not follow from the reasons")
    return verdict
