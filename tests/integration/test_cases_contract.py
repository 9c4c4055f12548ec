"""The books of cases, on each database: what is written together is there together, or not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.errors import Code, Refusal
from node.flows.case_ports import CaseFile, HeldCase, Sayings
from node.flows.casework import Actor, Casework, NewCase, NewStep
from node.model.case_bodies import Author, CaseKind, StepKind
from node.wire.case_documents import Content, new_identity
from tests.federation import SECOND_US, START
from tests.ledgers import DiskShelf, SqlShelf
from tests.postgres import Postgres
from tests.world import FakeClock, FixedTrust, seeded_randomness

PERSON = Actor(Author.PERSON)
TEXT = "Why it is wrong"


@pytest.fixture(params=["sqlite", "postgres"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlShelf]:
    made: SqlShelf
    if request.param == "sqlite":
        made = DiskShelf(tmp_path / "node.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = SqlShelf(server.make_database())
    await made.open()
    yield made
    await made.close()


def people(shelf: SqlShelf) -> Casework:
    return Casework(shelf.sql.cases, FixedTrust(), "XA", FakeClock(), seeded_randomness(3))


async def opened(shelf: SqlShelf) -> bytes:
    new = NewCase(CaseKind.RECOGNITION, TEXT, credential="XB-1", peer="XB", here=True)
    return (await people(shelf).open(PERSON, new)).held.case


async def test_a_case_outlives_a_restart_with_its_texts_and_what_is_to_be_sent(
    shelf: SqlShelf,
) -> None:
    case = await opened(shelf)
    await people(shelf).act(Actor(Author.AUTHORITY), case, NewStep(StepKind.ACKNOWLEDGED))
    before = await shelf.sql.cases.held(case)
    await shelf.reopen()
    books = shelf.sql.cases
    assert await books.held(case) == before
    waiting = await books.open_steps()
    assert [one.step.kind for one in waiting] == [StepKind.OPENED, StepKind.ACKNOWLEDGED]
    again_at = START + SECOND_US
    await books.tried(waiting[0].position, again_at, "peer_silent: nobody")
    assert [(one.tries, one.next_at) for one in await books.open_steps()] == [(1, again_at), (0, 0)]
    assert await shelf.sql.check() == 2


async def test_what_is_refused_while_it_is_written_leaves_nothing(shelf: SqlShelf) -> None:
    case = await opened(shelf)
    before = await shelf.sql.cases.held(case)
    size = await shelf.sql.heights()
    given = Content("text", b"never", bytes(32))
    secret, recipient = new_identity()

    def fails_late(_: HeldCase | None) -> Sayings:  # the case is there: a row is there already
        return Sayings(file=CaseFile("XC", "", secret, recipient), given=(given,))

    with pytest.raises(Refusal) as refused:
        await shelf.sql.cases.record(case, fails_late)
    assert refused.value.code is Code.CONFLICT
    assert await shelf.sql.cases.held(case) == before
    assert await shelf.sql.heights() == size


async def test_a_document_is_asked_for_until_it_comes_and_not_after_it_was_erased(
    shelf: SqlShelf,
) -> None:
    case = await opened(shelf)
    books, part = shelf.sql.cases, Content("experience", b"letter", bytes(32))
    other = Content("identity", b"card", bytes(32))
    await books.record(case, lambda _: Sayings(named=(part.part, other.part)))
    now = FakeClock()()
    assert [one.part for one in await books.wanted_parts(now)] == [part.part, other.part]
    await books.asked_in_vain(case, part.part.digest, now + 1)
    assert [one.part for one in await books.wanted_parts(now)] == [other.part]
    await books.keep_part(case, part.part.digest, part.salt, part.content)
    found = await books.part(case, part.part.digest)
    assert found is not None
    assert (found[0].here, found[1:]) == (True, (bytes(32), b"letter"))
    await books.record(case, lambda _: Sayings(erase=True))
    await books.keep_part(case, other.part.digest, other.salt, other.content)  # too late
    assert await books.wanted_parts(now + SECOND_US) == []
    held = await books.held(case)
    assert held is not None
    assert not any(one.here for one in held.parts)
    assert held.secret == ""
    await books.wipe()


async def test_so_much_false_is_kept_of_a_peer_and_no_more(shelf: SqlShelf) -> None:
    for number in (1, 1, *range(40)):
        await shelf.sql.cases.keep_false("XB", "origin", b"%d" % number)
    assert len(await shelf.evidence()) == 16


async def test_cases_are_listed_oldest_first_and_by_who_opened_them(shelf: SqlShelf) -> None:
    first = await opened(shelf)
    door = Actor(Author.EMPLOYER, "key-7")
    new = NewCase(CaseKind.RECOGNITION, TEXT, credential="XB-2", peer="XB", here=True)
    casework = Casework(shelf.sql.cases, FixedTrust(), "XA", FakeClock(), seeded_randomness(4))
    second = (await casework.open(door, new)).held.case
    assert [one.case for one in await shelf.sql.cases.all()] == [first, second]
    assert [one.case for one in await shelf.sql.cases.all("key-7")] == [second]
    assert await shelf.sql.cases.all("key-8") == []
