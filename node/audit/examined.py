"""What parts of journals are examined with, and what comes of one."""

from array import array
from collections import Counter
from enum import StrEnum
from typing import Final

from msgspec import Struct

from node.audit.archive import Enclosed
from node.audit.findings import Findings
from node.audit.parts import Adoption
from node.audit.series import Series
from node.audit.slips import Kind
from node.model.note import Checkpoint
from node.model.statement import TrustReference
from node.wire.export import Header

UNREADABLE: Final = -1
"""Stands for the time of a statement that cannot be read."""


class Aim(StrEnum):
    """What an audit is after."""

    REPLAY = "replay"
    RECONCILE = "reconcile"
    REGISTRY = "registry"
    SERIES = "series"


_KINDS: Final = {
    Aim.REPLAY: {
        Kind.EXCHANGE,
        Kind.POSITION,
        Kind.SIZE,
        Kind.SHARE_CODE,
        Kind.CREDENTIAL,
        Kind.ABSENT,
        Kind.CASE,
        Kind.GONE,
    },
    Aim.RECONCILE: {Kind.EXCHANGE, Kind.SIZE, Kind.ABSENT, Kind.GONE},
    Aim.REGISTRY: {Kind.SHARE_CODE, Kind.CREDENTIAL, Kind.ISSUER},
    Aim.SERIES: {Kind.EXCHANGE, Kind.ABSENT, Kind.GONE},
}


class Given(Struct, frozen=True):
    """What all parts are examined with.

    Attributes:
        headers: of the journals.
        lists: the trust lists that each journal encloses and that hold.
        aims: what the audit is after.
        piles: how many piles the slips are spread over.
    """

    headers: tuple[Header, ...]
    lists: tuple[dict[TrustReference, Enclosed], ...]
    aims: frozenset[Aim]
    piles: int

    @property
    def compared(self) -> frozenset[str]:
        """The nodes whose journals are compared; none where there is but one journal."""
        nodes = frozenset(header.node for header in self.headers)
        return nodes if len(self.headers) > 1 else frozenset()

    @property
    def kinds(self) -> frozenset[Kind]:
        """What is brought together for these aims."""
        return frozenset[Kind]().union(*(_KINDS[aim] for aim in self.aims))


class Signed(Struct, frozen=True):
    """A checkpoint of the journal as the spine compares it with the tree.

    Attributes:
        after: how many of the part's entries stand before it.
        size: one more than the highest index before it.
        declared: the size that the file gives it.
        checkpoint: what it says, None where its signatures do not hold.
        cosigned: how many witnesses have cosigned it, and how many the federation requires.
    """

    after: int
    size: int
    declared: int
    checkpoint: Checkpoint | None
    cosigned: tuple[int, int] = (0, 0)


class Examined(Struct):
    """What came of one part.

    Attributes:
        said_at: of each entry, microseconds UTC, `UNREADABLE` where it cannot be read.
        leaves: leaf hashes of the entries, 32 bytes each.
        adoptions: of trust lists.
        unattributed: the first answer that spends a share code not known, counted from 0.
        registered: how many credentials were registered in each hour since the epoch.
        erased: of which kind erasures name what, at which first and last index.
        has_access: whether the entry that journals the grant is here.
        broken: why the journal cannot be read on; None where it can.
    """

    journal: int
    findings: Findings
    size: int
    said_at: "array[int]"
    indices: "array[int]"
    leaves: bytearray
    signed: list[Signed]
    series: Series
    registered: Counter[int]
    slips: dict[int, bytearray]
    adoptions: list[Adoption]
    answers: int = 0
    conclusions: int = 0
    unattributed: int | None = None
    erased: dict[int, tuple[int, int]] = {}
    has_access: bool = False
    broken: str | None = None
