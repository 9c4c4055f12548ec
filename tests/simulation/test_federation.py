"""A federation in one thread: three nodes that ask each other, over a network that fails.

Parcels are lost, late, delivered twice and in any order; nodes crash between any two steps and
start again with what is in their journals; disks are full for a while; clocks differ. All of it is
chosen by a seed, which a failure tells. In the end the network calms down, and then: no question
is open, each has one answer or none, what an employer was given stands in both journals, and an
auditor finds nothing.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Final

import pytest

from node.audit.findings import Verdict, render_lines
from node.errors import Code, Refusal
from node.flows.ask import Inquiry
from node.flows.ports import Employer, Verification
from node.model.credential import Field
from node.model.decide import spends_consent
from node.model.seal import Sealed, commitment
from node.model.share_code import ShareCode
from node.model.statement import Answer, Conclusion, NoAnswer, Purpose, Query, Requester
from node.wire.codec import decode_statement
from node.wire.parcel import decode_parcel, encode_parcel
from node.wire.stubs import Parcel
from tests.replaying import replay
from tests.simulated import TRUST, Call, Network, Node, Paused, PausingLedger, Skewed
from tests.world import NODES, SECOND_US, FakeClock, sample_credential

SEED: Final = time.time_ns()
"""Another one in every run; a failure tells it, and it lets the same things happen again."""
SEEDS: Final = 5
QUESTIONS: Final = 2_000
PINS: Final = {node: pin for pin, node in TRUST.view.node_by_pin.items()}
PEER_TIMEOUT_US: Final = 10 * SECOND_US
BORN: Final = sample_credential().birth_date
FULL: Final = Refusal(Code.STALE, "the disk is full", retry_after_s=5.0)
EMPLOYER: Final = Employer("key-1", Requester("Harbour Steel", "HRB-7", "C25"))

# How likely each kind of event is, beside the others that are possible at the time.
ASK: Final = 10
GO_ON: Final = 60
REQUEST_ARRIVES: Final = 20
REPLY_ARRIVES: Final = 20
TIME_PASSES: Final = 10
SEND_OPEN: Final = 2
DISK: Final = 0.08
CRASH: Final = 0.3
LOST: Final = 0.05
TWICE: Final = 0.1
LEAP: Final = 0.005
CALM_WITHIN: Final = 1_000
TOGETHER_MAX: Final = 8


# --- the world -----------------------------------------------------------------------------


class World:
    """Everything that happens, one event after the other, as the seed has it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = FakeClock()
        self.network = Network(self.clock)
        self.pauses: list[Paused] = []
        self.codes: list[ShareCode] = []
        self.asked = 0
        self.given: list[tuple[str, Verification]] = []
        self.refused: Counter[Code] = Counter()
        self.happened: Counter[str] = Counter()
        self.answered: dict[bytes, bytes] = {}
        self.room_at: dict[str, int] = {}
        self.nodes: dict[str, Node] = {}
        for number, node_id in enumerate(NODES):
            clock = Skewed(self.clock, self.chance.randint(-20, 20) * SECOND_US)
            ledger = PausingLedger(node_id, clock, seed * 10 + number, self.pauses)
            line = self.network.of(node_id)
            self.nodes[node_id] = Node(ledger, clock, line, seed * 10 + number + 5)

    async def begin(self) -> None:
        """Let every node be founded, with nothing in its way."""
        founding = [asyncio.create_task(node.found()) for node in self.nodes.values()]
        while not all(task.done() for task in founding):
            await self.go_on_everywhere()
        self.codes = [code for task in founding for code in task.result()]

    async def play(self, questions: int = QUESTIONS) -> None:
        """Let things happen until so many questions were asked."""
        while self.asked < questions:
            events = {
                name: weight for name, (weight, possible) in self.possible().items() if possible
            }
            (name,) = self.chance.choices(list(events), list(events.values()))
            self.happened[name] += 1
            await getattr(self, name)()
            await asyncio.sleep(0)

    def possible(self) -> dict[str, tuple[float, object]]:
        """Return how likely every event is, and whether it is possible now."""
        return {
            "ask": (ASK, True),
            "go_on": (GO_ON, self.pauses),
            "request_arrives": (REQUEST_ARRIVES, self.network.requests),
            "reply_arrives": (REPLY_ARRIVES, self.network.replies),
            "time_passes": (TIME_PASSES, True),
            "send_open": (SEND_OPEN, True),
            "disk": (DISK, True),
            "crash": (CRASH, True),
        }

    async def calm_down(self) -> None:
        """Let the network lose nothing more, and the nodes come to an end."""
        for node in self.nodes.values():
            node.ledger.refusing = None
        rounds = 0
        while self.busy() or await self.any_open():
            rounds += 1
            assert rounds < CALM_WITHIN, "some questions never end"
            if not self.busy():
                for node in self.nodes.values():
                    self.begin_sending(node)
            await self.go_on_everywhere()
            while self.network.requests:
                await self.arrive(self.network.requests.pop(0))
            while self.network.replies:
                self.deliver(*self.network.replies.pop(0))
            self.pass_time(SECOND_US)

    def busy(self) -> bool:
        """Tell whether anybody is still at something."""
        return any(node.tasks for node in self.nodes.values())

    async def any_open(self) -> bool:
        """Tell whether any node has a question that has not ended."""
        return any([await node.ledger.open_questions() for node in self.nodes.values()])

    async def go_on_everywhere(self) -> None:
        """Let everybody go on who paused."""
        await asyncio.sleep(0)
        while self.pauses:
            self.resume(self.pauses.pop(0))
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    # --- events ---

    async def ask(self) -> None:
        """An employer asks any node about a code of any other."""
        node_id = self.chance.choice(NODES)
        code = self.chance.choice([code for code in self.codes if code.node != node_id])
        born = BORN if self.chance.random() < 0.8 else BORN + timedelta(days=1)
        inquiry = Inquiry(code, born, Purpose.EMPLOYMENT, (Field.TITLE, Field.LEVEL_EQF))
        self.asked += 1
        self.nodes[node_id].do(self._give(node_id, inquiry))

    async def _give(self, node_id: str, inquiry: Inquiry) -> None:
        try:
            verification = await self.nodes[node_id].asking.ask(EMPLOYER, inquiry)
        except Refusal as refusal:
            self.refused[refusal.code] += 1
        else:
            self.given.append((node_id, verification))

    async def go_on(self) -> None:
        """Somebody who paused goes on."""
        self.resume(self._any(self.pauses))

    def resume(self, paused: Paused) -> None:
        if not paused.going_on.done():
            paused.going_on.set_result(None)

    async def request_arrives(self) -> None:
        """A parcel arrives, with others for the same node or alone; or twice; or never."""
        call = self._any(self.network.requests)
        if self.chance.random() < LOST:
            return
        if self.chance.random() < TWICE:
            self.network.requests.append(call)
        calls = [call]
        for other in list(self.network.requests):
            alike = (other.asker, other.answerer) == (call.asker, call.answerer)
            if alike and len(calls) < TOGETHER_MAX and self.chance.random() < 0.5:
                self.network.requests.remove(other)
                calls.append(other)
        await self.arrive(*calls)

    async def arrive(self, *calls: Call) -> None:
        """Let a node answer a parcel of queries."""
        node = self.nodes[calls[0].answerer]
        node.do(self._reply(node, calls))

    async def _reply(self, node: Node, calls: Sequence[Call]) -> None:
        parcels = [decode_parcel(Parcel.FromString(call.query)) for call in calls]
        items = [item for parcel in parcels for item in parcel]
        try:
            replies = await node.answering.exchange(PINS[calls[0].asker], items)
        except Refusal as refusal:
            for call in calls:
                if not call.reply.done():
                    call.reply.set_exception(Refusal(refusal.code, refusal.reason))
            return
        remaining = iter(replies)
        for call, parcel in zip(calls, parcels, strict=True):
            content = encode_parcel(list(islice(remaining, len(parcel)))).SerializeToString()
            self.network.replies.append((call, content))
        for query, reply in zip(items, replies, strict=True):
            if isinstance(reply, Sealed) and isinstance(query, Sealed):
                asked = commitment(query.statement, query.salt)
                told = encode_parcel([reply]).SerializeToString()
                assert self.answered.setdefault(asked, told) == told

    async def reply_arrives(self) -> None:
        """A reply arrives, or never."""
        call, content = self._any(self.network.replies)
        if self.chance.random() >= LOST:
            self.deliver(call, content)

    def deliver(self, call: Call, content: bytes) -> None:
        """Give a reply to whoever still waits for it."""
        if not call.reply.done():
            call.reply.set_result(content)

    async def time_passes(self) -> None:
        """Some milliseconds pass; now and then, minutes, in which no write stands still."""
        longest_us = SECOND_US // 5
        if self.chance.random() < LEAP:
            await self.go_on_everywhere()
            longest_us = 400 * SECOND_US
        self.pass_time(self.chance.randint(0, longest_us))

    def pass_time(self, microseconds: int) -> None:
        self.clock.now += microseconds
        for node_id, room_at in self.room_at.items():
            if self.clock() >= room_at:
                self.nodes[node_id].ledger.refusing = None
        for call in self.network.waiting:
            if self.clock() - call.sent_at >= PEER_TIMEOUT_US and not call.reply.done():
                call.reply.set_exception(Refusal(Code.PEER_SILENT, "the peer did not answer"))

    async def send_open(self) -> None:
        """A node's schedule sends open questions again."""
        self.begin_sending(self.nodes[self.chance.choice(NODES)])

    def begin_sending(self, node: Node) -> None:
        if node.sending is None or node.sending.done():
            node.sending = node.do(self._send(node))

    async def _send(self, node: Node) -> int:
        try:
            return await node.asking.send_open()
        except Refusal as refusal:
            self.refused[refusal.code] += 1
            return 0

    async def disk(self) -> None:
        """A disk is full for some seconds."""
        node_id = self.chance.choice(NODES)
        self.nodes[node_id].ledger.refusing = FULL
        self.room_at[node_id] = self.clock() + self.chance.randint(1, 5) * SECOND_US

    async def crash(self) -> None:
        """A node crashes; those who wait for it notice, or wait in vain."""
        node_id = self.chance.choice(NODES)
        await self.nodes[node_id].crash()
        self.pauses[:] = [paused for paused in self.pauses if not paused.going_on.done()]
        for call in self.network.waiting:
            if call.answerer == node_id and not call.reply.done() and self.chance.random() < 0.5:
                call.reply.set_exception(Refusal(Code.PEER_SILENT, "the connection broke"))

    def _any(self, things: list[Any]) -> Any:
        return things.pop(self.chance.randrange(len(things)))


# --- what must hold ------------------------------------------------------------------------


def check_journals(world: World) -> None:
    """Check that every question ended once, and every answer stands where it should."""
    answers: dict[bytes, tuple[str, int]] = {}
    for node_id, node in world.nodes.items():
        for index, entry in enumerate(node.ledger.entries):
            if isinstance(entry.draft.body, Answer):
                assert entry.draft.body.query not in answers, "answered twice"
                answers[entry.draft.body.query] = (node_id, index)
    for node in world.nodes.values():
        bodies = [entry.draft.body for entry in node.ledger.entries]
        asked = {e.commitment for e in node.ledger.entries if isinstance(e.draft.body, Query)}
        ends = [body for body in bodies if isinstance(body, Conclusion | NoAnswer)]
        assert len(ends) == len(asked)
        assert {end.query for end in ends} == asked
        for end in ends:
            if isinstance(end, NoAnswer):
                assert end.code is Code.PEER_SILENT
            else:
                answerer, index = answers[end.query]
                assert world.nodes[answerer].ledger.entries[index].commitment == end.answer
    assert answers.keys() >= world.answered.keys()


async def check_employers(world: World) -> None:
    """Check that what employers were given is what the journals say."""
    for node_id, given in world.given:
        kept = await world.nodes[node_id].ledger.verification(given.id, EMPLOYER.key_id)
        assert kept is not None
        assert kept.query == given.query
        if given.answer is not None or given.no_answer is not None:
            assert kept == given


def check_consents(world: World) -> None:
    """Check that codes are spent as often as answers showed what they open, and no oftener."""
    for node in world.nodes.values():
        spent: Counter[bytes] = Counter()
        for entry in node.ledger.entries:
            body, held = entry.draft.body, entry.draft.counterpart
            if isinstance(body, Answer) and spends_consent(body) and held is not None:
                query = decode_statement(held.sealed.statement).body
                assert isinstance(query, Query)
                spent[query.selector.code_digest] += 1
        for code in world.codes:
            consent = node.ledger._books.registry.consents.get(code.digest)
            if consent is not None:
                assert consent.uses_spent == spent[code.digest] <= consent.given.uses


async def check(world: World) -> None:
    """Check everything, and let an auditor do it again."""
    assert [failure for node in world.nodes.values() for failure in node.failures] == []
    assert world.refused.keys() <= {Code.STALE}
    check_journals(world)
    await check_employers(world)
    check_consents(world)
    for node in world.nodes.values():
        assert await node.ledger.check() == len(node.ledger.entries)
        assert node.ledger.evidence == []
        assert node.ledger.forked_journals() == frozenset()
    report = replay([node.ledger.records() for node in world.nodes.values()], [TRUST.root])
    assert report.verdict is Verdict.PASS, "\n".join(render_lines(report))


@pytest.mark.parametrize("number", range(SEEDS))
async def test_every_question_ends_once_whatever_the_network_does(number: int) -> None:
    world = World(SEED + number)
    try:
        await world.begin()
        await world.play()
        await world.calm_down()
        await check(world)
    except BaseException as error:
        error.add_note(f"seed {SEED}, run {number}; until then: {dict(world.happened)}")
        raise
    assert len(world.given) > QUESTIONS // 2
    assert set(world.happened) == set(world.possible())


async def test_the_same_seed_lets_the_same_things_happen() -> None:
    heads = []
    for _ in range(2):
        world = World(SEED)
        await world.begin()
        await world.play(200)
        heads.append([node.ledger.checkpoint for node in world.nodes.values()])
    assert heads[0] == heads[1]
