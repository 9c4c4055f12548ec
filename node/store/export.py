"""A journal as its export holds it: all of it, or what is granted to somebody.

Always there, whatever is granted, since it holds nothing of a holder: the trust lists and their
adoptions, the checkpoints with their cosignatures, who looked into the journal, what was erased
and what peers were told of that. In place of every other entry stands its commitment.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, bindparam, or_, select

from node.model.cosignature import with_cosignatures
from node.model.seal import Sealed
from node.model.statement import Grant
from node.store import schema
from node.store.journal import stored_commitments
from node.store.key_choice import IMPERSONAL
from node.store.trust_files import decode_bundle
from node.store.vault import open_statements
from node.wire.codec import decode_statement
from node.wire.export import (
    COMMITMENTS_MAX,
    Commitments,
    CounterpartRecord,
    Entry,
    Header,
    OwnCheckpoint,
    Record,
    schema_digests,
)

_CHUNK: Final = 500


def records(connection: Connection, grant: Grant | None, access: int) -> Iterator[Record]:
    """Yield a journal as an export holds it.

    Args:
        connection: a snapshot.
        grant: what of it; None for all that has not been erased.
        access: the entry that journals the grant.
    """
    head = connection.execute(_HEAD).one()
    yield Header(head.node, head.origin, grant, access, schema_digests())
    for blob in connection.execute(_TRUST_BLOBS).scalars():
        yield decode_bundle(blob)
    checkpoints = _checkpoints(connection)
    checkpoint = next(checkpoints, None)
    while checkpoint is not None and checkpoint.size == 0:
        yield checkpoint
        checkpoint = next(checkpoints, None)
    run = _Run()
    entries = _opened(connection, _entries(grant))
    entry = next(entries, None)
    for position, commitment in enumerate(stored_commitments(connection)):
        if entry is not None and entry[0].index == position:
            yield from run.end()
            yield from entry
            entry = next(entries, None)
        else:
            yield from run.add(position, commitment)
        while checkpoint is not None and checkpoint.size <= position + 1:
            yield from run.end()
            yield checkpoint
            checkpoint = next(checkpoints, None)
    yield from run.end()


def between(connection: Connection, since: int | None, until: int | None) -> tuple[int, int]:
    """Return the half-open range of positions of what was said between two times.

    Times ascend, but for clocks that step back a little: where one does, it counts what stood
    before.
    """
    size: int = connection.execute(_HEAD).one().size
    first = 0 if since is None else _position(connection, size, since)
    return first, size if until is None else _position(connection, size, until)


def _position(connection: Connection, size: int, at: int) -> int:
    """Return the first position with nothing said before `at` from there on."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(_LAST_THERE, {"at": middle}).one_or_none()
        if row is None or decode_statement(_statement(connection, row)).said_at < at:
            low = middle + 1
        else:
            high = middle
    return low


class _Run:
    """Commitments of entries that follow each other; not a value."""

    def __init__(self) -> None:
        self._start = 0
        self._commitments: list[bytes] = []

    def add(self, position: int, commitment: bytes) -> Iterator[Commitments]:
        """Add one, and yield the run where it is full."""
        if not self._commitments:
            self._start = position
        self._commitments.append(commitment)
        if len(self._commitments) == COMMITMENTS_MAX:
            yield from self.end()

    def end(self) -> Iterator[Commitments]:
        """Yield the run, where there is one, and begin anew."""
        if self._commitments:
            yield Commitments(self._start, b"".join(self._commitments))
            self._commitments.clear()


def _opened(
    connection: Connection, query: Select[*tuple[Any, ...]]
) -> Iterator[tuple[Entry] | tuple[Entry, CounterpartRecord]]:
    """Yield the entries of a query, each with what it rests on, opened many at a time."""
    stream = connection.execute(query, execution_options={"yield_per": _CHUNK})
    for rows in stream.partitions():
        own = [(row.position, row.key, row.salt, row.statement) for row in rows]
        theirs = [(row.position, row.peer_key, row.peer_salt, row.peer_statement) for row in rows]
        opened = zip(
            rows,
            open_statements(connection, "entry", own),
            open_statements(connection, "counterpart", theirs),
            strict=True,
        )
        for row, (salt, statement), (peer_salt, peer_statement) in opened:
            if salt is None or statement is None:  # never: the query leaves them out
                continue
            entry = Entry(row.position, salt, statement)
            if peer_salt is None or peer_statement is None:
                yield (entry,)
            else:
                sealed = Sealed(peer_statement, peer_salt, row.peer_index, row.path, row.note)
                yield entry, CounterpartRecord(row.position, row.peer, sealed)


def _statement(connection: Connection, row: Row[Any]) -> bytes:
    stored = (row.position, row.key, row.salt, row.statement)
    return open_statements(connection, "entry", [stored])[0][1] or b""


def _checkpoints(connection: Connection) -> Iterator[OwnCheckpoint]:
    """Yield every checkpoint that the journal signed, with the cosignatures that are kept."""
    streaming = connection.execution_options(yield_per=_CHUNK)
    cosigned = iter(streaming.execute(_COSIGNATURES))
    lines = next(cosigned, None)
    for row in streaming.execute(_CHECKPOINTS):
        added = []
        while lines is not None and lines.size <= row.size:
            if lines.size == row.size:
                added.append(bytes(lines.lines))
            lines = next(cosigned, None)
        yield OwnCheckpoint(row.size, with_cosignatures(row.note, added) if added else row.note)


def _entries(grant: Grant | None) -> Select[*tuple[Any, ...]]:
    """Select the entries that are there and granted, with what they rest on."""
    entry = schema.entry.c
    if grant is None:
        return _THERE
    granted = and_(entry.position >= grant.start, entry.position < grant.end)
    if grant.kinds:
        granted &= entry.kind.in_(grant.kinds)
    return _THERE.where(or_(granted, entry.kind.in_(sorted(IMPERSONAL))))


_same_checkpoint = (schema.counterpart.c.origin == schema.peer_checkpoint.c.origin) & (
    schema.counterpart.c.size == schema.peer_checkpoint.c.size
)
_HEAD: Final = select(schema.head.c.node, schema.head.c.origin, schema.head.c.size)
_LAST_THERE: Final = (
    select(schema.entry)
    .where(schema.entry.c.position <= bindparam("at"), schema.entry.c.statement.is_not(None))
    .order_by(schema.entry.c.position.desc())
    .limit(1)
)
_ENTRIES: Final[Select[*tuple[Any, ...]]] = (
    select(
        schema.entry,
        schema.counterpart.c.peer,
        schema.counterpart.c.peer_index,
        schema.counterpart.c.path,
        schema.counterpart.c.key.label("peer_key"),
        schema.counterpart.c.salt.label("peer_salt"),
        schema.counterpart.c.statement.label("peer_statement"),
        schema.peer_checkpoint.c.note,
    )
    .select_from(
        # One join after the other: a join in brackets would be built as a whole first.
        schema.entry.outerjoin(
            schema.counterpart, schema.entry.c.position == schema.counterpart.c.position
        ).outerjoin(schema.peer_checkpoint, _same_checkpoint)
    )
    .where(schema.entry.c.statement.is_not(None))
    .order_by(schema.entry.c.position)
)
_THERE: Final = _ENTRIES.where(schema.entry.c.statement.is_not(None))
_CHECKPOINTS: Final = select(schema.checkpoint).order_by(schema.checkpoint.c.size)
_COSIGNATURES: Final = select(schema.cosignature).order_by(
    schema.cosignature.c.size, schema.cosignature.c.witness
)
_TRUST_BLOBS: Final = select(schema.trust_list.c.bundle).order_by(schema.trust_list.c.adopted)
