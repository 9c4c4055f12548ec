"""What may be erased, when, and what a node must keep.

Erasable are the statements about a person: exchanges, registry and share code events. What a
journal says of itself stays: adoptions, who looked into it, erasures and what peers were told.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from node.model.statement import (
    Body,
    ConsentEnded,
    ConsentGiven,
    ErasureAcknowledged,
    ErasureRequest,
    KeptExchange,
    KeptFor,
    SharedExchange,
)

_DAY_US: Final = 86_400 * 1_000_000
_YEAR_US: Final = 366 * _DAY_US  # the longest there is, so that nothing goes too early
QUERY, ANSWER, NO_ANSWER, CONCLUSION, REGISTRY_EVENT, CONSENT_EVENT = range(10, 16)
"""Kinds that can be erased, as numbered by the protocol's Statement."""
CONTEST: Final = 24
ERASABLE: Final = frozenset({*range(QUERY, CONSENT_EVENT + 1), CONTEST})
_BY_NAME: Final = {
    "query": QUERY,
    "answer": ANSWER,
    "no_answer": NO_ANSWER,
    "conclusion": CONCLUSION,
    "share_code": CONSENT_EVENT,
}
"""What a period may be for; a credential's own record is erased by decision, never by time."""


class Retention(Struct, frozen=True):
    """How long statements of a kind are kept.

    Attributes:
        kind: number of the body in the protocol's Statement.
        period_us: they are erased once they are this old.
        reference: the law or rule that says so.
        duty: whether they have to be kept until then, whoever asks for their erasure.
    """

    kind: int
    period_us: int
    reference: str
    duty: bool = False


class Period(Protocol):
    """A retention period as the settings have it; a year counts 366 days."""

    @property
    def reference(self) -> str:
        """The law or rule that says so."""
        ...

    @property
    def years(self) -> int:
        """Years of it."""
        ...

    @property
    def days(self) -> int:
        """Days beside them."""
        ...

    @property
    def duty(self) -> bool:
        """Whether it is a duty to keep."""
        ...


def retentions_of(periods: Mapping[str, Period | None]) -> tuple[Retention, ...]:
    """Return the retention periods of the settings, by the names there."""
    return tuple(
        Retention(
            _BY_NAME[name],
            period.years * _YEAR_US + period.days * _DAY_US,
            period.reference,
            period.duty,
        )
        for name, period in periods.items()
        if period is not None
    )


class HeldExchange(Struct, frozen=True):
    """An exchange of a peer's request, as the node that asked the query has it.

    Attributes:
        shared: as the request names it.
        entries: own entries of it by kind; none where it is unknown here.
        said_at: when each of those kinds was said.
        erased: whether nothing is left of it.
    """

    shared: SharedExchange
    entries: dict[int, int] = {}
    said_at: dict[int, int] = {}
    erased: bool = False


def kept_for(held: HeldExchange, retentions: Collection[Retention], now: int) -> KeptFor | None:
    """Return why an exchange is not erased at a peer's request, or None where it is."""
    if held.erased:
        return None
    if not held.entries:
        return KeptFor.UNKNOWN
    for retention in retentions:
        said_at = held.said_at.get(retention.kind)
        if retention.duty and said_at is not None and now < said_at + retention.period_us:
            return KeptFor.RETENTION_DUTY
    return None


def acknowledgement(
    request: bytes,
    held: Sequence[HeldExchange],
    retentions: Collection[Retention],
    now: int,
) -> tuple[ErasureAcknowledged, list[HeldExchange]]:
    """Return what a request is answered with, and which exchanges are erased for it now."""
    erased, kept, going = [], [], []
    for one in held:
        reason = kept_for(one, retentions, now)
        if reason is not None:
            kept.append(KeptExchange(one.shared.query, reason))
            continue
        erased.append(one.shared.query)
        if not one.erased:
            going.append(one)
    return ErasureAcknowledged(request, tuple(erased), tuple(kept)), going


def accounts_for(acknowledged: ErasureAcknowledged, request: ErasureRequest) -> bool:
    """Tell whether an acknowledgement names every exchange of a request once, in its order."""
    asked = [shared.query for shared in request.exchanges]
    erased, kept = set(acknowledged.erased), {one.query for one in acknowledged.kept}
    return (
        list(acknowledged.erased) == [query for query in asked if query in erased]
        and [one.query for one in acknowledged.kept] == [one for one in asked if one in kept]
        and not erased & kept
        and erased | kept == set(asked)
    )


def code_of(body: Body) -> bytes | None:
    """Return the digest of the share code that an event is about."""
    return body.code_digest if isinstance(body, ConsentGiven | ConsentEnded) else None
