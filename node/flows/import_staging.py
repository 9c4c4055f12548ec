"""Where an import keeps what it has checked until all of it is written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from node.model.credential import Credential
from node.wire.rows import Fault


class Counts(Struct, frozen=True):
    """How far an import is.

    Attributes:
        through: the number of the last row that was checked; 0: none.
        rows: how many were checked.
        accepted: rows that are new and right.
        amended: rows that say something else than the registry, and may.
        unchanged: rows that say what the registry says already.
        rejected: rows that are not taken.
        contradictory: rows that say something else than one before them in the file.
    """

    through: int = 0
    rows: int = 0
    accepted: int = 0
    amended: int = 0
    unchanged: int = 0
    rejected: int = 0
    contradictory: int = 0


class Said(NamedTuple):
    """A number of the file: in which row it stands first, what that says, whether it is taken."""

    number: str
    row: int
    digest: bytes
    is_taken: bool


class Taken(NamedTuple):
    """A row that is to be written; `amends` where its credential is in the registry already."""

    row: int
    credential: Credential
    amends: bool


class Rejected(NamedTuple):
    """A row that is not taken: by the file's own columns, and what is wrong with it."""

    row: int
    came: Mapping[str, object]
    faults: Sequence[Fault]


class Sorted(Struct):
    """What became of one batch of rows."""

    said: list[Said]
    taken: list[Taken]
    rejected: list[Rejected]


class Staging(Protocol):
    """What is known of an import; a batch is kept as a whole, or not at all."""

    def counts(self) -> Counts:
        """Return how far it is."""
        ...

    def said(self, numbers: Iterable[str]) -> dict[str, Said]:
        """Return what the rows so far say of these numbers."""
        ...

    def keep(self, batch: Sorted, counts: Counts) -> None:
        """Keep a batch, and how far the import is with it."""
        ...

    def taken(self) -> Iterator[Taken]:
        """Yield what is to be written, in the order of the file; may be used in another thread."""
        ...

    def rejected(self) -> Iterator[Rejected]:
        """Yield what is not taken, in the order of the file."""
        ...


class MemoryStaging:
    """For imports of a size that memory has room for."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._counts = Counts()
        self._said: dict[str, Said] = {}
        self._taken: list[Taken] = []
        self._rejected: list[Rejected] = []

    def counts(self) -> Counts:
        """Return how far it is."""
        return self._counts

    def said(self, numbers: Iterable[str]) -> dict[str, Said]:
        """Return what the rows so far say of these numbers."""
        return {number: self._said[number] for number in numbers if number in self._said}

    def keep(self, batch: Sorted, counts: Counts) -> None:
        """Keep a batch, and how far the import is with it."""
        self._said |= {one.number: one for one in batch.said}
        self._taken += batch.taken
        self._rejected += batch.rejected
        self._counts = counts

    def taken(self) -> Iterator[Taken]:
        """Yield what is to be written, in the order of the file."""
        return iter(self._taken)

    def rejected(self) -> Iterator[Rejected]:
        """Yield what is not taken, in the order of the file."""
        return iter(self._rejected)
