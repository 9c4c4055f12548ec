"""Disks that refuse to write: at the asking node, at the answering node, at any moment.

Nobody is answered, nothing is asked, no statement is half there, and the node says in a word what
to do. Once the disk writes again, the same process goes on by itself.

no_room    the kernel lets no file grow: transactions fail at their commit, after signing
full       the database may have no more pages: transactions fail in their middle
read_only  the database is read only: transactions do not even begin
"""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    closing,
    contextmanager,
    suppress,
)
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec import Struct
from sqlalchemy import Engine

from node.assembly import RunningNode, adopt
from node.errors import Code, Refusal
from node.flows.ask import Inquiry
from node.flows.ports import Draft, Employer
from node.model.credential import Field
from node.model.note import sign_checkpoint
from node.model.seal import Sealed
from node.model.share_code import ShareCode
from node.model.statement import (
    Answer,
    CredentialRegistered,
    Outcome,
    Purpose,
    Requester,
    Statement,
)
from node.store import journal
from node.store.ledger import SqlLedger
from node.wire.codec import decode_statement, encode_statement
from node.wire.export import Entry
from node.wire.parcel import Item
from tests.nodes import BORN, Federation, Home, opened, say, serving
from tests.world import FakeClock, sample_credential

REQUESTER = Requester("Harbour Steel", "XA-HRB-7", "C25")
EMPLOYER = Employer("key-1", REQUESTER)
MANY = 5_000
PAGES_MAX = 2**32 - 2
NUMBER = sample_credential().number
Fault = Callable[[RunningNode, FakeClock], AbstractAsyncContextManager[None]]


# --- disks that refuse ---------------------------------------------------------------------


@asynccontextmanager
async def no_room(running: RunningNode, _clock: FakeClock) -> AsyncIterator[None]:
    """Let no file of this process grow beyond the size of a node's write-ahead log."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_log_size_bytes(running.opened.ledger), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@asynccontextmanager
async def full(running: RunningNode, clock: FakeClock) -> AsyncIterator[None]:
    """Let a node's database have no more pages than it has, and use up what is free in them."""
    with at_most(running.opened.ledger, more_pages=0), suppress(Refusal):
        for number in count():
            filler = CredentialRegistered(
                sample_credential(f"{running.opened.settings.node.id}-FILLER-{number}")
            )
            await say(running.opened, clock, [filler])
    with at_most(running.opened.ledger, more_pages=0):
        yield


@asynccontextmanager
async def read_only(running: RunningNode, _clock: FakeClock) -> AsyncIterator[None]:
    """Let a node's database be read only."""
    _pragma(running.opened.ledger, "query_only = ON")
    try:
        yield
    finally:
        _pragma(running.opened.ledger, "query_only = OFF")


@contextmanager
def at_most(ledger: SqlLedger, more_pages: int) -> Iterator[None]:
    """Let a database grow by some pages only."""
    pages = _pragma(ledger, "page_count")
    _pragma(ledger, f"max_page_count = {pages + more_pages}")
    try:
        yield
    finally:
        _pragma(ledger, f"max_page_count = {PAGES_MAX}")


def _writing(ledger: SqlLedger) -> Engine:
    return ledger._database._engines.writing


def _log_size_bytes(ledger: SqlLedger) -> int:
    return Path(f"{_writing(ledger).url.database}-wal").stat().st_size


def _pragma(ledger: SqlLedger, pragma: str) -> Any:
    """Set or read a pragma of the one connection that writes."""
    ledger._database.release()
    connection = _writing(ledger).raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {pragma}")
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else row[0]
    finally:
        connection.close()


FAULTS = {
    "no_room": (no_room, "disk I/O error"),
    "full": (full, "database or disk is full"),
    "read_only": (read_only, "attempt to write a readonly database"),
}
at_once = pytest.mark.parametrize(
    ("fault", "word"), [FAULTS["no_room"], FAULTS["read_only"]], ids=["no_room", "read_only"]
)
faults = pytest.mark.parametrize(("fault", "word"), FAULTS.values(), ids=FAULTS.keys())


def says_what_to_do(refusal: Refusal, word: str) -> None:
    assert refusal.code is Code.STALE
    assert word in refusal.reason
    assert "free the disk or mend its permissions" in refusal.reason
    assert refusal.retry_after_s is not None


# --- two nodes -----------------------------------------------------------------------------


class Pair(Struct, frozen=True):
    """XA, which asks, and XB, which answers, both running; an employer at XA's HTTP door.

    Attributes:
        home: where XB lives.
    """

    xa: RunningNode
    xb: RunningNode
    home: Home
    clock: FakeClock
    code: ShareCode
    client: aiohttp.ClientSession

    @property
    def inquiry(self) -> Inquiry:
        return Inquiry(self.code, BORN, Purpose.EMPLOYMENT, tuple(Field))

    async def post(self) -> tuple[int, dict[str, Any]]:
        """Ask as an employer does."""
        question = {
            "share_code": str(self.code),
            "birth_date": BORN.isoformat(),
            "purpose": "employment",
        }
        async with self.client.post("/v1/verifications", json=question) as response:
            return response.status, await response.json()

    async def readiness(self, running: RunningNode) -> tuple[int, str]:
        """Return what a node says of itself: the status, and how its journal is."""
        url = f"http://127.0.0.1:{running.http_port}/health/ready"
        async with self.client.get(url) as response:
            return response.status, (await response.json())["checks"]["journal"]

    async def uses_spent(self) -> int:
        """Return how often the share code was used, as its table has it."""
        (consent,) = await self.xb.opened.ledger.consents(NUMBER)
        return consent.uses_spent


def state(running: RunningNode) -> object:
    """Return every row of a node's database."""
    with closing(sqlite3.connect(str(_writing(running.opened.ledger).url.database))) as database:
        tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            table: database.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - our own
            for (table,) in tables
        }


def answers(running: RunningNode) -> list[Answer]:
    """Return every answer in a node's journal."""
    bodies = [
        decode_statement(record.statement).body
        for record in running.opened.ledger.records()
        if isinstance(record, Entry)
    ]
    return [body for body in bodies if isinstance(body, Answer)]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    federation = Federation(tmp_path)
    asking, answering = federation.add("XA"), federation.add("XB")
    federation.publish()
    async with serving(answering) as xb:
        federation.move("XB", xb.grpc_port)
        federation.publish()
        await adopt(xb.opened)
        # More than one, so that the log of XB's database is longer than that of XA's.
        registered = [sample_credential(), *(sample_credential(f"XB-{n}") for n in range(500))]
        await say(xb.opened, federation.clock, map(CredentialRegistered, registered))
        code = await xb.opened.sharing.create(NUMBER, Purpose.EMPLOYMENT, tuple(Field), uses=100)
        async with serving(asking) as xa:
            _, key = await xa.opened.employers.create(REQUESTER, federation.clock())
            async with aiohttp.ClientSession(
                f"http://127.0.0.1:{xa.http_port}", headers={"Authorization": f"Bearer {key}"}
            ) as client:
                yield Pair(xa, xb, answering, federation.clock, code, client)


# --- the asking node -----------------------------------------------------------------------


@faults
async def test_asks_nothing_while_its_disk_refuses(pair: Pair, fault: Fault, word: str) -> None:
    async with fault(pair.xa, pair.clock):
        before = state(pair.xa), state(pair.xb)
        with pytest.raises(Refusal) as refused:
            await pair.xa.asking.ask(EMPLOYER, pair.inquiry)
        says_what_to_do(refused.value, word)
        replies = await asyncio.gather(*(pair.post() for _ in range(20)))
        for status, problem in replies:
            assert (status, problem["type"].rpartition(":")[2]) == (503, "stale")
            assert word in problem["detail"]
        assert await pair.xa.asking.send_open() == 0
        assert (state(pair.xa), state(pair.xb)) == before
    status, body = await pair.post()
    assert (status, body["outcome"]) == (200, "confirmed")
    assert await pair.xa.opened.ledger.check() == (await pair.xa.opened.ledger.heights())[0]


@at_once
async def test_keeps_a_question_whose_answer_it_cannot_journal(
    pair: Pair, fault: Fault, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = pair.xa.asking._peers.exchange
    answered, writable = asyncio.Event(), asyncio.Event()

    async def late(node: str, queries: Sequence[Sealed]) -> Sequence[Item]:
        items = await exchange(node, queries)
        answered.set()
        await writable.wait()
        return items

    monkeypatch.setattr(pair.xa.asking._peers, "exchange", late)
    asking = asyncio.create_task(pair.xa.asking.ask(EMPLOYER, pair.inquiry))
    await answered.wait()
    async with fault(pair.xa, pair.clock):
        before = state(pair.xa)
        writable.set()
        told = await asking
        assert (told.answer, told.no_answer) == (None, None)
        assert word in (await pair.readiness(pair.xa))[1]
        assert state(pair.xa) == before
    (question,) = await pair.xa.opened.ledger.open_questions()
    assert await pair.xa.asking.send_open() == 1
    assert await pair.xa.opened.ledger.open_questions() == []
    (answer,) = answers(pair.xb)
    assert (answer.query, answer.outcome) == (question.commitment, Outcome.CONFIRMED)
    assert await pair.uses_spent() == 1


# --- the answering node --------------------------------------------------------------------


@faults
async def test_answers_nobody_while_its_disk_refuses(pair: Pair, fault: Fault, word: str) -> None:
    async with fault(pair.xb, pair.clock):
        before = state(pair.xb)
        status, opened = await pair.post()
        assert (status, opened["state"]) == (202, "open")
        assert pair.xb.answering.tally["outcome", "confirmed"] == 0
        assert state(pair.xb) == before
        (question,) = await pair.xa.opened.ledger.open_questions()
        with pytest.raises(Refusal) as refused:
            await pair.xa.asking._peers.exchange("XB", [question.sealed])
        assert refused.value.code is Code.STALE
        assert word in refused.value.reason
    assert await pair.xa.asking.send_open() == 1
    async with pair.client.get(f"/v1/verifications/{opened['id']}") as response:
        assert (response.status, (await response.json())["outcome"]) == (200, "confirmed")
    (answer,) = answers(pair.xb)
    assert answer.query == question.commitment
    assert await pair.uses_spent() == 1
    assert pair.xb.answering.tally["outcome", "confirmed"] == 1


# --- either --------------------------------------------------------------------------------


@at_once
async def test_says_that_it_is_not_ready_and_why(pair: Pair, fault: Fault, word: str) -> None:
    assert await pair.readiness(pair.xb) == (200, "writable")
    async with fault(pair.xb, pair.clock):
        pair.clock.advance(1.0)  # a finding holds for a second
        status, reason = await pair.readiness(pair.xb)
        assert status == 503
        assert word in reason
        assert "free the disk or mend its permissions" in reason
    pair.clock.advance(1.0)
    assert await pair.readiness(pair.xb) == (200, "writable")


async def test_a_signature_that_no_commit_followed_is_seen_by_nobody(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[bytes] = []

    def signing(*arguments: Any) -> bytes:
        signed.append(sign_checkpoint(*arguments))
        return signed[-1]

    monkeypatch.setattr(journal, "sign_checkpoint", signing)
    ledger = pair.xa.opened.ledger
    async with no_room(pair.xa, pair.clock):
        with pytest.raises(Refusal):
            await pair.xa.asking.ask(EMPLOYER, pair.inquiry)
    (lost,) = signed
    assert (await pair.post())[0] == 200
    kept = [note for note in signed[1:] if note.split(b"\n")[1] == lost.split(b"\n")[1]]
    assert len(kept) == 1, "the same size is signed again, with what stands there in the end"
    assert lost not in {getattr(record, "note", b"") for record in ledger.records()}
    assert await ledger.check() == (await ledger.heights())[0]


async def test_goes_on_where_another_process_wrote_as_much_as_failed(pair: Pair) -> None:
    mine, other = (CredentialRegistered(sample_credential(f"XB-{one}")) for one in ("A", "B"))
    async with opened(pair.home) as second:
        async with no_room(pair.xb, pair.clock):
            with pytest.raises(Refusal):
                await say(pair.xb.opened, pair.clock, [mine])
        await say(second, pair.clock, [other])
        await say(pair.xb.opened, pair.clock, [mine])
    assert await pair.xb.opened.ledger.check() == (await pair.xb.opened.ledger.heights())[0]
    assert (await pair.post())[0] == 200


def many(pair: Pair) -> Iterator[Draft]:
    """Yield more statements of XB's than are written at a time."""
    trust = pair.xb.opened.trust.view().reference
    for number in range(MANY):
        body = CredentialRegistered(sample_credential(f"XB-MANY-{number}"))
        yield Draft(body, encode_statement(Statement("XB", pair.clock(), trust, body)))


@faults
async def test_many_statements_together_leave_nothing_where_the_disk_refuses(
    pair: Pair, fault: Fault, word: str
) -> None:
    ledger = pair.xb.opened.ledger
    async with fault(pair.xb, pair.clock):
        before = state(pair.xb)
        with pytest.raises(Refusal) as refused:
            await ledger.append_many(many(pair))
        says_what_to_do(refused.value, word)
        assert state(pair.xb) == before
    assert await ledger.append_many(many(pair)) == MANY
    assert await ledger.check() == (await ledger.heights())[0]


async def test_a_disk_that_fills_up_in_the_middle_of_many_leaves_none_of_them(pair: Pair) -> None:
    ledger, told = pair.xb.opened.ledger, list[int]()
    before = state(pair.xb)
    with at_most(ledger, more_pages=600), pytest.raises(Refusal) as refused:
        await ledger.append_many(many(pair), told.append)
    says_what_to_do(refused.value, "database or disk is full")
    assert told, "some were written before"
    assert state(pair.xb) == before
    assert (await pair.post())[0] == 200
    assert await ledger.append_many(many(pair)) == MANY
