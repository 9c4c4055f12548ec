"""Proofs in a file: what shows that an entry is in a log (C2SP tlog-proof).

    c2sp.org/tlog-proof@v1
    index <decimal>
    <hash in base64> ...
    <empty line>
    <checkpoint as a signed note>

The `extra` line of C2SP is refused: nothing authenticates what it says.
"""

from binascii import b2a_base64
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES, PATH_HASHES_MAX, SIZE_MAX
from node.model.note import (
    NOTE_SIZE_MAX_BYTES,
    Checkpoint,
    decode_base64,
    parse_decimal,
    split_note,
)

_PROOF_HEADER: Final = b"c2sp.org/tlog-proof@v1\n"
_PROOF_SIZE_MAX_BYTES: Final = NOTE_SIZE_MAX_BYTES + 4096  # 63 hashes in base64 and the header


class Proof(Struct, frozen=True):
    """What shows that an entry is in a log; nothing in it is verified yet."""

    index: int
    path: bytes
    """Inclusion path: 32-byte hashes, leaf side first."""
    note: bytes
    """Checkpoint as a signed note, with any cosignatures."""


def render_proof(index: int, path: bytes, note: bytes) -> bytes:
    """Return a proof as the bytes of a .tlog-proof file (C2SP tlog-proof), without `extra`.

    Raises:
        Refusal: MALFORMED when index or path are out of bounds or the note is no checkpoint.
    """
    if not 0 <= index <= SIZE_MAX:
        raise Refusal(Code.MALFORMED, f"proof index {index} is outside 0..2^63-1")
    hashes, odd = divmod(len(path), HASH_SIZE_BYTES)
    if odd or hashes > PATH_HASHES_MAX:
        reason = f"proof path has {len(path)} bytes: send at most 63 hashes of 32 bytes"
        raise Refusal(Code.MALFORMED, reason)
    Checkpoint.parse(split_note(note)[0])
    starts = range(0, len(path), HASH_SIZE_BYTES)
    lines = (b2a_base64(path[at : at + HASH_SIZE_BYTES]) for at in starts)  # each with newline
    return b"".join((_PROOF_HEADER, b"index %d\n" % index, *lines, b"\n", note))


def parse_proof(data: bytes) -> Proof:
    """Read the bytes of a .tlog-proof file; verify its parts with open_checkpoint and a path.

    Raises:
        Refusal: MALFORMED when render_proof of the result would not be `data`; the `extra` line
            of C2SP is refused, since nothing authenticates it.
    """
    if len(data) > _PROOF_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"proof has more than {_PROOF_SIZE_MAX_BYTES} bytes")
    header, separator, note = data.partition(b"\n\n")
    if not separator or not header.startswith(_PROOF_HEADER + b"index "):
        reason = "proof does not start with c2sp.org/tlog-proof@v1 and an index line (no extra)"
        raise Refusal(Code.MALFORMED, reason)
    index, *hashes = header.removeprefix(_PROOF_HEADER + b"index ").split(b"\n")
    path = [decode_base64(line, "proof hash") for line in hashes]
    if len(path) > PATH_HASHES_MAX or any(len(value) != HASH_SIZE_BYTES for value in path):
        raise Refusal(Code.MALFORMED, "proof path is not at most 63 lines of one 32-byte hash")
    Checkpoint.parse(split_note(note)[0])
    return Proof(parse_decimal(index, "proof index"), b"".join(path), note)
