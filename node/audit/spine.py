"""The spine of one journal: what its parts can be judged for only in their order.

The tree grows from the entries, every checkpoint is compared with it, and times do not go back.
"""

from typing import Final

from msgspec import Struct

from node.audit.examined import UNREADABLE, Examined, Signed
from node.audit.findings import Check, Findings, JournalSummary, Place
from node.audit.parts import Adoption
from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES, Tree
from node.model.note import Checkpoint
from node.wire.export import Header

BACKWARDS_MAX_US: Final = 60 * 1_000_000
"""How far a node's clock may step back between entries."""


class End(Struct, frozen=True):
    """How a journal ends, as what compares journals needs to know it.

    Attributes:
        size: one more than the highest index.
        covered: size of the last checkpoint whose root and signatures held.
        latest: when the last statement was said, microseconds UTC.
        unattributed: the first answer that spends a share code not known; None for none.
        adoptions: of trust lists, in order.
        ordered: whether every entry stands at its index.
    """

    node: str
    origin: str
    size: int
    covered: int
    latest: int
    unattributed: int | None
    adoptions: tuple[Adoption, ...]
    ordered: bool

    def proves(self, index: int) -> bool:
        """Tell whether what stands at an index is what the node itself signed there."""
        return self.ordered and index < self.covered


class Spine:
    """Follows one journal, part by part; not a value.

    Attributes:
        size: one more than the highest index so far.
        entries: how many entries there were.
        covered: size of the last checkpoint that held.
        is_broken: whether its last part was its end, since it cannot be read on.
    """

    def __init__(self, header: Header, findings: Findings) -> None:
        """Begin with the empty tree."""
        self._node = header.node
        self._origin = header.origin
        self._findings = findings
        self._tree = Tree(0, _no_tile)
        self._last_size: int | None = None
        self._broken_at: int | None = None
        self._not_compared = 0
        self._latest = 0
        self._unattributed: int | None = None
        self._answers = 0
        self._conclusions = 0
        self._adoptions: list[Adoption] = []
        self._ordered = True
        self.size = 0
        self.entries = 0
        self.covered = 0
        self.is_broken = False

    def follow(self, part: Examined) -> None:
        """Take the next part."""
        self._follow_times(part)
        self._adoptions += part.adoptions
        hashes = part.leaves
        leaves = [
            bytes(hashes[at : at + HASH_SIZE_BYTES])
            for at in range(0, len(hashes), HASH_SIZE_BYTES)
        ]
        done = 0
        for signed in part.signed:
            self._tree.extend(leaves[done : signed.after])
            done = signed.after
            self._compare(signed)
        self._tree.extend(leaves[done:])
        self.entries += len(leaves)
        self.size = part.size
        self._answers += part.answers
        self._conclusions += part.conclusions
        if self._unattributed is None:
            self._unattributed = part.unattributed

    def finish(self) -> tuple[JournalSummary, End]:
        """Check what only the end shows, and return what the journal held and how it ends."""
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
        summary = JournalSummary(
            self._node, self._origin, self.entries, self.covered, self._answers, self._conclusions
        )
        return summary, End(
            self._node,
            self._origin,
            self.size,
            self.covered,
            self._latest,
            self._unattributed,
            tuple(self._adoptions),
            self._ordered,
        )

    def _follow_times(self, part: Examined) -> None:
        held = 0
        for ordinal, (said_at, index) in enumerate(
            zip(part.said_at, part.indices, strict=True), self.entries
        ):
            self._ordered &= index == ordinal
            if said_at >= self._latest:
                self._latest = said_at
            elif said_at == UNREADABLE:
                continue
            elif said_at < self._latest - BACKWARDS_MAX_US:
                self._findings.failed(
                    Check.TIME_ORDER,
                    Place(self._origin, index),
                    f"was said {(self._latest - said_at) // 1_000_000} s before an earlier entry",
                )
                continue
            held += 1
        self._findings.passed(Check.TIME_ORDER, held)

    def _compare(self, signed: Signed) -> None:
        """Compare a checkpoint with the tree of the entries before it."""
        place = Place(self._origin, max(signed.declared - 1, 0))
        self._check_order(signed, place)
        checkpoint = signed.checkpoint
        if checkpoint is None:
            return
        if checkpoint.size != signed.declared:
            self._findings.failed(
                Check.CHECKPOINT_ROOT,
                place,
                f"the checkpoint is of size {checkpoint.size}, the file says {signed.declared}",
            )
        elif signed.declared != signed.size:
            self._findings.undetermined(
                Check.CHECKPOINT_ROOT, place, "stands where the tree has another size"
            )
        elif self._broken_at is not None:
            self._not_compared += 1
        else:
            self._compare_root(checkpoint, signed, place)

    def _compare_root(self, checkpoint: Checkpoint, signed: Signed, place: Place) -> None:
        if checkpoint.size == self._tree.size and checkpoint.root == self._tree.root():
            self._findings.passed(Check.CHECKPOINT_ROOT)
            self.covered = checkpoint.size
            return
        self._broken_at = signed.size
        self._findings.failed(
            Check.CHECKPOINT_ROOT,
            Place(self._origin, min(self.covered, place.index or 0)),
            f"from here up to {signed.size - 1}, the entries are not those that the node signed "
            f"in its checkpoint of size {checkpoint.size}",
        )

    def _check_order(self, signed: Signed, place: Place) -> None:
        faults, declared = [], signed.declared
        if declared != signed.size:
            faults.append(f"a checkpoint of size {declared} stands after {signed.size} entries")
        if self._last_size is not None and declared <= self._last_size:
            faults.append(f"a checkpoint of size {declared} follows one of {self._last_size}")
        self._findings.judge(Check.CHECKPOINT_ORDER, place, faults)
        self._last_size = max(declared, self._last_size or 0)


def _no_tile(level: int, number: int) -> bytes:
    raise Refusal(Code.DEFECT, f"tile {number} of level {level} was never stored")
