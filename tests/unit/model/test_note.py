"""Signed notes, keys, checkpoints and proof files, against published and frozen vectors."""

import base64
import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, ParamSpec

import pytest

from node.errors import Code, Refusal
from node.model.merkle import leaf_hash, verify_inclusion
from node.model.note import (
    NOTE_SIZE_MAX_BYTES,
    Checkpoint,
    Ed25519Signer,
    KeyKind,
    Mldsa44Signer,
    VerifierKey,
    _mldsa44_message,
    open_checkpoint,
    open_note,
    sign_checkpoint,
    sign_text,
)
from node.model.proof import Proof, parse_proof, render_proof

P = ParamSpec("P")
VECTORS = Path(__file__).parents[2] / "vectors"
ORIGIN = "node.example/xa/queries"
ED25519 = Ed25519Signer(ORIGIN, sha256(b"ed25519").digest())
MLDSA44 = Mldsa44Signer(ORIGIN, sha256(b"mldsa44").digest())
WITNESS = Mldsa44Signer("witness.example/w1", sha256(b"witness").digest())
CHECKPOINT = Checkpoint(ORIGIN, 3, sha256(b"root").digest())
NOW_S = 1_700_000_002


def vector(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return loaded


def refused(code: Code, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    with pytest.raises(Refusal) as caught:
        call(*args, **kwargs)
    assert caught.value.code is code


def line(name: str, payload: bytes) -> bytes:
    return b"\xe2\x80\x94 %b %b\n" % (name.encode(), base64.b64encode(payload))


# Vectors of others


def test_opens_the_example_note_of_the_specification() -> None:
    example = vector("signed_note_example.json")
    key = VerifierKey.parse(example["verifier_key"])
    opened = open_note(example["note"].encode(), [key])
    assert opened == (b"This is an example message.\n", (key,), (None,))
    assert key.name == "example.com/foo"
    assert key.key_id.hex() == "530d903a"
    assert str(key) == example["verifier_key"]


def test_opens_a_checkpoint_that_another_implementation_signed_with_mldsa44() -> None:
    other = vector("mldsa44_checkpoint.json")
    key = VerifierKey.parse(other["verifier_key"])
    opened = open_checkpoint(other["note"].encode(), other["origin"], [key])
    assert str(key) == other["verifier_key"]
    assert opened.checkpoint.size == 1
    assert opened.signed_by == (key,)
    assert opened.timestamps_s == (0,)


def test_signs_the_frozen_checkpoint_byte_for_byte_and_opens_it_with_its_witness() -> None:
    frozen = vector("journal_of_three.json")
    signer = Ed25519Signer(frozen["origin"], bytes.fromhex(frozen["log_seed"]))
    checkpoint = Checkpoint(frozen["origin"], 3, bytes.fromhex(frozen["root"]))
    note = sign_checkpoint(checkpoint, [signer], NOW_S)
    assert str(signer.verifier) == frozen["log_verifier_key"]
    assert checkpoint.text().decode() == frozen["checkpoint"]
    assert note.decode() == frozen["checkpoint"] + "\n" + frozen["log_signature"]

    witness = VerifierKey.parse(frozen["witness_verifier_key"])
    note += frozen["witness_signature"].encode()
    opened = open_checkpoint(note, frozen["origin"], [witness, signer.verifier])
    assert witness.kind is KeyKind.COSIGNATURE_ED25519
    assert opened == (checkpoint, (signer.verifier, witness), (None, frozen["witness_time_s"]))


def test_a_proof_file_of_the_frozen_journal_verifies() -> None:
    frozen = vector("journal_of_three.json")
    path = b"".join(map(base64.b64decode, frozen["path_of_index_1"]))
    note = (frozen["checkpoint"] + "\n" + frozen["log_signature"]).encode()
    data = render_proof(1, path, note)
    lines = ["c2sp.org/tlog-proof@v1", "index 1", *frozen["path_of_index_1"], "", note.decode()]
    assert data.decode() == "\n".join(lines)
    proof = parse_proof(data)
    assert proof == Proof(1, path, note)
    log = VerifierKey.parse(frozen["log_verifier_key"])
    size, root = 3, open_checkpoint(proof.note, frozen["origin"], [log]).checkpoint.root
    verify_inclusion(proof.index, size, leaf_hash(b"entry 1"), proof.path, root)


# Signing and opening


def test_a_checkpoint_signed_with_both_kinds_opens_with_either() -> None:
    note = sign_checkpoint(CHECKPOINT, [ED25519, MLDSA44], NOW_S)
    both = open_checkpoint(note, ORIGIN, [ED25519.verifier, MLDSA44.verifier])
    assert both == (CHECKPOINT, (ED25519.verifier, MLDSA44.verifier), (None, NOW_S))
    for signer, time_s in ((ED25519, None), (MLDSA44, NOW_S)):
        opened = open_checkpoint(note, ORIGIN, [signer.verifier])
        assert opened == (CHECKPOINT, (signer.verifier,), (time_s,))


def test_the_mldsa44_message_is_that_of_the_specification() -> None:
    payload = base64.b64decode(MLDSA44.sign(CHECKPOINT, NOW_S).split(b" ")[2])
    name = ORIGIN.encode()
    message = b"subtree/v1\n\x00" + bytes([len(name)]) + name + NOW_S.to_bytes(8, "big")
    message += bytes([len(name)]) + name + (0).to_bytes(8, "big") + (3).to_bytes(8, "big")
    message += CHECKPOINT.root
    assert payload[:4] == MLDSA44.verifier.key_id
    assert payload[4:12] == NOW_S.to_bytes(8, "big")
    MLDSA44._key.public_key().verify(payload[12:], message)


def test_a_witness_adds_its_line_to_a_note() -> None:
    note = sign_checkpoint(CHECKPOINT, [ED25519], NOW_S) + WITNESS.sign(CHECKPOINT, NOW_S + 1)
    opened = open_checkpoint(note, ORIGIN, [WITNESS.verifier, ED25519.verifier])
    assert opened.signed_by == (ED25519.verifier, WITNESS.verifier)
    assert opened.timestamps_s == (None, NOW_S + 1)


def test_any_text_is_signed_and_opened_empty_lines_included() -> None:
    other = Ed25519Signer("root.example/2", bytes(32))
    for text in (b"one\n", b"one\n\ntwo\n", b"one\n\n\n", b"\n", "žluťoučký\n".encode()):
        note = sign_text(text, ED25519, other)
        opened = open_note(note, [other.verifier, ED25519.verifier])
        assert opened == (text, (ED25519.verifier, other.verifier), (None, None))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no newline",
        b"a\n\nno newline",
        b"tab\there\n",
        b"return\r\n",
        b"nul\x00\n",
        b"\xff\n",
        b"\xed\xa0\x80\n",
        b"x\n\n" + line("forged.example", b"keyid").removesuffix(b"\n"),
        b"x" * NOTE_SIZE_MAX_BYTES + b"\n",
    ],
    ids=count(),
)
def test_signs_no_text_that_would_not_open_as_itself(text: bytes) -> None:
    refused(Code.MALFORMED, sign_text, text, ED25519)


def test_signs_with_one_to_sixty_four_signers() -> None:
    signers = [Ed25519Signer(f"k{n}.example", bytes([n]) * 32) for n in range(65)]
    verifiers = [signer.verifier for signer in signers]
    assert len(open_note(sign_text(b"x\n", *signers[:64]), verifiers).signed_by) == 64
    refused(Code.MALFORMED, sign_text, b"x\n", *signers)
    refused(Code.MALFORMED, sign_text, b"x\n")
    refused(Code.MALFORMED, sign_checkpoint, CHECKPOINT, [], NOW_S)


@pytest.mark.parametrize("time_s", [-1, 2**63])
def test_signs_no_time_outside_63_bits(time_s: int) -> None:
    refused(Code.MALFORMED, MLDSA44.sign, CHECKPOINT, time_s)


# Which signatures count


def test_ignores_lines_of_unknown_keys() -> None:
    namesake = Ed25519Signer(ORIGIN, sha256(b"another key").digest())
    same_id = line("elsewhere.example", ED25519.verifier.key_id + bytes(64))
    unknown = line("x", b"12345") + namesake.sign(CHECKPOINT, 0) + same_id
    note = sign_checkpoint(CHECKPOINT, [ED25519], NOW_S) + unknown
    assert open_checkpoint(note, ORIGIN, [ED25519.verifier]).signed_by == (ED25519.verifier,)


def test_refuses_a_note_that_no_known_key_signed() -> None:
    note = sign_checkpoint(CHECKPOINT, [ED25519], NOW_S)
    refused(Code.UNAUTHENTICATED, open_note, note, [MLDSA44.verifier])
    refused(Code.UNAUTHENTICATED, open_note, note, [])


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (ED25519.verifier, bytes(64)),
        (ED25519.verifier, bytes(63)),
        (ED25519.verifier, bytes(72)),
        (MLDSA44.verifier, bytes(8 + 2420)),
        (MLDSA44.verifier, bytes(2420)),
        (MLDSA44.verifier, bytes(1)),
        (MLDSA44.verifier, b"\xff" * 8 + bytes(2420)),
    ],
)
def test_one_failing_line_of_a_known_key_spoils_the_note(
    key: VerifierKey, signature: bytes
) -> None:
    good = sign_checkpoint(CHECKPOINT, [ED25519, MLDSA44], NOW_S)
    note = good + line(ORIGIN, key.key_id + signature)
    known = [ED25519.verifier, MLDSA44.verifier]
    refused(Code.UNAUTHENTICATED, open_note, note, known)


def test_a_key_that_signed_twice_counts_once_with_its_first_time() -> None:
    note = sign_checkpoint(CHECKPOINT, [MLDSA44, MLDSA44, ED25519, ED25519], NOW_S)
    note += MLDSA44.sign(CHECKPOINT, NOW_S + 9)
    opened = open_checkpoint(note, ORIGIN, [ED25519.verifier, MLDSA44.verifier])
    assert opened.signed_by == (MLDSA44.verifier, ED25519.verifier)
    assert opened.timestamps_s == (NOW_S, None)


def test_a_signature_of_one_kind_is_none_of_another() -> None:
    seed = sha256(b"ed25519").digest()
    public_key = ED25519.verifier.public_key
    cosigner = VerifierKey.of(ORIGIN, KeyKind.COSIGNATURE_ED25519, public_key)
    signature = Ed25519Signer(ORIGIN, seed)._key.sign(CHECKPOINT.text())
    note = sign_checkpoint(CHECKPOINT, [ED25519], NOW_S)
    note += line(ORIGIN, cosigner.key_id + NOW_S.to_bytes(8, "big") + signature)
    refused(Code.UNAUTHENTICATED, open_note, note, [ED25519.verifier, cosigner])


@pytest.mark.parametrize(
    "changed",
    [
        Checkpoint(ORIGIN + "2", 3, CHECKPOINT.root),
        Checkpoint(ORIGIN, 4, CHECKPOINT.root),
        Checkpoint(ORIGIN, 3, bytes(32)),
    ],
)
def test_a_signature_of_one_checkpoint_is_none_of_another(changed: Checkpoint) -> None:
    for signer in (ED25519, MLDSA44):
        note = changed.text() + b"\n" + signer.sign(CHECKPOINT, NOW_S)
        refused(Code.UNAUTHENTICATED, open_note, note, [signer.verifier])


def test_a_changed_time_does_not_verify() -> None:
    payload = bytearray(base64.b64decode(MLDSA44.sign(CHECKPOINT, NOW_S).split(b" ")[2]))
    payload[11] ^= 1
    note = CHECKPOINT.text() + b"\n" + line(ORIGIN, bytes(payload))
    refused(Code.UNAUTHENTICATED, open_note, note, [MLDSA44.verifier])


def test_refuses_a_time_beyond_63_bits_even_when_it_is_signed() -> None:
    message = _mldsa44_message(CHECKPOINT, ORIGIN, 2**63)
    payload = (2**63).to_bytes(8, "big") + MLDSA44._key.sign(message)
    note = CHECKPOINT.text() + b"\n" + line(ORIGIN, MLDSA44.verifier.key_id + payload)
    refused(Code.UNAUTHENTICATED, open_note, note, [MLDSA44.verifier])


def test_cosignature_keys_verify_checkpoints_only() -> None:
    note = b"some text\n\n" + MLDSA44.sign(CHECKPOINT, NOW_S)
    refused(Code.MALFORMED, open_note, note, [MLDSA44.verifier])


def test_refuses_a_checkpoint_of_another_log() -> None:
    note = sign_checkpoint(CHECKPOINT, [ED25519], NOW_S)
    refused(Code.UNAUTHENTICATED, open_checkpoint, note, "b.example", [ED25519.verifier])


def test_refuses_a_signed_text_that_is_no_checkpoint() -> None:
    for text in (b"text\n", CHECKPOINT.text() + b"extension\n", CHECKPOINT.text() + b"\n"):
        note = sign_text(text, ED25519)
        refused(Code.MALFORMED, open_checkpoint, note, ORIGIN, [ED25519.verifier])


def test_verifier_keys_that_cannot_be_told_apart_are_a_conflict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("node.model.note._key_id", lambda *_: b"same")
    first, second = (Ed25519Signer("n", bytes([n]) * 32) for n in (1, 2))
    note = sign_text(b"x\n", first)
    assert open_note(note, [first.verifier, first.verifier]).signed_by == (first.verifier,)
    refused(Code.CONFLICT, open_note, note, [first.verifier, second.verifier])


# Malformed notes


GOOD_LINE = line("k.example", b"1234signature")


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        b"text\n" + GOOD_LINE,
        GOOD_LINE,
        b"text\n\n" + GOOD_LINE.removesuffix(b"\n"),
        b"text\n\n" + GOOD_LINE + b"\n",
        b"text\n\n" + GOOD_LINE + b"rest",
        b"text\n\nno signature line\n",
        b"text\n\n\xe2\x80\x94 k.example\n",
        b"text\n\n\xe2\x80\x94 k.example \n",
        b"text\n\n\xe2\x80\x94k.example MTIzNHNpZ25hdHVyZQ==\n",
        b"text\n\n- k.example MTIzNHNpZ25hdHVyZQ==\n",
        b"text\n\n\xe2\x80\x93 k.example MTIzNHNpZ25hdHVyZQ==\n",
        b"text\n\n\xe2\x80\x94  MTIzNHNpZ25hdHVyZQ==\n",
        b"text\n\n\xe2\x80\x94 k+example MTIzNHNpZ25hdHVyZQ==\n",
        b"text\n\n\xe2\x80\x94 k\xc2\xa0example MTIzNHNpZ25hdHVyZQ==\n",
        b"text\n\n\xe2\x80\x94 k.example  MTIzNHNpZ25hdHVyZQ==\n",
        b"text\n\n\xe2\x80\x94 k.example MTIzNHNpZ25hdHVyZQ== \n",
        b"text\n\n\xe2\x80\x94 k.example MTIzNHNpZ25hdHVyZQ\n",
        b"text\n\n\xe2\x80\x94 k.example MTIzNHNpZ25hdHVyZR==\n",
        b"text\n\n\xe2\x80\x94 k.example MTIz-HNpZ25hdHVyZQ==\n",
        b"text\n\n\xe2\x80\x94 \xff.example MTIzNHNpZ25hdHVyZQ==\n",
        b"text\n\n" + line("k.example", b"1234"),
        b"text\n\n" + line("k" * 256, b"12345"),
        b"te\rxt\n\n" + GOOD_LINE,
        b"te\x00xt\n\n" + GOOD_LINE,
        b"te\xffxt\n\n" + GOOD_LINE,
        b"text\n\n" + GOOD_LINE * 65,
        b"x" * NOTE_SIZE_MAX_BYTES + b"\n\n" + GOOD_LINE,
    ],
    ids=count(),
)
def test_refuses_a_malformed_note(note: bytes) -> None:
    refused(Code.MALFORMED, open_note, note, [ED25519.verifier])


def test_reads_sixteen_lines_and_names_of_255_bytes() -> None:
    filling = line("k" * 255, b"12345") + GOOD_LINE * 14
    assert open_note(sign_text(b"x\n", ED25519) + filling, [ED25519.verifier]).text == b"x\n"


def mutations(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        for value in {data[at] ^ 1, data[at] ^ 0x20, data[at] ^ 0x80, 0x0A, 0x20, 0x30, 0x3D}:
            if value != data[at]:
                yield data[:at] + bytes([value]) + data[at + 1 :]
        yield data[:at] + data[at + 1 :]
        yield data[:at] + data[at : at + 1] + data[at:]


def test_no_changed_byte_of_a_note_opens() -> None:
    note = sign_checkpoint(CHECKPOINT, [ED25519], NOW_S)
    opened = 0
    for changed in mutations(note):
        try:
            open_checkpoint(changed, ORIGIN, [ED25519.verifier])
        except Refusal as refusal:
            assert refusal.code in (Code.MALFORMED, Code.UNAUTHENTICATED)  # noqa: PT017 - counted
        else:
            opened += 1
    assert opened == 0


def test_no_changed_byte_of_a_proof_verifies() -> None:
    entries = [leaf_hash(b"a"), leaf_hash(b"b")]
    root = sha256(b"\x01" + entries[0] + entries[1]).digest()
    note = sign_checkpoint(Checkpoint(ORIGIN, 2, root), [ED25519], NOW_S)

    def verify(data: bytes) -> None:
        proof = parse_proof(data)
        head = open_checkpoint(proof.note, ORIGIN, [ED25519.verifier]).checkpoint
        verify_inclusion(proof.index, head.size, entries[0], proof.path, head.root)

    data = render_proof(0, entries[1], note)
    verify(data)
    for changed in mutations(data):
        with pytest.raises(Refusal):
            verify(changed)


# Proof files


NOTE = sign_checkpoint(CHECKPOINT, [ED25519], NOW_S)
HASH_LINE = base64.b64encode(bytes(32)) + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v1\n",
        b"c2sp.org/tlog-proof@v1\nindex 1\n",
        b"c2sp.org/tlog-proof@v1\nindex 1\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + NOTE,
        b"c2sp.org/tlog-proof@v2\nindex 1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nextra QQ==\nindex 1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nINDEX 1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex  1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex +1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 01\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\r\nindex 1\r\n\r\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 1\nQQ==\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + b"A" * 42 + b"B=\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + HASH_LINE * 64 + b"\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 1\n\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 1\n\n" + NOTE + b"\n",
        b"c2sp.org/tlog-proof@v1\nindex 1\n\n" + sign_text(b"no checkpoint\n", ED25519),
        b"c2sp.org/tlog-proof@v1\nindex 1\n\n" + b"x" * 70_000,
    ],
    ids=count(),
)
def test_refuses_a_proof_file_that_it_would_not_write(data: bytes) -> None:
    refused(Code.MALFORMED, parse_proof, data)


def test_refuses_a_huge_proof_file_before_taking_it_apart() -> None:
    with pytest.raises(Refusal, match="more than"):
        parse_proof(b"c2sp.org/tlog-proof@v1\nindex 1\n" + HASH_LINE * 2000 + b"\n" + NOTE)


@pytest.mark.parametrize("hashes", [0, 1, 63])
def test_proof_files_go_through_bytes_and_back(hashes: int) -> None:
    proof = Proof(2**63 - 1, bytes(range(32)) * hashes, NOTE)
    assert parse_proof(render_proof(proof.index, proof.path, proof.note)) == proof


@pytest.mark.parametrize(
    ("index", "path_bytes", "note"),
    [
        (-1, 0, NOTE),
        (2**63, 0, NOTE),
        (0, 31, NOTE),
        (0, 64 * 32, NOTE),
        (0, 0, b"no note"),
        (0, 0, sign_text(b"no checkpoint\n", ED25519)),
    ],
)
def test_writes_no_proof_file_that_it_would_not_read(
    index: int, path_bytes: int, note: bytes
) -> None:
    refused(Code.MALFORMED, render_proof, index, bytes(path_bytes), note)
