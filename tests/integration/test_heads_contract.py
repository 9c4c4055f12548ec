"""Which heads of peers are kept, on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.flows.witness_ports import KnownHeads, SeenHead, WitnessedHead
from node.store.heads import SqlHeads
from tests.federation import origin
from tests.ledgers import Deciding, DiskShelf, SqlShelf, Xb
from tests.postgres import Postgres
from tests.world import FakeClock


@pytest.fixture(params=["sqlite", "postgres"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlShelf]:
    made: SqlShelf = DiskShelf(tmp_path / "node.db")
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        made = SqlShelf(server.make_database())
    await made.open()
    yield made
    await made.close()


async def see(heads: SqlHeads, size: int, name: str = origin("XB"), root: bytes = b"root") -> bool:
    """Cosign a head; returns whether one of that size was known."""
    known: list[KnownHeads] = []

    def judge(found: KnownHeads) -> WitnessedHead:
        known.append(found)
        seen = SeenHead(size, root, b"note")
        return WitnessedHead(name[:2].upper(), name, seen, b"lines", 0)

    await heads.advance(name, size, judge)
    return known[0].alike is not None


async def known_sizes(heads: SqlHeads, sizes: range, name: str = origin("XB")) -> list[int]:
    return [size for size in sizes if await see(heads, size, name)]


async def test_of_an_hour_that_passed_the_largest_bare_head_of_each_journal_stays(
    shelf: SqlShelf,
) -> None:
    heads, clock = shelf.sql.heads, FakeClock()
    vars(heads)["_clock"] = clock
    for hour in range(3):
        for size in range(1, 5):
            await see(heads, 10 * hour + size)
        await see(heads, 100 + hour, origin("XC"))
        clock.advance(3600)
    await see(heads, 40)
    await see(heads, 140, origin("XC"))
    assert await known_sizes(heads, range(1, 41)) == [4, 14, 24, 40]
    assert await known_sizes(heads, range(100, 141), origin("XC")) == [100, 101, 102, 140]


async def test_a_head_under_which_a_statement_came_later_stays(shelf: SqlShelf) -> None:
    heads, clock = shelf.sql.heads, FakeClock()
    vars(heads)["_clock"] = clock
    questions = Xb().questions()
    resting = questions[0].counterpart
    await see(heads, resting.size, root=resting.root)
    await shelf.ledger.answer(questions, Deciding())
    for size in range(resting.size + 1, resting.size + 4):
        await see(heads, size)
    clock.advance(3600)
    last = resting.size + 4
    await see(heads, last)
    assert await known_sizes(heads, range(1, last)) == [resting.size, last - 1]
