"""Credentials over time, one contract for every ledger: in memory, SQLite, PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from node.errors import Code, Refusal
from node.model.credential import Field, Status
from node.model.history import event_of
from node.model.statement import (
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    Outcome,
    Person,
    RegistryEvent,
    RevocationGround,
    RevocationProposed,
    StatusChanged,
)
from tests.federation import DAY_US, SECOND_US, START
from tests.ledgers import (
    Deciding,
    DiskShelf,
    MemoryShelf,
    Shelf,
    SqlShelf,
    Xb,
    draft,
    given,
    read,
    registry,
)
from tests.postgres import Postgres
from tests.world import entered_credential, sample_credential, sample_details

NUMBER = "XA-2019-000001"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    made: Shelf
    if request.param == "memory":
        made = MemoryShelf()
    elif request.param == "sqlite":
        made = DiskShelf(tmp_path / "node.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = SqlShelf(server.make_database())
    await made.open()
    yield made
    await made.close()


async def test_holds_every_field_of_a_credential(shelf: Shelf) -> None:
    full = sample_credential(
        expires_on=date(2031, 1, 1), valid_from=date(2019, 7, 1), details=sample_details()
    )
    await shelf.ledger.append([draft(CredentialRegistered(full))])
    await shelf.reopen()
    assert await shelf.ledger.credential(NUMBER) == full


async def test_gives_back_every_event_in_the_order_of_the_journal(shelf: Shelf) -> None:
    by = Person("clerk", "registrar")
    told: list[RegistryEvent] = [
        CredentialRegistered(sample_credential(expires_on=date(2027, 1, 1)), by),
        CredentialAmended(
            sample_credential(title="Soudeuse", expires_on=date(2027, 1, 1)), "x", 0, by
        ),
        CredentialRenewed(NUMBER, date(2032, 1, 1), "x", 0, by),
        StatusChanged(NUMBER, Status.SUSPENDED, "x", 0, by),
        RevocationProposed(NUMBER, RevocationGround.FRAUD, "x", 0, by),
        CredentialSuperseded(NUMBER, "XA-2", "x", 0, by),
    ]
    await shelf.ledger.append([draft(CredentialRegistered(sample_credential("XA-2")))])
    for place, body in enumerate(told):
        await shelf.ledger.append([draft(body, START + place)])
    await shelf.reopen()
    events = await shelf.ledger.history(NUMBER)
    assert list(events) == [event_of(n, START + n - 1, body) for n, body in enumerate(told, 1)]
    assert await shelf.ledger.credential(NUMBER) == sample_credential(
        title="Soudeuse", expires_on=date(2032, 1, 1), status=Status.SUPERSEDED
    )
    assert await shelf.ledger.history("XA-9") == ()


async def test_a_batch_registers_and_changes_a_credential(shelf: Shelf) -> None:
    bodies: list[RegistryEvent] = [
        CredentialRegistered(sample_credential()),
        StatusChanged(NUMBER, Status.SUSPENDED, "x"),
        StatusChanged(NUMBER, Status.ACTIVE, "x"),
        StatusChanged(NUMBER, Status.REVOKED, "x"),
    ]
    await shelf.ledger.append([draft(body, START + n) for n, body in enumerate(bodies)])
    assert await shelf.ledger.credential(NUMBER) == sample_credential(status=Status.REVOKED)


@pytest.mark.parametrize(
    "body",
    [
        StatusChanged(NUMBER, Status.ACTIVE, "x"),
        StatusChanged("XA-9", Status.REVOKED, "x"),
        CredentialAmended(sample_credential(), "x"),
        CredentialRenewed(NUMBER, date(2030, 1, 1), "x"),
        CredentialAmended(sample_credential(title="x"), "x", 1),
        CredentialSuperseded("XA-9", NUMBER, "x"),
        RevocationProposed("XA-9", RevocationGround.OTHER, "x"),
    ],
)
async def test_refuses_what_cannot_follow_and_leaves_nothing_of_it(
    shelf: Shelf, body: RegistryEvent
) -> None:
    await shelf.ledger.append(registry())
    with pytest.raises(Refusal) as refusal:
        await shelf.ledger.append([draft(body)])
    assert refusal.value.code is Code.CONFLICT
    assert await shelf.ledger.check() == 2
    assert len(await shelf.ledger.history(NUMBER)) == 1
    assert await shelf.ledger.credential(NUMBER) == sample_credential()


async def test_of_two_changes_at_once_only_what_is_possible_is_kept(shelf: Shelf) -> None:
    await shelf.ledger.append(registry())
    results = await asyncio.gather(
        *(
            shelf.ledger.append([draft(StatusChanged(NUMBER, Status.REVOKED, "x"))])
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Refusal) for result in results) == 4
    assert await shelf.ledger.check() == 3


async def test_answers_by_the_status_that_is_in_effect(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=10))
    xb, judge = Xb(), Deciding()
    later = StatusChanged(NUMBER, Status.SUSPENDED, "x", START + DAY_US)
    await shelf.ledger.append([draft(later)])
    (reply,) = await shelf.ledger.answer(xb.questions(), judge)
    assert read(reply).outcome is Outcome.CONFIRMED
    at_once = StatusChanged(NUMBER, Status.REVOKED, "x", START - DAY_US)
    await shelf.ledger.append([draft(at_once)])
    await shelf.reopen()
    (reply,) = await shelf.ledger.answer(xb.questions(), judge)
    assert read(reply).outcome is Outcome.REVOKED
    assert [len(facts.later) for facts in judge.facts] == [1, 0]


async def test_what_follows_by_itself_is_there_for_every_answer(shelf: Shelf) -> None:
    amended = sample_credential(title="Soudeuse", details=sample_details())
    soon = CredentialAmended(amended, "x", START + SECOND_US // 2)  # answers are a second later
    await shelf.ledger.append([*registry(uses=10), draft(soon)])
    judge = Deciding()
    (reply,) = await shelf.ledger.answer(Xb().questions(wanted=(Field.TITLE,)), judge)
    assert [one.value for one in read(reply).disclosed] == ["Soudeuse"]
    assert judge.facts[0].credential == sample_credential()


async def test_reads_details_where_a_question_wants_them(shelf: Shelf) -> None:
    full = sample_credential(details=sample_details())
    wanted = (Field.TITLE, Field.LEARNING_OUTCOMES, Field.SUPERSEDES)
    consent = given(uses=10, fields=tuple(Field))
    await shelf.ledger.append([draft(CredentialRegistered(full)), draft(consent)])
    (reply,) = await shelf.ledger.answer(Xb().questions(wanted=wanted), Deciding())
    assert [(one.field, one.value) for one in read(reply).disclosed] == [
        (Field.TITLE, full.title),
        (Field.LEARNING_OUTCOMES, "Welds in every position"),
        (Field.LEARNING_OUTCOMES, "Reads drawings"),
        (Field.SUPERSEDES, "XA-2011-000007"),
    ]


async def test_answers_are_the_same_whether_or_not_details_were_read(shelf: Shelf) -> None:
    full = sample_credential(details=entered_credential().details)
    await shelf.ledger.append([draft(CredentialRegistered(full)), draft(given(uses=10))])
    xb, judge = Xb(), Deciding()
    questions = [*xb.questions(wanted=(Field.TITLE,)), *xb.questions(wanted=tuple(Field))]
    one, other = await shelf.ledger.answer(questions, judge)
    assert read(one).disclosed == read(other).disclosed
