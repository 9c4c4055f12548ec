"""Exported journals: a file that an auditor takes away, as a stream of records.

Each record is an `ExportRecord` message behind its length (a protobuf varint), in this order:

1. the header
2. every trust list that the entries name, with its files; what the list before it holds alike is
   not repeated
3. the entries by index, and in place of those whose statements are not in the file (erased, or not
   granted) their commitments; directly after an entry the peer's statement that it rests on, if
   any; after the last entry that it covers each checkpoint that the journal signed, with its
   cosignatures

`export_reading` reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES
from node.model.seal import Sealed
from node.model.statement import Grant
from node.model.trust import TrustBundle
from node.model.trust_files import KINDS as TRUST_FILES
from node.model.trust_files import json_schema
from node.wire._pb import node_pb2 as pb
from node.wire.grants import write_grant

SUFFIX: Final = ".symbolon-journal"
FORMAT: Final = 1
RECORD_SIZE_MAX_BYTES: Final = 1 << 24
COMMITMENTS_MAX: Final = 4096
"""How many entries one record of commitments stands for at most."""
PEERS_MAX: Final = 1024
"""How many peers one file may hold statements of: the last checkpoint of each is remembered."""


class Header(Struct, frozen=True):
    """Whose journal it is, and what of it is in the file.

    Attributes:
        node: its id.
        origin: C2SP origin of its checkpoints.
        grant: what the file was to hold; None for all of the journal.
        access: the entry that journals the grant; 0 without one.
        schemas: SHA-256 of what the file is written in, by name; empty where it is not told.
    """

    node: str
    origin: str
    grant: Grant | None = None
    access: int = 0
    schemas: Mapping[str, bytes] = {}


class Entry(Struct, frozen=True):
    """One statement of the journal: its position, its salt, its exact bytes."""

    index: int
    salt: bytes
    statement: bytes


class Commitments(Struct, frozen=True):
    """A run of entries whose statements are not in this file: erased, or not granted.

    Attributes:
        start: index of the first.
        commitments: 32 bytes of each, joined; at most `COMMITMENTS_MAX` of them.
    """

    start: int
    commitments: bytes

    @property
    def end(self) -> int:
        """One more than the index of the last."""
        return self.start + len(self.commitments) // HASH_SIZE_BYTES


class OwnCheckpoint(Struct, frozen=True):
    """A checkpoint that this journal signed: its size, and the note with its cosignatures."""

    size: int
    note: bytes


class CounterpartRecord(Struct, frozen=True):
    """A peer's sealed statement that the entry at `index` of this journal rests on."""

    index: int
    peer: str
    sealed: Sealed


class Context:
    """What later records of a file refer to: peers' last checkpoints, the last trust list."""

    def __init__(self) -> None:
        self.notes: dict[str, bytes] = {}
        self.trust = TrustBundle({}, {})


Record = Header | TrustBundle | Entry | Commitments | OwnCheckpoint | CounterpartRecord


def encode_records(records: Iterable[Record]) -> Iterator[bytes]:
    """Yield each record as it stands in a file, behind its length.

    Raises:
        Refusal: MALFORMED where a record is larger than a reader would accept.
    """
    context = Context()
    for number, record in enumerate(records):
        message = pb.ExportRecord()
        _WRITERS[type(record)](message, record, context)
        data = message.SerializeToString(deterministic=True)
        if len(data) > RECORD_SIZE_MAX_BYTES:
            raise Refusal(
                Code.MALFORMED,
                f"journal file: record {number} has {len(data)} bytes, "
                f"more than {RECORD_SIZE_MAX_BYTES}",
            )
        yield _varint(len(data)) + data


def write_records(records: Iterable[Record], stream: BinaryIO) -> int:
    """Write records as they come and return how many; memory does not grow with them.

    Raises:
        Refusal: as `encode_records`.
    """
    written = 0
    for data in encode_records(records):
        stream.write(data)
        written += 1
    return written


@lru_cache(maxsize=1)
def schema_digests() -> Mapping[str, bytes]:
    """Return what files are written in, by name: SHA-256 of each schema.

    Of node.proto the serialised descriptor counts, of what stands under a trust list the JSON
    Schema as trust_lists/schemas has it.
    """
    schemas = {
        f"{name}.schema.json": msgspec.json.format(msgspec.json.encode(json_schema(name)), indent=2)
        + b"\n"
        for name in TRUST_FILES
    }
    schemas["node.proto"] = pb.DESCRIPTOR.serialized_pb
    return {name: sha256(schema).digest() for name, schema in sorted(schemas.items())}


def _write_header(message: pb.ExportRecord, record: Header, _context: Context) -> None:
    message.header.format = FORMAT
    message.header.node = record.node
    message.header.origin = record.origin
    write_grant(message.header, record.grant)
    message.header.access = record.access
    for name, digest in record.schemas.items():
        message.header.schemas[name] = digest


def _write_trust(message: pb.ExportRecord, record: TrustBundle, context: Context) -> None:
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


def _write_entry(message: pb.ExportRecord, record: Entry, _context: Context) -> None:
    entry = message.entry
    entry.index = record.index
    entry.salt = record.salt
    entry.statement = record.statement


def _write_commitments(message: pb.ExportRecord, record: Commitments, _context: Context) -> None:
    message.commitments.start = record.start
    message.commitments.commitments = record.commitments


def _write_checkpoint(message: pb.ExportRecord, record: OwnCheckpoint, _context: Context) -> None:
    message.checkpoint.size = record.size
    message.checkpoint.note = record.note


def _write_counterpart(
    message: pb.ExportRecord, record: CounterpartRecord, context: Context
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


_WRITERS: Final[dict[type[Record], Callable[[pb.ExportRecord, Any, Context], None]]] = {
    Header: _write_header,
    TrustBundle: _write_trust,
    Entry: _write_entry,
    Commitments: _write_commitments,
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
