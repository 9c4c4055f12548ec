"""What following across the border needs of the world, as contracts."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from node.flows.ports import Draft, Recorded
from node.model.notice import WatchFacts
from node.model.seal import Sealed
from node.wire.parcel import Item


class Follower(Struct, frozen=True, gc=False):
    """An employer of this node who follows a standing consent of a peer's.

    Attributes:
        id: 24 hex digits.
        key_id: whose API key it is.
        register_id: theirs; notices are for them where they name it.
        peer: node id of the node that has the credential.
        watch: the standing consent, 16 bytes.
        created_at: microseconds UTC.
        url: where every notice is posted; empty: nowhere.
        secret: what posts are signed with.
        told: position of the last notice that was posted; -1: none.
        tries: how often the next one was posted in vain.
        next_at: when it is posted again, microseconds UTC.
        dead: whether posting was given up.
    """

    id: str
    key_id: str
    register_id: str
    peer: str
    watch: bytes
    created_at: int
    url: str = ""
    secret: str = ""
    told: int = -1
    tries: int = 0
    next_at: int = 0
    dead: bool = False


class HeardNotice(Struct, frozen=True, gc=False):
    """A notice that was taken: where it was journalled here, and when the peer said what."""

    position: int
    said_at: int
    outcome: str
    expires_at: int


class NoticeBooks(Protocol):
    """Notices said and taken, and who follows; as durable and consistent as the `Ledger`."""

    async def size(self) -> int:
        """Return the journal's size."""
        ...

    async def stirred(self, since: int, now: int) -> Sequence[bytes]:
        """Return watches that were given, or whose credential changed, at `since` or after.

        In the order in which they were given; from 0 on all that are open at `now`.
        """
        ...

    async def tell(
        self, watches: Sequence[bytes], say: Callable[[WatchFacts, int], Draft | None], now: int
    ) -> Sequence[Recorded]:
        """Journal what `say` makes of watches as they are at `now`, in one transaction."""
        ...

    async def notices(self, audience: str, start: int, now: int, limit: int) -> Sequence[Sealed]:
        """Return own notices to a node at or after a position, whose consent is open still.

        Each is under the newest checkpoint: of its first one, the keys may be retired.
        """
        ...

    async def taken_until(self, origin: str) -> int:
        """Return the position after the last notice of a peer's journal that was taken."""
        ...

    async def take(self, drafts: Sequence[Draft]) -> Sequence[Recorded]:
        """Journal notices, in the order of the peer's journal; those taken before are left out."""
        ...

    async def keep_false(self, peer: str, origin: str, content: bytes, now: int) -> None:
        """Keep what came in place of notices as evidence, once, and so many of a peer."""
        ...

    async def heard(self, follower: Follower, after: int, limit: int) -> Sequence[HeardNotice]:
        """Return what was taken for a follower after a position of this journal, in order."""
        ...

    async def add(self, follower: Follower) -> None:
        """Keep a follower."""
        ...

    async def followers(self, key_id: str | None = None) -> Sequence[Follower]:
        """Return the followers of an API key, or all, oldest first."""
        ...

    async def remove(self, follower_id: str) -> None:
        """Forget a follower."""
        ...

    async def followed_peers(self) -> Sequence[str]:
        """Return the peers that somebody follows something at."""
        ...

    async def due(self, now: int, limit: int) -> Sequence[tuple[Follower, HeardNotice]]:
        """Return for each follower with a url the next notice to post, where its time has come."""
        ...

    async def posted(self, follower: Follower) -> None:
        """Keep how far posting to a follower has come."""
        ...


class FollowPeers(Protocol):
    """Streams from other nodes."""

    def follow(self, node: str, start: int) -> AsyncIterator[Sequence[Item]]:
        """Yield a peer's notices from a position of its journal on, unchecked, as they come.

        Raises:
            Refusal: PEER_SILENT where the stream ends or the peer is not there, or the peer's.
        """
        ...
