"""One database: a thread that writes, threads that read, and SQL compiled once.

SQLite in WAL mode with synchronous=FULL: a commit that returned is on disk. Work is handed to a
thread by the batch, never by the statement, so an idle event loop costs one hop and not ten.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ClauseElement,
    Column,
    Connection,
    Dialect,
    Engine,
    Select,
    Table,
    create_engine,
    event,
)
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

from node.errors import Code, Refusal

_CHECKPOINT_EVERY: Final = 256
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
_BUSY_TIMEOUT_S: Final = 30.0
_READERS: Final = 2
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=64000",  # should the checkpoints below ever fail to keep up
    "cache_size=-16384",
)
_RUN_MAX: Final = 4096
_RUNS: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1)
_Result = TypeVar("_Result")
_Row = TypeVar("_Row")


class Database:
    """The node's database; every method may be called from the event loop only, save `*_now`."""

    def __init__(self, url: str) -> None:
        """Open the database at an SQLAlchemy URL; nothing is created."""
        self._writing = _engine(url, begin="BEGIN IMMEDIATE", pool_size=1)
        self._held: Connection | None = None
        self._reading = _engine(url, begin="BEGIN", pool_size=_READERS + 1)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._checkpointer = ThreadPoolExecutor(1, thread_name_prefix="store-checkpoint")
        self._transactions = 0
        self._copied = False

    def write_now(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run work in one write transaction, in this thread.

        Raises:
            Refusal: STALE where the disk refuses to write; nothing was changed.
        """
        try:
            # Held between transactions: taking it from the pool costs as much as a statement.
            if self._held is None:
                self._held = self._writing.connect()
            with self._held.begin():
                result = work(self._held)
            self._checkpoint(self._held)
        except BaseException as error:
            self.release()
            if isinstance(error, DatabaseError):
                raise _refusal(error) from error
            raise
        return result

    def release(self) -> None:
        """Give the writing connection back; the next transaction takes it anew."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _checkpoint(self, connection: Connection) -> None:
        """Have SQLite's log copied into the database beside the writing, now and then.

        By itself it does so within some commit, and everybody who waits for that one waits for
        the whole copy. Here another thread copies most of it; only what was written meanwhile is
        left to the writer, who must do it, or the log would never begin anew.
        """
        self._transactions += 1
        if self._copied:
            self._copied = False
            with suppress(DatabaseError):  # what is committed is committed; the next one copies
                _execute(connection, _CHECKPOINT, ()).close()
        elif self._transactions % _CHECKPOINT_EVERY == 0:
            self._checkpointer.submit(self._copy_log)

    def _copy_log(self) -> None:
        connection = self._reading.raw_connection()
        try:
            connection.cursor().execute(_CHECKPOINT)
        finally:
            connection.close()
        self._copied = True

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
            with self._reading.begin() as connection:
                return work(connection)
        except DatabaseError as error:
            raise _refusal(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Hold one consistent snapshot open, in this thread."""
        with self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        """Finish what runs and close every connection."""
        self._writer.shutdown()
        self._checkpointer.shutdown()
        self._readers.shutdown()
        self.release()
        self._reading.dispose()
        self._writing.dispose()


def run(connection: Connection, statement: ClauseElement, **values: Any) -> DBAPICursor:  # noqa: ANN401 - the columns' own
    """Run a statement that every batch runs; rows come as tuples (see `_execute`)."""
    sql, bound = _compiled(connection.dialect, statement)
    return _execute(connection, sql, tuple([values.get(name, held) for name, held in bound]))


@lru_cache(maxsize=64)
def _compiled(
    dialect: Dialect, statement: ClauseElement
) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Compile once; returns the SQL, and its parameters in order with what they are by default."""
    compiled = statement.compile(dialect=dialect)
    names = getattr(compiled, "positiontup", None) or ()
    return str(compiled), tuple((name, compiled.params[name]) for name in names)


def _execute(connection: Connection, sql: str, values: tuple[Any, ...]) -> DBAPICursor:
    """Run compiled SQL on the driver itself, within the connection's transaction.

    The way through the engine's events and result rows takes longer than most of the statements
    that a batch runs.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, values)
    except Exception as error:
        base = connection.dialect.loaded_dbapi.Error
        raise DBAPIError.instance(
            sql, None, error, base, hide_parameters=True, dialect=connection.dialect
        ) from error
    return cursor


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with values in the table's column order, many in one statement.

    The driver lets other threads run at every statement, and waits to run again; so a batch is
    few statements, not one for each row. Each size's SQL is compiled once.
    """
    for size, some in _in_sizes(rows):
        sql = _insert_sql(connection.dialect, table, size)
        _execute(connection, sql, tuple(chain.from_iterable(some)))


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
        changed += _execute(connection, sql, tuple(chain.from_iterable(some))).rowcount
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
        found += _execute(connection, sql, tuple(some)).fetchall()
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
        found += _execute(connection, sql, tuple(chain.from_iterable(some))).fetchall()
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


def _engine(url: str, *, begin: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"timeout": _BUSY_TIMEOUT_S},
        hide_parameters=True,  # values are personal data; errors are logged
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver must not open transactions by itself: BEGIN IMMEDIATE below is ours.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        _execute(connection, begin, ())

    return engine


def _refusal(error: DatabaseError) -> Refusal:
    """Say in a word what the disk refused; the statement and its values are never repeated."""
    cause = str(error.orig)
    if isinstance(error, OperationalError) or "readonly" in cause:
        return Refusal(
            Code.STALE,
            f"the database refuses to work: {cause}; free the disk or mend its permissions, "
            "the node goes on by itself",
            retry_after_s=5.0,
        )
    if isinstance(error, IntegrityError):
        return Refusal(Code.CONFLICT, "what is to be registered is in the registry already")
    return Refusal(Code.DEFECT, f"the database failed: {type(error.orig).__name__}")
