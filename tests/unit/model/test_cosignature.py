"""Cosignatures and requests for them, against the frozen vectors."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from node.errors import Code, Refusal
from node.model.cosignature import (
    AddCheckpoint,
    CosignatureSigner,
    cosign,
    open_cosignatures,
    with_cosignatures,
    witness_name,
)
from node.model.merkle import EMPTY_ROOT
from node.model.note import (
    NOTE_SIZE_MAX_BYTES,
    SIGNATURE_LINES_MAX,
    Checkpoint,
    Ed25519Signer,
    KeyKind,
    Mldsa44Signer,
    VerifierKey,
    open_checkpoint,
    sign_checkpoint,
)

FROZEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors/journal_of_three.json").read_text("utf-8")
)
CHECKPOINT = Checkpoint(FROZEN["origin"], 3, bytes.fromhex(FROZEN["root"]))
LOG = Ed25519Signer(FROZEN["origin"], bytes.fromhex(FROZEN["log_seed"]))
NOTE = sign_checkpoint(CHECKPOINT, [LOG], 0)
W1 = CosignatureSigner("witness.example/w1", sha256(b"w1").digest())
W2 = Mldsa44Signer("witness.example/w1", sha256(b"w2").digest())
NOW_S = 1_700_000_002


def refused(code: Code, call: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        call()
    assert caught.value.code is code


def test_signs_the_frozen_cosignature_byte_for_byte() -> None:
    assert str(W1.verifier) == FROZEN["witness_verifier_key"]
    assert W1.verifier.kind is KeyKind.COSIGNATURE_ED25519
    assert W1.sign(CHECKPOINT, NOW_S).decode() == FROZEN["witness_signature"]


def test_both_kinds_of_one_witness_open_with_their_time() -> None:
    lines = cosign(CHECKPOINT, [W1, W2], NOW_S)
    opened = open_cosignatures(CHECKPOINT, lines, [W2.verifier, W1.verifier])
    assert opened == (CHECKPOINT, (W1.verifier, W2.verifier), (NOW_S, NOW_S))
    whole = open_checkpoint(NOTE + lines, CHECKPOINT.origin, [LOG.verifier, W1.verifier])
    assert whole.signed_by == (LOG.verifier, W1.verifier)


@pytest.mark.parametrize("time_s", [-1, 2**63])
def test_cosigns_at_no_time_outside_63_bits(time_s: int) -> None:
    refused(Code.MALFORMED, lambda: W1.sign(CHECKPOINT, time_s))


@pytest.mark.parametrize("signer", [W1, W2], ids=["ed25519", "ml-dsa-44"])
def test_a_cosignature_counts_for_its_own_checkpoint_and_time_only(
    signer: CosignatureSigner | Mldsa44Signer,
) -> None:
    line = signer.sign(CHECKPOINT, NOW_S)
    for other in (
        Checkpoint(CHECKPOINT.origin, 4, CHECKPOINT.root),
        Checkpoint(CHECKPOINT.origin, 3, bytes(32)),
        Checkpoint("node.example/at/other", 3, CHECKPOINT.root),
    ):
        with pytest.raises(Refusal) as caught:
            open_cosignatures(other, line, [signer.verifier])
        assert caught.value.code is Code.UNAUTHENTICATED
    head, _, encoded = line.rstrip(b"\n").rpartition(b" ")
    data = bytearray(base64.b64decode(encoded))
    data[11] ^= 1  # the last byte of the time
    later = b"%b %b\n" % (head, base64.b64encode(bytes(data)))
    refused(Code.UNAUTHENTICATED, lambda: open_cosignatures(CHECKPOINT, later, [signer.verifier]))


def test_an_ed25519_witness_key_signs_no_checkpoint_as_a_log() -> None:
    as_log = Ed25519Signer("witness.example/w1", sha256(b"w1").digest())
    assert as_log.verifier.key_id != W1.verifier.key_id
    line = as_log.sign(CHECKPOINT, 0)
    refused(Code.UNAUTHENTICATED, lambda: open_cosignatures(CHECKPOINT, line, [W1.verifier]))


def test_the_name_of_a_witness_is_not_that_of_its_journal() -> None:
    assert witness_name("xa.example/journal") == "xa.example/journal/witness"
    refused(Code.MALFORMED, lambda: CosignatureSigner("two words", bytes(32)))
    refused(Code.MALFORMED, lambda: CosignatureSigner("name", bytes(31)))


def test_a_note_takes_as_many_cosignatures_as_it_holds_and_still_opens() -> None:
    small = [
        CosignatureSigner(f"w{n}.example", bytes([n]) * 32) for n in range(SIGNATURE_LINES_MAX)
    ]
    note = with_cosignatures(NOTE, [one.sign(CHECKPOINT, NOW_S) for one in small])
    keys = [LOG.verifier, *(one.verifier for one in small)]
    assert len(open_checkpoint(note, CHECKPOINT.origin, keys).signed_by) == SIGNATURE_LINES_MAX
    large = [
        cosign(CHECKPOINT, [one, Mldsa44Signer(one.verifier.name, bytes(32))], NOW_S)
        for one in small
    ]
    note = with_cosignatures(NOTE, large)
    assert len(note) <= NOTE_SIZE_MAX_BYTES
    assert len(open_checkpoint(note, CHECKPOINT.origin, keys).signed_by) > 16


# --- requests ------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "hashes"), [(0, 0), (1, 2), (2, 1), (3, 0), (3, 63)])
def test_a_request_reads_back_as_it_was_written(old: int, hashes: int) -> None:
    request = AddCheckpoint(old, bytes(range(32)) * hashes, NOTE)
    assert AddCheckpoint.parse(request.render()) == request
    assert request.checkpoint == CHECKPOINT


def test_a_request_is_written_as_the_specification_says() -> None:
    path = bytes(32) + b"\xff" * 32
    lines = f"old 2\n{base64.b64encode(path[:32]).decode()}\n{base64.b64encode(path[32:]).decode()}"
    assert AddCheckpoint(2, path, NOTE).render() == lines.encode() + b"\n\n" + NOTE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        NOTE,
        b"old 0\n" + NOTE,
        b"old\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old 01\n\n" + NOTE,
        b"old 4\n\n" + NOTE,  # over the new size
        b"old 0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" + NOTE,
        b"old 1\nAAAA\n\n" + NOTE,
        b"old 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\n" + NOTE,
        b"old 1\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64 + b"\n" + NOTE,
        b"old 9223372036854775808\n\n" + NOTE,
        b"old 1\n\n" + NOTE + b"\n",
        b"old 1\n\nno checkpoint\n\n" + NOTE.partition(b"\n\n")[2],
        b"old 1\n\n" + b"x" * 100_000,
    ],
)
def test_refuses_what_is_no_request(body: bytes) -> None:
    refused(Code.MALFORMED, lambda: AddCheckpoint.parse(body))


def test_refuses_an_empty_tree_with_another_root() -> None:
    note = NOTE.replace(b"\n3\n", b"\n0\n")
    refused(Code.MALFORMED, lambda: AddCheckpoint.parse(b"old 0\n\n" + note))
    empty = sign_checkpoint(Checkpoint(CHECKPOINT.origin, 0, EMPTY_ROOT), [LOG], 0)
    assert AddCheckpoint.parse(b"old 0\n\n" + empty).checkpoint.size == 0


def test_the_frozen_witness_key_reads_as_one() -> None:
    assert VerifierKey.parse(FROZEN["witness_verifier_key"]) == W1.verifier
