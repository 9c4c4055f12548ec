"""The steps of a credential's life: what may follow what, who may do it, and what it says then."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from node.errors import Code, Refusal
from node.flows.registry import Registry
from node.model.credential import Credential, Status
from node.model.history import shown_at
from node.model.roles import Role, Roles
from node.model.statement import (
    CredentialAmended,
    CredentialRenewed,
    CredentialSuperseded,
    Person,
    RevocationGround,
    RevocationProposed,
    StatusChanged,
)
from node.wire.codec import decode_statement
from node.wire.sheets import Row
from tests.federation import FixedTrust, issuer_changed
from tests.world import (
    DAY_US,
    SECOND_US,
    START,
    FakeClock,
    MemoryLedger,
    entered_credential,
    sample_credential,
    sample_values,
)

NUMBER = "XA-2019-000001"
CLERK, CHIEF = Person("clerk", "officer"), Person("chief", "officer")
LICENCE: dict[str, Any] = {"expires_on": date(2027, 6, 30)}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> MemoryLedger:
    return MemoryLedger("XA", clock)


@pytest.fixture
def registry(ledger: MemoryLedger, clock: FakeClock) -> Registry:
    return Registry(ledger, FixedTrust(), "XA", clock)


def _said(ledger: MemoryLedger) -> object:
    return decode_statement(ledger.entries[-1].draft.statement).body


async def _refusal(work: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await work
    return refusal.value


# --- amend ---------------------------------------------------------------------------------


async def test_amends_what_a_credential_says_and_keeps_what_it_said(
    registry: Registry, ledger: MemoryLedger, clock: FakeClock
) -> None:
    await registry.issue(sample_credential(), CLERK)
    clock.advance(60)
    married = entered_credential(holder_name="Éloïse Kerr")
    change = await registry.amend(married, "Name by marriage", CLERK)
    assert _said(ledger) == CredentialAmended(married, "Name by marriage", 0, CLERK)
    assert change.effective_from == clock.now
    assert await ledger.credential(NUMBER) == married
    before = shown_at(await registry.history(NUMBER), START)
    assert before is not None
    assert before.credential == entered_credential()


async def test_an_amendment_may_have_been_so_all_along(
    registry: Registry, clock: FakeClock
) -> None:
    await registry.issue(sample_credential())
    clock.advance(60)
    right = entered_credential(title="Certificat professionnel : Soudeuse")
    await registry.amend(right, "Misspelt", effective_from=START - 30 * DAY_US)
    was = shown_at(await registry.history(NUMBER), START)
    assert was is not None
    assert was.credential == right


async def test_an_amendment_that_begins_later_does_not_count_before(
    registry: Registry, ledger: MemoryLedger, clock: FakeClock
) -> None:
    await registry.issue(sample_credential())
    later = entered_credential(holder_name="Éloïse Kerr")
    await registry.amend(later, "Name by marriage", effective_from=START + DAY_US)
    assert await ledger.credential(NUMBER) == entered_credential()
    clock.advance(24 * 60 * 60)
    assert await ledger.credential(NUMBER) == later


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "credential: is in the registry just as this says"),
        ({"status": Status.REVOKED}, "status: is active; suspend, reinstate, revoke or supersede"),
    ],
)
async def test_refuses_an_amendment_that_is_none(
    registry: Registry, changes: dict[str, Any], reason: str
) -> None:
    await registry.issue(sample_credential())
    refusal = await _refusal(registry.amend(entered_credential(**changes), "x"))
    assert refusal.code is Code.CONFLICT
    assert refusal.reason.startswith(reason)


async def test_refuses_an_amendment_that_a_later_one_would_hide(registry: Registry) -> None:
    await registry.issue(sample_credential())
    await registry.amend(entered_credential(title="Two"), "x", effective_from=START + DAY_US)
    refusal = await _refusal(registry.amend(entered_credential(title="Three"), "x"))
    assert (refusal.code, refusal.reason.partition(":")[0]) == (Code.CONFLICT, "effective")


async def test_refuses_to_amend_what_is_not_there(registry: Registry) -> None:
    refusal = await _refusal(registry.amend(sample_credential(), "x"))
    assert refusal.code is Code.UNKNOWN


async def test_an_amendment_cannot_make_an_award_that_its_issuer_could_not(
    registry: Registry,
) -> None:
    await registry.issue(sample_credential())
    refusal = await _refusal(registry.amend(entered_credential(isco08="7411"), "x"))
    assert refusal.code is Code.MALFORMED
    assert refusal.reason.startswith("issuer: was not accredited on the day of the award")


async def test_a_name_is_put_right_though_the_issuer_is_gone(
    registry: Registry, ledger: MemoryLedger, clock: FakeClock
) -> None:
    await registry.issue(sample_credential())
    gone = FixedTrust(issuer_changed(withdrawn_since=date(2012, 1, 1), reason="closed"))
    later = Registry(ledger, gone, "XA", clock)
    await later.amend(sample_credential(holder_name="Éloïse Kerr"), "Misspelt")
    assert await ledger.credential(NUMBER) == entered_credential(holder_name="Éloïse Kerr")


# --- status --------------------------------------------------------------------------------


async def test_says_who_revoked_it_and_on_which_ground(
    registry: Registry, ledger: MemoryLedger
) -> None:
    await registry.issue(sample_credential())
    await registry.change_status(
        NUMBER, Status.REVOKED, "Court of Marlhaven 7/26", CLERK, cause=RevocationGround.COURT_ORDER
    )
    assert _said(ledger) == StatusChanged(
        NUMBER,
        Status.REVOKED,
        "Court of Marlhaven 7/26",
        0,
        CLERK,
        RevocationGround.COURT_ORDER,
    )


async def test_a_suspension_to_come_does_not_count_before(
    registry: Registry, ledger: MemoryLedger, clock: FakeClock
) -> None:
    await registry.issue(sample_credential())
    change = await registry.change_status(
        NUMBER, Status.SUSPENDED, "x", effective_from=START + 60 * SECOND_US
    )
    assert change.effective_from == START + 60 * SECOND_US
    assert await ledger.credential(NUMBER) == entered_credential()
    clock.advance(60)
    assert await ledger.credential(NUMBER) == entered_credential(status=Status.SUSPENDED)


async def test_a_revocation_from_the_past_counts_from_then(
    registry: Registry, clock: FakeClock
) -> None:
    await registry.issue(sample_credential())
    clock.advance(60)
    await registry.change_status(NUMBER, Status.SUSPENDED, "x")
    clock.advance(60)
    await registry.change_status(
        NUMBER, Status.REVOKED, "Never sat the exam", effective_from=START - DAY_US
    )
    events = await registry.history(NUMBER)
    statuses = {
        (as_of, known): shown.credential.status
        for as_of in (START - 2 * DAY_US, START, clock.now)
        for known in (2, 3)
        for shown in (shown_at(events[:known], as_of),)
        if shown is not None
    }
    assert statuses == {
        (START - 2 * DAY_US, 2): Status.ACTIVE,
        (START, 2): Status.ACTIVE,
        (clock.now, 2): Status.SUSPENDED,
        (START - 2 * DAY_US, 3): Status.ACTIVE,
        (START, 3): Status.REVOKED,
        (clock.now, 3): Status.REVOKED,
    }


async def test_nothing_takes_effect_before_the_award(registry: Registry) -> None:
    await registry.issue(sample_credential())
    refusal = await _refusal(
        registry.change_status(NUMBER, Status.SUSPENDED, "x", effective_from=1)
    )
    assert refusal.reason == "effective: lies before the day of the award"


# --- renew ---------------------------------------------------------------------------------


async def test_renews_a_licence_that_has_expired(registry: Registry, ledger: MemoryLedger) -> None:
    await registry.issue(sample_credential(expires_on=date(2026, 1, 31)))
    await registry.renew(NUMBER, date(2031, 1, 31), "Refresher course", CLERK)
    assert _said(ledger) == CredentialRenewed(
        NUMBER, date(2031, 1, 31), "Refresher course", 0, CLERK
    )
    assert await ledger.credential(NUMBER) == entered_credential(expires_on=date(2031, 1, 31))


@pytest.mark.parametrize(
    ("credential", "until", "reason"),
    [
        (sample_credential(), date(2031, 1, 1), "expires_on: it does not expire"),
        (sample_credential(**LICENCE), date(2027, 6, 30), "expires_on: must be later than 2027"),
        (
            sample_credential(**LICENCE, status=Status.SUSPENDED),
            date(2031, 1, 1),
            "status: is suspended, and so cannot be renewed",
        ),
        (
            sample_credential(**LICENCE, status=Status.REVOKED),
            date(2031, 1, 1),
            "status: is revoked, and so cannot be renewed",
        ),
    ],
)
async def test_refuses_a_renewal_that_cannot_be(
    registry: Registry, credential: Credential, until: date, reason: str
) -> None:
    await registry.issue(credential)
    refusal = await _refusal(registry.renew(NUMBER, until, "x"))
    assert refusal.code is Code.CONFLICT
    assert refusal.reason.startswith(reason)


# --- supersede -----------------------------------------------------------------------------


async def test_another_credential_of_the_holder_takes_its_place(
    registry: Registry, ledger: MemoryLedger
) -> None:
    await registry.issue(sample_credential())
    await registry.issue(sample_credential("XA-2"))
    await registry.supersede(NUMBER, "XA-2", "Reissued", CLERK)
    assert _said(ledger) == CredentialSuperseded(NUMBER, "XA-2", "Reissued", 0, CLERK)
    assert await ledger.credential(NUMBER) == entered_credential(status=Status.SUPERSEDED)
    refusal = await _refusal(registry.change_status(NUMBER, Status.REVOKED, "x"))
    assert refusal.reason == "status: is superseded, which is final"
    back = await _refusal(registry.supersede("XA-2", NUMBER, "x"))
    assert back.reason == "by: is superseded, and so takes nothing's place"


@pytest.mark.parametrize(
    ("successor", "code", "reason"),
    [
        (NUMBER, Code.CONFLICT, "by: a credential cannot take its own place"),
        ("XA-9", Code.UNKNOWN, "by: the registry holds no such credential"),
        ("XA-2", Code.CONFLICT, "by: is a credential of another holder"),
        ("XA-3", Code.CONFLICT, "by: is revoked, and so takes nothing's place"),
    ],
)
async def test_refuses_what_cannot_take_its_place(
    registry: Registry, successor: str, code: Code, reason: str
) -> None:
    await registry.issue(sample_credential())
    await registry.issue(sample_credential("XA-2", birth_date=date(1990, 1, 1)))
    await registry.issue(sample_credential("XA-3", status=Status.REVOKED))
    refusal = await _refusal(registry.supersede(NUMBER, successor, "x"))
    assert (refusal.code, refusal.reason) == (code, reason)


# --- two people ----------------------------------------------------------------------------


@pytest.fixture
def careful(ledger: MemoryLedger, clock: FakeClock) -> Registry:
    return Registry(ledger, FixedTrust(), "XA", clock, Roles(two_people_revoke=True))


async def test_a_revocation_waits_for_a_second_person(
    careful: Registry, ledger: MemoryLedger
) -> None:
    await careful.issue(sample_credential())
    change = await careful.change_status(
        NUMBER, Status.REVOKED, "Forged", CLERK, cause=RevocationGround.FRAUD
    )
    assert change.pending
    assert _said(ledger) == RevocationProposed(NUMBER, RevocationGround.FRAUD, "Forged", 0, CLERK)
    assert await ledger.credential(NUMBER) == entered_credential()
    confirmed = await careful.confirm(NUMBER, CHIEF)
    assert not confirmed.pending
    assert _said(ledger) == StatusChanged(
        NUMBER, Status.REVOKED, "Forged", 0, CHIEF, RevocationGround.FRAUD
    )
    assert await ledger.credential(NUMBER) == entered_credential(status=Status.REVOKED)
    again = await _refusal(careful.confirm(NUMBER, CHIEF))
    assert again.reason == "number: nobody has proposed to revoke it"


async def test_nobody_confirms_their_own_revocation_in_another_role(careful: Registry) -> None:
    await careful.issue(sample_credential())
    await careful.change_status(NUMBER, Status.REVOKED, "Forged", CLERK)
    refusal = await _refusal(careful.confirm(NUMBER, Person("clerk", "director")))
    assert refusal.code is Code.UNTRUSTED


async def test_nothing_is_confirmed_that_was_not_proposed(careful: Registry) -> None:
    await careful.issue(sample_credential())
    refusal = await _refusal(careful.confirm(NUMBER, CHIEF))
    assert refusal.code is Code.CONFLICT


async def test_one_person_still_suspends_and_reinstates(
    careful: Registry, ledger: MemoryLedger
) -> None:
    await careful.issue(sample_credential())
    await careful.change_status(NUMBER, Status.SUSPENDED, "x", CLERK)
    await careful.change_status(NUMBER, Status.ACTIVE, "x", CLERK)
    assert await ledger.credential(NUMBER) == entered_credential()


# --- roles ---------------------------------------------------------------------------------

_ROLES = Roles(members={Role.REGISTRAR: frozenset({"chief"}), Role.OFFICER: frozenset({"clerk"})})
_Act = Callable[[Registry, Person | None], Awaitable[object]]


@pytest.mark.parametrize(
    ("act", "may"),
    [
        (lambda registry, by: registry.issue(sample_credential("XA-2"), by), CHIEF),
        (
            lambda registry, by: registry.import_credentials(
                [Row(1, sample_values("XA-2"))], keep_good=True, by=by
            ),
            CHIEF,
        ),
        (lambda registry, by: registry.amend(sample_credential(title="T"), "x", by), CHIEF),
        (lambda registry, by: registry.renew(NUMBER, date(2040, 1, 1), "x", by), CHIEF),
        (lambda registry, by: registry.supersede(NUMBER, "XA-3", "x", by), CHIEF),
        (
            lambda registry, by: registry.change_status(NUMBER, Status.SUSPENDED, "x", by),
            CLERK,
        ),
    ],
)
async def test_each_step_takes_a_person_with_the_role(
    ledger: MemoryLedger, clock: FakeClock, act: _Act, may: Person
) -> None:
    before = Registry(ledger, FixedTrust(), "XA", clock)
    await before.issue(sample_credential(**LICENCE))
    await before.issue(sample_credential("XA-3"))
    size = len(ledger.entries)
    registry = Registry(ledger, FixedTrust(), "XA", clock, _ROLES)
    for other in (None, CLERK if may is CHIEF else CHIEF, Person("stranger", "registrar")):
        assert (await _refusal(act(registry, other))).code is Code.UNTRUSTED
    assert len(ledger.entries) == size
    await act(registry, may)
    assert len(ledger.entries) == size + 1
