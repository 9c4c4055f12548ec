"""What the journals of several nodes say of each other.

Small on purpose: whatever one journal holds of another must stand in the other, at the same
place. That makes the two ends of an exchange agree, and shows an answer or a query that its
own node left out; and the checkpoints that a node showed its peers must be of the tree that it
gave the auditor. Memory grows by the exchanges between the given nodes.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from node.audit.findings import Check, Findings, Place
from node.model.note import Checkpoint


class _Held(NamedTuple):
    """A peer's statement as a journal holds it, beside its own entry."""

    place: Place
    position: int
    commitment: bytes


class BothSides:
    """Gathers queries and answers of the given journals, and what they hold of each other."""

    def __init__(self, nodes: Sequence[str], findings: Findings) -> None:
        """Compare the journals of these nodes; with fewer than two there is nothing to compare."""
        self._findings = findings
        self._said: dict[str, dict[int, bytes]] = {}
        if len(nodes) > 1:
            self._said = {node: {} for node in nodes}
        self._origins: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._held: defaultdict[str, list[_Held]] = defaultdict(list)
        self._signed: dict[tuple[str, int], bytes] = {}
        self._shown: dict[tuple[str, int], tuple[Place, bytes]] = {}

    def says(self, node: str, place: Place, commitment: bytes) -> None:
        """Take a query or an answer of a node, as it stands at `place` in its journal.

        The same node's journal may be given twice, as exported at two times.
        """
        said = self._said.get(node)
        if said is None or place.index is None:
            return
        if said.setdefault(place.index, commitment) != commitment:
            self._findings.failed(
                Check.BOTH_SIDES, place, "two journals given for this node differ here"
            )

    def signs(self, node: str, checkpoint: Checkpoint) -> None:
        """Take a checkpoint that a journal holds of itself."""
        if node in self._said:
            self._signed[node, checkpoint.size] = checkpoint.root

    def holds(
        self, place: Place, peer: str, index: int, commitment: bytes, checkpoint: Checkpoint
    ) -> None:
        """Take a statement of a peer, and its checkpoint, held beside the entry at `place`."""
        if peer not in self._said:
            return
        self._held[peer].append(_Held(place, index, commitment))
        first = self._shown.setdefault((peer, checkpoint.size), (place, checkpoint.root))
        if first[1] != checkpoint.root:
            self._findings.failed(
                Check.ONE_TREE,
                place,
                f"{peer} signed two different trees of size {checkpoint.size}: here and at "
                f"{first[0]}",
            )

    def ends(self, node: str, origin: str, size: int) -> None:
        """Take the size of a node's journal, as it was given."""
        self._origins[node] = origin
        self._sizes[node] = max(size, self._sizes.get(node, 0))

    def compare(self) -> None:
        """Look up whatever one holds of another in the other."""
        self._compare_statements()
        self._compare_checkpoints()

    def _compare_statements(self) -> None:
        for peer in sorted(self._held):
            said, origin = self._said[peer], self._origins.get(peer, peer)
            size = self._sizes.get(peer, 0)
            for held in self._held[peer]:
                if said.get(held.position) == held.commitment:
                    self._findings.passed(Check.BOTH_SIDES)
                elif held.position >= size:
                    self._findings.undetermined(
                        Check.BOTH_SIDES,
                        held.place,
                        f"rests on {origin}[{held.position}], but that journal was given only "
                        f"up to {size}; export it again",
                    )
                else:
                    self._findings.failed(
                        Check.BOTH_SIDES,
                        held.place,
                        f"rests on {origin}[{held.position}], but that journal as given says "
                        "something else there",
                    )

    def _compare_checkpoints(self) -> None:
        for (peer, size), (place, root) in self._shown.items():
            origin = self._origins.get(peer, peer)
            own = self._signed.get((peer, size))
            if own == root:
                self._findings.passed(Check.ONE_TREE)
            elif own is not None:
                self._findings.failed(
                    Check.ONE_TREE,
                    place,
                    f"{origin} showed its peer another tree of size {size} than is in the "
                    "journal it gave",
                )
            elif size <= self._sizes.get(peer, 0):
                self._findings.undetermined(
                    Check.ONE_TREE,
                    place,
                    f"the journal given for {origin} holds no checkpoint of size {size}",
                )
