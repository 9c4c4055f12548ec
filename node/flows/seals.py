"""Checking seals, many under one checkpoint at the price of little more than one."""

from collections import OrderedDict
from typing import Final

from node.errors import Code, Refusal
from node.flows.ports import Counterpart
from node.model.merkle import InclusionChecker, leaf_hash
from node.model.note import Checkpoint
from node.model.seal import Sealed, commitment
from node.model.trust import Node, TrustView

_REMEMBERED: Final = 256


class SealChecker:
    """Checks sealed statements of peers; remembers checkpoints whose signatures held.

    What is remembered counts for one trust list only, so a key withdrawn by a newer list
    counts no more at once.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._opened: OrderedDict[tuple[str, bytes], tuple[Checkpoint, InclusionChecker]] = (
            OrderedDict()
        )
        self._digest = b""

    def check(self, sealed: Sealed, speaker: Node, trust: TrustView, now: int) -> Counterpart:
        """Check that a statement stands in its speaker's journal; it need not be parsed yet.

        Raises:
            Refusal: UNAUTHENTICATED where a signature or the inclusion fails, MALFORMED where
                the note or the path is not one.
        """
        checkpoint, inclusion = self._open(sealed.checkpoint, speaker, trust, now)
        stands_for = commitment(sealed.statement, sealed.salt)
        inclusion.check(sealed.index, leaf_hash(stands_for), sealed.path)
        return Counterpart(
            speaker.id,
            speaker.origin,
            stands_for,
            sealed,
            checkpoint.size,
            checkpoint.root,
        )

    def _open(
        self, note: bytes, speaker: Node, trust: TrustView, now: int
    ) -> tuple[Checkpoint, InclusionChecker]:
        if self._digest != trust.reference.digest:
            self._opened.clear()
            self._digest = trust.reference.digest
        known = self._opened.get((speaker.id, note))
        if known is not None:
            return known
        checkpoint = trust.open_checkpoint(speaker, note, now).checkpoint
        if checkpoint.size == 0:
            raise Refusal(Code.UNAUTHENTICATED, "checkpoint: an empty journal holds no statement")
        opened = (checkpoint, InclusionChecker(checkpoint.size, checkpoint.root))
        self._opened[speaker.id, note] = opened
        if len(self._opened) > _REMEMBERED:
            self._opened.popitem(last=False)
        return opened
