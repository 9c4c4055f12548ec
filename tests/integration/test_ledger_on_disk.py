"""The SQL ledger alone: what is tampered with shows, and two writers keep one journal."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection

from node.errors import Code, Refusal
from node.model.merkle import verify_consistency
from node.model.seal import Sealed
from node.model.statement import Outcome
from node.store.database import Database
from tests.federation import START
from tests.ledgers import TRUST, Deciding, DiskShelf, Xb, asked, holds, read, registry


@asynccontextmanager
async def opened(path: Path, *, seed: int = 1) -> AsyncIterator[DiskShelf]:
    shelf = DiskShelf(path, seed=seed)
    await shelf.open()
    try:
        yield shelf
    finally:
        await shelf.close()


# --- tampering -----------------------------------------------------------------------------


def flip(connection: sqlite3.Connection, table: str, column: str, where: str, at: int = 40) -> None:
    """Change one bit in the middle of a stored value, as a failing disk or an intruder would."""
    ((value,),) = connection.execute(f"SELECT {column} FROM {table} WHERE {where}")  # noqa: S608 - constants
    at %= len(value)
    changed = value[:at] + bytes([value[at] ^ 4]) + value[at + 1 :]
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (changed,))  # noqa: S608


Tampering = Callable[[sqlite3.Connection], object]
TAMPERED: dict[str, Tampering] = {
    "a statement": lambda db: flip(db, "entry", "statement", "position = 150"),
    "a nonce": lambda db: flip(db, "entry", "statement", "position = 299", 5),
    "a whole tile": lambda db: flip(db, "tile", "hashes", "level = 0 AND number = 0"),
    "the commitments": lambda db: flip(db, "bundle", "commitments", "number = 0"),
    "the last commitments": lambda db: flip(db, "bundle", "commitments", "number = 1"),
    "the commitments removed": lambda db: db.execute("DELETE FROM bundle WHERE number = 0"),
    "the last tile": lambda db: flip(db, "tile", "hashes", "level = 0 AND number = 1"),
    "an upper tile": lambda db: flip(db, "tile", "hashes", "level = 1 AND number = 0"),
    "the head's root": lambda db: flip(db, "head", "root", "id = 1"),
    "the head's size": lambda db: db.execute("UPDATE head SET size = 299"),
    "an entry removed": lambda db: db.execute("DELETE FROM entry WHERE position = 7"),
    "the last entry removed": lambda db: db.execute("DELETE FROM entry WHERE position = 299"),
    "two entries exchanged": lambda db: db.executescript(
        "UPDATE entry SET position = 1000 WHERE position = 5;"
        "UPDATE entry SET position = 5 WHERE position = 6;"
        "UPDATE entry SET position = 6 WHERE position = 1000;"
    ),
    "an entry added": lambda db: db.execute(
        "INSERT INTO entry SELECT 300, kind, key, salt, statement FROM entry WHERE position = 0"
    ),
    "a tile removed": lambda db: db.execute("DELETE FROM tile WHERE level = 0 AND number = 0"),
    "a tile cut short": lambda db: db.execute(
        "UPDATE tile SET hashes = substr(hashes, 1, 1024) WHERE level = 0 AND number = 0"
    ),
}


@pytest.mark.parametrize("tampered", TAMPERED)
async def test_the_check_finds_what_was_tampered_with(tmp_path: Path, tampered: str) -> None:
    path = tmp_path / "node.db"
    async with opened(path) as shelf:
        for start in range(0, 300, 60):
            await shelf.ledger.append([asked(number) for number in range(start, start + 60)])
        assert await shelf.ledger.check() == 300
    with closing(sqlite3.connect(path)) as connection, connection:
        TAMPERED[tampered](connection)
    async with opened(path) as shelf:
        with pytest.raises(Refusal) as refusal:
            await shelf.ledger.check()
        assert refusal.value.code is Code.DEFECT


@pytest.mark.parametrize("tampered", ["the last tile", "the head's root", "an upper tile"])
async def test_nothing_is_signed_on_top_of_a_broken_edge(tmp_path: Path, tampered: str) -> None:
    path = tmp_path / "node.db"
    async with opened(path) as shelf:
        await shelf.ledger.append([asked(number) for number in range(300)])
        before = await shelf.sql.checkpoint()
    with closing(sqlite3.connect(path)) as connection, connection:
        TAMPERED[tampered](connection)
    async with opened(path) as shelf:
        with pytest.raises(Refusal) as refusal:
            await shelf.ledger.append([asked(300)])
        assert refusal.value.code is Code.DEFECT
        assert await shelf.sql.checkpoint() == before


# --- two writers ---------------------------------------------------------------------------


async def test_two_ledgers_on_one_file_keep_one_journal(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        path = tmp_path / "node.db"
        shelves = [await stack.enter_async_context(opened(path, seed=seed)) for seed in (1, 2)]

        async def write(shelf: DiskShelf, first: int) -> list[Sealed]:
            seals = []
            for number in range(first, first + 60):
                (recorded,) = await shelf.ledger.append([asked(number)])
                assert recorded.sealed is not None
                seals.append(recorded.sealed)
            return seals

        written = await asyncio.gather(
            *(
                write(shelf, turn * 1000 + part * 100)
                for turn, shelf in enumerate(shelves)
                for part in range(3)
            )
        )
        seals = [sealed for part in written for sealed in part]
        assert sorted(sealed.index for sealed in seals) == list(range(360))
        for sealed in seals:
            holds(sealed)
        assert [await shelf.ledger.check() for shelf in shelves] == [360, 360]
        assert await shelves[0].sql.checkpoint() == await shelves[1].sql.checkpoint()


async def test_every_checkpoint_of_two_writers_extends_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    async with opened(path, seed=1) as one, opened(path, seed=2) as other:
        for number in range(0, 40, 2):
            await asyncio.gather(
                one.ledger.append([asked(number)]), other.ledger.append([asked(number + 1)])
            )
        with closing(sqlite3.connect(path)) as connection:
            notes = connection.execute("SELECT note FROM checkpoint ORDER BY size").fetchall()
        checkpoints = [
            TRUST.view.open_checkpoint(TRUST.view.node("XA"), note, START).checkpoint
            for (note,) in notes
        ]
        assert [checkpoint.size for checkpoint in checkpoints] == list(range(41))
        for older, newer in pairwise(checkpoints[1:]):
            path_between = await one.sql.heads.own_consistency(older.size, newer.size)
            verify_consistency(older.size, newer.size, path_between, older.root, newer.root)


async def test_an_import_and_a_serving_process_share_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    async with opened(path, seed=1) as serving, opened(path, seed=2) as importing:
        drafts = (asked(number) for number in range(3000))
        importing_them = asyncio.create_task(importing.ledger.append_many(drafts))
        recorded = await asyncio.gather(
            *(serving.ledger.append([asked(10_000 + number)]) for number in range(50))
        )
        assert await importing_them == 3000
        for (one,) in recorded:
            assert one.sealed is not None
            holds(one.sealed)
        assert await serving.ledger.check() == 3050


async def test_two_ledgers_answer_each_question_once_and_count_each_use(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    async with opened(path, seed=1) as one, opened(path, seed=2) as other:
        await one.ledger.append(registry(uses=7))
        waiting = Xb().questions(20)
        replies = await asyncio.gather(
            *(
                shelf.ledger.answer([question], Deciding())
                for question in waiting
                for shelf in (one, other)
            )
        )
        pairs = list(zip(replies[::2], replies[1::2], strict=True))
        assert all(first == second for first, second in pairs)
        outcomes = [read(first).outcome for ((first,), _) in pairs]
        assert outcomes.count(Outcome.CONFIRMED) == 7
        assert outcomes.count(Outcome.NOT_CONFIRMED) == 13
        assert await one.ledger.check() == 22


# --- a disk that refuses -------------------------------------------------------------------


async def test_a_database_that_refuses_to_write_answers_nobody_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    async with opened(path) as shelf:
        await shelf.ledger.append(registry(uses=1))
        (question,) = Xb().questions()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE INSERT ON entry "
                "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
            )
            for work in (
                shelf.ledger.answer([question], Deciding()),
                shelf.ledger.append([asked(1)]),
                shelf.ledger.append_many(asked(number) for number in range(3)),
            ):
                with pytest.raises(Refusal):
                    await work
            assert await shelf.ledger.check() == 2
            connection.execute("DROP TRIGGER full")
            connection.commit()
        (reply,) = await shelf.ledger.answer([question], Deciding())
        assert read(reply).outcome is Outcome.CONFIRMED
        assert await shelf.ledger.check() == 3


async def test_the_log_begins_anew_under_steady_writing(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        database.write_now(
            lambda connection: connection.exec_driver_sql("CREATE TABLE page (content BLOB)")
        )

        def write(connection: Connection) -> None:
            connection.exec_driver_sql("DELETE FROM page")
            connection.exec_driver_sql("INSERT INTO page VALUES (zeroblob(20000))")

        for _ in range(200):
            await database.write(write)
        log = path.with_name("node.db-wal")
        before_size_bytes = log.stat().st_size
        for _ in range(2_000):
            await database.write(write)
        assert log.stat().st_size < 5 * before_size_bytes
