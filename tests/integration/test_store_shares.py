"""Callers that come together share transactions, look-ups and parcels; no key outlives its end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import date
from pathlib import Path

import aiohttp
import pytest
from msgspec import Struct
from sqlalchemy import event
from sqlalchemy.pool import Pool

from node.assembly import RunningNode
from node.errors import Code
from node.flows.ask import Inquiry
from node.flows.ports import Employer
from node.model.credential import Field
from node.model.seal import Sealed
from node.model.share_code import make
from node.model.statement import CredentialRegistered, Purpose
from node.store.database import Database
from node.wire.parcel import Refused, encode_parcel
from tests.ledgers import Deciding, DiskShelf, Xb, asked, draft, given, holds
from tests.nodes import REQUESTER, Federation, Home, false_node, opened, selector, serving
from tests.world import sample_credential

_APPENDS = 300
_CODES = [make("XA", bytes([number]) * 10) for number in range(5)]
_ASKS = 100
_BEGIN_WRITING = "BEGIN IMMEDIATE"


class Spy(Struct):
    """What was told to the database: statements, and how often a writer committed."""

    statements: list[str]
    commits: int = 0

    def clear(self) -> None:
        self.statements.clear()
        self.commits = 0

    def selects_from(self, table: str) -> int:
        return sum(
            statement.lstrip().startswith("SELECT")
            and f"FROM {table} " in " ".join(statement.split())
            for statement in self.statements
        )


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[DiskShelf]:
    shelf = DiskShelf(tmp_path / "node.db")
    await shelf.open()
    try:
        yield shelf
    finally:
        await shelf.close()


@pytest.fixture
def spy(shelf: DiskShelf) -> Iterator[Spy]:
    """Listen to every connection that is taken from now on, down to the driver."""
    seen = Spy([])

    def taken(connection: sqlite3.Connection, *_: object) -> None:
        writes = False

        def told(statement: str) -> None:
            nonlocal writes
            seen.statements.append(statement)
            if statement == _BEGIN_WRITING:
                writes = True
            elif statement == "COMMIT":
                seen.commits += writes

        connection.set_trace_callback(told)

    shelf.sql._database.release()
    event.listen(Pool, "checkout", taken)
    try:
        yield seen
    finally:
        event.remove(Pool, "checkout", taken)


# --- the disk ------------------------------------------------------------------------------


async def test_appends_submitted_together_share_few_transactions(
    shelf: DiskShelf, spy: Spy
) -> None:
    jobs = [shelf.ledger.append([asked(number)]) for number in range(_APPENDS)]
    recorded = [one for some in await asyncio.gather(*jobs) for one in some]
    sealed = [one.sealed for one in recorded if one.sealed is not None]
    assert sorted(one.index for one in sealed) == list(range(_APPENDS))
    assert {holds(one) for one in sealed} == {_APPENDS}
    assert 1 <= spy.commits <= 3
    assert spy.statements.count(_BEGIN_WRITING) == spy.commits


async def test_appends_one_after_another_have_each_a_transaction(
    shelf: DiskShelf, spy: Spy
) -> None:
    for number in range(5):
        await shelf.ledger.append([asked(number)])
    assert spy.commits == 5


async def test_questions_in_parcels_at_once_share_one_look_up(shelf: DiskShelf, spy: Spy) -> None:
    registered = [draft(CredentialRegistered(sample_credential()))]
    await shelf.ledger.append(registered + [draft(given(code, uses=16)) for code in _CODES])
    xb, judge = Xb(), Deciding()
    parcels = [xb.questions(16, selector=selector(code)) for code in _CODES]
    spy.clear()
    replies = await asyncio.gather(*(shelf.ledger.answer(parcel, judge) for parcel in parcels))
    sealed = [reply for some in replies for reply in some if isinstance(reply, Sealed)]
    assert len(sealed) == 16 * len(_CODES)
    assert all(facts.consent is not None for facts in judge.facts)
    assert spy.commits == 1
    assert spy.selects_from("consent") == 1


def test_a_commit_that_returned_is_on_disk(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'node.db'}")) as database:
        told = database.write_now(
            lambda connection: [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        )
    assert told == ["wal", 2, 1]  # 2 is FULL


# --- a node --------------------------------------------------------------------------------


class Asked(Struct, frozen=True):
    """XA, running, and the size of each parcel that it sent to XB, which is always busy."""

    home: Home
    running: RunningNode
    parcels: list[int]


@asynccontextmanager
async def asking(base: Path) -> AsyncIterator[Asked]:
    parcels: list[int] = []

    async def busy(queries: list[Sealed]) -> bytes:
        parcels.append(len(queries))
        refused = [Refused(Code.BUSY, "later", 1.0) for _ in queries]
        return encode_parcel(refused).SerializeToString()

    federation = Federation(base)
    home = federation.add("XA")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(false_node("XB", home, busy))
        federation.move("XB", server.port)
        federation.publish()
        running = await stack.enter_async_context(serving(home))
        yield Asked(home, running, parcels)


async def test_asks_that_come_together_travel_in_few_parcels(tmp_path: Path, spy: Spy) -> None:
    inquiry = Inquiry(make("XB", bytes(10)), date(1991, 3, 14), Purpose.EMPLOYMENT, (Field.TITLE,))
    employer = Employer("key-1", REQUESTER)
    async with asking(tmp_path) as node:
        spy.clear()
        asks = [node.running.asking.ask(employer, inquiry) for _ in range(_ASKS)]
        verifications = await asyncio.gather(*asks)
        assert len({one.id for one in verifications}) == _ASKS
        assert sum(node.parcels) == _ASKS
        assert len(node.parcels) <= 6
        assert spy.commits <= 6


async def test_a_key_is_refused_right_after_another_process_revoked_it(tmp_path: Path) -> None:
    question = {
        "share_code": str(make("XB", bytes(10))),
        "birth_date": "1991-03-14",
        "purpose": "employment",
    }
    async with asking(tmp_path) as node:
        now = node.home.clock()
        key_id, key = await node.running.opened.employers.create(REQUESTER, now)
        _, other_key = await node.running.opened.employers.create(REQUESTER, now)

        async def status(of: str) -> int:
            headers = {"Authorization": f"Bearer {of}"}
            async with client.post("/v1/verifications", json=question, headers=headers) as reply:
                return reply.status

        async with aiohttp.ClientSession(f"http://127.0.0.1:{node.running.http_port}") as client:
            assert await status(key) == 202
            async with opened(node.home) as second:
                await second.employers.revoke(key_id, now)
            assert await status(key) == 401
            assert await status(other_key) == 202
