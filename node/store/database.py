"""One database: a thread that writes, threads that read, and SQL compiled once.

A commit that returned is on disk. Work is handed to a thread by the batch, never by the statement,
so an idle event loop costs one hop and not ten. What differs between SQLite and PostgreSQL is in
`engines`.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import (
    ClauseElement,
    Column,
    Connection,
    Dialect,
    Select,
    Table,
)
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DatabaseError, InterfaceError

from node.store.engines import execute, open_engines, refusal

_READERS: Final = 2
_RUN_MAX: Final = 4096
_RUNS: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1)
VAULT: Final = "vault"
"""Execution option of every connection: its database's keys."""
_Result = TypeVar("_Result")
_Row = TypeVar("_Row")


class Keys(Protocol):
    """What encrypts; see `vault`."""

    def forget(self) -> None:
        """Forget what a transaction that failed may have made."""


class Database:
    """The node's database; every method may be called from the event loop only, save `*_now`."""

    def __init__(self, url: str, keys: Keys | None = None) -> None:
        """Open the database at an SQLAlchemy URL; nothing is created.

        Without the keys nothing that is encrypted can be read or written.
        """
        self._keys = keys
        self._engines = open_engines(url, _READERS, {VAULT: keys})
        self._held: Connection | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")

    def write_now(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run work in one write transaction, in this thread.

        Raises:
            Refusal: STALE where the disk refuses to write; nothing was changed.
        """
        try:
            # Held between transactions: taking it from the pool costs as much as a statement.
            if self._held is None:
                self._held = self._engines.writing.connect()
            with self._held.begin():
                result = work(self._held)
            self._engines.after_commit(self._held)
        except BaseException as error:
            self.release()
            if self._keys is not None:
                self._keys.forget()
            if isinstance(error, DatabaseError | InterfaceError):
                raise refusal(error) from error
            raise
        return result

    def release(self) -> None:
        """Give the writing connection back; the next transaction takes it anew."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    async def truncate_log(self) -> bool:
        """Have SQLite's log copied into the database and cut to nothing.

        Returns False while another reader or writer is in the way: it is not waited for long,
        because everybody who writes would wait too.
        """
        return await asyncio.get_running_loop().run_in_executor(None, self._engines.truncate_log)

    async def holds_any(self, traces: Collection[bytes]) -> bool:
        """Tell whether any of some bytes still lies anywhere in the database, or may."""
        return await asyncio.to_thread(self._engines.holds_any, traces)

    async def rewrite(self) -> None:
        """Write the whole database anew, without what its pages held in their free space.

        Raises:
            Refusal: STALE where the disk refuses, or has no room for a second copy.
        """
        await self.in_writer(self._rewrite)

    def _rewrite(self) -> None:
        self.release()
        self._engines.rewrite()

    async def write(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run work in one write transaction, in the writing thread (see `write_now`)."""
        return await self.in_writer(self.write_now, work)

    async def in_writer(self, work: Callable[..., _Result], *arguments: Any) -> _Result:  # noqa: ANN401 - the work's own
        """Run work in the writing thread, after what was handed to it before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, work, *arguments)

    async def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run work on one consistent snapshot, in a reading thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, work)

    def read_now(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run work on one consistent snapshot, in this thread."""
        try:
            with self._engines.reading.begin() as connection:
                return work(connection)
        except (DatabaseError, InterfaceError) as error:
            raise refusal(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Hold one consistent snapshot open, in this thread."""
        with self._engines.reading.begin() as connection:
            yield connection

    def close(self) -> None:
        """Finish what runs and close every connection."""
        self._writer.shutdown()
        self._readers.shutdown()
        self.release()
        self._engines.close()


def run(connection: Connection, statement: ClauseElement, **values: Any) -> DBAPICursor:  # noqa: ANN401 - the columns' own
    """Run a statement that every batch runs; rows come as tuples (see `execute`)."""
    sql, bound = _compiled(connection.dialect, statement)
    return execute(connection, sql, tuple([values.get(name, held) for name, held in bound]))


@lru_cache(maxsize=64)
def _compiled(
    dialect: Dialect, statement: ClauseElement
) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Compile once; returns the SQL, and its parameters in order with what they are by default."""
    compiled = statement.compile(dialect=dialect)
    names = getattr(compiled, "positiontup", None) or ()
    return str(compiled), tuple((name, compiled.params[name]) for name in names)


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with values in the table's column order, many in one statement.

    The driver lets other threads run at every statement, and waits to run again; so a batch is
    few statements, not one for each row. Each size's SQL is compiled once.
    """
    for size, some in _in_sizes(rows):
        sql = _insert_sql(connection.dialect, table, size)
        execute(connection, sql, tuple(chain.from_iterable(some)))


def set_values(
    connection: Connection,
    key: Column[Any],
    column: Column[Any],
    rows: Sequence[tuple[Any, Any]],
    *,
    once: bool = False,
) -> int:
    """Set a column for rows of (key, value), each key once; returns how many were set.

    With `once`, a row where the column is no longer NULL is left as it is.
    """
    changed = 0
    for size, some in _in_sizes(rows):
        sql = _set_values_sql(connection.dialect, key, column, size, once=once)
        changed += execute(connection, sql, tuple(chain.from_iterable(some))).rowcount
    return changed


def rows_in(
    connection: Connection, query: Select[Any], key: Column[Any], values: Collection[Any]
) -> list[tuple[Any, ...]]:
    """Return the rows of a query whose key is among some values.

    As an expanding parameter would, at a quarter of its time: the SQL for each power of two is
    compiled once, and the last value fills the places that are left over.
    """
    found: list[tuple[Any, ...]] = []
    for size, some in _in_powers(list(values)):
        sql = _rows_in_sql(connection.dialect, query, key, size)
        found += execute(connection, sql, tuple(some)).fetchall()
    return found


def rows_with(
    connection: Connection,
    keys: tuple[Column[Any], Column[Any]],
    pairs: Collection[tuple[Any, Any]],
) -> list[tuple[Any, ...]]:
    """Return the rows of a table whose two key columns are among some pairs.

    SQLite scans the table for `(a, b) IN (…)`; joined to the pairs it searches the index.
    """
    found: list[tuple[Any, ...]] = []
    for size, some in _in_powers(list(pairs)):
        sql = _rows_with_sql(connection.dialect, keys, size)
        found += execute(connection, sql, tuple(chain.from_iterable(some))).fetchall()
    return found


def _in_powers(values: list[_Row]) -> Iterator[tuple[int, list[_Row]]]:
    """Cut values into runs of at most `_RUN_MAX`, each filled up to a power of two."""
    for start in range(0, len(values), _RUN_MAX):
        some = values[start : start + _RUN_MAX]
        size = 1 << (len(some) - 1).bit_length()
        yield size, some + [some[-1]] * (size - len(some))


def _in_sizes(rows: Sequence[_Row]) -> Iterator[tuple[int, Sequence[_Row]]]:
    """Cut rows into runs of few sizes, so that few statements are ever compiled."""
    start = 0
    for size in _RUNS:
        while len(rows) - start >= size:
            yield size, rows[start : start + size]
            start += size


@lru_cache(maxsize=256)
def _insert_sql(dialect: Dialect, table: Table, size: int) -> str:
    one = str(table.insert().compile(dialect=dialect))
    head, _, values = one.partition(" VALUES ")
    return f"{head} VALUES {', '.join([values] * size)}"


@lru_cache(maxsize=64)
def _rows_in_sql(dialect: Dialect, query: Select[Any], key: Column[Any], size: int) -> str:
    marks = ", ".join([_mark(dialect)] * size)
    return f"{query.compile(dialect=dialect)} WHERE {key.table}.{key.name} IN ({marks})"


@lru_cache(maxsize=64)
def _rows_with_sql(dialect: Dialect, keys: tuple[Column[Any], Column[Any]], size: int) -> str:
    mark = _mark(dialect)
    pairs = ", ".join([f"({mark}, {mark})"] * size)
    one, other = keys
    name = one.table
    return (
        f"SELECT {name}.* FROM (VALUES {pairs}) AS wanted "  # noqa: S608 - names from our own schema
        f"CROSS JOIN {name} "
        f"WHERE {name}.{one.name} = wanted.column1 AND {name}.{other.name} = wanted.column2"
    )


@lru_cache(maxsize=64)
def _set_values_sql(
    dialect: Dialect, key: Column[Any], column: Column[Any], size: int, *, once: bool
) -> str:
    mark = _mark(dialect)
    rows = ", ".join([f"({mark}, {mark})"] * size)
    name = key.table
    still_free = f" AND {name}.{column.name} IS NULL" if once else ""
    return (
        f"UPDATE {name} SET {column.name} = fresh.column2 "  # noqa: S608 - names from our own schema
        f"FROM (VALUES {rows}) AS fresh WHERE {name}.{key.name} = fresh.column1{still_free}"
    )


def _mark(dialect: Dialect) -> str:
    return "?" if dialect.paramstyle == "qmark" else "%s"
