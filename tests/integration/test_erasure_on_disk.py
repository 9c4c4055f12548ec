"""What an erasure leaves on the disk, whatever happens around it: nothing."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.erase import Erasing
from node.flows.erasure_ports import HeldRecord
from node.flows.ports import Draft
from node.model.credential import Status
from node.model.statement import CredentialRegistered, Erasure, StatusChanged
from node.store.database import Database
from tests.erasing import HOLDER, OFFICER, RULE, credential, files_with
from tests.federation import FixedTrust
from tests.ledgers import TRUST, DiskShelf, draft
from tests.world import FakeClock

NUMBER = "XA-2019-000001"
TRACES = [HOLDER.encode(), NUMBER.encode()]


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[DiskShelf]:
    shelf = DiskShelf(tmp_path / "node.db")
    await shelf.open()
    await shelf.ledger.append(
        [
            draft(CredentialRegistered(credential(NUMBER))),
            draft(CredentialRegistered(credential("XA-2019-000002", "Somebody Else"))),
        ]
    )
    yield shelf
    await shelf.close()


def erasing(shelf: DiskShelf) -> Erasing:
    return Erasing(shelf.sql.erasures, FixedTrust(TRUST), "XA", FakeClock())


def files(shelf: DiskShelf, traces: Sequence[bytes] = TRACES) -> dict[str, list[bytes]]:
    return files_with(shelf.path.parent, traces)


def rows(shelf: DiskShelf, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(shelf.path)) as connection:
        return connection.execute(sql).fetchall()


async def test_of_hundreds_of_records_among_thousands_nothing_is_left(shelf: DiskShelf) -> None:
    """Tables that are sorted by number move rows about, and old copies stay in their pages."""
    chance = random.Random(7)
    numbers = [f"XA-{chance.randrange(10**12):012}" for _ in range(6_000)]
    people = {number: f"Holder Of {number[3:]}" for number in numbers}
    for at in range(0, len(numbers), 500):
        await shelf.ledger.append_many(
            draft(
                CredentialRegistered(
                    replace(credential(number, people[number]), title="t" * chance.randrange(1, 90))
                )
            )
            for number in numbers[at : at + 500]
        )
    gone = chance.sample(numbers, 1_500)
    erased = await erasing(shelf).erase_record(gone, RULE, OFFICER)
    assert erased.wiped
    assert erased.statements == {14: 1_500}
    held = (shelf.path.read_bytes(), (shelf.path.parent / "node.db-wal").read_bytes())
    left = [
        number
        for number in gone
        if any(number.encode() in one or people[number].encode() in one for one in held)
    ]
    assert left == []
    assert len(await shelf.ledger.known_numbers(numbers)) == 4_500
    assert await shelf.ledger.check() == 6_003


@pytest.mark.parametrize("step", ["before the commit", "after the commit"])
async def test_an_erasure_that_stops_is_nothing_or_all(shelf: DiskShelf, step: str) -> None:
    real = Database.write_now

    def failing(self: Database, work: Any) -> Any:
        def stopped(connection: Any) -> Any:
            work(connection)
            raise KeyboardInterrupt

        if step == "before the commit":
            return real(self, stopped)
        real(self, work)
        raise KeyboardInterrupt

    with patch.object(Database, "write_now", failing), pytest.raises(KeyboardInterrupt):
        await erasing(shelf).erase_record([NUMBER], RULE, OFFICER)
    await shelf.reopen()
    there = await shelf.ledger.credential(NUMBER) is not None
    assert there is (step == "before the commit")
    assert await shelf.ledger.check() == (2 if there else 3)
    assert await shelf.sql.erasures.wipe()
    assert bool(files(shelf)) is there


async def test_a_wipe_that_was_cut_short_is_made_up_for(shelf: DiskShelf) -> None:
    with patch.object(Database, "truncate_log", side_effect=Refusal(Code.STALE, "disk full")):
        erased = await erasing(shelf).erase_record([NUMBER], RULE, OFFICER)
    assert not erased.wiped
    assert rows(shelf, "SELECT thorough FROM unwiped") == [(1,)]
    await shelf.reopen()
    with patch.object(Database, "rewrite", autospec=True, side_effect=Database.rewrite) as rewrite:
        assert await shelf.sql.erasures.wipe()
    assert rewrite.call_count == 1  # nobody knows any more what to look for
    assert files(shelf) == {}
    assert rows(shelf, "SELECT * FROM unwiped") == []


async def test_a_reader_of_an_older_state_only_puts_the_wipe_off(shelf: DiskShelf) -> None:
    with closing(sqlite3.connect(shelf.path, isolation_level=None)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM head").fetchall()
        erased = await erasing(shelf).erase_record([NUMBER], RULE, OFFICER)
        assert not erased.wiped
        await shelf.ledger.append([draft(CredentialRegistered(credential("XA-2020-000009", "A")))])
    assert await shelf.sql.erasures.wipe()
    assert files(shelf) == {}


async def test_of_two_erasures_at_once_one_finds_nothing_left(shelf: DiskShelf) -> None:
    told = await asyncio.gather(
        *(erasing(shelf).erase_record([NUMBER], RULE, OFFICER) for _ in range(2)),
        return_exceptions=True,
    )
    refused = [one for one in told if isinstance(one, Refusal)]
    assert [one.code for one in refused] == [Code.UNKNOWN]
    assert await shelf.ledger.check() == 3


async def test_what_is_said_while_the_record_is_searched_goes_too(shelf: DiskShelf) -> None:
    real = shelf.sql.erasures._commits.compose

    async def late(compose: Any) -> Any:
        await shelf.ledger.append([draft(StatusChanged(NUMBER, Status.SUSPENDED, "Late"))])
        return await real(compose)

    with patch.object(shelf.sql.erasures._commits, "compose", late):
        erased = await erasing(shelf).erase_record([NUMBER], RULE, OFFICER)
    assert erased.statements == {14: 2}


@pytest.mark.parametrize(
    ("entries", "kind", "code"),
    [
        ((0,), 11, Code.CONFLICT),
        ((9,), 14, Code.CONFLICT),
        ((0,), 17, Code.CONFLICT),
    ],
    ids=["another kind", "not there", "never erased"],
)
async def test_an_erasure_of_what_it_may_not_leaves_everything(
    shelf: DiskShelf, entries: tuple[int, ...], kind: int, code: Code
) -> None:
    with pytest.raises(Refusal) as refusal:
        await shelf.ledger.append([draft(Erasure(entries, kind, RULE, "an officer"))])
    assert refusal.value.code is code
    assert await shelf.ledger.check() == 2


async def test_an_entry_is_erased_once(shelf: DiskShelf) -> None:
    def say(held: HeldRecord) -> list[Draft]:
        return [draft(Erasure(tuple(held.entries[14]), 14, RULE, "an officer"))]

    await shelf.sql.erasures.erase_records([NUMBER], say)
    with pytest.raises(Refusal, match="erased already") as refusal:
        await shelf.ledger.append([draft(Erasure((0,), 14, RULE, "an officer"))])
    assert refusal.value.code is Code.ERASED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE entry SET statement = NULL, salt = NULL WHERE position = 1", "no erasure says"),
        ("DELETE FROM erased", "entry 0 is missing, and no erasure says why"),
        ("UPDATE entry SET statement = x'00', salt = x'00' WHERE position = 0", "still there"),
        ("UPDATE bundle SET commitments = zeroblob(96)", "do not match"),
    ],
)
async def test_the_check_finds_what_no_erasure_explains(
    shelf: DiskShelf, change: str, reason: str
) -> None:
    await erasing(shelf).erase_record([NUMBER], RULE, OFFICER)
    with closing(sqlite3.connect(shelf.path)) as connection:
        connection.execute(change)
        connection.commit()
    with pytest.raises(Refusal, match=reason) as refusal:
        await shelf.ledger.check()
    assert refusal.value.code is Code.DEFECT
