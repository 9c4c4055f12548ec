"""Seals: a statement is authentic because it stands in its speaker's journal."""

import hashlib
from typing import Final

from msgspec import Struct

SALT_SIZE_BYTES: Final = 32
_DOMAIN: Final = b"symbolon/statement/v1\x00"


class Sealed(Struct, frozen=True, gc=False):
    """A statement with what proves it.

    Attributes:
        statement: the exact bytes that were said.
        salt: 32 random bytes that keep a guess of the statement from being confirmed.
        index: position in the speaker's journal.
        path: inclusion path, leaf side first, hashes of 32 bytes joined.
        checkpoint: the signed note (C2SP signed-note) of a tree that includes it.
    """

    statement: bytes
    salt: bytes
    index: int
    path: bytes
    checkpoint: bytes


def commitment(statement: bytes, salt: bytes) -> bytes:
    """Return the 32-byte leaf entry that stands for a statement in the public journal."""
    return hashlib.sha256(_DOMAIN + salt + statement).digest()
