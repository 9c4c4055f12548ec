"""What the holder's own view needs of the world, as a contract."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from node.model.holder import Watch
from node.model.statement import Answer, Query


class Held(Struct, frozen=True, gc=False):
    """A holder's token as its node knows it; times in microseconds UTC.

    Attributes:
        credentials: numbers of the credentials that it is good for.
    """

    id: str
    credentials: tuple[str, ...]
    created_at: int
    expires_at: int
    revoked_at: int | None = None


class Access(Struct, frozen=True, gc=False):
    """An answer of this node about one credential, and the query that it answers."""

    index: int
    credential: str
    peer: str
    query: Query
    asked_at: int
    answer: Answer
    answered_at: int


class AccessWindow(Struct, frozen=True):
    """Which accesses are wanted; None leaves a side open.

    Attributes:
        limit: at most so many, the newest first.
        before: those at a lower position of the journal.
        since: answered at or after, microseconds UTC.
        until: answered before.
    """

    limit: int
    before: int | None = None
    since: int | None = None
    until: int | None = None


class Contest(Struct, frozen=True):
    """Where a complaint stands, when it was raised, and what it says."""

    index: int
    raised_at: int
    credential: str
    entry: int | None
    complaint: str
    text: str


class Holders(Protocol):
    """What the tables say about holders; all but the tokens follows from the journal."""

    async def numbers_of_holder(self, number: str) -> Sequence[str]:
        """Return the numbers of all credentials of the holder of one; none: no such credential."""
        ...

    async def keep_token(self, digest: bytes, held: Held) -> None:
        """Keep a token by its digest, and forget those that expired."""
        ...

    async def token(self, digest: bytes, now: int) -> Held | None:
        """Return a token that counts now, by its digest."""
        ...

    async def tokens(self) -> Sequence[Held]:
        """Return all tokens that are kept, oldest first."""
        ...

    async def revoke_token(self, token_id: str, now: int) -> bool:
        """Revoke a token; returns whether there was one to revoke."""
        ...

    async def accesses(
        self, numbers: Sequence[str], window: AccessWindow
    ) -> tuple[Sequence[Access], bool]:
        """Return accesses to some credentials, the newest first, and whether there are more.

        Every answer that was journalled before the call is among them, but for those erased.
        """
        ...

    async def is_about(self, position: int, numbers: Sequence[str]) -> bool:
        """Tell whether an entry is an answer, an event, a consent or a watch of a credential."""
        ...

    async def watches(self, numbers: Sequence[str]) -> Sequence[Watch]:
        """Return the standing consents about some credentials, oldest first."""
        ...

    async def lapsed_watches(self, now: int, limit: int) -> Sequence[bytes]:
        """Return watches past their expiry that no statement has ended yet."""
        ...

    async def contests(self, numbers: Sequence[str] | None) -> Sequence[Contest]:
        """Return complaints about some credentials, or all, oldest first; not those erased."""
        ...
