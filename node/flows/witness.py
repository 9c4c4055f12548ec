"""Witnessing peers' journals: a cosignature says that a head extends all that was seen before.

A peer asks for one (`add_checkpoint`), or this node looks at the peer's head by itself (`follow`):

1. the request reads strictly: MALFORMED
2. the journal is that of another member and not known to be forked: UNKNOWN, UNTRUSTED
3. its owner's keys that count now have signed the head: UNAUTHENTICATED
4. it contradicts none of its size seen before; else both are kept as proof of a fork: UNTRUSTED
5. the request goes on from the very head that was cosigned last: CONFLICT, with its size; and it
   is no smaller than one that came with a statement a minute ago: CONFLICT
6. the proof leads from there to this head: UNAUTHENTICATED
7. cosign, and store it; 4 to 7 are one transaction, so no two requests go on from the same head
8. only then answer

Following also proves that every checkpoint that came with a statement is a prefix of the head.
Where a peer's proof shows that it was not, both heads and that proof are kept: a fork too. A peer
whose head is smaller than one that it showed before is *behind*: it lost entries, as when an old
copy of its database was put back. That is no proof of anything yet, but an alarm. So is a peer
that leaves out proofs, or lets another head pass each that is looked at.

Of a head only the lines of its owner's keys are kept: nobody fills the disk with others.
"""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.witness_ports import (
    KnownHeads,
    Neighbourhood,
    SeenHead,
    WitnessedElsewhere,
    WitnessedHead,
)
from node.model.cosignature import AddCheckpoint, Cosigner, cosign, with_cosignatures
from node.model.fork import Fork, head_of, proof_size, require_contradiction
from node.model.merkle import verify_consistency
from node.model.note import Checkpoint, Unprovable, only_lines_of
from node.model.trust import Node

PROOFS_AT_ONCE: Final = 512
_ROUNDS_MAX: Final = 16
_PASSED_ON_WITHIN_US: Final = 60 * 1_000_000
"""A head may be overtaken on its way by checkpoints that come with statements."""
_log = structlog.get_logger()


class Contradiction(Refusal):
    """A head contradicts one seen before.

    Attributes:
        fork: both of them.
        elsewhere: the size cosigned last, where a request went on from another.
    """

    def __init__(self, origin: str, fork: Fork, elsewhere: int | None = None) -> None:
        """Refuse as UNTRUSTED."""
        super().__init__(
            Code.UNTRUSTED, f"the journal {origin} is forked: two of its checkpoints contradict"
        )
        self.fork = fork
        self.elsewhere = elsewhere


class _Round(Struct, frozen=True):
    """One look at a peer's head, and at what it has to extend.

    Attributes:
        note: the head, signed.
        seen: checkpoints that came with statements and wait to be proved.
        earlier: those of them that are smaller than the head.
        paths: consistency proofs from each of these to the head.
    """

    peer: Node
    head: Checkpoint
    note: bytes
    seen: Sequence[SeenHead]
    earlier: Sequence[SeenHead]
    paths: Sequence[bytes]


class Witnessing:
    """The witness of all peers' journals.

    Attributes:
        behind: by peer, in words, whose head is smaller than one that it showed before.
        unproved: by peer, in words, whose checkpoints could not be proved to be of one tree.
    """

    def __init__(self, about: Neighbourhood, cosigners: Callable[[], Sequence[Cosigner]]) -> None:
        """Take what returns the keys that cosign now.

        Without any heads are followed, but no peer gets a signature.
        """
        self._node = about.node
        self._heads = about.heads
        self._peers = about.peers
        self._trust = about.trust
        self._clock = about.clock
        self._cosigners = cosigners
        self.behind: dict[str, str] = {}
        self.unproved: dict[str, str] = {}

    async def add_checkpoint(self, body: bytes) -> bytes:
        """Cosign a checkpoint (C2SP tlog-witness); returns the signature lines.

        Raises:
            Refusal: see the steps.
        """
        request = AddCheckpoint.parse(body)  # 1
        if not self._cosigners():
            raise Refusal(Code.UNKNOWN, "this node has no witness keys that count now")
        peer = self._owner(request.checkpoint.origin)  # 2
        return (await self._advance(peer, request)).cosignatures  # 8

    async def witnessed(self, origin: str) -> bytes:
        """Return the largest checkpoint of a peer's journal that this node has seen."""
        return await self._heads.largest(origin)

    async def cosigned(self, origin_digest: bytes) -> bytes:
        """Return the head of a peer's journal that this node cosigned last, cosigned.

        Args:
            origin_digest: SHA-256 of the journal's origin.

        Raises:
            Refusal: UNKNOWN where there is none.
        """
        for node in self._trust.view().nodes.values():
            if sha256(node.origin.encode()).digest() == origin_digest:
                found = await self._heads.cosigned(node.origin)
                if found is not None and found.cosignatures:
                    return with_cosignatures(found.seen.note, [found.cosignatures])
        raise Refusal(Code.UNKNOWN, "this node has cosigned no checkpoint of such a journal")

    async def follow(self) -> None:
        """Look at the heads of all peers; one peer's trouble is no other's."""
        view, now = self._trust.view(), self._clock()
        view.require_fresh(now)
        peers = [node for node in view.nodes.values() if node.id != self._node]
        for told in (self.behind, self.unproved):
            for gone in told.keys() - view.nodes.keys():
                del told[gone]
        found = await asyncio.gather(*map(self.follow_peer, peers), return_exceptions=True)
        for peer, failure in zip(peers, found, strict=True):
            if isinstance(failure, Refusal):
                if failure.code not in {Code.PEER_SILENT, Code.UNTRUSTED}:
                    _log.warning(
                        "peer_not_followed",
                        peer=peer.id,
                        code=failure.code.value,
                        reason=failure.reason,
                    )
            elif failure is not None:
                raise failure

    async def follow_peer(self, peer: Node) -> None:
        """Look at one peer's head: cosign it, or find out why not.

        Raises:
            Refusal: PEER_SILENT, as `add_checkpoint`, or as the peer refused.
        """
        passed = False
        for _ in range(_ROUNDS_MAX):
            try:
                passed = False
                if await self._follow(peer) < PROOFS_AT_ONCE:
                    break
            except WitnessedElsewhere:  # it asked for a cosignature meanwhile: go on from there
                passed = True
        if passed:
            self._is_unproved(peer, "another head passes each that is looked at")

    async def _follow(self, peer: Node) -> int:
        """Follow a peer once; returns how many checkpoints that waited were proved."""
        self._owner(peer.origin)  # 2
        seen = await self._heads.unproved(peer.origin, PROOFS_AT_ONCE)
        known = await self._heads.cosigned(peer.origin)
        note = await self._peers.head(peer.id)  # after those that it has to extend
        head, note = self._open(peer, note)  # 3
        cosigned = 0 if known is None else known.seen.size
        largest = max([cosigned, *(one.size for one in seen)])
        if head.size < largest:
            self._is_behind(peer, head.size, largest)
            return 0
        self.behind.pop(peer.id, None)
        earlier = [one for one in seen if 0 < one.size < head.size]
        if cosigned and cosigned < head.size:
            path, paths = await self._peers.consistency(
                peer.id, cosigned, head.size, [one.size for one in earlier]
            )
        else:
            path, paths = b"", await self._paths(peer, earlier, head.size)
        if left_out := earlier[len(paths) :]:  # the first is never left out
            paths = [*paths, *await self._paths(peer, left_out, head.size)]
        try:
            if known is None or (known.seen.size, known.seen.root) != (head.size, head.root):
                await self._advance(peer, AddCheckpoint(cosigned, path, note))
        except Refusal as refusal:
            if known is not None and refusal.code in {Code.UNAUTHENTICATED, Code.MALFORMED}:
                await self._contradicted(_Round(peer, head, note, seen, earlier, paths), known.seen)
            raise
        return await self._prove(_Round(peer, head, note, seen, earlier, paths))

    def _owner(self, origin: str) -> Node:
        """Return whose journal it is, where its head may be cosigned now."""
        view, now = self._trust.view(), self._clock()
        view.require_fresh(now)
        for node in view.nodes.values():
            if node.origin == origin and node.id != self._node:
                if origin in self._heads.forked_journals():
                    raise Refusal(Code.UNTRUSTED, f"the journal {origin} is forked")
                return view.member(node.id, now)
        raise Refusal(Code.UNKNOWN, "the checkpoint is of no journal of another node on the list")

    def _open(self, peer: Node, note: bytes) -> tuple[Checkpoint, bytes]:
        opened = self._trust.view().open_checkpoint(peer, note, self._clock())
        return opened.checkpoint, only_lines_of(note, opened.signed_by)

    async def _advance(self, peer: Node, request: AddCheckpoint) -> WitnessedHead:
        checkpoint, note = self._open(peer, request.note)  # 3
        request = replace(request, note=note)

        def judge(known: KnownHeads) -> WitnessedHead:
            now = self._clock()
            self._require_extension(peer.origin, checkpoint, request, known, now)
            lines = cosign(checkpoint, self._cosigners(), now // 1_000_000)  # 7
            seen = SeenHead(checkpoint.size, checkpoint.root, request.note)
            return WitnessedHead(peer.id, peer.origin, seen, lines, now)

        try:
            return await self._heads.advance(peer.origin, checkpoint.size, judge)
        except Contradiction as contradiction:
            await self._heads.keep_fork(peer.id, peer.origin, contradiction.fork)
            raise

    @staticmethod
    def _require_extension(
        origin: str, checkpoint: Checkpoint, request: AddCheckpoint, known: KnownHeads, now: int
    ) -> None:
        size, root = checkpoint.size, checkpoint.root
        before = None if known.cosigned is None else known.cosigned.seen
        cosigned = 0 if before is None else before.size
        elsewhere = None if request.old_size == cosigned else cosigned
        if known.alike is not None and known.alike.root != root:  # 4
            raise Contradiction(origin, Fork(known.alike.note, request.note), elsewhere)
        if elsewhere is not None:  # 5
            raise WitnessedElsewhere(elsewhere)
        overtaken = now - known.largest_at <= _PASSED_ON_WITHIN_US
        if size < known.largest and not overtaken:
            raise Refusal(
                Code.CONFLICT,
                f"this witness has seen size {known.largest}; it cosigns no smaller one",
            )
        if before is not None and before.size:  # 6
            try:
                verify_consistency(before.size, size, request.path, before.root, root)
            except Refusal as refusal:
                raise Unprovable(refusal.code, refusal.reason) from None

    def _is_behind(self, peer: Node, size: int, largest: int) -> None:
        told = f"its head has size {size}, but it has shown one of {largest}"
        if self.behind.get(peer.id) != told:
            self.behind[peer.id] = told
            _log.error("journal_behind", peer=peer.id, size=size, seen=largest)

    def _is_unproved(self, peer: Node, told: str) -> None:
        if self.unproved.get(peer.id) != told:
            self.unproved[peer.id] = told
            _log.error("journal_unproved", peer=peer.id, reason=told)

    async def _paths(self, peer: Node, seen: Sequence[SeenHead], size: int) -> Sequence[bytes]:
        if not seen:
            return ()
        sizes = [one.size for one in seen]
        first, others = await self._peers.consistency(peer.id, sizes[0], size, sizes[1:])
        return (first, *others)

    async def _prove(self, found: _Round) -> int:
        """Prove checkpoints that came with statements to be prefixes of the head; returns how many.

        Raises:
            Contradiction: where one is none.
        """
        head = found.head
        proved = {one.size for one in found.seen if (one.size, one.root) == (head.size, head.root)}
        failed: SeenHead | None = None
        for one, path in zip(found.earlier, found.paths, strict=False):
            try:
                verify_consistency(one.size, head.size, path, one.root, head.root)
            except Refusal:
                failed = failed or one
            else:
                proved.add(one.size)
        await self._heads.proved(found.peer.origin, proved)
        if failed is not None:
            await self._contradicted(found, failed)
        elif (left_out := len(found.earlier) - len(found.paths)) > 0:
            self._is_unproved(found.peer, f"it leaves out the proofs of {left_out} checkpoints")
        else:
            self.unproved.pop(found.peer.id, None)
        return len(proved)

    async def _contradicted(self, found: _Round, first: SeenHead) -> None:
        """Find out whether the peer itself can be made to show that its head is of another tree.

        Raises:
            Contradiction: where it was; it is kept.
        """
        peer, head = found.peer, found.head
        start = proof_size(first.size, head.size)
        self._is_unproved(
            peer, f"it has not proved that size {head.size} extends size {first.size}"
        )
        if start is None:  # the next head will do
            return
        path, _ = await self._peers.consistency(peer.id, start, head.size)
        try:
            require_contradiction(head_of(first.note), head, path)
        except Refusal:
            return
        contradiction = Contradiction(peer.origin, Fork(first.note, found.note, path))
        await self._heads.keep_fork(peer.id, peer.origin, contradiction.fork)
        raise contradiction
