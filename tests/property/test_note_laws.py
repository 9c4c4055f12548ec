"""Laws of notes: what is written reads back, and what is read was written so."""

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import Code, Refusal
from node.model.note import (
    Checkpoint,
    Ed25519Signer,
    KeyKind,
    Mldsa44Signer,
    VerifierKey,
    open_checkpoint,
    open_note,
    sign_checkpoint,
    sign_text,
)
from node.model.proof import parse_proof, render_proof

ED25519 = Ed25519Signer("node.example/xa/queries", sha256(b"ed25519").digest())
MLDSA44 = Mldsa44Signer("node.example/xa/queries", sha256(b"mldsa44").digest())
KEYS = [ED25519.verifier, MLDSA44.verifier]
NOTE = sign_checkpoint(Checkpoint(ED25519.verifier.name, 7, bytes(32)), [ED25519, MLDSA44], 5)
PROOF = render_proof(3, bytes(range(96)), NOTE)

names = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="+"), min_size=1)
names = names.filter(lambda name: len(name.encode()) <= 255)
hashes = st.binary(min_size=32, max_size=32)
sizes = st.integers(1, 2**63 - 1)
checkpoints = st.builds(Checkpoint, names, sizes, hashes)


def text_or_refusal(text: bytes) -> bytes:
    """Return the canonical bytes of a checkpoint, or `text` itself when it is refused."""
    try:
        return Checkpoint.parse(text).text()
    except Refusal as refusal:
        assert refusal.code is Code.MALFORMED  # noqa: PT017 - the other outcome is fine too
        return text


@given(checkpoints)
def test_a_checkpoint_goes_through_text_and_back(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@given(st.binary() | st.from_regex(rb"[^\n]{1,9}\n[0-9+_ ]{1,20}\n[A-Za-z0-9+/]{43}=\n"))
def test_whatever_reads_as_a_checkpoint_is_its_only_spelling(text: bytes) -> None:
    assert text_or_refusal(text) == text


@given(names, hashes, st.sampled_from([KeyKind.ED25519, KeyKind.COSIGNATURE_ED25519]))
def test_a_verifier_key_goes_through_text_and_back(name: str, seed: bytes, kind: KeyKind) -> None:
    key = VerifierKey.of(name, kind, Ed25519Signer(name, seed).verifier.public_key)
    assert VerifierKey.parse(str(key)) == key


@settings(max_examples=50)
@given(checkpoints, st.integers(0, 2**63 - 1))
def test_a_signed_checkpoint_opens_with_the_time_it_was_signed(
    checkpoint: Checkpoint, time_s: int
) -> None:
    note = sign_checkpoint(checkpoint, [MLDSA44, ED25519], time_s)
    opened = open_checkpoint(note, checkpoint.origin, KEYS)
    assert opened == (checkpoint, (MLDSA44.verifier, ED25519.verifier), (time_s, None))


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.just("\n")))
def test_any_printable_text_opens_as_it_was_signed(text: str) -> None:
    encoded = text.encode() + b"\n"
    assert open_note(sign_text(encoded, ED25519), KEYS).text == encoded


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_reading_fail_otherwise_than_by_refusal(data: bytes) -> None:
    for note in (data, b"text\n\n" + data, NOTE + data, data + NOTE):
        try:
            opened = open_note(note, KEYS)
        except Refusal as refusal:
            assert refusal.code in (Code.MALFORMED, Code.UNAUTHENTICATED)  # noqa: PT017 - as above
        else:
            assert opened.text == open_note(NOTE, KEYS).text


@given(st.integers(0, len(NOTE) * 8 - 1))
def test_no_flipped_bit_of_a_note_opens_with_both_signatures(bit: int) -> None:
    changed = bytearray(NOTE)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        opened = open_note(bytes(changed), KEYS)
    except Refusal:
        return
    # The flip made one line another key's, which is unknown; the text is still the signed one.
    assert len(opened.signed_by) == 1
    assert opened.text == open_note(NOTE, KEYS).text


@given(
    st.integers(0, len(PROOF) - 1), st.binary(max_size=3), st.integers(0, 3), st.integers(0, 300)
)
def test_whatever_reads_as_a_proof_is_its_only_spelling(
    at: int, inserted: bytes, removed: int, cut: int
) -> None:
    at = min(at, cut)  # mostly the head of the file: the note has its own laws
    data = PROOF[:at] + inserted + PROOF[at + removed :]
    try:
        proof = parse_proof(data)
    except Refusal as refusal:
        assert refusal.code is Code.MALFORMED  # noqa: PT017 - the other outcome is fine too
    else:
        assert render_proof(proof.index, proof.path, proof.note) == data
