"""Nodes that are killed, hundreds of times, while employers ask.

XA asks and XB answers: real processes, mutual TLS on loopback, SQLite on a real disk. Either or
both are killed, at any moment of their start or of their work. Whatever the moment: journals grow
and never shrink, what an employer was given stands in both, every question is answered in the
end, and exactly once.
"""

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pytest

from node import assembly
from node.assembly import OpenedNode
from node.audit.findings import Verdict, render_lines
from node.flows.ports import Draft, Employer
from node.model.credential import Field
from node.model.decide import spends_consent
from node.model.merkle import verify_consistency
from node.model.note import Checkpoint, VerifierKey, open_checkpoint
from node.model.seal import commitment
from node.model.share_code import ShareCode
from node.model.statement import (
    Answer,
    Body,
    Conclusion,
    CredentialRegistered,
    NoAnswer,
    Purpose,
    Query,
    Requester,
    Statement,
)
from node.settings import (
    ExchangeSettings,
    ListenSettings,
    NodeSettings,
    QuotaSettings,
    ScheduleSettings,
    Settings,
)
from node.store.trust_files import write_bundle
from node.wire.codec import decode_statement, encode_statement
from node.wire.export import CounterpartRecord, Entry, Record
from tests.federation import DAY_US, compose, make_root, origin, trust_files
from tests.killing import QUESTIONS, SETTINGS, Questions, Zygote, zygote
from tests.replaying import replay
from tests.world import sample_credential

KILLS: Final = 70
"""In each of the three tests."""
SEED: Final = time.time_ns()
"""Another one in every run; a failure tells it, and it chooses the same moments again."""

EMPLOYERS: Final = 32
CHECKED_EVERY: Final = 35
TOLD_EVERY: Final = 20
AT_START: Final = 0.25
"""How often a node that starts again is killed before it is ready."""
UNLIMITED: Final = 1e9
Outages = tuple[tuple[str, ...], ...]
EMPLOYER: Final = Employer("key-1", Requester("Harbour Steel", "XA-HRB-7", "C25"))


# --- two nodes on disk ---------------------------------------------------------------------


class Home(NamedTuple):
    """A node's data directory, its settings and its verifier keys."""

    data: Path
    settings: Settings
    verifiers: tuple[VerifierKey, ...]


@contextmanager
def reserved_port() -> Iterator[int]:
    """Reserve a port of loopback: one process may listen there, and nobody else gets it."""
    with socket.socket() as reserving:
        reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserving.bind(("127.0.0.1", 0))
        yield reserving.getsockname()[1]


def found(base: Path, port: int) -> dict[str, Home]:
    """Make XA and XB, and the trust list that both are on; XB can be dialled at a port."""
    files = trust_files()
    homes: dict[str, Home] = {}
    expires_at = assembly.clock() + DAY_US
    root = make_root(expires_at=expires_at)
    for node_id, address in (("XA", "127.0.0.1:0"), ("XB", f"127.0.0.1:{port}")):
        settings = Settings(
            node=NodeSettings(node_id, f"Authority of {node_id}", origin(node_id)),
            listen=ListenSettings(address, "127.0.0.1:0", f"127.0.0.1:{port}"),
            exchange=ExchangeSettings(answer_within_s=300),
            quota=QuotaSettings(*[UNLIMITED] * 8),
            schedule=ScheduleSettings(send_open_s=0.2, check_journal_s=1.0, refresh_trust_s=0.5),
        )
        data = base / node_id
        data.mkdir()
        described = assembly.create_node(data, settings)
        files[f"nodes/{node_id}/node.json"] = msgspec.json.encode(described)
        (data / SETTINGS).write_bytes(msgspec.json.encode(settings))
        (data / "root.json").write_bytes(root)
        keys = tuple(VerifierKey.parse(key.verifier) for key in described.journal.keys)
        homes[node_id] = Home(data, settings, keys)
    bundle = compose(files, expires_at=expires_at, roots=[root])
    for home in homes.values():
        write_bundle(bundle, home.data / "trust")
    return homes


async def share(home: Home) -> tuple[ShareCode, ...]:
    """Register a credential and make share codes for it: most for many uses, some for few."""
    credential = sample_credential()
    async with assembly.opened_node(home.data, home.settings) as node:
        await assembly.adopt(node)
        body = CredentialRegistered(credential)
        trust = node.trust.view().reference
        statement = encode_statement(Statement("XB", assembly.clock(), trust, body))
        await node.ledger.append([Draft(body, statement)])
        codes = await asyncio.gather(
            *(
                node.sharing.create(credential.number, Purpose.EMPLOYMENT, tuple(Field), uses=uses)
                for uses in (*[1000] * 100, *[100] * 20)
            )
        )
    return tuple(codes)


# --- what must hold ------------------------------------------------------------------------


class Story(NamedTuple):
    """What a journal tells by index: who said what when, its bytes, and what it rests on."""

    bodies: dict[int, Body]
    said_at: dict[int, int]
    commitments: dict[int, bytes]
    statements: dict[int, bytes]
    counterparts: dict[int, CounterpartRecord]


def tell(records: Iterable[Record]) -> Story:
    """Read a journal."""
    story = Story({}, {}, {}, {}, {})
    for record in records:
        match record:
            case Entry(index, salt, statement):
                decoded = decode_statement(statement)
                story.bodies[index], story.said_at[index] = decoded.body, decoded.said_at
                story.commitments[index] = commitment(statement, salt)
                story.statements[index] = statement
            case CounterpartRecord(index):
                story.counterparts[index] = record
    return story


async def grown(home: Home, before: Checkpoint | None, *, wholly: bool) -> Checkpoint:
    """Check that a journal still is what it was, and more; returns its head."""
    async with assembly.opened_node(home.data, home.settings) as node:
        note = await node.ledger.checkpoint()
        head = open_checkpoint(note, home.settings.node.origin, home.verifiers).checkpoint
        if before is not None:
            path = await node.ledger.heads.own_consistency(before.size, head.size)
            verify_consistency(before.size, head.size, path, before.root, head.root)
        if wholly:
            assert await node.ledger.check() >= head.size
        return head


def check_questions(zygote: Zygote, asking: Story, answering: Story) -> None:
    """Check that every question has its one answer, the one that the employer was given."""
    asked = {asking.commitments[i] for i, body in asking.bodies.items() if isinstance(body, Query)}
    given_up = [body for body in asking.bodies.values() if isinstance(body, NoAnswer)]
    assert given_up == []
    concluded = {
        body.query: index for index, body in asking.bodies.items() if isinstance(body, Conclusion)
    }
    conclusions = sum(isinstance(body, Conclusion) for body in asking.bodies.values())
    assert (set(concluded), conclusions) == (asked, len(asked))
    answers = {
        body.query: index for index, body in answering.bodies.items() if isinstance(body, Answer)
    }
    told = sum(isinstance(body, Answer) for body in answering.bodies.values())
    assert (set(answers), told) == (asked, len(asked))
    for query, index in concluded.items():
        held, conclusion = asking.counterparts[index].sealed, asking.bodies[index]
        assert isinstance(conclusion, Conclusion)
        assert held.index == answers[query]
        assert held.statement == answering.statements[held.index]
        assert conclusion.answer == answering.commitments[held.index]
    for query, position, outcome, answered_at in zygote.given:
        answer, conclusion = answering.bodies[position], asking.bodies[concluded[query]]
        assert isinstance(answer, Answer)
        assert isinstance(conclusion, Conclusion)
        assert (answer.query, answer.outcome, conclusion.outcome) == (query, outcome, outcome)
        # Of another time would be one that was journalled only when the question was sent again.
        assert asking.said_at[concluded[query]] == answered_at


async def check_consents(node: OpenedNode, answering: Story) -> None:
    """Check that of each share code as many uses are spent as answers showed its credential."""
    spent: Counter[bytes] = Counter()
    for index, body in answering.bodies.items():
        if isinstance(body, Answer) and spends_consent(body):
            query = decode_statement(answering.counterparts[index].sealed.statement).body
            assert isinstance(query, Query)
            spent[query.selector.code_digest] += 1
    consents = await node.ledger.consents(sample_credential().number)
    assert {c.given.code_digest: c.uses_spent for c in consents if c.uses_spent} == spent
    assert all(consent.uses_spent <= consent.given.uses for consent in consents)


async def check_everything(zygote: Zygote, homes: dict[str, Home]) -> None:
    """Read both journals to the end, as their nodes and as an auditor."""
    async with (
        assembly.opened_node(homes["XA"].data, homes["XA"].settings) as asking,
        assembly.opened_node(homes["XB"].data, homes["XB"].settings) as answering,
    ):
        for node in (asking, answering):
            await node.ledger.check()
            await node.ledger.sign_head()
        story = tell(answering.ledger.records())
        check_questions(zygote, tell(asking.ledger.records()), story)
        await check_consents(answering, story)
        journals = [asking.ledger.records(), answering.ledger.records()]
        report = replay(journals, [(homes["XA"].data / "root.json").read_bytes()])
    assert report.verdict is Verdict.PASS, "\n".join(render_lines(report))


# --- the killing ---------------------------------------------------------------------------


class Killing:
    """Both nodes, and who kills them."""

    def __init__(self, zygote: Zygote, homes: dict[str, Home], chance: random.Random) -> None:
        self.kills = 0
        self._zygote = zygote
        self._homes = homes
        self._chance = chance
        self._running: dict[str, int] = {}
        self._heads: dict[str, Checkpoint] = {}

    async def begin(self) -> None:
        """Start both nodes."""
        await self._start(*self._homes)
        await self._work()

    async def go_on(self, outage: tuple[str, ...]) -> None:
        """Kill one node or both, start them again, and look at what they left."""
        before = self.kills
        await self._kill(*outage)
        while self._chance.random() < AT_START:
            await self._start(*outage, ready=False)
            await asyncio.sleep(self._chance.uniform(0.0, 0.2))
            await self._kill(*outage)
        await self._start(*outage)
        wholly = before // CHECKED_EVERY != self.kills // CHECKED_EVERY
        for node_id in outage:
            head = self._heads.get(node_id)
            self._heads[node_id] = await grown(self._homes[node_id], head, wholly=wholly)
        if before // TOLD_EVERY != self.kills // TOLD_EVERY:
            print(f"{self.kills} of {KILLS} killed, {len(self._zygote.given)} answers given")
        await self._work()
        await asyncio.sleep(self._chance.uniform(0.0, 0.2))

    async def finish(self) -> None:
        """Let XA settle every question, then stop both."""
        await self._zygote.stop(self._running["XA"])
        await self._zygote.stop(self._running["XB"])

    async def _start(self, *node_ids: str, ready: bool = True) -> None:
        for node_id in node_ids:
            seed = self._chance.getrandbits(32)
            self._running[node_id] = await self._zygote.start(self._homes[node_id].data, seed)
        for node_id in node_ids if ready else ():
            await self._zygote.ready(self._running[node_id])

    async def _work(self) -> None:
        """Wait until employers are given answers, so that the next kill finds work under way."""
        so_far = len(self._zygote.given)
        await self._zygote.until(
            lambda: len(self._zygote.given) > so_far + EMPLOYERS, "employers are given answers"
        )

    async def _kill(self, *node_ids: str) -> None:
        await self._zygote.kill(*(self._running.pop(node_id) for node_id in node_ids))
        self.kills += len(node_ids)


async def play(homes: dict[str, Home], outages: Outages, chance: random.Random) -> None:
    """Kill until enough were killed, then check everything."""
    async with zygote() as nodes:
        killing = Killing(nodes, homes, chance)
        await killing.begin()
        while killing.kills < KILLS:
            await killing.go_on(chance.choice(outages))
        await killing.finish()
    print(f"{killing.kills} killed, {len(nodes.given)} answers given, {nodes.left_open} left open")
    assert nodes.refused == []
    await check_everything(nodes, homes)


@pytest.mark.parametrize(
    "outages",
    [
        pytest.param((("XA",),), id="the asking node"),
        pytest.param((("XB",),), id="the answering node"),
        pytest.param((("XA", "XB"), ("XA",), ("XB",)), id="both, at once and apart"),
    ],
)
async def test_nothing_is_lost_or_said_twice_whenever_nodes_are_killed(
    tmp_path: Path, outages: Outages
) -> None:
    with reserved_port() as port:
        homes = found(tmp_path, port)
        codes = await share(homes["XB"])
        questions = Questions(EMPLOYER, EMPLOYERS, codes, sample_credential().birth_date)
        (homes["XA"].data / QUESTIONS).write_bytes(msgspec.json.encode(questions))
        try:
            await play(homes, outages, random.Random(SEED))
        except BaseException as error:
            error.add_note(f"seed {SEED}")
            for node_id, home in homes.items():
                error.add_note(f"{node_id} logged last: {(home.data / 'log').read_text()[-2000:]}")
            raise
