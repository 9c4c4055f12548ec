"""Cosignatures: a witness's word that a checkpoint extends all that it has seen of that log.

Sources: C2SP tlog-cosignature and tlog-witness. A cosignature is a signature line of the
checkpoint's note, of kind 0x04 (Ed25519) or 0x06 (ML-DSA-44), with the time at which it was
made. A request for one is

    old <size>
    <hash in base64> ...        consistency proof from that size, at most 63
    <empty line>
    <checkpoint as a signed note>

The cosigned message of kind 0x04 does not name the witness: one key for each witness, never shared
and never used for anything else.
"""

from binascii import b2a_base64
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES, PATH_HASHES_MAX, SIZE_MAX
from node.model.note import (
    NOTE_SIZE_MAX_BYTES,
    SIGNATURE_LINES_MAX,
    Checkpoint,
    KeyKind,
    Mldsa44Signer,
    OpenedCheckpoint,
    Unprovable,
    VerifierKey,
    checked_seed,
    cosignature_message,
    decode_base64,
    open_checkpoint,
    parse_decimal,
    require_timestamp,
    signature_line,
    split_note,
)

REQUEST_SIZE_MAX_BYTES: Final = NOTE_SIZE_MAX_BYTES + 4096  # 63 hashes in base64 and the old size
_OLD: Final = b"old "


class CosignatureSigner:
    """Signs checkpoints and the time as a witness, with an Ed25519 key (type 0x04)."""

    def __init__(self, name: str, private_seed: bytes) -> None:
        """Load the 32-byte private seed of RFC 8032 under the witness's name.

        Raises:
            Refusal: MALFORMED when the name or the length of the seed is wrong.
        """
        self._key = Ed25519PrivateKey.from_private_bytes(checked_seed(private_seed))
        public_key = self._key.public_key().public_bytes_raw()
        self.verifier = VerifierKey.of(name, KeyKind.COSIGNATURE_ED25519, public_key)

    def prove(self, message: bytes) -> bytes:
        """Return the bare signature over a proof of possession's message."""
        return self._key.sign(message)

    def sign(self, checkpoint: Checkpoint, timestamp_s: int) -> bytes:
        """Return the signature line that says: the largest tree seen at that POSIX time.

        Raises:
            Refusal: MALFORMED when the time is outside 0..2^63-1.
        """
        require_timestamp(timestamp_s)
        signature = self._key.sign(cosignature_message(checkpoint.text(), timestamp_s))
        return signature_line(self.verifier, timestamp_s.to_bytes(8, "big") + signature)


Cosigner = CosignatureSigner | Mldsa44Signer


def witness_name(origin: str) -> str:
    """Return the name under which the owner of a journal cosigns others'."""
    return f"{origin}/witness"


def cosign(checkpoint: Checkpoint, cosigners: Sequence[Cosigner], timestamp_s: int) -> bytes:
    """Return the signature line of each cosigner in turn, at a POSIX time."""
    return b"".join(cosigner.sign(checkpoint, timestamp_s) for cosigner in cosigners)


def open_cosignatures(
    checkpoint: Checkpoint, lines: bytes, verifiers: Sequence[VerifierKey]
) -> OpenedCheckpoint:
    """Verify signature lines that came by themselves as a checkpoint's.

    Raises:
        Refusal: as open_checkpoint.
    """
    note = checkpoint.text() + b"\n" + lines
    return open_checkpoint(note, checkpoint.origin, verifiers)


def with_cosignatures(note: bytes, cosignatures: Sequence[bytes]) -> bytes:
    """Return a note with the lines of one witness after the other, as many as one note holds.

    Raises:
        Refusal: MALFORMED where the note is none.
    """
    room = SIGNATURE_LINES_MAX - len(split_note(note)[1])
    added = [note]
    size_bytes = len(note)
    for lines in cosignatures:
        count = lines.count(b"\n")
        if count <= room and size_bytes + len(lines) <= NOTE_SIZE_MAX_BYTES:
            added.append(lines)
            room -= count
            size_bytes += len(lines)
    return b"".join(added)


class AddCheckpoint(Struct, frozen=True):
    """What asks a witness for its cosignature; nothing in it is verified yet.

    Making one checks bounds, raising Refusal MALFORMED. No proof comes with the old size 0: every
    tree extends the empty one.
    """

    old_size: int
    path: bytes
    """Consistency proof from the old size: 32-byte hashes."""
    note: bytes
    """Checkpoint as a signed note."""

    def __post_init__(self) -> None:
        hashes, odd = divmod(len(self.path), HASH_SIZE_BYTES)
        if odd or hashes > PATH_HASHES_MAX:
            raise Refusal(Code.MALFORMED, "add-checkpoint: the proof is not at most 63 hashes")
        if not 0 <= self.old_size <= SIZE_MAX:
            raise Refusal(Code.MALFORMED, "add-checkpoint: the old size is outside 0..2^63-1")
        if self.old_size == 0 and self.path:
            raise Unprovable(Code.MALFORMED, "add-checkpoint: from size 0 there is no proof")
        size = self.checkpoint.size
        if self.old_size > size:
            reason = f"add-checkpoint: the old size {self.old_size} is over the new one, {size}"
            raise Refusal(Code.MALFORMED, reason)

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint in the note, its signatures unchecked."""
        return Checkpoint.parse(split_note(self.note)[0])

    def render(self) -> bytes:
        """Return the body of an add-checkpoint request."""
        starts = range(0, len(self.path), HASH_SIZE_BYTES)
        lines = (b2a_base64(self.path[at : at + HASH_SIZE_BYTES]) for at in starts)
        return b"".join((b"old %d\n" % self.old_size, *lines, b"\n", self.note))

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Read the body of an add-checkpoint request.

        Raises:
            Refusal: MALFORMED when render() of the result would not be `body`.
        """
        if len(body) > REQUEST_SIZE_MAX_BYTES:
            reason = f"add-checkpoint: has more than {REQUEST_SIZE_MAX_BYTES} bytes"
            raise Refusal(Code.MALFORMED, reason)
        header, separator, note = body.partition(b"\n\n")
        if not separator or not header.startswith(_OLD):
            reason = "add-checkpoint: is not an old line, a proof, an empty line and a checkpoint"
            raise Refusal(Code.MALFORMED, reason)
        old_size, *lines = header.removeprefix(_OLD).split(b"\n")
        hashes = [decode_base64(line, "add-checkpoint: a proof hash") for line in lines]
        if any(len(value) != HASH_SIZE_BYTES for value in hashes):
            raise Refusal(Code.MALFORMED, "add-checkpoint: a proof line is not one 32-byte hash")
        old = parse_decimal(old_size, "add-checkpoint: the old size")
        return cls(old, b"".join(hashes), note)
