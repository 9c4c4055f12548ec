"""The spine of one journal: what its parts can be judged for only in their order.

The tree grows from the entries, every checkpoint is compared with it, and times do not go back.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from node.audit.examined import UNREADABLE, Examined, Signed
from node.audit.findings import Check, Findings, JournalSummary, Place
from node.audit.parts import Adoption
from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES, Tree
from node.model.note import Checkpoint
from node.model.statement import Grant
from node.wire.export import Header

COSIGNED_WITHIN_US: Final = 10 * 60 * 1_000_000
"""How long the newest entries of a journal may wait for their witnesses unremarked."""

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
        grant: what the file was to hold; None for all.
        erased: of which kind erasures name what, at which first and last index.
    """

    node: str
    origin: str
    size: int
    covered: int
    latest: int
    unattributed: int | None
    adoptions: tuple[Adoption, ...]
    ordered: bool
    grant: Grant | None
    erased: dict[int, tuple[int, int]]

    def proves(self, index: int) -> bool:
        """Tell whether what stands at an index is what the node itself signed there."""
        return self.ordered and index < self.covered

    def is_withheld(self, index: int) -> bool:
        """Tell whether an index is outside the grant's range."""
        return self.grant is not None and not self.grant.start <= index < self.grant.end

    def is_granted(self, index: int, kind: int) -> bool:
        """Tell whether the grant covers a statement of a kind at an index."""
        if self.grant is None:
            return True
        return not self.is_withheld(index) and kind in (self.grant.kinds or (kind,))

    def may_withhold(self) -> bool:
        """Tell whether entries within the grant's range may be withheld by their kind."""
        return self.grant is not None and bool(self.grant.kinds)

    def lacks(self, kinds: Iterable[int], since: int, before: int) -> str:
        """Say why entries of some kinds may be missing from an index on and before another.

        Returns `withheld`, `erased`, or nothing where none can be missing.
        """
        if since >= before:
            return ""
        if self.grant is not None:
            start, end = self.grant.start, self.grant.end
            by_kind = bool(self.grant.kinds) and not set(kinds) <= set(self.grant.kinds)
            if since < start or before > end or by_kind:
                return "withheld"
        for kind in kinds:
            first, last = self.erased.get(kind, (0, -1))
            if first < before and last >= since:
                return "erased"
        return ""


class Witnesses:
    """Follows which checkpoints of a journal its witnesses have cosigned; not a value."""

    def __init__(self, origin: str, findings: Findings) -> None:
        """Begin with none."""
        self._origin = origin
        self._findings = findings
        self._newest: Signed | None = None
        self._cosigned = 0
        self._bare_since: int | None = None

    def follow(self, signed: Signed, said_at: int) -> None:
        """Take a checkpoint that holds; `said_at` is when the last statement under it was said."""
        count, required = signed.cosigned
        self._newest = signed
        if count >= required > 0:
            self._cosigned += 1
            self._bare_since = None
            self._findings.passed(Check.WITNESSES)
        elif self._bare_since is None:
            self._bare_since = said_at

    def finish(self, latest: int) -> None:
        """Say where witnesses are missing that have had the time to cosign."""
        newest, since = self._newest, self._bare_since
        if newest is None or since is None or not newest.cosigned[1]:
            return
        if self._cosigned and latest - since <= COSIGNED_WITHIN_US:
            return
        count, required = newest.cosigned
        self._findings.undetermined(
            Check.WITNESSES,
            Place(self._origin, max(newest.declared - 1, 0)),
            f"{required} witnesses are required, and {count} have cosigned the newest checkpoint; "
            + (f"{self._cosigned} before it carry as many" if self._cosigned else "none before it"),
        )


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
        self._grant = header.grant
        self._access = header.access
        self._has_access = False
        self._erased: dict[int, tuple[int, int]] = {}
        self._witnesses = Witnesses(header.origin, findings)
        self.size = 0
        self.entries = 0
        self.covered = 0
        self.is_broken = False

    def follow(self, part: Examined) -> None:
        """Take the next part."""
        latest = self._latest
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
            latest = max(latest, *part.said_at[done : signed.after], UNREADABLE)
            done = signed.after
            if self._compare(signed):
                self._witnesses.follow(signed, latest)
        self._tree.extend(leaves[done:])
        self._has_access |= part.has_access
        for kind, (first, last) in part.erased.items():
            known = self._erased.get(kind, (first, last))
            self._erased[kind] = min(first, known[0]), max(last, known[1])
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
        self._witnesses.finish(self._latest)
        if self._grant is not None and not self._has_access:
            self._findings.failed(
                Check.GRANT,
                Place(self._origin, self._access),
                "the entry that journals what was granted is not in the file",
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
            self._grant,
            self._erased,
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

    def _compare(self, signed: Signed) -> bool:
        """Compare a checkpoint with the tree of the entries before it; tell whether it is its."""
        place = Place(self._origin, max(signed.declared - 1, 0))
        self._check_order(signed, place)
        checkpoint = signed.checkpoint
        if checkpoint is None:
            return False
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
            return self._compare_root(checkpoint, signed, place)
        return False

    def _compare_root(self, checkpoint: Checkpoint, signed: Signed, place: Place) -> bool:
        if checkpoint.size == self._tree.size and checkpoint.root == self._tree.root():
            self._findings.passed(Check.CHECKPOINT_ROOT)
            self.covered = checkpoint.size
            return True
        self._broken_at = signed.size
        self._findings.failed(
            Check.CHECKPOINT_ROOT,
            Place(self._origin, min(self.covered, place.index or 0)),
            f"from here up to {signed.size - 1}, the entries are not those that the node signed "
            f"in its checkpoint of size {checkpoint.size}",
        )
        return False

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
