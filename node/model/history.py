"""The life of one credential: what its events make of it, and which may follow.

Two times count for every event: where it stands in the journal, which is when it was known, and
from when on it is so. What was so at one time, as known at another, is a fold: take the events
known by then, order them by when they take effect, follow those that had.

- the registration comes first; what was said before it counts for nothing
- revoked and superseded are final: no status and no renewal follows them
- an amendment replaces everything but the status
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.credential import Credential, Status
from node.model.statement import (
    Body,
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    RegistryEvent,
    RevocationProposed,
    StatusChanged,
)
from node.model.trust_entries import day_start

FINAL: Final = frozenset({Status.REVOKED, Status.SUPERSEDED})
_MAY_BECOME: Final[dict[Status, frozenset[Status]]] = {
    Status.ACTIVE: frozenset({Status.SUSPENDED, Status.REVOKED, Status.SUPERSEDED}),
    Status.SUSPENDED: frozenset({Status.ACTIVE, Status.REVOKED, Status.SUPERSEDED}),
    Status.REVOKED: frozenset(),
    Status.SUPERSEDED: frozenset(),
}
_OF_CONTENT: Final = CredentialRegistered | CredentialAmended | CredentialRenewed


class Event(Struct, frozen=True, gc=False):
    """One entry of the journal about a credential: where it stands, when it was said."""

    position: int
    said_at: int
    body: RegistryEvent

    @property
    def number(self) -> str:
        """The number of the credential."""
        return number_of(self.body)

    @property
    def effective_from(self) -> int:
        """From when on it is so, microseconds UTC."""
        body = self.body
        if isinstance(body, CredentialRegistered):
            return self.said_at
        return body.effective_from or self.said_at


class Phase(Struct, frozen=True, gc=False):
    """What is so of a credential from a time on (microseconds UTC), until the next phase.

    `successor` is the number of the credential that took its place, empty where none did.
    """

    since: int
    credential: Credential
    successor: str = ""


def number_of(body: RegistryEvent) -> str:
    """Return the number of the credential that an event is about."""
    if isinstance(body, CredentialRegistered | CredentialAmended):
        return body.credential.number
    return body.number


def event_of(position: int, said_at: int, body: Body) -> Event | None:
    """Return what an entry of the journal says of a credential; None where it says nothing."""
    return Event(position, said_at, body) if isinstance(body, RegistryEvent) else None


def phases(events: Sequence[Event]) -> tuple[Phase, ...]:
    """Return what the events of one credential make of it, by time; empty before it is registered.

    The first phase begins at 0: a registration says how it was all along.

    Args:
        events: by position, ascending.
    """
    start = next(
        (n for n, event in enumerate(events) if isinstance(event.body, CredentialRegistered)), None
    )
    if start is None:
        return ()
    first = events[start].body
    if not isinstance(first, CredentialRegistered):
        raise Refusal(Code.DEFECT, "a history begins with a registration")
    found = [Phase(0, first.credential)]
    for event in sorted(
        events[start + 1 :], key=lambda event: (event.effective_from, event.position)
    ):
        after = _followed(found[-1], event)
        if after is None:
            continue
        if after.since == found[-1].since:
            found[-1] = after
        else:
            found.append(after)
    return tuple(found)


def _followed(phase: Phase, event: Event) -> Phase | None:
    """Return the phase that an event begins; None where it changes nothing."""
    since, now = event.effective_from, phase.credential
    is_final = now.status in FINAL
    match event.body:
        case CredentialRegistered(credential=anew):
            return Phase(since, anew)
        case CredentialAmended(credential=amended):
            return Phase(since, replace(amended, status=now.status), phase.successor)
        case StatusChanged(status=status) if not is_final and status is not now.status:
            return Phase(since, replace(now, status=status))
        case CredentialRenewed(expires_on=expires_on) if not is_final:
            return Phase(since, replace(now, expires_on=expires_on))
        case CredentialSuperseded(successor=successor) if not is_final:
            return Phase(since, replace(now, status=Status.SUPERSEDED), successor)
    return None


def phase_at(found: Sequence[Phase], at: int) -> Phase | None:
    """Return the phase that a time lies in; None where there is none yet."""
    return next((phase for phase in reversed(found) if phase.since <= at), None)


def shown_at(events: Sequence[Event], as_of: int) -> Phase | None:
    """Return what these events say was so at a time; None before the day of the award."""
    phase = phase_at(phases(events), as_of)
    if phase is None or as_of < day_start(phase.credential.awarded_on):
        return None
    return phase


def standing(events: Sequence[Event]) -> tuple[Credential, tuple[Phase, ...]]:
    """Return what is so since the newest event was said, and what is said to follow.

    What takes effect at once does so where it stands in the journal, whatever a clock says later.

    Raises:
        Refusal: CONFLICT where the credential is not registered.
    """
    found = phases(events)
    said_at = max((event.said_at for event in events), default=0)
    now = phase_at(found, said_at)
    if now is None:
        raise Refusal(Code.CONFLICT, "number: the registry holds no such credential")
    return now.credential, tuple(phase for phase in found if phase.since > said_at)


def pending_revocation(events: Sequence[Event]) -> RevocationProposed | None:
    """Return the revocation that somebody proposed last, while nobody has confirmed it."""
    last = next((e for e in reversed(events) if isinstance(e.body, RevocationProposed)), None)
    if last is None or not isinstance(last.body, RevocationProposed):
        return None
    settled = any(
        event.position > last.position
        and isinstance(event.body, StatusChanged)
        and event.body.status is Status.REVOKED
        for event in events
    )
    return None if settled or standing(events)[0].status in FINAL else last.body


# --- what may follow -----------------------------------------------------------------------


def require_possible(events: Sequence[Event], fresh: Event) -> None:
    """Refuse an event that cannot follow on those before it.

    Raises:
        Refusal: CONFLICT, with what stands against it.
    """
    found = phases(events)
    body = fresh.body
    if isinstance(body, CredentialRegistered):
        if found:
            raise Refusal(Code.CONFLICT, "number: is in the registry already")
        return
    if not found:
        raise Refusal(Code.CONFLICT, "number: the registry holds no such credential")
    at = fresh.effective_from
    phase = phase_at(found, at)
    if phase is None or at < day_start(phase.credential.awarded_on):
        raise Refusal(Code.CONFLICT, "effective: lies before the day of the award")
    if isinstance(body, CredentialAmended | CredentialRenewed):
        _require_last(events, at)
    _require_fitting(phase.credential, body)


def _require_fitting(now: Credential, body: RegistryEvent) -> None:
    """Refuse what does not fit a credential as it is when that takes effect."""
    match body:
        case CredentialAmended(credential=amended):
            _require_amendment(now, amended)
        case StatusChanged(status=status):
            if status not in _MAY_BECOME[now.status]:
                raise Refusal(Code.CONFLICT, f"status: {_explain(now.status, status)}")
        case CredentialRenewed(expires_on=expires_on):
            _require_renewal(now, expires_on)
        case RevocationProposed() if now.status in FINAL:
            raise Refusal(Code.CONFLICT, f"status: {_explain(now.status, Status.REVOKED)}")
        case CredentialSuperseded() if now.status in FINAL:
            raise Refusal(Code.CONFLICT, f"status: {_explain(now.status, Status.SUPERSEDED)}")


def _require_last(events: Sequence[Event], at: int) -> None:
    """Refuse a change of content before one that is there: the later one would hide it."""
    if any(
        isinstance(event.body, _OF_CONTENT) and event.effective_from > at for event in events[1:]
    ):
        raise Refusal(
            Code.CONFLICT,
            "effective: it is amended or renewed from a later time on; begin then or after",
        )


def _require_amendment(now: Credential, amended: Credential) -> None:
    if amended.status is not now.status:
        raise Refusal(
            Code.CONFLICT,
            f"status: is {now.status.name.lower()}; suspend, reinstate, revoke or supersede it to "
            "change that",
        )
    if amended == now:
        raise Refusal(Code.CONFLICT, "credential: is in the registry just as this says")


def _require_renewal(now: Credential, expires_on: date) -> None:
    if now.status is not Status.ACTIVE:
        raise Refusal(
            Code.CONFLICT, f"status: is {now.status.name.lower()}, and so cannot be renewed"
        )
    if now.expires_on is None:
        raise Refusal(Code.CONFLICT, "expires_on: it does not expire")
    if expires_on <= now.expires_on:
        raise Refusal(Code.CONFLICT, f"expires_on: must be later than {now.expires_on.isoformat()}")


def _explain(now: Status, wanted: Status) -> str:
    if now is wanted:
        return f"is {now.name.lower()} already"
    if now in FINAL:
        return f"is {now.name.lower()}, which is final"
    return f"cannot become {wanted.name.lower()} from {now.name.lower()}"
