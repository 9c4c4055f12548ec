"""Reading a journal entry by entry: the newest, a range, or those that are looked for."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Row, bindparam, func, select, union_all

from node.model.search import Search
from node.model.statement import NoAnswer, Query, Statement
from node.store import schema
from node.store.database import Database
from node.store.erased import ErasedEntry, erased_entry, gone
from node.store.projection import KINDS
from node.store.vault import open_statements
from node.wire.codec import decode_statement

_ROWS_AT_ONCE: Final = 500
_CLOCK_STEPS_BACK_MAX_US: Final = 60 * 1_000_000
"""Times of neighbouring entries may go back by this much; beyond it, replay finds a fault."""


class FoundEntry(Struct, frozen=True):
    """An entry of the journal, and the node on the other side, where there is one.

    Attributes:
        kind: number of its body in the protocol's Statement.
        statement: None where it was erased.
        erased: how it was.
    """

    index: int
    kind: int
    size_bytes: int
    statement: Statement | None
    peer: str | None
    erased: ErasedEntry | None = None


class JournalReader:
    """Reads the journal of a node; whoever reads what it says has it journalled before."""

    def __init__(self, database: Database) -> None:
        """Read from a node's database."""
        self._database = database

    async def size(self) -> int:
        """Return how many entries there are, signed or not."""
        return await self._database.read(
            lambda connection: int(connection.execute(_SIZE).scalar_one())
        )

    async def entries(self, first: int, limit: int) -> list[FoundEntry]:
        """Return entries from an index on, at most `limit`."""

        def work(connection: Connection) -> list[FoundEntry]:
            values = {"first": first, "end": first + limit, "kinds": list(set(KINDS.values()))}
            rows = connection.execute(_RANGE, values).all()
            return [_entry_in(connection, row, said) for row, said, _ in _opened(connection, rows)]

        return await self._database.read(work)

    def find(
        self, search: Search, progress: Callable[[int], None] = lambda _done: None
    ) -> Iterator[FoundEntry]:
        """Yield what is looked for, oldest first, from one snapshot, in this thread.

        What was erased is not found: nothing is left that could be compared. `progress` is told
        how many entries of the right kinds were looked at.
        """
        with self._database.snapshot() as connection:
            yield from _find(connection, search, progress)


def _find(
    connection: Connection, search: Search, progress: Callable[[int], None]
) -> Iterator[FoundEntry]:
    size = connection.execute(_SIZE).scalar_one()
    slack = _CLOCK_STEPS_BACK_MAX_US
    first = 0 if search.since is None else _position(connection, size, search.since - slack)
    end = size if search.until is None else _position(connection, size, search.until + slack)
    codes = frozenset(connection.execute(_CODES, {"of": search.credential}).scalars())
    unanswered = {} if search.peer is None else _unanswered(connection)
    values = {"first": first, "end": end, "kinds": [KINDS[kind] for kind in search.kinds]}
    still_there = _RANGE.where(_entry.statement.is_not(None))
    stream = connection.execute(still_there, values, execution_options={"yield_per": _ROWS_AT_ONCE})
    looked_at = 0
    for rows in stream.partitions():
        for row, said, resting in _opened(connection, rows):
            if said is None:  # never: the query leaves them out
                continue
            statement, peer = _read(said, row.peer or unanswered.get(row.position))
            rests_on = _share_code(resting) if search.credential is not None else None
            if search.matches(statement, peer, rests_on, codes):
                yield FoundEntry(row.position, row.kind, len(said), statement, peer)
        looked_at += len(rows)
        progress(looked_at)


def _opened(
    connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]
) -> Iterator[tuple[Row[*tuple[Any, ...]], bytes | None, bytes | None]]:
    """Yield rows with their statement, and with the one that it rests on."""
    own = [(row.position, row.key, row.salt, row.statement) for row in rows]
    theirs = [(row.position, row.peer_key, row.peer_salt, row.peer_statement) for row in rows]
    opened = open_statements(connection, "entry", own)
    resting = open_statements(connection, "counterpart", theirs)
    for row, (_, said), (_, peer_said) in zip(rows, opened, resting, strict=True):
        yield row, said, peer_said


def _said(connection: Connection, row: Row[*tuple[Any, ...]]) -> Statement | None:
    stored = (row.position, row.key, row.salt, row.statement)
    _, statement = open_statements(connection, "entry", [stored])[0]
    return None if statement is None else decode_statement(statement)


def _entry_in(connection: Connection, row: Row[*tuple[Any, ...]], said: bytes | None) -> FoundEntry:
    if said is not None:
        return FoundEntry(row.position, row.kind, len(said), *_read(said, row.peer))
    how = erased_entry(connection, row.position)
    if how is None:
        raise gone(connection, row.position)
    return FoundEntry(row.position, row.kind, 0, None, row.peer, how)


def _read(said: bytes, peer: str | None) -> tuple[Statement, str | None]:
    statement = decode_statement(said)
    return statement, statement.body.audience if isinstance(statement.body, Query) else peer


def _share_code(query: bytes | None) -> bytes | None:
    """Return which share code a peer's query names; None where there is no query."""
    body = None if query is None else decode_statement(query).body
    return body.selector.code_digest if isinstance(body, Query) else None


def _unanswered(connection: Connection) -> dict[int, str]:
    """Return which peer was silent, by the position of the word that it was."""
    audiences: dict[int, str] = {}
    for row in connection.execute(_NO_ANSWERS).all():
        said = _said(connection, row)
        if said is not None and isinstance(said.body, Query):
            audiences[row.settled] = said.body.audience
    return audiences


def _position(connection: Connection, size: int, at: int) -> int:
    """Return the first position of which everything from there on was said at `at` or later.

    Times ascend but for small steps back, which is why a caller leaves some slack.
    """
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        there = connection.execute(_NEXT_THERE, {"at": middle, "end": high}).one_or_none()
        if there is None:  # from the middle on all is erased
            high = middle
        elif (said := _said(connection, there)) is not None and said.said_at < at:
            low = there.position + 1
        else:
            high = middle
    return low


_entry = schema.entry.c
_asked = schema.entry.alias("asked")
_settling = schema.entry.alias("settling")
_SIZE: Final = select(schema.head.c.size)
_NEXT_THERE: Final = (
    select(schema.entry)
    .where(
        _entry.position >= bindparam("at"),
        _entry.position < bindparam("end"),
        _entry.statement.is_not(None),
    )
    .order_by(_entry.position)
    .limit(1)
)
_RANGE: Final = (
    select(
        _entry.position,
        _entry.kind,
        _entry.key,
        _entry.salt,
        _entry.statement,
        schema.counterpart.c.peer,
        schema.counterpart.c.key.label("peer_key"),
        schema.counterpart.c.salt.label("peer_salt"),
        schema.counterpart.c.statement.label("peer_statement"),
    )
    .select_from(
        schema.entry.outerjoin(schema.counterpart, schema.counterpart.c.position == _entry.position)
    )
    .where(
        _entry.position >= bindparam("first"),
        _entry.position < bindparam("end"),
        _entry.kind.in_(bindparam("kinds", expanding=True)),
    )
    .order_by(_entry.position)
)
_CODES: Final = union_all(
    *(
        select(name).where(credential == func.coalesce(bindparam("of"), ""))
        for name, credential in (
            (schema.consent.c.code_digest, schema.consent.c.credential),
            (schema.watch.c.watch, schema.watch.c.credential),
        )
    )
)
_NO_ANSWERS: Final = (
    select(schema.question.c.settled, _asked)
    .join(_settling, _settling.c.position == schema.question.c.settled)
    .join(_asked, _asked.c.position == schema.question.c.position)
    .where(_settling.c.kind == KINDS[NoAnswer])
)
