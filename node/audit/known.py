"""What is known of all journals once each of their parts has been examined."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from node.audit.examined import Aim
from node.audit.findings import Place
from node.audit.spine import End
from node.model.statement import TrustReference

LATE_AFTER_DAYS: Final = 365


class Known(Struct, frozen=True):
    """What bringing slips together needs beside them.

    Attributes:
        ends: how each journal ends, in the order given.
        by_node: how the longest journal of each node ends.
        left_at: when each node left which trust list, microseconds UTC.
        aims: what the audit is after.
        bursts: journal and hour since the epoch of each burst of registrations.
        late_after_days: how long after its date an award may enter the registry.
    """

    ends: tuple[End, ...]
    by_node: dict[str, End]
    left_at: dict[str, dict[TrustReference, int]]
    aims: frozenset[Aim]
    bursts: frozenset[tuple[int, int]]
    late_after_days: int

    def lacks(self, journal: int, kinds: Iterable[int], since: int, before: int) -> str:
        """Say why entries may be missing, as `End.lacks`."""
        return self.ends[journal].lacks(kinds, since, before)

    def place(self, journal: int, index: int) -> Place:
        """Return a place in a journal."""
        return Place(self.ends[journal].origin, index)


def know(
    ends: Sequence[End],
    aims: frozenset[Aim],
    bursts: frozenset[tuple[int, int]],
    late_after_days: int,
) -> Known:
    """Return what is known by how the journals end; the rest is as `Known` has it."""
    by_node: dict[str, End] = {}
    left_at: dict[str, dict[TrustReference, int]] = {}
    for end in ends:
        longest = by_node.setdefault(end.node, end)
        if (end.covered, end.size) > (longest.covered, longest.size):
            by_node[end.node] = end
    for node, end in by_node.items():
        left = left_at[node] = {}
        for before, after in zip(end.adoptions, end.adoptions[1:], strict=False):
            left[before.adopted] = after.said_at
        if end.adoptions:  # it may have come back to one
            left.pop(end.adoptions[-1].adopted, None)
    return Known(tuple(ends), by_node, left_at, aims, bursts, late_after_days)
