"""Texts and documents of cases: by salted digest, and encrypted from node to node (C2SP age).

The recipient is a key of one case at one node, named in that node's sealed statements about the
case. It is made for the case and goes with it.
"""

from hashlib import sha256
from typing import Final

import pyrage

from node.errors import Code, Refusal
from node.model.case_bodies import PART_SIZE_MAX_BYTES, CasePart

SALT_SIZE_BYTES: Final = 32
CHUNK_SIZE_BYTES: Final = 256 * 1024
SEALED_SIZE_MAX_BYTES: Final = PART_SIZE_MAX_BYTES + 64 * 1024
"""What a document becomes at most, encrypted."""


class Content:
    """A document's content with its salt; not a value that is journalled."""

    __slots__ = ("content", "part", "salt")

    def __init__(self, word: str, content: bytes, salt: bytes) -> None:
        """Take a content and 32 random bytes."""
        if not 0 < len(content) <= PART_SIZE_MAX_BYTES:
            raise Refusal(Code.MALFORMED, f"document: must have 1 to {PART_SIZE_MAX_BYTES} bytes")
        self.content = content
        self.salt = salt
        self.part = CasePart(sha256(salt + content).digest(), len(content), word)


def new_identity() -> tuple[str, str]:
    """Return a new secret and its recipient, as age writes them."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipient_of(secret: str) -> str:
    """Return the recipient of a secret."""
    return str(pyrage.x25519.Identity.from_str(secret).to_public())


def encrypt_part(recipient: str, salt: bytes, content: bytes) -> bytes:
    """Return a document with its salt as an age file.

    Raises:
        Refusal: MALFORMED where the recipient is none.
    """
    try:
        to = pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise Refusal(Code.MALFORMED, "recipient: is no age recipient") from None
    return bytes(pyrage.encrypt(salt + content, [to]))


def decrypt_part(secret: str, sealed: bytes, part: CasePart) -> tuple[bytes, bytes]:
    """Return salt and content of what a peer sent, checked against the digest that it stated.

    Raises:
        Refusal: PEER_FALSE where it cannot be decrypted or is something else.
    """
    try:
        plain = bytes(pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(secret)]))
    except pyrage.DecryptError:
        raise Refusal(Code.PEER_FALSE, "a document cannot be decrypted") from None
    if len(plain) != SALT_SIZE_BYTES + part.size_bytes or sha256(plain).digest() != part.digest:
        raise Refusal(Code.PEER_FALSE, "a document is not the one that was stated")
    return plain[:SALT_SIZE_BYTES], plain[SALT_SIZE_BYTES:]
