"""Checking seals with the keys of the time, each distinct checkpoint once."""

from collections import OrderedDict
from hashlib import sha256
from itertools import chain
from typing import Final, NamedTuple

from node.errors import Code, Refusal
from node.model.merkle import InclusionChecker, leaf_hash
from node.model.note import Checkpoint
from node.model.seal import Sealed, commitment
from node.model.trust import Node, TrustView
from node.wire.codec import TIME_MAX_US

_OPENED_MAX: Final = 65_536  # about 250 bytes each
_INCLUSIONS_MAX: Final = 64  # up to some 100 kB each, where a batch of 512 stands under it


class _Opened(NamedTuple):
    """A checkpoint whose signatures held, and between which times its keys are the same."""

    checkpoint: Checkpoint
    since: int
    before: int


class Seals:
    """Checks checkpoints and seals; remembers which signatures held, within bounds."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._opened: OrderedDict[bytes, _Opened] = OrderedDict()
        self._inclusions: OrderedDict[
            tuple[bytes, str, bytes], tuple[_Opened, InclusionChecker]
        ] = OrderedDict()

    def open(self, trust: TrustView, node: Node, note: bytes, at: int) -> Checkpoint:
        """Return a node's checkpoint, its signatures by the keys that count at a time.

        Raises:
            Refusal: as `TrustView.open_checkpoint`.
        """
        return self._open(trust, node, note, at).checkpoint

    def check(
        self, trust: TrustView, node: Node, sealed: Sealed, at: int
    ) -> tuple[bytes, Checkpoint]:
        """Check that a sealed statement stands in a node's journal.

        Returns its commitment and the checkpoint that includes it.

        Raises:
            Refusal: UNAUTHENTICATED where a signature or the inclusion fails, MALFORMED where
                the note or the path is not one.
        """
        key = (trust.reference.digest, node.id, sealed.checkpoint)
        known = self._inclusions.get(key)
        if known is None or not known[0].since <= at < known[0].before:
            opened = self._open(trust, node, sealed.checkpoint, at)
            checkpoint = opened.checkpoint
            if checkpoint.size == 0:
                raise Refusal(Code.UNAUTHENTICATED, "an empty journal holds no statement")
            known = (opened, InclusionChecker(checkpoint.size, checkpoint.root))
            self._inclusions[key] = known
            if len(self._inclusions) > _INCLUSIONS_MAX:
                self._inclusions.popitem(last=False)
        stands_for = commitment(sealed.statement, sealed.salt)
        known[1].check(sealed.index, leaf_hash(stands_for), sealed.path)
        return stands_for, known[0].checkpoint

    def _open(self, trust: TrustView, node: Node, note: bytes, at: int) -> _Opened:
        # The digest has one length and a node id no slash, so no two ways lead to one key.
        key = sha256(b"%b%b/%b" % (trust.reference.digest, node.id.encode(), note)).digest()
        known = self._opened.get(key)
        if known is not None and known.since <= at < known.before:
            return known
        checkpoint = trust.open_checkpoint(node, note, at).checkpoint
        changes = sorted(
            chain.from_iterable(
                (item.valid_from, TIME_MAX_US if item.valid_until is None else item.valid_until)
                for item in node.journal_keys
            )
        )
        opened = _Opened(
            checkpoint,
            max((change for change in changes if change <= at), default=0),
            min((change for change in changes if change > at), default=TIME_MAX_US),
        )
        self._opened[key] = opened
        if len(self._opened) > _OPENED_MAX:
            self._opened.popitem(last=False)
        return opened
