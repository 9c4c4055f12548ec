"""Bounds, seals and fields: each check of the answering side, broken by a peer over a socket.

XA answers; the tests play XB, with the keys that the trust list names. Whatever is refused
leaves journal and registry as they were.
"""

import base64
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from msgspec.structs import replace

from node.errors import Code
from node.model.merkle import EMPTY_ROOT
from node.model.note import Checkpoint, Ed25519Signer, sign_checkpoint, sign_text
from node.model.seal import Sealed
from node.model.statement import (
    Answer,
    Body,
    Conclusion,
    NoAnswer,
    Outcome,
    TrustAdopted,
    TrustReference,
)
from node.wire._pb import node_pb2 as pb
from node.wire.codec import STATEMENT_SIZE_MAX_BYTES
from node.wire.parcel import Refused, encode_parcel
from tests.federation import SECOND_US, journal_signers, origin
from tests.nodes import Log, Rejected
from tests.scenes import Scene, answer_in, refused, staged

pytestmark = pytest.mark.asyncio(loop_scope="module")

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with staged(tmp_path_factory.mktemp("federation")) as scene:
        yield scene


async def test_confirms_what_all_the_others_here_spoil(scene: Scene) -> None:
    assert (await scene.ask()).outcome is Outcome.CONFIRMED


# --- 3: seals ------------------------------------------------------------------------------


def flipped(data: bytes, at: int = 0) -> bytes:
    """Return the same bytes with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


SEALS: dict[str, tuple[Callable[[Scene, Sealed], Sealed], Code]] = {
    "another salt": (lambda _, s: replace(s, salt=flipped(s.salt)), Code.UNAUTHENTICATED),
    "another path": (lambda _, s: replace(s, path=flipped(s.path)), Code.UNAUTHENTICATED),
    "another statement": (
        lambda scene, s: replace(s, statement=scene.statement(scene.query(nonce=bytes(16)))),
        Code.UNAUTHENTICATED,
    ),
    "its neighbour's index": (lambda _, s: replace(s, index=s.index - 1), Code.UNAUTHENTICATED),
    "an index beyond the tree": (
        lambda scene, s: replace(s, index=scene.log.size),
        Code.MALFORMED,
    ),
    "a path too short": (lambda _, s: replace(s, path=s.path[32:]), Code.MALFORMED),
    "a path too long": (lambda _, s: replace(s, path=s.path + bytes(32)), Code.MALFORMED),
    "no path": (lambda _, s: replace(s, path=b""), Code.MALFORMED),
}


@pytest.mark.parametrize("wrong", SEALS)
async def test_refuses_a_statement_that_its_seal_does_not_hold(scene: Scene, wrong: str) -> None:
    change, code = SEALS[wrong]
    sealed = change(scene, scene.seal())
    before = await scene.state()
    refused(code, await scene.xb.exchange(sealed))
    assert await scene.state() == before


def impostor() -> Ed25519Signer:
    """Return a key that bears the name of XB's journal and is on no list."""
    return Ed25519Signer(origin("XB"), b"impostor".ljust(32, b"9"))


def malleated(line: bytes) -> bytes:
    """Change the unused bits of the base64 at a line's end: other text, the same bytes."""
    head = line.rstrip(b"=")
    assert head != line, "all bits are in use"
    last = _BASE64.index(head[-1:])
    return head[:-1] + _BASE64[last + 1 : last + 2] + line[len(head) :]


def with_line(note: bytes, number: int, change: Callable[[bytes], bytes]) -> bytes:
    """Change one line of a note: 1 size, 2 root, 4 Ed25519 signature, 5 ML-DSA-44 signature."""
    lines = note.splitlines(keepends=True)
    line = change(lines[number].removesuffix(b"\n"))
    lines[number] = line + b"\n" if line else b""
    return b"".join(lines)


def spoiled(line: bytes) -> bytes:
    """Break the last byte of a signature."""
    head, _, encoded = line.rpartition(b" ")
    data = base64.b64decode(encoded)
    return head + b" " + base64.b64encode(flipped(data, len(data) - 1))


def xb_signs(text: bytes) -> bytes:
    """Let XB's own Ed25519 key sign any text."""
    return sign_text(text, journal_signers("XB")[0])


NOTES: dict[str, tuple[Callable[[Log], bytes], Code]] = {
    "a key on no list": (
        lambda log: log.note([impostor(), journal_signers("XB")[1]]),
        Code.UNAUTHENTICATED,
    ),
    "keys never listed": (lambda log: log.note(journal_signers("XB", 2)), Code.UNAUTHENTICATED),
    "another node's keys": (lambda log: log.note(journal_signers("XC")), Code.UNAUTHENTICATED),
    "another node's journal": (
        lambda log: log.note(journal_signers("XC"), origin("XC")),
        Code.UNAUTHENTICATED,
    ),
    "another journal's name": (
        lambda log: log.note(origin_name=origin("XC")),
        Code.UNAUTHENTICATED,
    ),
    "no Ed25519 line": (
        lambda log: with_line(log.note(), 4, lambda _: b""),
        Code.UNAUTHENTICATED,
    ),
    "no ML-DSA-44 line": (
        lambda log: with_line(log.note(), 5, lambda _: b""),
        Code.UNAUTHENTICATED,
    ),
    "a broken Ed25519 line": (lambda log: with_line(log.note(), 4, spoiled), Code.UNAUTHENTICATED),
    "a broken ML-DSA-44 line": (
        lambda log: with_line(log.note(), 5, spoiled),
        Code.UNAUTHENTICATED,
    ),
    "another size": (
        lambda log: with_line(log.note(), 1, lambda size: b"%d" % (int(size) + 1)),
        Code.UNAUTHENTICATED,
    ),
    "a signature in other base64": (
        lambda log: with_line(log.note(), 4, malleated),
        Code.MALFORMED,
    ),
    "a root in other base64": (
        lambda log: xb_signs(
            with_line(Checkpoint(origin("XB"), log.size, log.root).text(), 2, malleated)
        ),
        Code.MALFORMED,
    ),
    "a size with a leading zero": (
        lambda log: xb_signs(
            with_line(Checkpoint(origin("XB"), log.size, log.root).text(), 1, lambda n: b"0" + n)
        ),
        Code.MALFORMED,
    ),
    "an extension line": (
        lambda log: xb_signs(Checkpoint(origin("XB"), log.size, log.root).text() + b"more\n"),
        Code.MALFORMED,
    ),
    "an empty journal": (
        lambda _: sign_checkpoint(
            Checkpoint(origin("XB"), 0, EMPTY_ROOT), journal_signers("XB"), 1
        ),
        Code.UNAUTHENTICATED,
    ),
    "no note at all": (lambda _: b"not a note", Code.MALFORMED),
}


@pytest.mark.parametrize("wrong", NOTES)
async def test_refuses_a_checkpoint_that_is_forged_or_misspelt(scene: Scene, wrong: str) -> None:
    change, code = NOTES[wrong]
    sealed = scene.seal()
    before = await scene.state()
    refused(code, await scene.xb.exchange(replace(sealed, checkpoint=change(scene.log))))
    assert await scene.state() == before


async def test_a_seal_is_checked_before_the_statement_is_read(scene: Scene) -> None:
    sealed = scene.seal(b"no statement at all")
    refused(Code.UNAUTHENTICATED, await scene.xb.exchange(replace(sealed, salt=bytes(32))))
    refused(Code.MALFORMED, await scene.xb.exchange(sealed))


# --- 5: statements -------------------------------------------------------------------------


def unset(message: pb.Statement, path: str) -> None:
    """Leave out a field, given as a dotted path."""
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    message.ClearField(name)


def put(path: str, value: object) -> Callable[[pb.Statement], None]:
    """Return what sets a field, given as a dotted path, to a wrong value."""

    def change(message: pb.Statement) -> None:
        *parents, name = path.split(".")
        for parent in parents:
            message = getattr(message, parent)
        if isinstance(value, list):
            message.ClearField(name)
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)

    return change


MISSING = [
    "protocol",
    "speaker",
    "said_at_us",
    "trust",
    "trust.version",
    "trust.digest",
    "query",
    "query.audience",
    "query.nonce",
    "query.purpose",
    "query.share_code",
    "query.share_code.code_digest",
    "query.share_code.holder_proof",
    "query.wanted",
    "query.requester",
    "query.requester.legal_name",
    "query.requester.register_id",
    "query.requester.sector",
    "query.answer_by_us",
    "query.agreement",
    "query.agreement.id",
    "query.agreement.version",
]
WRONG: dict[str, Callable[[pb.Statement], None]] = {
    "protocol 2": put("protocol", 2),
    "a speaker in small letters": put("speaker", "xb"),
    "an audience that is no node id": put("query.audience", "XA\n"),
    "a nonce of 15 bytes": put("query.nonce", bytes(15)),
    "a nonce of 17 bytes": put("query.nonce", bytes(17)),
    "a purpose nobody knows": put("query.purpose", 99),
    "a field nobody knows": put("query.wanted", [1, 99]),
    "fields that descend": put("query.wanted", [2, 1]),
    "a field twice": put("query.wanted", [1, 1]),
    "a digest of 31 bytes": put("query.share_code.code_digest", bytes(31)),
    "a proof of 33 bytes": put("query.share_code.holder_proof", bytes(33)),
    "a name too long": put("query.requester.legal_name", "a" * 201),
    "a name with a line break": put("query.requester.legal_name", "Werft\nNord"),
    "a register id too long": put("query.requester.register_id", "a" * 65),
    "a sector too long": put("query.requester.sector", "a" * 65),
    "a time beyond the calendar": put("said_at_us", 2**63),
    "a trust list of 31 bytes": put("trust.digest", bytes(31)),
    "an agreement's version too high": put("query.agreement.version", 2**32 - 1),
}


async def refused_statement(scene: Scene, statement: bytes, code: Code) -> None:
    """Check that a well sealed statement is refused and changes nothing."""
    sealed = scene.seal(statement)
    before = await scene.state()
    refused(code, await scene.xb.exchange(sealed))
    assert await scene.state() == before


@pytest.mark.parametrize("field", MISSING)
async def test_refuses_a_statement_where_a_field_is_missing(scene: Scene, field: str) -> None:
    message = pb.Statement.FromString(scene.statement())
    unset(message, field)
    await refused_statement(scene, message.SerializeToString(deterministic=True), Code.MALFORMED)


@pytest.mark.parametrize("wrong", WRONG)
async def test_refuses_a_statement_where_a_field_is_wrong(scene: Scene, wrong: str) -> None:
    message = pb.Statement.FromString(scene.statement())
    WRONG[wrong](message)
    await refused_statement(scene, message.SerializeToString(deterministic=True), Code.MALFORMED)


@pytest.mark.parametrize("after_s", [301, 0, -1])
async def test_refuses_a_deadline_outside_five_minutes(scene: Scene, after_s: int) -> None:
    query = scene.query(answer_by=scene.now + after_s * SECOND_US)
    await refused_statement(scene, scene.statement(query), Code.MALFORMED)


def nested_unknown(statement: bytes) -> bytes:
    """Put a field that the protocol does not know inside the query."""
    message = pb.Statement.FromString(statement)
    message.query.MergeFromString(b"\xf8\x07\x01")
    return message.SerializeToString(deterministic=True)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "an unknown field": lambda statement: statement + b"\xf8\x07\x01",
    "an unknown field within the query": nested_unknown,
    "a field reserved for later": lambda statement: statement + b"\x82\x01\x00",
    "a field said twice": lambda statement: b"\x08\x01" + statement,
    "a default spelt out": lambda statement: statement[:2] + b"\x18\x00" + statement[2:],
    "a number longer than needed": lambda statement: b"\x08\x81\x00" + statement[2:],
    "fields in another order": lambda statement: statement[2:] + statement[:2],
    "a second body": lambda statement: statement + b"\x62\x00",
    "its end cut off": lambda statement: statement[:-1],
    "no protobuf": lambda _: b"\xff\xff\xff",
}


@pytest.mark.parametrize("wrong", ENCODINGS)
async def test_refuses_a_statement_in_another_encoding(scene: Scene, wrong: str) -> None:
    statement = scene.statement()
    assert statement.startswith(b"\x08\x01")
    spelt = ENCODINGS[wrong](statement)
    assert spelt != statement
    await refused_statement(scene, spelt, Code.MALFORMED)


NO_QUERIES: dict[str, Body] = {
    "answer": Answer(bytes(32), Outcome.NOT_CONFIRMED, None, (), 1, 1, 2),
    "no answer": NoAnswer(bytes(32), Code.BUSY),
    "conclusion": Conclusion(bytes(32), bytes(32), Outcome.CONFIRMED),
    "trust adopted": TrustAdopted(TrustReference(1, bytes(32))),
}


@pytest.mark.parametrize("kind", NO_QUERIES)
async def test_refuses_a_statement_that_is_no_query(scene: Scene, kind: str) -> None:
    await refused_statement(scene, scene.statement(NO_QUERIES[kind]), Code.MALFORMED)


# --- 2 and 6: who speaks to whom, and when -------------------------------------------------


async def test_refuses_a_query_to_another_node(scene: Scene) -> None:
    statement = scene.statement(scene.query(audience="XC"))
    await refused_statement(scene, statement, Code.UNTRUSTED)


@pytest.mark.parametrize("speaker", ["XC", "XA", "XD"])
async def test_refuses_a_speaker_who_is_not_the_journals_owner(scene: Scene, speaker: str) -> None:
    await refused_statement(scene, scene.statement(speaker=speaker), Code.UNTRUSTED)


async def test_refuses_another_nodes_genuine_query_from_a_peer(scene: Scene) -> None:
    (sealed,) = Log("XC").seal(scene.statement(speaker="XC"))
    before = await scene.state()
    refused(Code.UNAUTHENTICATED, await scene.xb.exchange(sealed))
    assert await scene.state() == before


@pytest.mark.parametrize("ahead_s", [-301, 61, -86_400, 86_400])
async def test_refuses_a_query_said_too_early_or_too_late(scene: Scene, ahead_s: int) -> None:
    said_at = scene.now + ahead_s * SECOND_US
    query = scene.query(answer_by=said_at + 240 * SECOND_US)
    await refused_statement(scene, scene.statement(query, said_at=said_at), Code.STALE)


@pytest.mark.parametrize("ahead_s", [-300, 60])
async def test_answers_a_query_said_just_in_time(scene: Scene, ahead_s: int) -> None:
    said_at = scene.now + ahead_s * SECOND_US
    query = scene.query(answer_by=said_at + 240 * SECOND_US)
    sealed = scene.seal(scene.statement(query, said_at=said_at))
    assert answer_in(await scene.xb.exchange(sealed)).outcome is Outcome.CONFIRMED


# --- 1: parcels ----------------------------------------------------------------------------


async def test_refuses_a_refusal_where_a_question_is_due(scene: Scene) -> None:
    refused(Code.MALFORMED, await scene.xb.exchange(Refused(Code.BUSY, "no", None)))


async def test_a_wrong_item_leaves_the_others_answered_in_their_order(scene: Scene) -> None:
    good, bad, last = scene.seal(), scene.seal(b"bad"), scene.seal()
    replies = await scene.xb.exchange(good, bad, last)
    assert answer_in(replies[:1]).outcome is Outcome.CONFIRMED
    refused(Code.MALFORMED, replies[1:2])
    assert answer_in(replies[2:]).outcome is Outcome.CONFIRMED
    assert replies[0] != replies[2]


PARCELS: dict[str, Callable[[pb.Parcel], object]] = {
    "513 statements": lambda parcel: parcel.items.extend([parcel.items[0]] * 512),
    "513 checkpoints": lambda parcel: parcel.checkpoints.extend([b"note"] * 512),
    "an empty item": lambda parcel: parcel.items.add(),
    "a path of 64 hashes": lambda parcel: setattr(parcel.items[0].sealed, "path", bytes(64 * 32)),
    "a path of half a hash": lambda parcel: setattr(parcel.items[0].sealed, "path", bytes(16)),
    "a salt of 31 bytes": lambda parcel: setattr(parcel.items[0].sealed, "salt", bytes(31)),
    "no salt": lambda parcel: parcel.items[0].sealed.ClearField("salt"),
    "no statement": lambda parcel: parcel.items[0].sealed.ClearField("statement"),
    "a statement over 64 KiB": lambda parcel: setattr(
        parcel.items[0].sealed, "statement", bytes(STATEMENT_SIZE_MAX_BYTES + 1)
    ),
    "an index beyond all trees": lambda parcel: setattr(parcel.items[0].sealed, "index", 2**63),
    "a checkpoint that is not there": lambda parcel: setattr(
        parcel.items[0].sealed, "checkpoint", 1
    ),
    "a checkpoint over 64 KiB": lambda parcel: parcel.checkpoints.append(bytes(64 * 1024 + 1)),
}


@pytest.mark.parametrize("wrong", PARCELS)
async def test_refuses_a_parcel_out_of_bounds_as_a_whole(scene: Scene, wrong: str) -> None:
    parcel = encode_parcel([scene.seal()])
    PARCELS[wrong](parcel)
    before = await scene.state()
    with pytest.raises(Rejected) as rejection:
        await scene.xb.send(parcel)
    assert (rejection.value.status, rejection.value.code) == ("INVALID_ARGUMENT", Code.MALFORMED)
    assert await scene.state() == before


async def test_takes_a_parcel_of_512_statements(scene: Scene) -> None:
    replies = await scene.xb.exchange(*[scene.seal()] * 512)
    assert len(replies) == 512
    assert len(set(replies)) == 1


async def test_refuses_a_parcel_over_four_mebibytes(scene: Scene) -> None:
    parcel = encode_parcel([scene.seal()])
    parcel.checkpoints.extend([bytes(60 * 1024)] * 70)
    before = await scene.state()
    with pytest.raises(Rejected) as rejection:
        await scene.xb.send(parcel)
    assert rejection.value.status == "RESOURCE_EXHAUSTED"
    assert await scene.state() == before


async def test_refuses_bytes_that_are_no_parcel(scene: Scene) -> None:
    before = await scene.state()
    with pytest.raises(Rejected):
        await scene.xb.send_bytes(b"\xff" * 100)
    assert await scene.state() == before


async def test_ignores_unknown_fields_around_statements(scene: Scene) -> None:
    parcel = encode_parcel([scene.seal()])
    parcel.items[0].MergeFromString(b"\xf8\x07\x01")
    parcel.MergeFromString(b"\xf8\x07\x01")
    assert answer_in(await scene.xb.send(parcel)).outcome is Outcome.CONFIRMED
