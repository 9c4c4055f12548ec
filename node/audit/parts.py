"""Journals cut into parts that are examined by themselves, in any process and in any order.

A part begins at an entry and carries the little that its records refer back to: the last
checkpoint of each peer, the trust lists adopted before it, the last statement before it. Where a
journal is cut follows from the journal alone, so that everybody cuts it alike.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, Final, NamedTuple

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.statement import Statement, TrustAdopted, TrustReference
from node.model.trust import TrustBundle
from node.wire.codec import decode_statement
from node.wire.export import PEERS_MAX, Commitments, Entry, Header, Record
from node.wire.export_reading import RecordReader, may_adopt, read_part, scan_records

PART_ENTRIES: Final = 4096
PART_SIZE_MAX_BYTES: Final = 4 << 20
"""A part is cut before the first entry past either."""

Journal = Iterable[Record] | BinaryIO
"""A journal to audit: its records in the order of an export, or an exported file."""


class Adoption(Struct, frozen=True, gc=False):
    """A trust list that a journal adopted: when, while naming which, and which it is."""

    said_at: int
    named: TrustReference
    adopted: TrustReference

    @classmethod
    def of(cls, statement: Statement, adopted: TrustReference) -> "Adoption":
        """Return what a statement adopts."""
        return cls(statement.said_at, statement.trust, adopted)


class Part(Struct, frozen=True):
    """A run of one journal's records, with what they refer back to.

    Attributes:
        journal: which of the journals given, from 0.
        content: the records, or their bytes as they stand in the file.
        offset: byte of the file where it begins; 0 where there is no file.
        entries_before: how many entries stand before it.
        size_before: one more than the highest index before it.
        notes: the last checkpoint of each peer before it.
        last: the last statement before it that reads; None where there is none.
        gap: whether entries that are not in the file stand between that one and the part.
        adoptions: of trust lists before it.
    """

    journal: int
    content: tuple[Record, ...] | bytes
    offset: int
    entries_before: int
    size_before: int
    notes: dict[str, bytes]
    last: bytes | None
    gap: bool
    adoptions: tuple[Adoption, ...]

    def records(self) -> Iterator[Record]:
        """Yield the records.

        Raises:
            Refusal: MALFORMED, with the byte of the file where the record begins that is wrong.
        """
        if isinstance(self.content, bytes):
            stream = io.BytesIO(self.content)
            return read_part(stream, self.offset, self.notes, first=not self.entries_before)
        return iter(self.content)


class Source:
    """One journal, opened: its header, its trust lists, then its parts."""

    def __init__(self, number: int, journal: Journal) -> None:
        """Read the header.

        Raises:
            Refusal: MALFORMED where the journal does not begin with one.
        """
        self._number = number
        self._stream = journal if isinstance(journal, io.IOBase) else None
        self._reader = None if self._stream is None else RecordReader(self._stream)
        records: Iterator[Record] = (
            iter(journal) if self._reader is None else self._reader  # type: ignore[arg-type]
        )
        first = next(records, None)
        if not isinstance(first, Header):
            raise Refusal(Code.MALFORMED, "does not begin with the header of a journal")
        self.header = first
        self._records = records
        self._offset = 0
        self._ahead = b""

    def bundles(self) -> Iterator[TrustBundle]:
        """Yield the trust lists; the parts come after them.

        Raises:
            Refusal: MALFORMED as `Part.records`.
        """
        reader = self._reader
        while True:
            self._offset = 0 if reader is None else reader.offset
            record = next(self._records, None)
            if not isinstance(record, TrustBundle):
                break
            yield record
        if record is not None:
            self._ahead = b"" if reader is None else reader.last
            self._records = chain([record], self._records)

    def parts(self) -> Iterator[Part]:
        """Yield the parts, each as soon as it is read.

        Raises:
            Refusal: MALFORMED where the file breaks; what came before it has been yielded.
        """
        cut = _Cut(self._number, self._offset)
        try:
            for piece in self._pieces():
                begins = piece.entry is not None or piece.run is not None
                if cut.is_full and (begins or cut.is_overfull):
                    yield cut.part()
                cut.add(piece)
                if len(cut.notes) > PEERS_MAX:  # reading the part says so
                    break
        except Refusal:
            yield cut.part()
            raise
        yield cut.part()

    def _pieces(self) -> Iterator["_Piece"]:
        if self._stream is not None:
            for scanned in scan_records(self._stream, self._offset, self._ahead):
                yield _Piece(*scanned)
            return
        for record in self._records:
            entry = run = None
            if isinstance(record, Entry):
                entry = record.index, record.statement
            elif isinstance(record, Commitments):
                run = record.start, record.end
            yield _Piece(record, entry, run, None)


class _Piece(NamedTuple):
    """A record, or its bytes; the rest as `Scanned` has it."""

    content: Record | bytes
    entry: tuple[int, bytes] | None
    run: tuple[int, int] | None
    checkpoint: tuple[str, bytes] | None


class _Cut:
    """The part that grows, and what has passed before it; not a value."""

    def __init__(self, journal: int, offset: int) -> None:
        self._journal = journal
        self._pieces: list[Record | bytes] = []
        self._statements: list[bytes] = []
        self._entries = 0
        self._size_bytes = 0
        self._entries_before = 0
        self._size = self._size_before = 0
        self._last: bytes | None = None
        self._gap = self._gap_before = False
        self._notes_before: dict[str, bytes] = {}
        self._adoptions_before: tuple[Adoption, ...] = ()
        self._adoptions: list[Adoption] = []
        self.offset = offset
        self.notes: dict[str, bytes] = {}

    @property
    def is_full(self) -> bool:
        return self._entries >= PART_ENTRIES or self._size_bytes >= PART_SIZE_MAX_BYTES

    @property
    def is_overfull(self) -> bool:
        """Tell whether no entry has come for so long that this is no journal of a node."""
        return self._size_bytes >= 8 * PART_SIZE_MAX_BYTES

    def add(self, piece: _Piece) -> None:
        content = piece.content
        self._pieces.append(content)
        if isinstance(content, bytes):
            self._size_bytes += len(content)
        if piece.checkpoint is not None:
            self.notes[piece.checkpoint[0]] = piece.checkpoint[1]
        if piece.entry is not None:
            index, statement = piece.entry
            self._size = max(self._size, index + 1)
            self._entries += 1
            self._gap = False
            self._statements.append(statement)
            if may_adopt(statement):
                self._adopt(statement)
        elif piece.run is not None:
            start, end = piece.run
            self._size = max(self._size, end)
            self._entries += end - start
            self._gap = True

    def part(self) -> Part:
        """Return what has grown, and begin anew after it."""
        pieces, statements = self._pieces, self._statements
        content: tuple[Record, ...] | bytes = tuple(pieces)  # type: ignore[arg-type]
        if self.offset:  # a file has a header before its first part
            content = b"".join(pieces)  # type: ignore[arg-type]
        part = Part(
            self._journal,
            content,
            self.offset,
            self._entries_before,
            self._size_before,
            self._notes_before,
            self._last,
            self._gap_before,
            self._adoptions_before,
        )
        self._gap_before = self._gap
        self._pieces, self._statements = [], []
        self.offset += self._size_bytes
        self._size_bytes = 0
        self._entries_before += self._entries
        self._entries = 0
        self._size_before = self._size
        self._notes_before = dict(self.notes)
        self._last = next(filter(_reads, reversed(statements)), self._last)
        if self._adoptions:
            self._adoptions_before += tuple(self._adoptions)
            self._adoptions = []
        return part

    def _adopt(self, data: bytes) -> None:
        try:
            statement = decode_statement(data)
        except Refusal:
            return
        if isinstance(statement.body, TrustAdopted):
            self._adoptions.append(Adoption.of(statement, statement.body.trust))


def _reads(statement: bytes) -> bool:
    try:
        decode_statement(statement)
    except Refusal:
        return False
    return True
