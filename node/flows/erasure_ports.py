"""What erasing needs of the world, as contracts.

Erasures      what the journal holds about somebody, and letting go of it
ErasurePeers  requests to other nodes
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from node.flows.ports import Counterpart, Draft, Recorded
from node.model.retention import HeldExchange
from node.model.seal import Sealed
from node.model.statement import ErasureRequest, SharedExchange
from node.wire.parcel import Item


class HeldRecord(Struct, frozen=True):
    """Everything that the journal holds about some credentials.

    Attributes:
        entries: positions by kind of statement, ascending.
        shared: exchanges about them, by the peer that asked.
    """

    entries: Mapping[int, Sequence[int]]
    shared: Mapping[str, Sequence[SharedExchange]]


class OpenRequest(Struct, frozen=True, gc=False):
    """A journalled request to a peer that is not concluded.

    Attributes:
        tries: how often it was sent in vain.
        next_at: not before then again, microseconds UTC.
        told: what came back last; empty before that.
    """

    position: int
    commitment: bytes
    request: ErasureRequest
    said_at: int
    sealed: Sealed
    tries: int
    next_at: int
    told: str


class ReceivedRequest(Struct, frozen=True, gc=False):
    """A peer's request, its seal checked, waiting for its acknowledgement."""

    counterpart: Counterpart
    said_at: int
    request: ErasureRequest


class Due(Struct, frozen=True):
    """Entries that a retention period is over for, and where to look for more; None: nowhere."""

    entries: Sequence[int]
    next_position: int | None


class Erasures(Protocol):
    """What the journal holds about somebody, and letting go of it.

    Durability and consistency as of `Ledger`: statements, rows that go and rows that come are one
    transaction. What SQLite's log and free space still hold of them goes with `wipe`.
    """

    async def numbers_of_holder(self, number: str) -> Sequence[str]:
        """Return the numbers of all credentials of the holder of one, that one included.

        Who is the same holder is said in `model.holder`.

        Raises:
            Refusal: UNKNOWN where the registry holds no such credential.
        """
        ...

    async def erase_records(
        self, numbers: Sequence[str], say: Callable[[HeldRecord], Sequence[Draft]]
    ) -> Sequence[Recorded]:
        """Journal what `say` makes of all that is held about some credentials.

        Whatever was said of them until then is in it; `say` is called in another thread.

        Raises:
            Refusal: UNKNOWN where the registry does not hold them all any more.
        """
        ...

    async def acknowledge(
        self, received: ReceivedRequest, say: Callable[[Sequence[HeldExchange]], Sequence[Draft]]
    ) -> Sealed:
        """Answer a peer's request exactly once; asked again, it gets the same sealed statement.

        `say` makes of what is held of its exchanges the erasures, and the acknowledgement last.

        Raises:
            Refusal: BUSY while one of its questions is still open.
        """
        ...

    async def open_requests(self) -> Sequence[OpenRequest]:
        """Return every request of this node that is not concluded, oldest first."""
        ...

    async def tried(self, position: int, next_at: int, told: str) -> None:
        """Note that a request was sent in vain: when again, and what came back."""
        ...

    async def keep_false(self, peer: str, origin: str, content: bytes) -> None:
        """Keep a false acknowledgement as evidence, once."""
        ...

    async def due(self, kind: int, before: int, start: int, limit: int) -> Due:
        """Return entries of a kind from a position on that were said before a time.

        Left out is what is still open: unsettled questions, share codes that can still be used.
        """
        ...

    async def wipe(self, traces: Sequence[bytes] = (), since: int | None = None) -> bool:
        """Take what was erased out of the database's log and free space too.

        What was erased by the Erasures from `since` on is known by its `traces`: the database is
        searched for them, and written anew where one is found. For any before that, which a
        crash left behind, it is written anew. Returns False while somebody reads an older state;
        later it will do.
        """
        ...

    async def truncate_log(self) -> None:
        """Take what was erased out of the database's log, where nobody is in the way.

        That is all that is left to do where no record was erased: only tables that are sorted
        otherwise than by position leave copies in free space.
        """
        ...

    async def traces_of(self, numbers: Sequence[str]) -> Sequence[bytes]:
        """Return bytes that only what is held about some credentials has."""
        ...

    async def names_of(self, numbers: Sequence[str]) -> Collection[str]:
        """Return the names of the holders of some credentials, as they are now."""
        ...


class ErasurePeers(Protocol):
    """Requests to other nodes. No retries inside."""

    async def request_erasure(self, node: str, requests: Sequence[Sealed]) -> Sequence[Item]:
        """Send sealed requests as one parcel; returns what came in their places, unchecked.

        Raises:
            FalseReply: where what came back is no parcel of one reply for each request.
            Refusal: PEER_SILENT where the peer is unreachable or late, else what it refused.
        """
        ...
