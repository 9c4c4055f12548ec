"""The two databases that a node may stand on, and what only one of them does.

SQLite: one file in WAL mode with synchronous=FULL, for one machine. PostgreSQL: any number of
processes on any number of machines; there a write transaction begins with a lock that only one of
them holds, as BEGIN IMMEDIATE does for a file, so what holds for one writer holds for many.
"""

import mmap
import sqlite3
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)

from node.errors import Code, Refusal

_BUSY_TIMEOUT_S: Final = 30.0
_IN_THE_WAY_MS: Final = 250
_CONNECT_TIMEOUT_S: Final = 10
_RETRY_AFTER_S: Final = 5.0
_COPY_EVERY: Final = 256
_COPY: Final = "PRAGMA wal_checkpoint(PASSIVE)"
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=64000",  # should the copies below ever fail to keep up
    "cache_size=-16384",
    "secure_delete=ON",  # what goes is overwritten, in the page and in pages that become free
)
_POSTGRES: Final = "postgresql"
_POSTGRES_SETTINGS: Final = (
    "-c synchronous_commit=on "  # a commit that returned is on disk, whatever the server's default
    f"-c lock_timeout={int(_BUSY_TIMEOUT_S)}s "
    "-c idle_in_transaction_session_timeout=60s "
    "-c timezone=UTC"
)
# The lock of whoever writes: any number would do, as long as all processes take the same.
_BEGIN_WRITING: Final = "SELECT pg_advisory_xact_lock(6008195160221093966)"
_BEGIN_READING: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class Engines(Protocol):
    """A database's connections: one that writes, some that read snapshots.

    Attributes:
        writing: each of its transactions is alone.
        reading: each of its transactions sees one snapshot.
    """

    writing: Engine
    reading: Engine

    def after_commit(self, connection: Connection) -> None:
        """Do what is due after a write transaction, in the writing thread."""

    def truncate_log(self) -> bool:
        """Cut the log to nothing, if there is one; False while somebody is in the way."""

    def rewrite(self) -> None:
        """Write everything anew, without what lay in free space; nothing else may be open.

        Raises:
            Refusal: STALE where the disk refuses, or has no room for a second copy.
        """

    def holds_any(self, traces: Collection[bytes]) -> bool:
        """Tell whether any of some bytes still lies anywhere in it, or may."""

    def close(self) -> None:
        """Close every connection."""


def open_engines(url: str | URL, readers: int, options: dict[str, Any]) -> Engines:
    """Open the database at an SQLAlchemy URL, to be read by so many threads at once.

    Nothing is created, nor is anything connected to yet. Every connection has the options.

    Raises:
        Refusal: MALFORMED where it is no URL of SQLite or PostgreSQL.
    """
    try:
        read = make_url(url)
    except ArgumentError:  # which repeats the URL, and with it perhaps a password
        raise Refusal(Code.MALFORMED, "store.database: is no URL of a database") from None
    if read.password is not None:
        raise Refusal(
            Code.MALFORMED,
            "store.database: has a password; put it into a file that only the node can read and "
            "name that, as postgresql://user@host/database?passfile=FILE",
        )
    backend = read.get_backend_name()
    if backend == "sqlite":
        return SqliteEngines(read, readers, options)
    if backend == _POSTGRES:
        return PostgresEngines(read.set(drivername=f"{_POSTGRES}+psycopg"), readers, options)
    raise Refusal(Code.MALFORMED, f"store.database: knows sqlite and {_POSTGRES}, not {backend}")


class SqliteEngines:
    """A database in one file."""

    def __init__(self, url: URL, readers: int, options: dict[str, Any]) -> None:
        """Open the file, to be read by so many threads at once; nothing is created."""
        self.writing = _sqlite_engine(url, "BEGIN IMMEDIATE", 1, options)
        self.reading = _sqlite_engine(url, "BEGIN", readers + 1, options)
        self._copier = ThreadPoolExecutor(1, thread_name_prefix="store-copy")
        self._transactions = 0
        self._copied = False

    def after_commit(self, connection: Connection) -> None:
        """Have the log copied into the database beside the writing, now and then.

        By itself SQLite does so within some commit, and everybody who waits for that one waits
        for the whole copy. Here another thread copies most of it; only what was written meanwhile
        is left to the writer, who must do it, or the log would never begin anew.
        """
        self._transactions += 1
        if self._copied:
            self._copied = False
            # What is committed is committed; should it fail, the next one copies.
            with suppress(sqlite3.DatabaseError):
                connection.connection.cursor().execute(_COPY).close()
        elif self._transactions % _COPY_EVERY == 0:
            self._copier.submit(self._copy_log)

    def _copy_log(self) -> None:
        with closing(self.reading.raw_connection()) as connection:
            connection.cursor().execute(_COPY)
        self._copied = True

    def truncate_log(self) -> bool:
        """Copy the log and cut it; not waited for long, because all who write would wait too."""
        try:
            return self._copier.submit(self._truncate_log).result()
        except sqlite3.DatabaseError:  # a disk that refuses: whoever erased tries again later
            return False

    def _truncate_log(self) -> bool:
        with closing(self.reading.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={_IN_THE_WAY_MS}")
            try:
                busy = bool(cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0])
            finally:
                cursor.execute(f"PRAGMA busy_timeout={int(_BUSY_TIMEOUT_S * 1000)}")
        return not busy

    def rewrite(self) -> None:
        """Write the file anew."""
        with closing(self.writing.raw_connection()) as connection:
            try:
                connection.cursor().execute("VACUUM")
            except sqlite3.Error as error:
                raise _not_rewritten(error) from None

    def holds_any(self, traces: Collection[bytes]) -> bool:
        """Search the file."""
        return file_holds_any(Path(self.reading.url.database or ""), traces)

    def close(self) -> None:
        """Finish what is being copied and close every connection."""
        self._copier.shutdown()
        self.reading.dispose()
        self.writing.dispose()


class PostgresEngines:
    """A database on a PostgreSQL server."""

    def __init__(self, url: URL, readers: int, options: dict[str, Any]) -> None:
        """Take the server's URL; a password belongs in a file that the URL names as passfile."""
        self.writing = _postgres_engine(url, _BEGIN_WRITING, 1, options)
        self.reading = _postgres_engine(url, _BEGIN_READING, readers + 1, options)

    def after_commit(self, connection: Connection) -> None:
        """Do nothing: the server looks after its log."""

    def truncate_log(self) -> bool:
        """Do nothing: how long the server keeps its log is its operator's to set."""
        return True

    def rewrite(self) -> None:
        """Write every table anew: a row that was replaced lies in its page until then."""
        try:
            with self.writing.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            ) as connection:
                connection.exec_driver_sql("VACUUM (FULL)")
        except DatabaseError as error:
            raise _not_rewritten(error.orig) from None

    def holds_any(self, traces: Collection[bytes]) -> bool:
        """Say that it may: its files are the server's, and replaced rows stay in them."""
        return bool(traces)

    def close(self) -> None:
        """Close every connection."""
        self.reading.dispose()
        self.writing.dispose()


def file_holds_any(path: Path, traces: Collection[bytes]) -> bool:
    """Tell whether a file holds any of some bytes anywhere."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(trace) >= 0 for trace in traces if trace)


def refusal(error: DatabaseError | InterfaceError) -> Refusal:
    """Say in a word what the database refused; the statement and its values never are."""
    cause = str(error.orig).partition("\n")[0]  # below it PostgreSQL repeats the values
    if isinstance(error, IntegrityError):
        return Refusal(Code.CONFLICT, "what is to be registered is in the registry already")
    if isinstance(error, OperationalError | InterfaceError) or "readonly" in cause:
        return Refusal(
            Code.STALE,
            f"the database refuses to work: {cause}; free the disk or mend its permissions, "
            "or bring its server back; the node goes on by itself",
            retry_after_s=_RETRY_AFTER_S,
        )
    return Refusal(Code.DEFECT, f"the database failed: {type(error.orig).__name__}")


def execute(connection: Connection, sql: str, values: tuple[Any, ...]) -> DBAPICursor:
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


def _not_rewritten(error: object) -> Refusal:
    reason = f"the database cannot be written anew: {error}"
    return Refusal(Code.STALE, reason, retry_after_s=_RETRY_AFTER_S)


def _sqlite_engine(url: URL, begin: str, pool_size: int, options: dict[str, Any]) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"timeout": _BUSY_TIMEOUT_S},
        execution_options=options,
        hide_parameters=True,  # values are personal data; errors are logged
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver must not open transactions by itself: `begin` is ours.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    _begin_with(engine, begin)
    return engine


def _postgres_engine(url: URL, begin: str, pool_size: int, options: dict[str, Any]) -> Engine:
    try:
        engine = create_engine(
            url,
            paramstyle="format",  # by position, as SQLite's: `database` compiles for both
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=True,  # a server that was restarted costs a ping, not a refusal
            connect_args={"options": _POSTGRES_SETTINGS, "connect_timeout": _CONNECT_TIMEOUT_S},
            execution_options=options,
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise Refusal(
            Code.MALFORMED,
            f"store.database: for {_POSTGRES} install symbolon[postgres]",
        ) from None
    _begin_with(engine, begin)
    return engine


def _begin_with(engine: Engine, sql: str) -> None:
    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        execute(connection, sql, ())
