"""Each step of each kind of writing goes wrong once, in every way; then the journal is looked at.

A step fails, fails though it was done, or is where the process is killed. What was written then is
all there or not at all, nothing that was told to anybody is lost, and the journal goes on: with as
many statements as those that failed or with others, in the same process where it lives, and in
another. The steps of `journal export` go through the same in `test_tile_directory`.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import Struct
from sqlalchemy import Connection

from node.errors import Code, Refusal
from node.flows.ports import Draft
from node.model.merkle import verify_consistency
from node.model.note import Checkpoint
from node.model.seal import Sealed
from node.model.statement import CredentialRegistered
from node.store.journal import stored_tree
from tests.federation import START
from tests.ledgers import TRUST, Deciding, DiskShelf, Xb, asked, draft, holds, registry
from tests.stepping import KILLED, How, Steps, copying_at_once, in_a_copy, stepping
from tests.world import sample_credential

BEFORE = 255
"""Statements that are there already: with two more a tile is full."""
WRITTEN = 2
USES = 10_000


def registered(turn: int, count: int) -> list[Draft]:
    credentials = (sample_credential(f"XA-{turn:04}-{n:06}") for n in range(count))
    return [draft(CredentialRegistered(one)) for one in credentials]


# --- the kinds of writing ------------------------------------------------------------------


class Writing(Struct, frozen=True):
    """One kind of writing.

    Attributes:
        write: writes as many statements as it is told, other ones in each turn.
        before: what comes before it and is not looked at.
        copied: the log's second copy, by the writer, is due after it.
        must_have: steps without which this would show nothing.
        written: how many statements it adds, of those it is told to.
    """

    write: Callable[[DiskShelf, int, int], Awaitable[object]]
    must_have: frozenset[str]
    before: Callable[[DiskShelf], Awaitable[object]] | None = None
    copied: bool = False
    written: int = WRITTEN


async def append(shelf: DiskShelf, turn: int, count: int) -> object:
    """Register a credential and ask: one statement follows from a table, one travels."""
    return await shelf.ledger.append([*registered(turn, count - 1), asked(turn)])


async def append_many(shelf: DiskShelf, turn: int, count: int) -> object:
    return await shelf.ledger.append_many(iter(registered(turn, count)))


async def answer(shelf: DiskShelf, turn: int, count: int) -> object:
    return await shelf.ledger.answer(Xb(seed=turn).questions(count), Deciding())


async def sign_head(shelf: DiskShelf, _turn: int, _count: int) -> None:
    await shelf.sql.sign_head()


async def register(shelf: DiskShelf) -> object:
    return await shelf.ledger.append(registered(9_999, 1))


ALWAYS = frozenset({"BEGIN IMMEDIATE", "INSERT INTO checkpoint", "COMMIT"})
GROWS = ALWAYS | {"INSERT INTO entry", "INSERT INTO tile", "INSERT INTO bundle"}
WRITINGS = {
    "append": Writing(append, GROWS | {"UPDATE head SET", "INSERT INTO credential"}),
    "append_and_copy": Writing(append, GROWS | {"PRAGMA wal_checkpoint(PASSIVE)"}, copied=True),
    "append_many": Writing(append_many, GROWS | {"PRAGMA wal_checkpoint(PASSIVE)"}),
    "answer": Writing(answer, GROWS | {"INSERT INTO answered", "INSERT INTO counterpart"}),
    "sign_head": Writing(sign_head, ALWAYS, register, written=0),
}


# --- looking at a journal ------------------------------------------------------------------


async def head(shelf: DiskShelf) -> Checkpoint:
    note = await shelf.sql.checkpoint()
    return TRUST.view.open_checkpoint(TRUST.view.node("XA"), note, START).checkpoint


async def extends(shelf: DiskShelf, older: Sequence[Checkpoint]) -> None:
    newest = await head(shelf)

    def prove(connection: Connection) -> list[bytes]:
        tree = stored_tree(connection, newest.size)
        return [tree.consistency(one.size, newest.size) for one in older]

    for one, path in zip(older, await shelf._database.read(prove), strict=True):
        verify_consistency(one.size, newest.size, path, one.root, newest.root)


_FIRST_OF_THEIR_KIND = {"credential": 0, "question": 2, "answered": 3}
"""Tables that have a row for each statement of a kind, and where the first of that kind stands."""


def is_whole(path: Path, size: int) -> None:
    """Look from outside: every entry once, and every table with as many rows as follow."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        entries = connection.execute("SELECT count(*), max(position) FROM entry").fetchone()
        assert entries == (size, size - 1)
        kinds = (
            "SELECT count(*) FROM entry WHERE kind = (SELECT kind FROM entry WHERE position = ?)"
        )
        for table, position in _FIRST_OF_THEIR_KIND.items():
            (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            (said,) = connection.execute(kinds, (position,)).fetchone()
            assert rows == said > 0, table


def told(result: object) -> list[Sealed]:
    """Return the seals among what was told to whoever wrote."""
    found = result if isinstance(result, list) else []
    seals = [getattr(one, "sealed", one) for one in found]
    return [one for one in seals if isinstance(one, Sealed)]


# --- one accident --------------------------------------------------------------------------


async def made(path: Path) -> None:
    """Make the journal that every accident begins with."""
    shelf = DiskShelf(path)
    await shelf.open()
    await shelf.ledger.append([*registry(uses=USES), asked(9_999)])
    await shelf.ledger.answer(Xb(seed=9_999).questions(1), Deciding())
    await shelf.ledger.append(registered(9_998, BEFORE - 5))
    await shelf.ledger.append([asked(9_998)])
    await shelf.close()


async def writes(path: Path, writing: Writing, steps: Steps, then: int | None) -> Checkpoint | None:
    """Write, with something going wrong; then go on in the same process.

    Returns the head that was left, None where `then` is None: nobody lives to tell.
    """
    with stepping(steps):
        shelf = DiskShelf(path, seed=1)
        await shelf.open()
        if writing.before is not None:
            await writing.before(shelf)
        copying_at_once(shelf._database, copied=writing.copied)
        before = (await shelf.sql.heights())[0]
        steps.begin()
        refusal, result = None, None
        try:
            result = await writing.write(shelf, 1, WRITTEN)
        except Refusal as caught:
            refusal = caught
        steps.end()
        if then is None:
            return None
        size = (await shelf.sql.heights())[0]
        if refusal is None:  # it was told, so it is there
            assert size == before + writing.written
        else:
            assert size in {before, before + writing.written}
            assert (refusal.code, "disk I/O error" in refusal.reason) == (Code.STALE, True)
        for sealed in told(result):
            holds(sealed)
        left = await head(shelf)
        await append(shelf, 2, then)
        await extends(shelf, [left])
        assert await shelf.ledger.check() == left.size + then
        await shelf.close()
        return await _looked_at(path, [left], then, turn=3)


async def _looked_at(path: Path, older: Sequence[Checkpoint], then: int, turn: int) -> Checkpoint:
    """Open the journal as a restarted node does, go on with it and check all of it."""
    shelf = DiskShelf(path, seed=turn)
    await shelf.open()
    left = await head(shelf)
    await append(shelf, turn, then)
    await extends(shelf, [*older, left])
    assert await shelf.ledger.check() == left.size + then
    await shelf.close()
    is_whole(path, left.size + then)
    return left


def counted(path: Path, writing: Writing) -> list[str]:
    """Return the steps of a writing, from a run in which nothing fails."""
    steps = Steps()
    asyncio.run(writes(path, writing, steps, None))
    assert writing.must_have <= set(steps.names)
    return steps.names


def in_a_fork(path: Path, writing: Writing, steps: Steps) -> int:
    """Write in a process of its own, and return how that ended."""
    return in_a_copy(lambda: asyncio.run(writes(path, writing, steps, None)))


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("steps") / "node.db"
    asyncio.run(made(path))
    return path


def copied(journal: Path, place: Path, name: str) -> Path:
    path = place / f"{name}.db"
    shutil.copyfile(journal, path)
    return path


by_each_writing = pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS.keys())
then_as_many_or_others = pytest.mark.parametrize("then", [WRITTEN, WRITTEN + 3])


@then_as_many_or_others
@pytest.mark.parametrize("how", [How.FAILED, How.PERSISTED], ids=["failed", "persisted"])
@by_each_writing
def test_a_step_that_fails_leaves_a_journal_that_goes_on(
    writing: Writing, how: How, then: int, journal: Path, tmp_path: Path
) -> None:
    names = counted(copied(journal, tmp_path, "counted"), writing)
    for number in range(len(names)):
        path = copied(journal, tmp_path, str(number))
        asyncio.run(writes(path, writing, Steps(number, how), then))


@then_as_many_or_others
@pytest.mark.parametrize("how", [How.KILLED_BEFORE, How.KILLED_AFTER], ids=["before", "after"])
@by_each_writing
def test_a_process_killed_at_a_step_leaves_a_journal_that_goes_on(
    writing: Writing, how: How, then: int, journal: Path, tmp_path: Path
) -> None:
    names = counted(copied(journal, tmp_path, "counted"), writing)
    committed = False
    for number, name in enumerate(names):
        path = copied(journal, tmp_path, str(number))
        assert in_a_fork(path, writing, Steps(number, how)) == KILLED
        committed = committed or (name == "COMMIT" and how is How.KILLED_AFTER)
        left = asyncio.run(_looked_at(path, [], then, turn=3))
        before = BEFORE + (0 if writing.before is None else 1)
        assert left.size == before + (writing.written if committed else 0), name
        committed = committed or name == "COMMIT"


# --- a disk that lost what it had said it kept -----------------------------------------------


_LOG_HEADER_SIZE_BYTES = 32  # SQLite's file format: of the log, and of each page in it
_PAGE_HEADER_SIZE_BYTES = 24


async def _written(path: Path, place: Path) -> list[int]:
    """Write thrice; leave copies of the database and its log, and return the sizes there were."""
    shelf = DiskShelf(path, seed=1)
    await shelf.open()
    sizes = [(await shelf.sql.heights())[0]]
    for turn in range(3):
        await append(shelf, turn, WRITTEN)
        sizes.append((await shelf.sql.heights())[0])
    for name in (path.name, f"{path.name}-wal"):
        shutil.copyfile(path.with_name(name), place / name)
    await shelf.close()
    return sizes


def test_a_log_cut_off_anywhere_shows_a_state_that_there_was_and_goes_on(
    journal: Path, tmp_path: Path
) -> None:
    left, cut = tmp_path / "left", tmp_path / "cut"
    left.mkdir()
    cut.mkdir()
    path = copied(journal, tmp_path, "node")
    sizes = asyncio.run(_written(path, left))
    log = (left / "node.db-wal").read_bytes()
    page = int.from_bytes((left / "node.db").read_bytes()[16:18], "big") + _PAGE_HEADER_SIZE_BYTES
    ends = range(_LOG_HEADER_SIZE_BYTES, len(log) + 1, page)
    assert len(ends) > 20
    shown = []
    cuts = {0, len(log), *ends, *(end + page // 2 for end in ends[:-1])}
    for end in sorted(cuts):
        for file in cut.iterdir():
            file.unlink()
        shutil.copyfile(left / "node.db", cut / "node.db")
        (cut / "node.db-wal").write_bytes(log[:end])
        shown.append(asyncio.run(_looked_at(cut / "node.db", [], WRITTEN, turn=7)).size)
    assert shown == sorted(shown)
    assert set(shown) == set(sizes)
