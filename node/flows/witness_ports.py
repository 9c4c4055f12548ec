"""What witnessing needs of the world, as contracts.

Heads          heads of journals: peers' as seen, the own as cosigned
WitnessPeers   what nodes ask each other about their heads
Neighbourhood  both, beside the trust list and the clock
HighWater      the largest own checkpoint, remembered outside the database
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.ports import Clock, Trust
from node.model.fork import Fork


class SeenHead(Struct, frozen=True, gc=False):
    """A checkpoint of a peer's journal: the signed note, and what it says."""

    size: int
    root: bytes
    note: bytes


class WitnessedHead(Struct, frozen=True, gc=False):
    """The newest head of a peer's journal that this node cosigned, and its cosignatures."""

    peer: str
    origin: str
    seen: SeenHead
    cosignatures: bytes
    cosigned_at: int


class KnownHeads(Struct, frozen=True, gc=False):
    """What is known of a peer's journal when another head of it is judged.

    Attributes:
        cosigned: the newest one that this node cosigned.
        alike: one of the size in question, from wherever it was seen.
        largest: the size of the largest one that came with a statement, 0 for none.
        largest_at: when that was (microseconds UTC).
    """

    cosigned: WitnessedHead | None
    alike: SeenHead | None
    largest: int
    largest_at: int


class CosignedCheckpoint(Struct, frozen=True, gc=False):
    """An own checkpoint with the cosignatures that have arrived."""

    size: int
    note: bytes
    witnesses: int


HeadJudge = Callable[[KnownHeads], WitnessedHead]


class WitnessedElsewhere(Refusal):
    """A witness was asked to go on from another size than the one that it cosigned last.

    Attributes:
        size: that one.
    """

    def __init__(self, size: int) -> None:
        """Refuse as CONFLICT."""
        super().__init__(
            Code.CONFLICT, f"this witness has cosigned size {size}; prove that yours extends it"
        )
        self.size = size


class Heads(Protocol):
    """Heads of journals: peers' as this node has seen them, and its own as peers cosigned them.

    Durability: when a call that changes something returns, that is on disk. Consistency: changes
    are serialised, across processes. Retry: none inside; STALE means that the disk refuses.
    """

    async def advance(self, origin: str, size: int, judge: HeadJudge) -> WitnessedHead:
        """Replace the cosigned head of a journal by what `judge` makes of it.

        Look-up, judgement and writing are one step: nobody else's head comes between. `judge` is
        called in another thread; what it raises leaves everything as it was.
        """
        ...

    async def cosigned(self, origin: str) -> WitnessedHead | None:
        """Return the newest head of a peer's journal that this node cosigned."""
        ...

    async def largest(self, origin: str) -> bytes:
        """Return the note of the largest head of a peer's journal seen; empty for none."""
        ...

    async def unproved(self, origin: str, limit: int) -> Sequence[SeenHead]:
        """Return checkpoints of a peer's that came with statements and were not proved yet."""
        ...

    async def proved(self, origin: str, sizes: Collection[int]) -> None:
        """Note that these checkpoints are prefixes of the cosigned head."""
        ...

    async def keep_fork(self, peer: str, origin: str, fork: Fork) -> None:
        """Keep what shows that a journal is forked; from then on it is trusted no more."""
        ...

    def forked_journals(self) -> frozenset[str]:
        """Return the origins of the journals that are known to be forked."""
        ...

    async def own_checkpoint(self) -> bytes:
        """Return the signed checkpoint of the own journal as it is now.

        Raises:
            Refusal: STALE while nothing is signed.
        """
        ...

    async def newest_signed(self) -> bytes:
        """Return the newest checkpoint of the own journal that is signed already."""
        ...

    async def own_consistency(self, first: int, second: int) -> bytes:
        """Return the proof that an own tree is a prefix of a later one.

        Raises:
            Refusal: UNKNOWN where the journal has never had one of the sizes.
        """
        ...

    async def own_consistencies(self, firsts: Sequence[int], second: int) -> Sequence[bytes]:
        """Return the same from several sizes."""
        ...

    async def own_root(self, size: int) -> bytes | None:
        """Return the root that the own tree of a size has; None where it is not that large."""
        ...

    async def keep_cosignatures(self, size: int, witness: str, lines: bytes, now: int) -> None:
        """Keep a peer's cosignatures of the own checkpoint of a size."""
        ...

    async def cosigned_over(self, index: int, wanted: int) -> tuple[CosignedCheckpoint, bytes]:
        """Return a cosigned own checkpoint over an entry, and the entry's inclusion path under it.

        The newest with `wanted` witnesses, else the one with the most.

        Raises:
            Refusal: UNKNOWN where none that covers it is cosigned.
        """
        ...

    async def later_proof(self, position: int) -> tuple[bytes, bytes] | None:
        """Return path and note kept by `keep_later_proof`."""
        ...

    async def keep_later_proof(self, position: int, path: bytes, note: bytes) -> None:
        """Keep a proof, under a cosigned checkpoint, of what the entry at a position rests on."""
        ...

    def hold(self, reason: str, *, for_good: bool) -> None:
        """Sign nothing from now on, and where it is `for_good` write nothing either.

        What is tried meanwhile is refused as STALE, with the reason.
        """
        ...

    def release(self) -> None:
        """Sign again, unless it is held for good."""
        ...


class WitnessPeers(Protocol):
    """What nodes ask each other about their heads. No retries inside.

    Raises, every call: PEER_SILENT where the peer is unreachable or late, else what it refused.
    """

    async def head(self, node: str) -> bytes:
        """Return a peer's newest signed checkpoint, unchecked."""
        ...

    async def consistency(
        self, node: str, first: int, second: int, further: Sequence[int] = ()
    ) -> tuple[bytes, Sequence[bytes]]:
        """Return a peer's consistency proofs, unchecked: from `first`, and from each of `further`.

        A peer may leave out those of `further`.
        """
        ...

    async def add_checkpoint(self, node: str, body: bytes) -> bytes:
        """Ask a witness to cosign; returns signature lines, unchecked.

        Raises:
            WitnessedElsewhere: where it wants a proof from another size.
        """
        ...

    async def witnessed(self, node: str, origin: str) -> bytes:
        """Return the largest checkpoint of a journal that a peer has seen; empty for none."""
        ...

    async def inclusion(self, node: str, index: int) -> tuple[bytes, bytes]:
        """Return path and cosigned checkpoint of an entry of a peer's journal, unchecked."""
        ...


class Neighbourhood(Struct, frozen=True):
    """A node among its peers: what every flow about heads needs."""

    node: str
    heads: Heads
    peers: WitnessPeers
    trust: Trust
    clock: Clock


class HighWater(Protocol):
    """The largest own checkpoint, remembered outside the database, so that an old copy shows."""

    def read(self) -> bytes:
        """Return the note; empty where none is kept.

        Raises:
            Refusal: STALE where it cannot be read.
        """
        ...

    def rise(self, note: bytes) -> None:
        """Keep a note, where it is of a larger tree than the one kept.

        Raises:
            Refusal: STALE where it cannot be written.
        """
        ...
