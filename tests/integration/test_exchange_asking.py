"""The asking side: a real node, and an answering node that a test plays.

Of a false answer nothing is concluded: it is kept as evidence, and the question is given up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from node.assembly import RunningNode, adopt
from node.errors import Code, Refusal
from node.flows.ask import Inquiry
from node.flows.ports import Employer, Verification, verification_id
from node.model.credential import Field
from node.model.seal import Sealed, commitment
from node.model.share_code import make
from node.model.statement import (
    Answer,
    Conclusion,
    Disclosure,
    NoAnswer,
    Outcome,
    Purpose,
    Query,
    Requester,
    Statement,
)
from node.settings import ExchangeSettings
from node.wire.codec import decode_statement, encode_statement
from node.wire.parcel import Item, Refused, encode_parcel
from tests.federation import SECOND_US, expiring, journal_signers, origin
from tests.nodes import FalseNode, Federation, Home, Log, false_node, for_ever, serving

EMPLOYER = Employer("key-1", Requester("Harbour Steel", "XA-HRB-7", "C25"))
INQUIRY = Inquiry(
    make("XB", bytes(10)), date(1991, 3, 14), Purpose.EMPLOYMENT, (Field.TITLE, Field.ISCO08)
)
Making = Callable[["Play", Sealed], list[Item]]


class Play:
    """XA, running, and XB as the test plays it."""

    def __init__(self, federation: Federation, home: Home, making: Making) -> None:
        self.federation = federation
        self.home = home
        self.making = making
        self.log = Log("XB", clock=federation.clock)
        self.running: RunningNode
        self.server: FalseNode

    async def reply(self, queries: list[Sealed]) -> bytes:
        items = [item for query in queries for item in self.making(self, query)]
        return encode_parcel(items).SerializeToString()

    def statement(self, sealed: Sealed, speaker: str = "XB", **changes: Any) -> bytes:
        """Return a good answer to a query, with whatever a test changes in it."""
        now = self.federation.clock()
        answer = Answer(
            query=commitment(sealed.statement, sealed.salt),
            outcome=Outcome.CONFIRMED,
            rule=None,
            disclosed=(Disclosure(Field.TITLE, "Welder"),),
            registry_position=self.log.size,
            evaluated_at=now,
            good_until=now + SECOND_US,
        )
        said_at = changes.get("evaluated_at", now)
        body = replace(answer, **changes)
        return encode_statement(Statement(speaker, said_at, self.federation.trust, body))

    def good(self, sealed: Sealed, **changes: Any) -> Sealed:
        """Return a well sealed answer."""
        (answer,) = self.log.seal(self.statement(sealed, **changes))
        return answer

    async def ask(self) -> Verification:
        return await self.running.asking.ask(EMPLOYER, INQUIRY)

    def said(self) -> list[object]:
        """Return what XA said of questions, in its journal's order."""
        rows = self.home.rows("SELECT statement FROM entry ORDER BY position")
        bodies = [decode_statement(statement).body for (statement,) in rows]
        return [body for body in bodies if isinstance(body, Query | Conclusion | NoAnswer)]

    async def kept(self) -> Verification:
        """Return what XA keeps of its last question."""
        ((position, of),) = self.home.rows(
            "SELECT position, commitment FROM question ORDER BY position DESC LIMIT 1"
        )
        wanted = verification_id(position, of)
        found = await self.running.opened.ledger.verification(wanted, "key-1")
        assert found is not None
        exchanged = await self.running.opened.ledger.exchanged(wanted, "key-1")
        assert (exchanged is None) == (found.answer is None)
        return found

    def evidence(self) -> list[tuple[str, str, bytes]]:
        return self.home.rows("SELECT peer, kind, content FROM evidence")


def honest(play: Play, query: Sealed) -> list[Item]:
    return [play.good(query)]


@asynccontextmanager
async def playing(
    base: Path, making: Making = honest, *, certificate_of: str = "XB", timeout_s: float = 10.0
) -> AsyncIterator[Play]:
    """Run XA, with XB on its list at the address where the test plays it."""
    federation = Federation(base)
    home = federation.add("XA", exchange=ExchangeSettings(peer_timeout_s=timeout_s))
    play = Play(federation, home, making)
    async with AsyncExitStack() as stack:
        play.server = await stack.enter_async_context(false_node(certificate_of, home, play.reply))
        federation.move("XB", play.server.port)
        federation.publish()
        play.running = await stack.enter_async_context(serving(home))
        yield play


async def test_concludes_a_good_answer_with_a_receipt(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        verification = await play.ask()
        assert verification.answer is not None
        assert verification.answer.outcome is Outcome.CONFIRMED
        query, conclusion = play.said()
        assert isinstance(query, Query)
        assert isinstance(conclusion, Conclusion)
        ledger = play.running.opened.ledger
        assert await ledger.verification(verification.id, "key-1") == verification
        exchanged = await ledger.exchanged(verification.id, "key-1")
        assert exchanged is not None
        assert exchanged.query == play.server.received[0]
        assert play.evidence() == []


# --- 6: false answers ----------------------------------------------------------------------


def to_another_query(play: Play, query: Sealed) -> list[Item]:
    other = commitment(query.statement, bytes(32))
    return [play.good(query, query=other)]


def by_another_key(play: Play, query: Sealed) -> list[Item]:
    sealed = play.good(query)
    return [replace(sealed, checkpoint=play.log.note(journal_signers("XC")))]


def by_another_journal(play: Play, query: Sealed) -> list[Item]:
    return list(Log("XC").seal(play.statement(query, "XC", registry_position=0)))


def not_an_answer(play: Play, query: Sealed) -> list[Item]:
    body = NoAnswer(commitment(query.statement, query.salt), Code.BUSY)
    said = Statement("XB", play.federation.clock(), play.federation.trust, body)
    return list(play.log.seal(encode_statement(said)))


FALSE: dict[str, Making] = {
    "another salt": lambda play, query: [replace(play.good(query), salt=bytes(32))],
    "another statement": lambda play, query: [
        replace(play.good(query), statement=play.statement(query, good_until=1))
    ],
    "another index": lambda play, query: [replace(play.good(query), index=5)],
    "a path too long": lambda play, query: [replace(play.good(query), path=bytes(32))],
    "no checkpoint": lambda play, query: [replace(play.good(query), checkpoint=b"note")],
    "another node's key": by_another_key,
    "another node's journal": by_another_journal,
    "another speaker": lambda play, query: list(play.log.seal(play.statement(query, "XC"))),
    "another query": to_another_query,
    "no answer inside": not_an_answer,
    "the query itself": lambda _, query: [query],
    "no statement inside": lambda play, _: list(play.log.seal(b"no statement")),
    "unknown fields": lambda play, query: list(
        play.log.seal(play.statement(query) + b"\xf8\x07\x01")
    ),
    "another position": lambda play, query: [play.good(query, registry_position=99)],
    "said before the query": lambda play, query: [
        play.good(query, evaluated_at=play.federation.clock() - 61 * SECOND_US)
    ],
    "said after the deadline": lambda play, query: [
        play.good(query, evaluated_at=play.federation.clock() + 301 * SECOND_US)
    ],
    "more than was asked": lambda play, query: [
        play.good(query, disclosed=(Disclosure(Field.HOLDER_NAME, "Éloïse"),))
    ],
    "fields of a person unknown": lambda play, query: [
        play.good(query, outcome=Outcome.NOT_CONFIRMED)
    ],
}


@pytest.mark.parametrize("false", FALSE)
async def test_a_false_answer_is_kept_as_evidence_and_not_concluded(
    tmp_path: Path, false: str
) -> None:
    async with playing(tmp_path, FALSE[false]) as play:
        with pytest.raises(Refusal) as refusal:
            await play.ask()
        assert refusal.value.code is Code.PEER_FALSE
        query, no_answer = play.said()
        assert isinstance(query, Query)
        assert isinstance(no_answer, NoAnswer)
        assert no_answer.code is Code.PEER_FALSE
        ((peer, kind, _),) = play.evidence()
        assert (peer, kind) == ("XB", "false_answer")
        assert await play.running.opened.ledger.open_questions() == []
        found = await play.kept()
        assert (found.answer, found.no_answer) == (None, "peer_false")


async def test_an_answer_said_at_another_time_than_evaluated_is_false(tmp_path: Path) -> None:
    def torn(play: Play, query: Sealed) -> list[Item]:
        statement = decode_statement(play.statement(query))
        later = replace(statement, said_at=statement.said_at + 1)
        return list(play.log.seal(encode_statement(later)))

    async with playing(tmp_path, torn) as play:
        with pytest.raises(Refusal) as refusal:
            await play.ask()
        assert refusal.value.code is Code.PEER_FALSE
        assert isinstance(play.said()[-1], NoAnswer)


@pytest.mark.parametrize(
    "making",
    [
        lambda _play, _query: [],
        lambda play, query: [play.good(query), play.good(query)],
    ],
    ids=["too few", "too many"],
)
async def test_a_wrong_number_of_replies_is_false(tmp_path: Path, making: Making) -> None:
    async with playing(tmp_path, making) as play:
        with pytest.raises(Refusal) as refusal:
            await play.ask()
        assert refusal.value.code is Code.PEER_FALSE
        no_answer = play.said()[-1]
        assert isinstance(no_answer, NoAnswer)
        assert no_answer.code is Code.PEER_FALSE
        assert len(play.evidence()) == 1


@pytest.mark.parametrize(
    "garbage", [b"\xff" * 100, b"\x12\x00"], ids=["no protobuf", "an empty item"]
)
async def test_bytes_that_are_no_parcel_are_false(tmp_path: Path, garbage: bytes) -> None:
    async def reply(_queries: list[Sealed]) -> bytes:
        return garbage

    async with playing(tmp_path) as play:
        play.server.reply = reply
        with pytest.raises(Refusal) as refusal:
            await play.ask()
        assert refusal.value.code is Code.PEER_FALSE
        no_answer = play.said()[-1]
        assert isinstance(no_answer, NoAnswer)
        assert no_answer.code is Code.PEER_FALSE
        ((peer, kind, content),) = play.evidence()
        assert (peer, kind, content) == ("XB", "false_answer", garbage)


async def test_an_answer_from_a_forked_journal_is_not_concluded(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.ask()
        play.log = Log("XB", clock=play.federation.clock, seed=2)
        with pytest.raises(Refusal):
            await play.ask()
        assert play.running.opened.ledger.forked_journals() == {origin("XB")}
        ((_, kind, _),) = play.evidence()
        assert kind == "fork"
        await play.running.asking.send_open()
        assert [type(body) for body in play.said()] == [Query, Conclusion, Query, NoAnswer]


# --- refusals ------------------------------------------------------------------------------

TRANSIENT = {Code.BUSY, Code.STALE, Code.PEER_SILENT, Code.DEFECT}


@pytest.mark.parametrize("code", sorted(set(Code) - TRANSIENT))
async def test_a_refusal_for_good_ends_the_question(tmp_path: Path, code: Code) -> None:
    async with playing(tmp_path, lambda _play, _query: [Refused(code, "no", None)]) as play:
        verification = await play.ask()
        assert verification.no_answer == code
        no_answer = play.said()[-1]
        assert isinstance(no_answer, NoAnswer)
        assert no_answer.code is code
        assert await play.kept() == verification


@pytest.mark.parametrize("code", sorted(TRANSIENT))
async def test_a_refusal_for_now_keeps_the_question_open(tmp_path: Path, code: Code) -> None:
    async with playing(tmp_path, lambda _play, _query: [Refused(code, "later", 1.0)]) as play:
        verification = await play.ask()
        assert (verification.answer, verification.no_answer) == (None, None)
        assert [type(body) for body in play.said()] == [Query]
        play.making = honest
        assert await play.running.asking.send_open() == 1
        assert [type(body) for body in play.said()] == [Query, Conclusion]
        first, second = play.server.received
        assert first == second


async def test_one_false_answer_in_a_parcel_harms_no_other(tmp_path: Path) -> None:
    def every_other(play: Play, query: Sealed) -> list[Item]:
        good = play.good(query)
        return [good if query.index % 2 else replace(good, salt=bytes(32))]

    async with playing(tmp_path, every_other) as play:
        outcomes = await asyncio.gather(*(play.ask() for _ in range(20)), return_exceptions=True)
        false = [one for one in outcomes if isinstance(one, Refusal)]
        good = [one for one in outcomes if isinstance(one, Verification)]
        assert (len(false), len(good)) == (10, 10)
        assert all(one.answer is not None for one in good)


# --- silence -------------------------------------------------------------------------------


async def given_up(play: Play) -> None:
    """Let the deadline pass, and check that the question is given up then and not before."""
    await play.running.asking.send_open()
    assert [type(body) for body in play.said()] == [Query]
    play.federation.clock.advance(240)
    await play.running.asking.send_open()
    _, no_answer = play.said()
    assert isinstance(no_answer, NoAnswer)
    assert no_answer.code is Code.PEER_SILENT
    assert (await play.kept()).no_answer == "peer_silent"


async def test_a_silent_peers_question_stays_open_until_its_deadline(tmp_path: Path) -> None:
    async with playing(tmp_path, timeout_s=0.3) as play:
        play.server.reply = for_ever
        verification = await play.ask()
        assert (verification.answer, verification.no_answer) == (None, None)
        await given_up(play)


async def test_another_nodes_certificate_is_taken_for_silence(tmp_path: Path) -> None:
    async with playing(tmp_path, certificate_of="XC", timeout_s=1.0) as play:
        verification = await play.ask()
        assert (verification.answer, verification.no_answer) == (None, None)
        assert play.server.received == []
        await given_up(play)


async def test_a_server_certificate_past_its_time_is_taken_for_silence(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        now_s = play.federation.clock() // SECOND_US
        described = play.federation.node_file("XB")
        until = datetime.fromtimestamp(now_s + 10, UTC)
        tls = tuple(replace(entry, valid_until=until) for entry in described.tls)
        play.federation.write_node(replace(described, tls=tls))
        play.federation.publish()
        assert await adopt(play.running.opened)
        assert (await play.ask()).answer is not None
        play.federation.clock.advance(10)
        verification = await play.ask()
        assert (verification.answer, verification.no_answer) == (None, None)
        assert len(play.server.received) == 1


async def test_a_question_is_sent_again_after_a_restart(tmp_path: Path) -> None:
    async with playing(tmp_path, timeout_s=0.3) as play:
        play.server.reply = for_ever
        verification = await play.ask()
    async with false_node("XB", play.home, play.reply) as server:
        play.federation.move("XB", server.port)
        play.federation.publish()
        async with serving(play.home) as running:
            assert await running.asking.send_open() == 1
            found = await running.opened.ledger.verification(verification.id, "key-1")
            assert found is not None
            assert found.answer is not None
    assert server.received == play.server.received[:1]


async def test_a_peer_that_moves_disturbs_no_asker(tmp_path: Path) -> None:
    async with playing(tmp_path, timeout_s=1.0) as play:
        under_way = asyncio.Event()

        async def silent(queries: list[Sealed]) -> bytes:
            under_way.set()
            return await for_ever(queries)

        play.server.reply = silent
        asking = [asyncio.create_task(play.ask()) for _ in range(100)]
        await under_way.wait()
        async with false_node("XB", play.home, play.reply) as server:
            play.federation.move("XB", server.port)
            play.federation.publish()
            assert await adopt(play.running.opened)
            play.federation.clock.advance(1)
            assert (await play.ask()).answer is not None
            assert not any(task.done() for task in asking)
            opened = await asyncio.gather(*asking)
            assert {(one.answer, one.no_answer) for one in opened} == {(None, None)}
            assert await play.running.asking.send_open() == 100
        assert await play.running.opened.ledger.open_questions() == []


async def test_sending_again_while_asking_disturbs_no_asker(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        asking = [asyncio.create_task(play.ask()) for _ in range(300)]

        async def send_again() -> None:
            while not all(task.done() for task in asking):
                await play.running.asking.send_open()

        await send_again()
        verifications = await asyncio.gather(*asking)
        assert all(verification.answer is not None for verification in verifications)
        said = [type(body) for body in play.said()]
        assert (said.count(Query), said.count(Conclusion)) == (300, 300)


async def test_nothing_is_asked_under_an_expired_trust_list(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        play.federation.clock.advance(31 * 24 * 60 * 60)
        with pytest.raises(Refusal) as refusal:
            await play.ask()
        assert refusal.value.code is Code.STALE
        assert play.said() == []


async def test_nothing_is_asked_of_a_suspended_node_nor_by_one(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        for suspended, other in (("XB", "XA"), ("XA", "XB")):
            play.federation.suspend(suspended)
            play.federation.suspend(other, suspended=False)
            play.federation.publish()
            assert await adopt(play.running.opened)
            with pytest.raises(Refusal, match=f"'{suspended}' is suspended") as refusal:
                await play.ask()
            assert refusal.value.code is Code.UNTRUSTED
        assert play.said() == []
        assert play.server.received == []


async def test_nothing_is_asked_of_a_node_whose_countrys_role_has_expired(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        soon = play.federation.clock() + SECOND_US
        play.federation.publish(change=expiring("country-XB", soon))
        assert await adopt(play.running.opened)
        play.federation.clock.advance(1)
        with pytest.raises(Refusal) as refusal:
            await play.ask()
        assert refusal.value.code is Code.STALE
        assert play.said() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"in_force_until": "2026-11-22"}, Code.UNTRUSTED),
        ({"purposes": ["licensing"]}, Code.UNTRUSTED),
    ],
)
async def test_nothing_is_asked_that_no_agreement_covers(
    tmp_path: Path, changes: dict[str, object], code: Code
) -> None:
    async with playing(tmp_path) as play:
        play.federation.agree("XA", "XB", **changes)
        play.federation.publish()
        assert await adopt(play.running.opened)
        with pytest.raises(Refusal) as refusal:
            await play.ask()
        assert refusal.value.code is code
        assert play.said() == []
        assert play.server.received == []
