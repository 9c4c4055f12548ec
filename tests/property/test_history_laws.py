"""What was so at one time, as known at another: whatever happened to a credential."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from node.errors import Refusal
from node.model.credential import Credential, Status
from node.model.decide import Facts
from node.model.history import (
    FINAL,
    Event,
    phase_at,
    phases,
    require_possible,
    shown_at,
    standing,
)
from node.model.registry import RegistryState
from node.model.statement import (
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    RegistryEvent,
    RevocationGround,
    RevocationProposed,
    ShareCodeSelector,
    StatusChanged,
)
from node.model.trust_entries import day_start
from tests.ledgers import CODE
from tests.ledgers import given as consent
from tests.nodes import BORN
from tests.world import DAY_US, START, sample_credential

NUMBER = sample_credential().number
_moments = st.integers(-20, 20).map(lambda days: START + days * DAY_US)
_effective = st.just(0) | _moments
_amended = st.builds(
    lambda title, until, since: CredentialAmended(
        sample_credential(title=title, expires_on=until), "x", since
    ),
    st.sampled_from(["One", "Two", "Three"]),
    st.sampled_from([None, date(2027, 1, 1)]),
    _effective,
)
_later = st.one_of(
    _amended,
    st.builds(StatusChanged, st.just(NUMBER), st.sampled_from(Status), st.just("x"), _effective),
    st.builds(
        CredentialRenewed,
        st.just(NUMBER),
        st.dates(date(2027, 1, 2), date(2030, 1, 1)),
        st.just("x"),
        _effective,
    ),
    st.builds(CredentialSuperseded, st.just(NUMBER), st.just("XA-2"), st.just("x"), _effective),
    st.builds(
        RevocationProposed,
        st.just(NUMBER),
        st.sampled_from(RevocationGround),
        st.just("x"),
        _effective,
    ),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Event, ...]:
    """Return what may be said of one credential, in any order that a registry takes it."""
    first = sample_credential(expires_on=draw(st.sampled_from([None, date(2026, 12, 31)])))
    said_at = START - 5 * DAY_US
    events = [Event(0, said_at, CredentialRegistered(first))]
    for body in draw(st.lists(_later, max_size=7)):
        said_at += draw(st.integers(0, 4)) * DAY_US
        event = Event(len(events), said_at, body)
        try:
            require_possible(events, event)
        except Refusal:
            continue
        events.append(event)
    return tuple(events)


def _plain_fold(events: tuple[Event, ...], as_of: int, known_at: int) -> Credential | None:
    """Follow the statements known at a time, in the order in which they take effect."""
    known = [event for event in events if event.said_at <= known_at]
    due = sorted(
        (event for event in known[1:] if event.effective_from <= as_of),
        key=lambda event: event.effective_from,
    )
    if not known:
        return None
    (registered, *_rest) = known
    assert isinstance(registered.body, CredentialRegistered)
    now = registered.body.credential
    for event in due:
        now = _step(now, event.body)
    return now if as_of >= day_start(now.awarded_on) else None


def _step(now: Credential, body: RegistryEvent) -> Credential:
    if isinstance(body, CredentialAmended):
        return replace(body.credential, status=now.status)
    if now.status in FINAL:
        return now
    if isinstance(body, StatusChanged):
        return replace(now, status=body.status)
    if isinstance(body, CredentialRenewed):
        return replace(now, expires_on=body.expires_on)
    if isinstance(body, CredentialSuperseded):
        return replace(now, status=Status.SUPERSEDED)
    return now


@given(histories(), _moments, _moments)
def test_shows_what_a_fold_of_the_statements_known_then_gives(
    events: tuple[Event, ...], as_of: int, known_at: int
) -> None:
    known = tuple(event for event in events if event.said_at <= known_at)
    shown = shown_at(known, as_of)
    assert (None if shown is None else shown.credential) == _plain_fold(events, as_of, known_at)


@given(histories(), _moments)
def test_what_was_known_then_is_not_changed_by_what_is_said_later(
    events: tuple[Event, ...], as_of: int
) -> None:
    for size in range(1, len(events)):
        known_at = events[size - 1].said_at
        again = tuple(event for event in events if event.said_at <= known_at)
        assert shown_at(again, as_of) == shown_at(events[: len(again)], as_of)


@given(histories(), _moments)
def test_phases_ascend_and_what_is_final_stays(events: tuple[Event, ...], at: int) -> None:
    found = phases(events)
    assert [phase.since for phase in found] == sorted({phase.since for phase in found})
    statuses = [phase.credential.status for phase in found]
    ended = next((place for place, status in enumerate(statuses) if status in FINAL), None)
    assert ended is None or set(statuses[ended:]) == {statuses[ended]}
    assert phase_at(found, -1) is None
    assert (phase_at(found, at) or found[0]) in found


@given(histories(), _moments)
def test_what_stands_and_what_follows_is_all_that_there_is(
    events: tuple[Event, ...], at: int
) -> None:
    credential, later = standing(events)
    said_at = events[-1].said_at
    at = max(at, said_at)
    phase = phase_at(later, at)
    full = phase_at(phases(events), at)
    assert full is not None
    assert (credential if phase is None else phase.credential) == full.credential
    assert all(one.since > said_at for one in later)


@given(histories())
def test_the_registry_follows_events_one_by_one_as_all_at_once(events: tuple[Event, ...]) -> None:
    registry = RegistryState()
    for event in events:
        registry.apply(event.position, event.body, said_at=event.said_at)
    registry.apply(len(events), consent())
    facts = registry.facts(ShareCodeSelector(CODE.digest, CODE.holder_proof(BORN)), 99)
    assert facts.consent is not None
    assert facts == Facts(facts.consent, *standing(events)[:1], 99, standing(events)[1])
