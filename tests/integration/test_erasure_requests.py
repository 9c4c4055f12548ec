"""Requests between nodes to erase: until they are acknowledged, and only by who may ask."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from node.assembly import RunningNode, adopt
from node.audit.findings import Verdict
from node.audit.receipt import check_receipt
from node.errors import Code, Refusal
from node.flows.acknowledge import Acknowledging
from node.flows.ask import Inquiry
from node.model.credential import Field
from node.model.seal import Sealed, commitment
from node.model.share_code import make
from node.model.statement import (
    Answer,
    ErasureAcknowledged,
    ErasureRequest,
    KeptExchange,
    KeptFor,
    Outcome,
    Purpose,
    Query,
    SharedExchange,
    Statement,
)
from node.settings import RetentionPeriod, RetentionSettings
from node.wire.codec import decode_statement, encode_statement
from node.wire.parcel import Item, Refused, decode_parcel, encode_parcel
from tests.erasing import EMPLOYER, HOLDER, OFFICER, RULE, Pair, credential, paired
from tests.federation import DAY_US, make_root
from tests.nodes import (
    BORN,
    CALL_TIMEOUT_S,
    REQUESTER,
    Dial,
    Federation,
    Home,
    Log,
    dialled_as,
    false_node,
    serving,
)
from tests.scenes import staged

NUMBER = "XA-2019-000001"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with paired(tmp_path) as running:
        await running.register(credential(NUMBER))
        yield running


async def erase(node: RunningNode, number: str = NUMBER) -> None:
    await node.opened.erasure.erasing.erase_record([number], RULE, OFFICER)


async def acknowledge(dial: Dial, *items: Item) -> list[Item]:
    """Send requests as a peer."""
    return decode_parcel(await dial.stub.Erase(encode_parcel(items), timeout=CALL_TIMEOUT_S))


# --- the node that erased ------------------------------------------------------------------


async def test_a_request_waits_for_a_silent_peer_across_restarts(pair: Pair) -> None:
    code = await pair.code(NUMBER)
    await pair.ask(code)
    await pair.stop("XB")
    await erase(pair.running["XA"])
    assert await pair.send_erasures() == 0
    await pair.stop("XA")
    await pair.start("XA")
    (waiting,) = await pair.running["XA"].opened.ledger.erasures.open_requests()
    assert (waiting.tries, waiting.told.partition(":")[0]) == (1, "peer_silent")
    await pair.start("XB")
    assert await pair.send_erasures() == 0  # its time has not come
    pair.federation.clock.advance(31)
    assert await pair.send_erasures() == 1
    assert not await pair.running["XA"].opened.ledger.erasures.open_requests()
    assert HOLDER.encode() not in (pair.homes["XB"].data / "node.db").read_bytes()


class Liar:
    """XB as the test plays it: what it replies to a request of XA's."""

    def __init__(self, federation: Federation) -> None:
        self.federation = federation
        self.log = Log("XB", clock=federation.clock)
        self.body: ErasureAcknowledged | None = None
        self.item: Item | None = None

    def honest(self, request: Sealed) -> ErasureAcknowledged:
        body = decode_statement(request.statement).body
        assert isinstance(body, ErasureRequest)
        return ErasureAcknowledged(
            commitment(request.statement, request.salt), tuple(one.query for one in body.exchanges)
        )

    async def reply(self, requests: list[Sealed]) -> bytes:
        item = self.item
        if item is None:
            body = self.body or self.honest(requests[0])
            said = Statement("XB", self.federation.clock(), self.federation.trust, body)
            (item,) = self.log.seal(encode_statement(said))
        return encode_parcel([item]).SerializeToString()


@asynccontextmanager
async def erased_with(base: Path) -> AsyncIterator[tuple[RunningNode, Home, Liar]]:
    """Run XA, which erased a credential that XB had asked about."""
    async with staged(base) as scene:
        await scene.ask()
        liar = Liar(scene.federation)
        liar.log = scene.log
        async with false_node("XB", scene.home, liar.reply) as server:
            scene.federation.move("XB", server.port)
            scene.federation.publish()
            await adopt(scene.running.opened)
            number = (
                await scene.running.opened.erasure.erasing.numbers(
                    "XA-2019-000001", whole_holder=False
                )
            )[0]
            await erase(scene.running, number)
            yield scene.running, scene.home, liar


FALSE = "SELECT content FROM evidence WHERE kind = 'false_acknowledgement'"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: replace(body, request=bytes(32)),
        lambda body: replace(body, erased=(bytes(32),)),
        lambda body: replace(body, erased=(*body.erased, bytes(32))),
        lambda body: replace(body, kept=(KeptExchange(body.erased[0], KeptFor.RETENTION_DUTY),)),
    ],
    ids=["another request", "another exchange", "one too many", "both erased and kept"],
)
async def test_a_false_acknowledgement_is_kept_and_the_request_stays_open(
    tmp_path: Path, change: object
) -> None:
    async with erased_with(tmp_path) as (xa, home, liar):
        (waiting,) = await xa.opened.ledger.erasures.open_requests()
        liar.body = change(liar.honest(waiting.sealed))  # type: ignore[operator]
        assert await xa.peering.requesting.send_open() == 0
        (waiting,) = await xa.opened.ledger.erasures.open_requests()
        assert waiting.told.startswith("peer_false: kept as evidence")
        assert len(home.rows(FALSE)) == 1
        liar.body = None
        home.clock.advance(31)
        assert await xa.peering.requesting.send_open() == 1
        assert await xa.opened.ledger.check()


async def test_an_acknowledgement_with_a_broken_seal_is_no_acknowledgement(tmp_path: Path) -> None:
    async with erased_with(tmp_path) as (xa, home, liar):
        (waiting,) = await xa.opened.ledger.erasures.open_requests()
        said = Statement("XB", home.clock(), liar.federation.trust, liar.honest(waiting.sealed))
        (sealed,) = liar.log.seal(encode_statement(said))
        liar.item = replace(sealed, salt=bytes(32))
        assert await xa.peering.requesting.send_open() == 0
        assert len(home.rows(FALSE)) == 1


async def test_a_refused_request_stays_open_and_says_why(tmp_path: Path) -> None:
    async with erased_with(tmp_path) as (xa, home, liar):
        liar.item = Refused(Code.UNTRUSTED, "not from you", None)
        assert await xa.peering.requesting.send_open() == 0
        (waiting,) = await xa.opened.ledger.erasures.open_requests()
        assert waiting.told == "untrusted: not from you"
        assert home.rows(FALSE) == []
        for _ in range(20):
            home.clock.advance(3601)
            await xa.peering.requesting.send_open()
        (waiting,) = await xa.opened.ledger.erasures.open_requests()
        assert (waiting.tries, waiting.next_at - home.clock()) == (21, 3600 * 1_000_000)


# --- the node that is asked ----------------------------------------------------------------


async def test_the_same_request_gets_the_same_acknowledgement(pair: Pair) -> None:
    await pair.ask(await pair.code(NUMBER))
    await erase(pair.running["XA"])
    xa, xb = pair.running["XA"].opened, pair.running["XB"]
    (waiting,) = await xa.ledger.erasures.open_requests()
    acknowledging: Acknowledging = xb.peering.acknowledging
    (pin,) = [entry.spki_digest for entry in xb.opened.trust.view().node("XA").certificates[:1]]
    first = await acknowledging.erase(pin, [waiting.sealed])
    size = (await xb.opened.ledger.heights())[0]
    assert await acknowledging.erase(pin, [waiting.sealed]) == first
    assert (await xb.opened.ledger.heights())[0] == size


async def test_what_a_law_makes_a_node_keep_is_kept_and_said_so(tmp_path: Path) -> None:
    pair = Pair(tmp_path, ("XA", "XB"))
    duty = RetentionSettings(conclusion=RetentionPeriod("Labour Code 12", years=3, duty=True))
    home = pair.homes["XB"]
    pair.homes["XB"] = replace(home, settings=replace(home.settings, retention=duty))
    try:
        for node in ("XA", "XB"):
            await pair.start(node)
        await pair.register(credential(NUMBER))
        asked = await pair.ask(await pair.code(NUMBER))
        await erase(pair.running["XA"])
        assert await pair.send_erasures() == 1
        said = [decode_statement(one).body for _, _, one in pair.statements("XB") if one]
        (acknowledged,) = [one for one in said if isinstance(one, ErasureAcknowledged)]
        assert acknowledged.erased == ()
        assert [one.reason for one in acknowledged.kept] == [KeptFor.RETENTION_DUTY]
        ledger = pair.running["XB"].opened.ledger
        assert await ledger.exchanged(asked.id, EMPLOYER.key_id) is not None
    finally:
        await pair.close()


class Asker:
    """XA, which asked XB, and XB as the test plays it."""

    def __init__(self, running: RunningNode, federation: Federation, dial: Dial) -> None:
        self.running = running
        self.federation = federation
        self.dial = dial
        self.log = Log("XB", clock=federation.clock)

    def request(
        self, *exchanges: SharedExchange, audience: str = "XA", **changes: object
    ) -> Sealed:
        body = ErasureRequest(audience, exchanges, RULE)
        said = Statement("XB", self.federation.clock(), self.federation.trust, body)
        return self.log.seal(encode_statement(replace(said, **changes)))[0]


@pytest.fixture
async def asker(tmp_path: Path) -> AsyncIterator[Asker]:
    federation = Federation(tmp_path)
    home = federation.add("XA")
    federation.publish()
    async with serving(home) as running, dialled_as("XB", home, running.grpc_port) as dial:
        inquiry = Inquiry(make("XB", bytes(10)), BORN, Purpose.EMPLOYMENT, tuple(Field))
        await running.asking.ask(replace(EMPLOYER, requester=REQUESTER), inquiry)
        yield Asker(running, federation, dial)


async def exchange(asker: Asker) -> SharedExchange:
    (question,) = await asker.running.opened.ledger.open_questions()
    return SharedExchange(question.sealed.index, question.commitment, 3, bytes(32))


async def test_an_open_question_holds_its_erasure_up(asker: Asker) -> None:
    shared = await exchange(asker)
    (reply,) = await acknowledge(asker.dial, asker.request(shared))
    assert isinstance(reply, Refused)
    assert reply.code is Code.BUSY
    asker.federation.clock.advance(300)
    await asker.running.asking.send_open()
    (reply,) = await acknowledge(asker.dial, asker.request(shared))
    assert isinstance(reply, Sealed)
    body = decode_statement(reply.statement).body
    assert isinstance(body, ErasureAcknowledged)
    assert body.erased == (shared.query,)


@pytest.mark.parametrize("wrong", ["position", "commitment"])
async def test_what_was_never_exchanged_is_unknown(asker: Asker, wrong: str) -> None:
    shared = await exchange(asker)
    asker.federation.clock.advance(300)
    await asker.running.asking.send_open()
    changed = (
        replace(shared, query_index=0) if wrong == "position" else replace(shared, query=bytes(32))
    )
    (reply,) = await acknowledge(asker.dial, asker.request(changed))
    assert isinstance(reply, Sealed)
    body = decode_statement(reply.statement).body
    assert isinstance(body, ErasureAcknowledged)
    assert body.kept == (KeptExchange(changed.query, KeptFor.UNKNOWN),)
    entry = await asker.running.opened.reader.entries(shared.query_index, 1)
    assert entry[0].statement is not None


async def test_another_peers_exchange_is_not_erased(asker: Asker) -> None:
    shared = await exchange(asker)
    asker.federation.clock.advance(300)
    await asker.running.asking.send_open()
    log = Log("XC", clock=asker.federation.clock)
    said = Statement(
        "XC",
        asker.federation.clock(),
        asker.federation.trust,
        ErasureRequest("XA", (shared,), RULE),
    )
    (sealed,) = log.seal(encode_statement(said))
    (entry,) = asker.running.opened.trust.view().node("XC").certificates
    (reply,) = await asker.running.peering.acknowledging.erase(entry.spki_digest, [sealed])
    assert isinstance(reply, Sealed)
    body = decode_statement(reply.statement).body
    assert isinstance(body, ErasureAcknowledged)
    assert body.erased == ()
    (found,) = await asker.running.opened.reader.entries(shared.query_index, 1)
    assert found.statement is not None
    assert isinstance(found.statement.body, Query)


async def test_requests_are_refused_as_queries_are(asker: Asker) -> None:
    shared = await exchange(asker)
    good = asker.request(shared)
    wrong: list[tuple[Item, Code]] = [
        (Refused(Code.BUSY, "no request", None), Code.MALFORMED),
        (replace(good, salt=bytes(32)), Code.UNAUTHENTICATED),
        (asker.request(shared, speaker="XC"), Code.UNTRUSTED),
        (asker.request(shared, audience="XC"), Code.UNTRUSTED),
        (
            asker.request(shared, said_at=asker.federation.clock() + DAY_US),
            Code.STALE,
        ),
        (
            asker.request(shared, body=ErasureAcknowledged(bytes(32), (bytes(32),))),
            Code.MALFORMED,
        ),
    ]
    replies = await acknowledge(asker.dial, *(item for item, _ in wrong))
    assert [reply.code for reply in replies if isinstance(reply, Refused)] == [
        code for _, code in wrong
    ]


async def test_evidence_that_quotes_what_was_erased_goes_too(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        lying = Log("XB", clock=scene.federation.clock, seed=7)

        async def reply(queries: list[Sealed]) -> bytes:
            asked = commitment(queries[0].statement, queries[0].salt)
            false = Answer(asked, Outcome.NOT_CONFIRMED, None, (), 99, scene.now, scene.now)
            said = Statement("XB", scene.now, scene.federation.trust, false)
            return encode_parcel(lying.seal(encode_statement(said))).SerializeToString()

        async with false_node("XB", scene.home, reply) as server:
            scene.federation.move("XB", server.port)
            scene.federation.publish()
            await adopt(scene.running.opened)
            inquiry = Inquiry(make("XB", bytes(10)), BORN, Purpose.EMPLOYMENT, tuple(Field))
            with pytest.raises(Refusal, match="kept as evidence"):
                await scene.running.asking.ask(EMPLOYER, inquiry)
            ((position, asked),) = scene.home.rows("SELECT position, commitment FROM question")
            kept = "SELECT instr(content, ?) > 0 FROM evidence"
            assert scene.home.rows(kept, asked) == [(1,)]
            body = ErasureRequest("XA", (SharedExchange(position, asked, 99, bytes(32)),), RULE)
            said = Statement("XB", scene.now, scene.federation.trust, body)
            (reply_to,) = await acknowledge(scene.xb, *lying.seal(encode_statement(said)))
            assert isinstance(reply_to, Sealed)
            assert scene.home.rows(kept, asked) == [(0,)]


# --- what employers see --------------------------------------------------------------------


async def test_a_receipt_outlives_the_erasure_at_both_nodes(pair: Pair) -> None:
    made = await pair.running["XB"].opened.employers.create(REQUESTER, pair.federation.clock())
    employer = await pair.running["XB"].opened.employers.authenticate(made[1])
    code = await pair.code(NUMBER)
    inquiry = Inquiry(code, BORN, Purpose.EMPLOYMENT, tuple(Field))
    asked = await pair.running["XB"].asking.ask(employer, inquiry)
    url = f"http://127.0.0.1:{pair.running['XB'].http_port}/v1/verifications/{asked.id}"
    headers = {"Authorization": f"Bearer {made[1]}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{url}/receipt") as reply:
            receipt = await reply.read()
        await erase(pair.running["XA"])
        assert await pair.send_erasures() == 1
        for path in (url, f"{url}/receipt"):
            async with session.get(path) as reply:
                problem = await reply.json(content_type=None)
                assert (reply.status, problem["type"]) == (410, "urn:symbolon:refusal:erased")
                assert "erased" in problem["detail"]
    assert check_receipt(receipt, make_root()).report.verdict is Verdict.PASS


async def test_a_repeated_query_is_never_answered_differently(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        sealed = scene.seal()
        (first,) = await scene.xb.exchange(sealed)
        assert isinstance(first, Sealed)
        await erase(scene.running)
        size = (await scene.running.opened.ledger.heights())[0]
        (again,) = await scene.xb.exchange(sealed)
        assert isinstance(again, Refused)
        assert again.code is Code.ERASED
        assert (await scene.running.opened.ledger.heights())[0] == size
        answer = await scene.ask(nonce=bytes(16))
        assert answer.outcome.name == "NOT_CONFIRMED"


async def test_what_was_erased_cannot_be_erased_again(pair: Pair) -> None:
    await erase(pair.running["XA"])
    with pytest.raises(Refusal, match="of one that was erased not even the number") as refusal:
        await erase(pair.running["XA"])
    assert refusal.value.code is Code.UNKNOWN
