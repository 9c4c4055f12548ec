"""Looking back before signing: does anybody know of more of this journal than there is?

A database put back from an old copy is shorter than what the node has signed and shown. Whatever
it signed next would fork its journal, for good. So

1. at the start nothing is signed yet
2. the largest checkpoint kept outside the database (`high_water`) is looked at
3. every peer is asked for the largest checkpoint of this journal that it has seen; that is signed
   with our own keys, so nobody can make one up
4. where one is larger than the journal, or of another tree: nothing is written or signed any more,
   in this process and in every later one, since that checkpoint is kept outside the database
5. else signing begins: once the checkpoint kept outside agrees or a peer has answered

While the node runs, whoever did not answer is asked again, and what was signed is kept outside.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from node.errors import Code, Refusal
from node.flows.witness_ports import Heads, HighWater, Neighbourhood
from node.model.fork import head_of
from node.model.note import Checkpoint, VerifierKey, open_checkpoint

_WAITING: Final = (
    "nothing is signed until a peer has said what it has seen of this journal, since no checkpoint "
    "is kept outside the database; the node goes on by itself"
)
_log = structlog.get_logger()


class LookBack:
    """Compares the journal with what others know of it.

    Attributes:
        found: why nothing is signed any more; empty where all is well.
    """

    def __init__(
        self,
        about: Neighbourhood,
        *,
        origin: str,
        keys: Callable[[], Sequence[VerifierKey]],
        high_water: HighWater,
        timeout_s: float,
    ) -> None:
        """Take the parts; `keys` are the journal's own, `timeout_s` is for asking at the start."""
        self._node = about.node
        self._origin = origin
        self._heads = about.heads
        self._peers = about.peers
        self._trust = about.trust
        self._clock = about.clock
        self._keys = keys
        self._high_water = high_water
        self._timeout_s = timeout_s
        self._answered: set[str] = set()
        self.found = ""

    async def at_start(self) -> None:
        """Find out whether the journal may go on.

        Raises:
            Refusal: STALE where it is older than what is known of it.
        """
        self._heads.hold(_WAITING, for_good=False)  # 1
        kept = await require_high_water(self._heads, self._high_water, self._origin)  # 2
        peers = self._others()
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncio.gather(*map(self._ask_quietly, peers))  # 3
        except TimeoutError:
            pass
        if self.found:
            raise Refusal(Code.STALE, self.found)
        if kept or self._answered or not peers:  # 5
            self._heads.release()
        else:
            _log.warning("waiting_for_a_peer", reason=_WAITING)

    async def again(self) -> None:
        """Ask those that have not answered yet, and keep what was signed outside the database."""
        await asyncio.gather(*(map(self._ask_quietly, set(self._others()) - self._answered)))
        if self._answered and not self.found:
            self._heads.release()
        try:
            await require_high_water(self._heads, self._high_water, self._origin)
            await self.keep()
        except Refusal as refusal:
            self.found = self.found or refusal.reason
            raise

    async def keep(self) -> None:
        """Keep the newest own checkpoint outside the database."""
        await keep_high_water(self._heads, self._high_water)

    async def ask(self, peer: str) -> None:
        """Ask one peer what it has seen, and stop where that is more than there is.

        Raises:
            Refusal: PEER_SILENT, or as it refused; STALE where it knows of more.
        """
        note = await self._peers.witnessed(peer, self._origin)
        self._answered.add(peer)
        if not note:
            return
        try:
            keys = tuple(dict.fromkeys((*self._keys(), *self._listed())))
            head = open_checkpoint(note, self._origin, keys).checkpoint
        except Refusal as refusal:
            _log.warning("peer_showed_no_checkpoint_of_ours", peer=peer, reason=refusal.reason)
            return
        fault = await _fault(self._heads, head, f"{peer} has seen")
        if not fault:
            return
        self.found = fault
        self._heads.hold(fault, for_good=True)  # 4
        _log.error("journal_behind_its_past", peer=peer, reason=fault)
        self._high_water.rise(note)
        raise Refusal(Code.STALE, fault)

    async def _ask_quietly(self, peer: str) -> None:
        try:
            await self.ask(peer)
        except Refusal as refusal:
            if refusal.code is not Code.PEER_SILENT and not self.found:
                _log.warning("peer_not_asked", peer=peer, reason=refusal.reason)

    def _others(self) -> list[str]:
        """Return who may have seen this journal."""
        try:
            view = self._trust.view()
        except Refusal:
            return []
        return [node for node in view.nodes if node != self._node]

    def _listed(self) -> Sequence[VerifierKey]:
        own = self._trust.view().nodes.get(self._node)
        return () if own is None else [key.verifier for key in own.journal_keys]


async def require_high_water(heads: Heads, high_water: HighWater, origin: str) -> bool:
    """Hold the journal against the checkpoint kept outside the database.

    Returns whether there is one. Where it does not agree, nothing is written from now on.

    Raises:
        Refusal: STALE where it is larger than the journal, of another tree, or cannot be read.
    """
    note = high_water.read()
    if not note:
        return False
    try:
        head = head_of(note)
    except Refusal as refusal:
        raise Refusal(Code.STALE, f"high_water: {refusal.reason}; put its copy back") from None
    if head.origin != origin:
        raise Refusal(Code.STALE, f"high_water: is of the journal {head.origin}, not of {origin}")
    fault = await _fault(heads, head, "witness.high_water holds")
    if fault:
        heads.hold(fault, for_good=True)
        raise Refusal(Code.STALE, fault)
    return True


async def keep_high_water(heads: Heads, high_water: HighWater) -> None:
    """Keep the newest own checkpoint outside the database."""
    note = await heads.newest_signed()
    await asyncio.to_thread(high_water.rise, note)


async def _fault(heads: Heads, head: Checkpoint, who: str) -> str:
    """Say in words how a checkpoint of ours does not fit the journal; empty where it does."""
    root = await heads.own_root(head.size)
    if root == head.root:
        return ""
    what = "is shorter than that" if root is None else "holds something else there"
    return (
        f"{who} a checkpoint of this journal of size {head.size}, signed with its own keys, but "
        f"the database {what}: an old copy was put back. Nothing is signed or written, or the "
        "journal would be forked for good. Put the newest database back; where it is lost, the "
        "operator's page tells how to go on under another origin ('Restored from an old copy')"
    )
