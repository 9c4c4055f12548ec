"""Moving a node's database, from a file to a server or back, with proof that all of it arrived.

1. nobody else may write the old database until it is marked
2. every table is copied, in one transaction of the new database, which says that it is arriving
3. both are read again: they must hold the same rows
4. the old one is marked as moved; no program opens it again, so no journal is continued twice
5. the new one is marked as the node's

Until 4 the old database is the node's. Killed between 4 and 5, the same command does 3 and 5.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Table, func, select, update

from node.errors import Code, Refusal
from node.store import schema
from node.store.database import Database, insert_rows
from node.store.opening import (
    ARRIVING,
    MOVED,
    REVISION,
    existing_database,
    make_database,
    require_room,
    revision,
)

_ROWS_AT_ONCE: Final = 1_000
_DIGEST_RANGE: Final = 1 << 256


class Contents(Struct, frozen=True):
    """What is in a database: rows of each table, and a digest that their order does not change."""

    rows: dict[str, int]
    digest: str


def move_database(data: Path, named: str, target: str, progress: Callable[[int], None]) -> Contents:
    """Move the database of a stopped node to an empty one; returns what arrived.

    Raises:
        Refusal: UNKNOWN where there is no old one, CONFLICT where it is not of this program or
            the new one is not empty, STALE while somebody writes the old one or the disk or
            server refuses, DEFECT where what arrived is not what was there.
    """
    with closing(existing_database(data, named)) as old:
        if old.read_now(revision) == MOVED:
            return _finish(data, old, target)
        require_room(data, target)

        def work(source: Connection) -> None:  # 1
            if revision(source) != REVISION:
                raise Refusal(
                    Code.CONFLICT,
                    "the database is not at this program's revision: run 'symbolon database "
                    "upgrade' first",
                )
            make_database(data, target, lambda fresh: _copy(source, fresh, progress))  # 2
            with closing(existing_database(data, target)) as new:
                _require_alike(_contents(source), new.read_now(_contents))  # 3
            _mark(source, MOVED)  # 4

        old.write_now(work)
        return _finish(data, old, target)


def _finish(data: Path, old: Database, target: str) -> Contents:
    with closing(existing_database(data, target)) as new:
        if new.read_now(revision) != ARRIVING:
            raise Refusal(Code.CONFLICT, "the database was moved before; it opens nowhere else")
        arrived = new.read_now(_contents)
        _require_alike(old.read_now(_contents), arrived)
        new.write_now(lambda connection: _mark(connection, REVISION))  # 5
        return arrived


def _copy(source: Connection, fresh: Connection, progress: Callable[[int], None]) -> None:
    copied = 0
    for table in _tables():
        for rows in _read(source, table):
            insert_rows(fresh, table, rows)
            copied += len(rows)
            progress(copied)
    _mark(fresh, ARRIVING)
    if fresh.dialect.name == "postgresql":
        # Ids were given, not drawn: the next one drawn must be new.
        last = select(func.max(schema.evidence.c.id)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(schema.evidence.name, "id")
        fresh.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))


def _mark(connection: Connection, mark: str) -> None:
    connection.execute(update(schema.alembic_version).values(version_num=mark))


def _require_alike(left: Contents, arrived: Contents) -> None:
    if left != arrived:
        raise Refusal(
            Code.DEFECT,
            "what arrived is not what was there: remove the new database and move again",
        )


def _contents(connection: Connection) -> Contents:
    total = 0
    counts: dict[str, int] = {}
    for table in _tables():
        counts[table.name] = 0
        for rows in _read(connection, table):
            counts[table.name] += len(rows)
            for row in rows:
                said = repr((table.name, row)).encode()
                total += int.from_bytes(hashlib.sha256(said).digest(), "big")
    return Contents(counts, f"{total % _DIGEST_RANGE:064x}")


def _tables() -> list[Table]:
    return [one for one in schema.metadata.sorted_tables if one is not schema.alembic_version]


def _read(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    options = {"yield_per": _ROWS_AT_ONCE}
    with connection.execute(select(table), execution_options=options) as stream:
        for rows in stream.partitions():
            yield [tuple(row) for row in rows]
