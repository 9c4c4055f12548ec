"""The growing tree of one replayed journal: its entries in order, and each checkpoint's root."""

from typing import Final, NamedTuple

from node.audit.findings import Check, Findings, Place
from node.audit.seals import Seals
from node.errors import Code, Refusal
from node.model.merkle import Tree, leaf_hash
from node.model.note import Checkpoint
from node.model.trust import Node, TrustView
from node.wire.export import OwnCheckpoint

_LEAVES_AT_ONCE: Final = 4096


class Signing(NamedTuple):
    """What a checkpoint's signatures are checked with: list, node, and time in microseconds."""

    trust: TrustView
    node: Node
    at: int


class Growth:
    """Rebuilds the Merkle tree from the entries and compares every checkpoint with it.

    Attributes:
        size: one more than the highest index so far.
        entries: how many entries there were.
        covered: size of the last checkpoint that held.
    """

    def __init__(self, origin: str, findings: Findings, seals: Seals) -> None:
        """Begin with the empty tree."""
        self._origin = origin
        self._findings = findings
        self._seals = seals
        self._tree = Tree(0, _no_tile)
        self._leaves: list[bytes] = []
        self._empty: OwnCheckpoint | None = None
        self._last_size: int | None = None
        self._broken_at: int | None = None
        self._not_compared = 0
        self.size = 0
        self.entries = 0
        self.covered = 0

    def add(self, index: int, commitment: bytes) -> None:
        """Take the next entry, wherever it says that it stands."""
        if index == self.size:
            self._findings.passed(Check.ENTRY_ORDER)
        elif index > self.size:
            self._findings.failed(
                Check.ENTRY_ORDER,
                Place(self._origin, self.size),
                f"entries {self.size} to {index - 1} are missing",
            )
        else:
            self._findings.failed(
                Check.ENTRY_ORDER,
                Place(self._origin, index),
                f"stands again or too late, after {self.size - 1}",
            )
        self.size = max(self.size, index + 1)
        self.entries += 1
        self._leaves.append(leaf_hash(commitment))
        if len(self._leaves) >= _LEAVES_AT_ONCE:
            self._grow()

    def check(self, record: OwnCheckpoint, signing: Signing | None) -> Checkpoint | None:
        """Compare a checkpoint with the tree of the entries before it, and open its signatures.

        Returns the checkpoint where its signatures hold, whatever its root. The one of the empty
        journal waits for the first statement, which says when and under which trust list.
        """
        place = Place(self._origin, max(record.size - 1, 0))
        self._check_order(record, place)
        if not self.entries and self._empty is None:
            self._empty = record
            return None
        self._check_empty(signing)
        checkpoint = self._open(record, signing, place)
        if checkpoint is not None:
            self._compare(record, checkpoint, place)
        return checkpoint

    def _check_empty(self, signing: Signing | None) -> None:
        record, self._empty = self._empty, None
        if record is None:
            return
        place = Place(self._origin, 0)
        checkpoint = self._open(record, signing, place)
        if checkpoint is not None:
            faults = [] if checkpoint.size == 0 else ["the first checkpoint is of another journal"]
            self._findings.judge(Check.CHECKPOINT_ROOT, place, faults)

    def _open(
        self, record: OwnCheckpoint, signing: Signing | None, place: Place
    ) -> Checkpoint | None:
        if signing is None:
            reason = "there is no trust list that names this journal's keys"
            self._findings.undetermined(Check.CHECKPOINT_SIGNATURE, place, reason)
            self._findings.undetermined(Check.CHECKPOINT_ROOT, place, reason)
            return None
        try:
            checkpoint = self._seals.open(signing.trust, signing.node, record.note, signing.at)
        except Refusal as refusal:
            self._findings.failed(Check.CHECKPOINT_SIGNATURE, place, refusal.reason)
            self._findings.undetermined(
                Check.CHECKPOINT_ROOT, place, "the checkpoint is not the node's"
            )
            return None
        self._findings.passed(Check.CHECKPOINT_SIGNATURE)
        return checkpoint

    def _compare(self, record: OwnCheckpoint, checkpoint: Checkpoint, place: Place) -> None:
        self._grow()
        if checkpoint.size != record.size:
            self._findings.failed(
                Check.CHECKPOINT_ROOT,
                place,
                f"the checkpoint is of size {checkpoint.size}, the file says {record.size}",
            )
        elif record.size != self.size:
            self._findings.undetermined(
                Check.CHECKPOINT_ROOT, place, "stands where the tree has another size"
            )
        elif self._broken_at is not None:
            self._not_compared += 1
        elif checkpoint.size == self.entries and checkpoint.root == self._tree.root():
            self._findings.passed(Check.CHECKPOINT_ROOT)
            self.covered = checkpoint.size
        else:
            self._broken_at = self.size
            self._findings.failed(
                Check.CHECKPOINT_ROOT,
                Place(self._origin, min(self.covered, place.index or 0)),
                f"from here up to {self.size - 1}, the entries are not those that the node signed "
                f"in its checkpoint of size {checkpoint.size}",
            )

    def finish(self, signing: Signing | None) -> None:
        """Check that a checkpoint covers the last entry."""
        self._check_empty(signing)
        if self._broken_at is not None and self._not_compared:
            self._findings.undetermined(
                Check.CHECKPOINT_ROOT,
                Place(self._origin, self._broken_at),
                f"from here on, {self._not_compared} checkpoints cannot be compared: the entries "
                "before are not what was signed",
            )
        last_size = self._last_size or 0
        if self._last_size is not None and last_size >= self.size:
            self._findings.passed(Check.JOURNAL_END)
        else:
            self._findings.failed(
                Check.JOURNAL_END,
                Place(self._origin, last_size),
                "from here on, no checkpoint covers the entries"
                if self.size
                else "there is neither an entry nor a checkpoint",
            )

    def _check_order(self, record: OwnCheckpoint, place: Place) -> None:
        faults = []
        if record.size != self.size:
            faults.append(f"a checkpoint of size {record.size} stands after {self.size} entries")
        if self._last_size is not None and record.size <= self._last_size:
            faults.append(f"a checkpoint of size {record.size} follows one of {self._last_size}")
        self._findings.judge(Check.CHECKPOINT_ORDER, place, faults)
        self._last_size = max(record.size, self._last_size or 0)

    def _grow(self) -> None:
        if self._leaves:
            self._tree.extend(self._leaves)
            self._leaves.clear()


def _no_tile(level: int, number: int) -> bytes:
    raise Refusal(Code.DEFECT, f"tile {number} of level {level} was never stored")
