"""Laws of cosignatures: what is written reads back, and what is read was written so."""

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import Code, Refusal
from node.model.cosignature import (
    AddCheckpoint,
    CosignatureSigner,
    Cosigner,
    cosign,
    open_cosignatures,
)
from node.model.fork import Fork
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint

ORIGIN = "xa.example/journal"
LOG = Ed25519Signer(ORIGIN, sha256(b"log").digest())
COSIGNERS: list[Cosigner] = [
    CosignatureSigner("w.example", sha256(b"w1").digest()),
    Mldsa44Signer("w.example", sha256(b"w2").digest()),
]
KEYS = [cosigner.verifier for cosigner in COSIGNERS]

hashes = st.binary(min_size=32, max_size=32)
sizes = st.integers(1, 2**63 - 1)
checkpoints = st.builds(Checkpoint, st.just(ORIGIN), sizes, hashes)
paths = st.lists(hashes, max_size=63).map(b"".join)
REQUEST = AddCheckpoint(
    5, bytes(range(64)), sign_checkpoint(Checkpoint(ORIGIN, 7, bytes(32)), [LOG], 0)
).render()


@settings(max_examples=50)
@given(checkpoints, st.integers(0, 2**63 - 1))
def test_a_cosignature_opens_with_the_time_it_was_made(checkpoint: Checkpoint, at_s: int) -> None:
    opened = open_cosignatures(checkpoint, cosign(checkpoint, COSIGNERS, at_s), KEYS)
    assert opened == (checkpoint, tuple(KEYS), (at_s, at_s))


@settings(max_examples=50)
@given(checkpoints, st.data())
def test_no_flipped_bit_of_a_cosignature_opens_with_its_key(
    checkpoint: Checkpoint, data: st.DataObject
) -> None:
    line = bytearray(COSIGNERS[0].sign(checkpoint, 5))
    bit = data.draw(st.integers(0, len(line) * 8 - 1))
    line[bit // 8] ^= 1 << bit % 8
    try:
        open_cosignatures(checkpoint, bytes(line), KEYS)
    except Refusal as refusal:
        assert refusal.code in (Code.MALFORMED, Code.UNAUTHENTICATED)  # noqa: PT017 - it must raise
    else:
        raise AssertionError(bit)


@given(checkpoints, st.data(), paths)
def test_a_request_goes_through_bytes_and_back(
    checkpoint: Checkpoint, data: st.DataObject, path: bytes
) -> None:
    note = sign_checkpoint(checkpoint, [LOG], 0)
    old_size = data.draw(st.integers(1, checkpoint.size))
    request = AddCheckpoint(old_size, path, note)
    assert AddCheckpoint.parse(request.render()) == request


@given(
    st.integers(0, len(REQUEST) - 1), st.binary(max_size=3), st.integers(0, 3), st.integers(0, 150)
)
def test_whatever_reads_as_a_request_is_its_only_spelling(
    at: int, inserted: bytes, removed: int, cut: int
) -> None:
    at = min(at, cut)  # mostly the head of the body: the note has its own laws
    data = REQUEST[:at] + inserted + REQUEST[at + removed :]
    try:
        request = AddCheckpoint.parse(data)
    except Refusal as refusal:
        assert refusal.code is Code.MALFORMED  # noqa: PT017 - the other outcome is fine too
    else:
        assert request.render() == data


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_reading_fail_otherwise_than_by_refusal(data: bytes) -> None:
    for read in (AddCheckpoint.parse, Fork.parse):
        for content in (data, REQUEST + data, data + REQUEST):
            try:
                assert read(content).render() == content
            except Refusal as refusal:
                assert refusal.code is Code.MALFORMED  # noqa: PT017 - as above


@given(checkpoints, checkpoints, paths)
def test_a_fork_goes_through_bytes_and_back(
    first: Checkpoint, second: Checkpoint, path: bytes
) -> None:
    one, other = (sign_checkpoint(head, [LOG], 0) for head in (first, second))
    fork = Fork(one, other, path)
    assert Fork.parse(fork.render()) == fork
    assert fork.heads() == (first, second)
