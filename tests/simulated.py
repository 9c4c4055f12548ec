"""Nodes in one thread, over a network and on disks that fail when they are told to.

Network        what is on its way between nodes
PausingLedger  a journal that lets others go first at every write
Node           what a crash leaves alone, and what it takes
"""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from node.errors import Refusal
from node.flows.adopt_trust import adopt_trust
from node.flows.answer import Answering
from node.flows.ask import Asking
from node.flows.ports import Draft, Judge, Peers, Question, Recorded
from node.flows.share import Sharing
from node.model.credential import Field
from node.model.quota import Allowance
from node.model.seal import Sealed
from node.model.share_code import ShareCode
from node.model.statement import CredentialRegistered, Purpose, Statement
from node.wire.codec import encode_statement
from node.wire.export import CounterpartRecord, Entry, Header, OwnCheckpoint, Record
from node.wire.parcel import Item, decode_parcel, encode_parcel
from node.wire.stubs import Parcel
from tests.world import (
    SECOND_US,
    FakeClock,
    FixedTrust,
    MemoryLedger,
    journal_signers,
    origin,
    sample_credential,
    sample_trust,
    seeded_randomness,
    trust_files,
)

TRUST: Final = sample_trust({**trust_files(), "policy.json": b'{"seals_required": ["ed25519"]}'})
UNLIMITED: Final = Allowance(1e12, 1e9)
ANSWER_WITHIN_US: Final = 240 * SECOND_US


class Call(Struct, eq=False):
    """A query on its way, and who waits for what comes back."""

    asker: str
    answerer: str
    query: bytes
    sent_at: int
    reply: "asyncio.Future[bytes]"


class Paused(Struct, eq=False):
    """A place where a node may be overtaken by others, or crash."""

    node: str
    going_on: "asyncio.Future[None]"


class Network:
    """What is on its way, from all nodes to all others."""

    def __init__(self, clock: FakeClock) -> None:
        self.requests: list[Call] = []
        self.replies: list[tuple[Call, bytes]] = []
        self.waiting: list[Call] = []
        self._clock = clock

    def of(self, node_id: str) -> "Line":
        return Line(self, node_id)

    async def send(self, asker: str, answerer: str, queries: Sequence[Sealed]) -> list[Item]:
        content = encode_parcel(queries).SerializeToString()
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        call = Call(asker, answerer, content, self._clock(), reply)
        self.requests.append(call)
        self.waiting.append(call)
        try:
            return decode_parcel(Parcel.FromString(await reply))
        finally:
            self.waiting.remove(call)


class Line(Peers):
    """The port `Peers` of one node."""

    def __init__(self, network: Network, node_id: str) -> None:
        self._network = network
        self._node_id = node_id

    async def exchange(self, node: str, queries: Sequence[Sealed]) -> list[Item]:
        return await self._network.send(self._node_id, node, queries)


class PausingLedger(MemoryLedger):
    """A ledger that lets others go first, before and after each write."""

    def __init__(self, node_id: str, clock: FakeClock, seed: int, pauses: list[Paused]) -> None:
        super().__init__(node_id, clock, seeded_randomness(seed), journal_signers(node_id)[:1])
        self._pauses = pauses

    async def append(self, drafts: Sequence[Draft]) -> Sequence[Recorded]:
        await self._pause()
        recorded = await super().append(drafts)
        await self._pause()
        return recorded

    async def answer(
        self, questions: Sequence[Question], judge: Judge
    ) -> Sequence[Sealed | Refusal]:
        await self._pause()
        answers = await super().answer(questions, judge)
        await self._pause()
        return answers

    async def _pause(self) -> None:
        paused = Paused(self.node_id, asyncio.get_running_loop().create_future())
        self._pauses.append(paused)
        await paused.going_on

    def records(self) -> Iterator[Record]:
        """Yield the journal as an export holds it."""
        yield Header(self.node_id, origin(self.node_id))
        yield TRUST.bundle
        yield OwnCheckpoint(0, self._notes[0])
        for index, entry in enumerate(self.entries):
            yield Entry(index, entry.salt, entry.draft.statement)
            if entry.draft.counterpart is not None:
                held = entry.draft.counterpart
                yield CounterpartRecord(index, held.peer, held.sealed)
            if index + 1 in self._notes:
                yield OwnCheckpoint(index + 1, self._notes[index + 1])


class Skewed(FakeClock):
    """A node's clock: that of the world, and always wrong by as much."""

    def __init__(self, true: FakeClock, skew_us: int) -> None:
        super().__init__()
        self._true = true
        self._skew_us = skew_us

    def __call__(self) -> int:
        return self._true() + self._skew_us


class Node:
    """A node: what a crash leaves alone, and what it takes.

    Attributes:
        tasks: what it is doing; a crash ends it.
        sending: its schedule's job that sends open questions again.
        failures: what went wrong in a way that nobody expects.
    """

    def __init__(self, ledger: PausingLedger, clock: FakeClock, peers: Peers, seed: int) -> None:
        self.ledger = ledger
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in order, that a seed repeats it
        self.sending: asyncio.Task[int] | None = None
        self.failures: list[BaseException] = []
        self._clock = clock
        self._peers = peers
        self._randomness = seeded_randomness(seed)
        self.trust = FixedTrust(TRUST)
        self.begin()

    def begin(self) -> None:
        """Start with nothing in memory."""
        self.asking = Asking(
            node=self.ledger.node_id,
            ledger=self.ledger,
            peers=self._peers,
            trust=self.trust,
            clock=self._clock,
            randomness=self._randomness,
            answer_within_us=ANSWER_WITHIN_US,
            parcels_in_flight=2,
            allowance=UNLIMITED,
        )
        self.answering = Answering(
            node=self.ledger.node_id,
            ledger=self.ledger,
            trust=self.trust,
            clock=self._clock,
            peer_allowance=UNLIMITED,
            requester_allowance=UNLIMITED,
            guess_allowance=UNLIMITED,
        )

    async def found(self) -> list[ShareCode]:
        """Adopt the trust list, register a credential, make share codes for many uses and few."""
        node_id, clock = self.ledger.node_id, self._clock
        await adopt_trust(self.ledger, self.trust, node_id, clock)
        number = f"{node_id}-2019-000001"
        body = CredentialRegistered(sample_credential(number))
        said = Statement(node_id, clock(), self.trust.view().reference, body)
        await self.ledger.append([Draft(body, encode_statement(said))])
        sharing = Sharing(self.ledger, self.trust, node_id, clock, self._randomness)
        return [
            await sharing.create(number, Purpose.EMPLOYMENT, tuple(Field), uses=uses)
            for uses in (1, 5, 1000, 1000, 1000)
        ]

    def do(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin some work, which a crash ends."""
        task = asyncio.create_task(work)
        self.tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        del self.tasks[task]
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self.failures.append(failure)

    async def crash(self) -> None:
        """Lose everything but the journal, in the middle of whatever is done."""
        doing = list(self.tasks)
        for task in doing:
            task.cancel()
        await asyncio.gather(*doing, return_exceptions=True)
        self.begin()
