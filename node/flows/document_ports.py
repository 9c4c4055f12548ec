"""What exporting open documents needs of the world, as contracts."""

from collections.abc import Callable, Sequence
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct


class Ended(Struct, frozen=True):
    """Which places of a status list say that the authority does not stand by a document."""

    revoked: frozenset[int]
    suspended: frozenset[int]


class ExportedDocuments(Protocol):
    """Which documents were exported; places count from 0 through all lists."""

    async def give_place(
        self, credential: str, entries: int, randomness: Callable[[int], bytes]
    ) -> int:
        """Take a free place at random in the newest list of so many entries.

        Raises:
            Refusal: STALE where the disk refuses to write.
        """
        ...

    async def ended(self, first: int, end: int, now: int) -> Ended | None:
        """Return which places from `first` to before `end` say what, as of a time.

        A place whose credential was erased counts as revoked; None where none was ever given.
        """
        ...


class DocumentKeys(Protocol):
    """The keys that a node signs documents with."""

    def now(self) -> Sequence[Ed25519PrivateKey]:
        """Return all of them, the oldest first; the newest signs.

        Raises:
            Refusal: STALE where there is none.
        """
        ...
