"""Exported journals: a file that an auditor takes away, as a stream of records.

Each record is an `ExportRecord` message behind its length (a protobuf varint), in this order:

1. the header
2. every trust list that the entries name, with its files; what the list before it holds alike is
   not repeated
3. the entries by index; directly after an entry the peer's statement that it rests on, if any;
   after the last entry that it covers each checkpoint that the journal signed

The reader checks bounds and form. Whether the entries follow each other and are true is what an
audit finds out.

A file can be cut into parts that are read by themselves, in other processes: `scan_records` finds
where its records begin and what they refer back to, `read_part` reads a run of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final, NamedTuple

from google.protobuf.message import DecodeError
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import NODE_ID, exactly, number, pattern, text
from node.model.merkle import HASH_SIZE_BYTES
from node.model.seal import SALT_SIZE_BYTES, Sealed
from node.model.trust import TrustBundle
from node.wire._pb import node_pb2 as pb
from node.wire.codec import INDEX_MAX, STATEMENT_SIZE_MAX_BYTES
from node.wire.parcel import CHECKPOINT_SIZE_MAX_BYTES, PATH_HASHES_MAX

SUFFIX: Final = ".symbolon-journal"
FORMAT: Final = 1
RECORD_SIZE_MAX_BYTES: Final = 1 << 24
PEERS_MAX: Final = 1024
"""How many peers one file may hold statements of: the last checkpoint of each is remembered."""

_ORIGIN_LENGTH_MAX: Final = 255
_ADOPTION_TAG: Final = b"\x8a\x01"  # of Statement.trust_adopted: field 17, with a length


class Header(Struct, frozen=True):
    """Whose journal it is: the node and the C2SP origin of its checkpoints."""

    node: str
    origin: str


class Entry(Struct, frozen=True):
    """One statement of the journal: its position, its salt, its exact bytes."""

    index: int
    salt: bytes
    statement: bytes


class OwnCheckpoint(Struct, frozen=True):
    """A checkpoint that this journal signed: its size and the signed note."""

    size: int
    note: bytes


class CounterpartRecord(Struct, frozen=True):
    """A peer's sealed statement that the entry at `index` of this journal rests on."""

    index: int
    peer: str
    sealed: Sealed


class _Context:
    """What later records of a file refer to: peers' last checkpoints, the last trust list."""

    def __init__(self) -> None:
        self.notes: dict[str, bytes] = {}
        self.trust = TrustBundle({}, {})


Record = Header | TrustBundle | Entry | OwnCheckpoint | CounterpartRecord


class Scanned(NamedTuple):
    """A record as a scan passes it, its fields not yet checked.

    Attributes:
        data: the record behind its length, as it stands in the file.
        entry: index and statement where it is an entry.
        checkpoint: the peer and its checkpoint where it brings one that later records refer to.
    """

    data: bytes
    entry: tuple[int, bytes] | None
    checkpoint: tuple[str, bytes] | None


def write_records(records: Iterable[Record], stream: BinaryIO) -> int:
    """Write records as they come and return how many; memory does not grow with them.

    Raises:
        Refusal: MALFORMED where a record is larger than a reader would accept.
    """
    written = 0
    context = _Context()
    for record in records:
        message = pb.ExportRecord()
        _WRITERS[type(record)](message, record, context)
        data = message.SerializeToString(deterministic=True)
        if len(data) > RECORD_SIZE_MAX_BYTES:
            raise Refusal(
                Code.MALFORMED,
                f"journal file: record {written} has {len(data)} bytes, "
                f"more than {RECORD_SIZE_MAX_BYTES}",
            )
        stream.write(_varint(len(data)) + data)
        written += 1
    return written


def read_records(stream: BinaryIO) -> Iterator[Record]:
    """Read the records of an exported journal, one at a time.

    Raises:
        Refusal: MALFORMED, with the byte where the record begins that is wrong.
    """
    yield from _read_records(stream, 0, _Context(), set())


def read_part(
    stream: BinaryIO, offset: int, notes: Mapping[str, bytes], *, first: bool
) -> Iterator[Record]:
    """Read the records of a part of an exported journal; it begins after the trust lists.

    Args:
        stream: the part alone.
        offset: byte of the file where the part begins, for what is refused.
        notes: the last checkpoint of each peer before the part.
        first: whether no entry stands before it.

    Raises:
        Refusal: as `read_records`.
    """
    context = _Context()
    context.notes.update(notes)
    before: set[type[Record]] = {Header} if first else {Header, Entry}
    yield from _read_records(stream, offset, context, before)


def scan_records(stream: BinaryIO, offset: int) -> Iterator[Scanned]:
    """Pass over the records of a file from a byte on, without checking what they say.

    Ends after the first record that is no message: reading it says what is wrong.

    Raises:
        Refusal: MALFORMED where the lengths of the records do not lead through the file.
    """
    while True:
        try:
            read = _read_framed(stream)
        except Refusal as refusal:
            raise _misplaced(offset, refusal) from None
        if read is None:
            return
        prefix, data = read
        try:
            message = pb.ExportRecord.FromString(data)
        except DecodeError:
            yield Scanned(prefix + data, None, None)
            return
        entry = checkpoint = None
        kind = message.WhichOneof("kind")
        if kind == "entry":
            entry = message.entry.index, message.entry.statement
        elif kind == "counterpart" and message.counterpart.checkpoint:
            checkpoint = message.counterpart.peer, message.counterpart.checkpoint
        yield Scanned(prefix + data, entry, checkpoint)
        offset += len(prefix) + len(data)


def may_adopt(statement: bytes) -> bool:
    """Tell, without reading it, whether a statement may adopt a trust list: false is certain."""
    return _ADOPTION_TAG in statement


def _read_records(
    stream: BinaryIO, offset: int, context: _Context, kinds_before: set[type[Record]]
) -> Iterator[Record]:
    while True:
        try:
            read = _read_framed(stream)
            if read is None:
                break
            prefix, data = read
            record = _decode(data, context)
            _require_order(record, kinds_before)
        except Refusal as refusal:
            raise _misplaced(offset, refusal) from None
        kinds_before.add(type(record))
        offset += len(prefix) + len(data)
        yield record
    if not kinds_before:
        raise Refusal(Code.MALFORMED, "journal file, byte 0: is empty")


def _misplaced(offset: int, refusal: Refusal) -> Refusal:
    return Refusal(Code.MALFORMED, f"journal file, byte {offset}: {refusal.reason}")


# --- outward -------------------------------------------------------------------------------


def _write_header(message: pb.ExportRecord, record: Header, _context: _Context) -> None:
    message.header.format = FORMAT
    message.header.node = record.node
    message.header.origin = record.origin


def _write_trust(message: pb.ExportRecord, record: TrustBundle, context: _Context) -> None:
    trust, before = message.trust, context.trust
    for written, contents, held in (
        (trust.metadata, record.metadata, before.metadata),
        (trust.files, record.files, before.files),
    ):
        for name, content in contents.items():
            if held.get(name) != content:
                written[name] = content
    trust.dropped_metadata.extend(sorted(before.metadata.keys() - record.metadata.keys()))
    trust.dropped_files.extend(sorted(before.files.keys() - record.files.keys()))
    trust.SetInParent()
    context.trust = record


def _write_entry(message: pb.ExportRecord, record: Entry, _context: _Context) -> None:
    entry = message.entry
    entry.index = record.index
    entry.salt = record.salt
    entry.statement = record.statement


def _write_checkpoint(message: pb.ExportRecord, record: OwnCheckpoint, _context: _Context) -> None:
    message.checkpoint.size = record.size
    message.checkpoint.note = record.note


def _write_counterpart(
    message: pb.ExportRecord, record: CounterpartRecord, context: _Context
) -> None:
    counterpart, sealed = message.counterpart, record.sealed
    counterpart.index = record.index
    counterpart.peer = record.peer
    counterpart.sealed.statement = sealed.statement
    counterpart.sealed.salt = sealed.salt
    counterpart.sealed.index = sealed.index
    counterpart.sealed.path = sealed.path
    if context.notes.get(record.peer) != sealed.checkpoint:
        counterpart.checkpoint = context.notes[record.peer] = sealed.checkpoint


_WRITERS: Final[dict[type[Record], Callable[[pb.ExportRecord, Any, _Context], None]]] = {
    Header: _write_header,
    TrustBundle: _write_trust,
    Entry: _write_entry,
    OwnCheckpoint: _write_checkpoint,
    CounterpartRecord: _write_counterpart,
}


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


# --- inward --------------------------------------------------------------------------------


def _read_framed(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """Return a record's length as it is written and the record; None at the end of the file."""
    prefix, size_bytes = b"", 0
    while True:
        byte = stream.read(1)
        if not byte:
            if prefix:
                raise Refusal(Code.MALFORMED, "the file ends within the length of a record")
            return None
        size_bytes |= (byte[0] & 0x7F) << 7 * len(prefix)
        prefix += byte
        if size_bytes > RECORD_SIZE_MAX_BYTES or len(prefix) > 4:  # noqa: PLR2004 - 2^28
            raise Refusal(Code.MALFORMED, f"a record is over {RECORD_SIZE_MAX_BYTES} bytes")
        if byte[0] <= 0x7F:  # noqa: PLR2004 - the last byte of the varint
            break
    if len(prefix) > 1 and not prefix[-1]:
        raise Refusal(Code.MALFORMED, "the length of a record is not written the shortest way")
    data = stream.read(size_bytes)
    if len(data) != size_bytes:
        raise Refusal(
            Code.MALFORMED,
            f"the file ends within a record: {len(data)} bytes of {size_bytes}; export it again",
        )
    return prefix, data


def _decode(data: bytes, context: _Context) -> Record:
    try:
        message = pb.ExportRecord.FromString(data)
    except DecodeError:
        raise Refusal(Code.MALFORMED, "a record is not a protobuf message") from None
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != data:
        raise Refusal(Code.MALFORMED, "a record has unknown fields or is not in its one encoding")
    match message.WhichOneof("kind"):
        case "entry":
            return _read_entry(message.entry)
        case "counterpart":
            return _read_counterpart(message.counterpart, context.notes)
        case "checkpoint":
            checkpoint = message.checkpoint
            return OwnCheckpoint(
                number(checkpoint.size, "checkpoint.size", 0, INDEX_MAX),
                _read_note(checkpoint.note, "checkpoint.note"),
            )
        case "trust":
            return _read_trust(message.trust, context)
        case "header":
            return _read_header(message.header)
    raise Refusal(Code.MALFORMED, "a record is empty")


def _require_order(record: Record, kinds_before: set[type[Record]]) -> None:
    if isinstance(record, Header) != (not kinds_before):
        raise Refusal(Code.MALFORMED, "a journal file has one header, and it comes first")
    if isinstance(record, TrustBundle) and not kinds_before <= {Header, TrustBundle}:
        raise Refusal(Code.MALFORMED, "trust lists come before the first entry")


def _read_header(message: pb.ExportHeader) -> Header:
    if message.format != FORMAT:
        raise Refusal(Code.MALFORMED, f"header.format: is {message.format}, known is {FORMAT}")
    return Header(
        pattern(message.node, "header.node", NODE_ID, "a node id, like XA"),
        text(message.origin, "header.origin", _ORIGIN_LENGTH_MAX),
    )


def _read_trust(message: pb.TrustList, context: _Context) -> TrustBundle:
    before = context.trust
    context.trust = TrustBundle(
        _carried(before.metadata, message.dropped_metadata, "trust.dropped_metadata")
        | dict(message.metadata),
        _carried(before.files, message.dropped_files, "trust.dropped_files") | dict(message.files),
    )
    return context.trust


def _carried(held: dict[str, bytes], dropped: Iterable[str], name: str) -> dict[str, bytes]:
    kept = dict(held)
    for gone in dropped:
        if kept.pop(gone, None) is None:
            raise Refusal(Code.MALFORMED, f"{name}: the list before it has no {gone!r}")
    return kept


def _read_entry(message: pb.ExportEntry) -> Entry:
    return Entry(
        number(message.index, "entry.index", 0, INDEX_MAX),
        exactly(message.salt, "entry.salt", SALT_SIZE_BYTES),
        _read_statement(message.statement, "entry.statement"),
    )


def _read_counterpart(message: pb.Counterpart, notes: dict[str, bytes]) -> CounterpartRecord:
    sealed = message.sealed
    peer = pattern(message.peer, "counterpart.peer", NODE_ID, "a node id, like XA")
    if message.checkpoint:
        if len(notes) >= PEERS_MAX and peer not in notes:
            raise Refusal(Code.MALFORMED, f"counterpart.peer: more than {PEERS_MAX} peers")
        notes[peer] = _read_note(message.checkpoint, "counterpart.checkpoint")
    note = notes.get(peer)
    if note is None:
        raise Refusal(
            Code.MALFORMED, f"counterpart.checkpoint: there is none of {peer} yet to refer to"
        )
    if len(sealed.path) % HASH_SIZE_BYTES or len(sealed.path) > PATH_HASHES_MAX * HASH_SIZE_BYTES:
        raise Refusal(
            Code.MALFORMED,
            f"counterpart.path: must have 0 to {PATH_HASHES_MAX} hashes of {HASH_SIZE_BYTES} bytes",
        )
    if sealed.checkpoint:
        raise Refusal(Code.MALFORMED, "counterpart.sealed.checkpoint: has no meaning in a file")
    return CounterpartRecord(
        number(message.index, "counterpart.index", 0, INDEX_MAX),
        peer,
        Sealed(
            _read_statement(sealed.statement, "counterpart.statement"),
            exactly(sealed.salt, "counterpart.salt", SALT_SIZE_BYTES),
            number(sealed.index, "counterpart.sealed.index", 0, INDEX_MAX),
            sealed.path,
            note,
        ),
    )


def _read_statement(value: bytes, name: str) -> bytes:
    if not 0 < len(value) <= STATEMENT_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"{name}: must have 1 to {STATEMENT_SIZE_MAX_BYTES} bytes")
    return value


def _read_note(value: bytes, name: str) -> bytes:
    if not 0 < len(value) <= CHECKPOINT_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"{name}: must have 1 to {CHECKPOINT_SIZE_MAX_BYTES} bytes")
    return value
