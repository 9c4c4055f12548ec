"""Reading exported journals, from the first byte to the last, or in parts.

The reader checks bounds and form. Whether the entries follow each other and are true is what an
audit finds out.

A file can be cut into parts that are read by themselves, in other processes: `scan_records` finds
where its records begin and what they refer back to, `read_part` reads a run of them.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import BinaryIO, Final, NamedTuple, Self

from google.protobuf.message import DecodeError

from node.errors import Code, Refusal
from node.model.bounds import NODE_ID, exactly, number, pattern, text
from node.model.merkle import HASH_SIZE_BYTES
from node.model.seal import SALT_SIZE_BYTES, Sealed
from node.model.trust import TrustBundle
from node.wire._pb import node_pb2 as pb
from node.wire.codec import INDEX_MAX, STATEMENT_SIZE_MAX_BYTES
from node.wire.export import (
    COMMITMENTS_MAX,
    FORMAT,
    PEERS_MAX,
    RECORD_SIZE_MAX_BYTES,
    Commitments,
    Context,
    CounterpartRecord,
    Entry,
    Header,
    OwnCheckpoint,
    Record,
)
from node.wire.grants import DIGEST_SIZE_BYTES, read_grant
from node.wire.parcel import CHECKPOINT_SIZE_MAX_BYTES, PATH_HASHES_MAX

_ORIGIN_LENGTH_MAX: Final = 255
_SCHEMAS_MAX: Final = 64
_SCHEMA_NAME_LENGTH_MAX: Final = 100
_ADOPTION_TAG: Final = b"\x8a\x01"  # of Statement.trust_adopted: field 17, with a length


class Scanned(NamedTuple):
    """A record as a scan passes it, its fields not yet checked.

    Attributes:
        data: the record behind its length, as it stands in the file.
        entry: index and statement where it is an entry.
        run: indices from and up to which it has commitments, where it has.
        checkpoint: the peer and its checkpoint where it brings one that later records refer to.
    """

    data: bytes
    entry: tuple[int, bytes] | None = None
    run: tuple[int, int] | None = None
    checkpoint: tuple[str, bytes] | None = None


class RecordReader:
    """Reads the records of a stream, forward only.

    Attributes:
        offset: byte where the next record begins.
        last: the record returned last, behind its length, as it stands in the file.
    """

    def __init__(
        self,
        stream: BinaryIO,
        offset: int = 0,
        context: Context | None = None,
        kinds_before: Iterable[type[Record]] = (),
    ) -> None:
        """Take a stream, and what stands before it in the file."""
        self._stream = stream
        self._context = Context() if context is None else context
        self._kinds_before = set(kinds_before)
        self.offset = offset
        self.last = b""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        """Return the next record.

        Raises:
            Refusal: MALFORMED, with the byte where the record begins that is wrong.
        """
        try:
            record = self._read()
        except Refusal as refusal:
            raise _misplaced(self.offset, refusal) from None
        if record is None:
            raise StopIteration
        self._kinds_before.add(type(record))
        self.offset += len(self.last)
        return record

    def _read(self) -> Record | None:
        read = _read_framed(self._stream)
        if read is None:
            if not self._kinds_before:
                raise Refusal(Code.MALFORMED, "is empty")
            return None
        self.last = b"".join(read)
        record = _decode(read[1], self._context)
        _require_order(record, self._kinds_before)
        return record


def read_records(stream: BinaryIO) -> Iterator[Record]:
    """Read the records of an exported journal, one at a time.

    Raises:
        Refusal: MALFORMED, with the byte where the record begins that is wrong.
    """
    return RecordReader(stream)


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
    context = Context()
    context.notes.update(notes)
    return RecordReader(stream, offset, context, {Header} if first else {Header, Entry})


def scan_records(stream: BinaryIO, offset: int, ahead: bytes = b"") -> Iterator[Scanned]:
    """Pass over the records of a file from a byte on, without checking what they say.

    Ends after the first record that is no message: reading it says what is wrong.

    Args:
        stream: the file from there on.
        offset: the byte, for what is refused.
        ahead: records that stand there and have been taken out of the stream already.

    Raises:
        Refusal: MALFORMED where the lengths of the records do not lead through the file.
    """
    taken = _framed(io.BytesIO(ahead), offset)
    for prefix, data in chain(taken, _framed(stream, offset + len(ahead))):
        try:
            message = pb.ExportRecord.FromString(data)
        except DecodeError:
            yield Scanned(prefix + data)
            return
        entry = run = checkpoint = None
        kind = message.WhichOneof("kind")
        if kind == "entry":
            entry = message.entry.index, message.entry.statement
        elif kind == "commitments":
            start = message.commitments.start
            run = start, start + len(message.commitments.commitments) // HASH_SIZE_BYTES
        elif kind == "counterpart" and message.counterpart.checkpoint:
            checkpoint = message.counterpart.peer, message.counterpart.checkpoint
        yield Scanned(prefix + data, entry, run, checkpoint)


def may_adopt(statement: bytes) -> bool:
    """Tell, without reading it, whether a statement may adopt a trust list: false is certain."""
    return _ADOPTION_TAG in statement


def _framed(stream: BinaryIO, offset: int) -> Iterator[tuple[bytes, bytes]]:
    while True:
        try:
            read = _read_framed(stream)
        except Refusal as refusal:
            raise _misplaced(offset, refusal) from None
        if read is None:
            return
        yield read
        offset += len(read[0]) + len(read[1])


def _misplaced(offset: int, refusal: Refusal) -> Refusal:
    return Refusal(Code.MALFORMED, f"journal file, byte {offset}: {refusal.reason}")


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


def _decode(data: bytes, context: Context) -> Record:
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
        case "commitments":
            return _read_commitments(message.commitments)
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
    if len(message.schemas) > _SCHEMAS_MAX:
        raise Refusal(Code.MALFORMED, f"header.schemas: more than {_SCHEMAS_MAX}")
    for name, digest in message.schemas.items():
        text(name, "header.schemas", _SCHEMA_NAME_LENGTH_MAX)
        exactly(digest, f"header.schemas[{name}]", DIGEST_SIZE_BYTES)
    grant = read_grant(message, "header")
    return Header(
        pattern(message.node, "header.node", NODE_ID, "a node id, like XA"),
        text(message.origin, "header.origin", _ORIGIN_LENGTH_MAX),
        grant,
        number(message.access, "header.access", 0, 0 if grant is None else INDEX_MAX),
        dict(message.schemas),
    )


def _read_trust(message: pb.TrustList, context: Context) -> TrustBundle:
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


def _read_commitments(message: pb.ExportCommitments) -> Commitments:
    size_bytes = len(message.commitments)
    if size_bytes % HASH_SIZE_BYTES or not 0 < size_bytes <= COMMITMENTS_MAX * HASH_SIZE_BYTES:
        raise Refusal(
            Code.MALFORMED,
            f"commitments: must be 1 to {COMMITMENTS_MAX} of {HASH_SIZE_BYTES} bytes each",
        )
    most = INDEX_MAX - size_bytes // HASH_SIZE_BYTES
    start = number(message.start, "commitments.start", 0, most)
    return Commitments(start, message.commitments)


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
