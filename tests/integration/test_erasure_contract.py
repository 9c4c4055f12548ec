"""What an Erasure does to a ledger, one contract for the one in memory and the one on disk."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.errors import Code, Refusal
from node.flows.erase import Erasing
from node.flows.ports import verification_id
from node.model.credential import Status
from node.model.seal import Sealed
from node.model.statement import (
    Conclusion,
    ConsentEnd,
    ConsentEnded,
    CredentialRegistered,
    Erasure,
    NoAnswer,
    Outcome,
    StatusChanged,
)
from tests.erasing import OFFICER
from tests.federation import FixedTrust
from tests.ledgers import (
    CODE,
    TRUST,
    Deciding,
    DiskShelf,
    MemoryShelf,
    Shelf,
    SqlShelf,
    Xb,
    asked,
    draft,
    holds,
    registry,
)
from tests.postgres import Postgres
from tests.world import FakeClock, sample_credential

NUMBER = sample_credential().number


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    kind = request.param
    made: Shelf = MemoryShelf() if kind == "memory" else on_sql(request, tmp_path, kind)
    await made.open()
    yield made
    await made.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def sql(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlShelf]:
    made = on_sql(request, tmp_path, request.param)
    await made.open()
    yield made
    await made.close()


def on_sql(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> SqlShelf:
    if kind == "sqlite":
        return DiskShelf(tmp_path / "node.db")
    server: Postgres = request.getfixturevalue("postgres")
    return SqlShelf(server.make_database())


async def erase(shelf: Shelf, kind: int, *entries: int) -> None:
    await shelf.ledger.append([draft(Erasure(entries, kind, "Art. 17", "role registrar"))])


async def test_an_erased_record_opens_nothing_and_the_tree_holds(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=5))
    await erase(shelf, 14, 0)
    await erase(shelf, 15, 1)
    assert await shelf.ledger.credential(NUMBER) is None
    assert await shelf.ledger.known_numbers([NUMBER]) == set()
    assert await shelf.ledger.consent(CODE.digest) is None
    assert await shelf.ledger.consents(NUMBER) == []
    judge = Deciding()
    (reply,) = await shelf.ledger.answer(Xb().questions(), judge)
    assert isinstance(reply, Sealed)
    assert judge.facts[0].consent is None
    assert holds(reply) == 5
    await shelf.reopen()
    assert await shelf.ledger.check() == 5
    assert await shelf.ledger.credential(NUMBER) is None


async def test_an_erased_answer_is_refused_when_it_is_asked_for_again(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=5))
    questions = Xb().questions(2)
    first = await shelf.ledger.answer(questions, Deciding())
    await erase(shelf, 11, 2)
    judge = Deciding()
    again = await shelf.ledger.answer(questions, judge)
    assert isinstance(again[0], Refusal)
    assert again[0].code is Code.ERASED
    assert again[1] == first[1]
    assert judge.facts == []
    assert await shelf.ledger.check() == 5


async def test_an_open_question_is_not_erased_and_a_settled_one_is(shelf: Shelf) -> None:
    (recorded,) = await shelf.ledger.append([asked()])
    with pytest.raises(Refusal) as refusal:
        await erase(shelf, 10, 0)
    assert refusal.value.code is Code.CONFLICT
    settled = NoAnswer(recorded.commitment, Code.PEER_SILENT)
    await shelf.ledger.append([draft(settled, settles=0)])
    await erase(shelf, 10, 0)
    wanted = verification_id(0, recorded.commitment)
    with pytest.raises(Refusal) as refusal:
        await shelf.ledger.verification(wanted, "key-1")
    assert refusal.value.code is Code.ERASED
    assert await shelf.ledger.open_questions() == []


async def test_an_erased_conclusion_takes_the_answer_with_it(shelf: Shelf) -> None:
    (recorded,) = await shelf.ledger.append([asked()])
    (question,) = Xb().questions()
    conclusion = Conclusion(recorded.commitment, bytes(32), Outcome.CONFIRMED)
    await shelf.ledger.append([draft(conclusion, counterpart=question.counterpart, settles=0)])
    await erase(shelf, 13, 1)
    wanted = verification_id(0, recorded.commitment)
    for look in (shelf.ledger.verification, shelf.ledger.exchanged):
        with pytest.raises(Refusal) as refusal:
            await look(wanted, "key-1")
        assert refusal.value.code is Code.ERASED
    assert await shelf.ledger.check() == 3


@pytest.mark.parametrize(
    ("kind", "entry", "code"),
    [(11, 0, Code.CONFLICT), (14, 7, Code.CONFLICT), (17, 0, Code.CONFLICT)],
    ids=["of another kind", "not there", "never erased"],
)
async def test_a_false_erasure_changes_nothing(
    shelf: Shelf, kind: int, entry: int, code: Code
) -> None:
    await shelf.ledger.append(registry())
    with pytest.raises(Refusal) as refusal:
        await erase(shelf, kind, entry)
    assert refusal.value.code is code
    assert await shelf.ledger.check() == 2
    assert await shelf.ledger.credential(NUMBER) == sample_credential()


async def test_nothing_is_erased_twice(shelf: Shelf) -> None:
    await shelf.ledger.append(registry())
    await erase(shelf, 15, 1)
    with pytest.raises(Refusal) as refusal:
        await erase(shelf, 15, 1)
    assert refusal.value.code is Code.ERASED
    assert await shelf.ledger.check() == 3


# --- finding what is held about somebody (SQL only) ---------------------------------------------


async def test_all_that_is_held_about_a_credential_is_found_and_goes(sql: SqlShelf) -> None:
    await sql.ledger.append(registry(uses=5))
    other = sample_credential("XA-2020-000009", holder_name="Somebody Else")
    await sql.ledger.append(
        [
            draft(CredentialRegistered(other)),
            draft(StatusChanged(NUMBER, Status.SUSPENDED, "Decision 1")),
            draft(StatusChanged(other.number, Status.SUSPENDED, "Decision 2")),
        ]
    )
    await sql.ledger.answer(Xb().questions(2), Deciding())
    await sql.ledger.append([draft(ConsentEnded(CODE.digest, ConsentEnd.REVOKED))])
    erasing = Erasing(sql.sql.erasures, FixedTrust(TRUST), "XA", FakeClock())
    assert await erasing.numbers(NUMBER, whole_holder=True) == [NUMBER]
    erased = await erasing.erase_record([NUMBER], "Art. 17", OFFICER)
    assert erased.statements == {11: 2, 14: 2, 15: 2}
    assert erased.requested == {"XB": 2}
    assert erased.wiped
    (waiting,) = await sql.sql.erasures.open_requests()
    assert len(waiting.request.exchanges) == 2
    assert holds(waiting.sealed)
    await sql.reopen()
    assert await sql.ledger.check() == 12
    assert await sql.ledger.known_numbers([NUMBER, other.number]) == {other.number}
    with pytest.raises(Refusal) as refusal:
        await sql.sql.erasures.numbers_of_holder(NUMBER)
    assert refusal.value.code is Code.UNKNOWN
