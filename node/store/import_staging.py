"""What an import has checked, in a file: flat memory, and a cut import goes on where it stood.

The file holds personal data until the import is over; it is its owner's only, and then deleted.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from node.errors import Code, Refusal
from node.flows.import_staging import Counts, Rejected, Said, Sorted, Taken
from node.model.credential import Credential
from node.wire.rows import Fault

_FETCHED: Final = 1_000
_VARIABLES_MAX: Final = 900
_TABLES: Final = {
    "said": "number TEXT PRIMARY KEY, at INTEGER, digest BLOB, is_taken INTEGER",
    "taken": "at INTEGER PRIMARY KEY, credential BLOB, amends INTEGER",
    "rejected": "at INTEGER PRIMARY KEY, content BLOB",
    "counts": "only INTEGER PRIMARY KEY, content BLOB",
}
_encode: Final = msgspec.msgpack.Encoder().encode
_CREDENTIAL: Final = msgspec.msgpack.Decoder(Credential)
_COUNTS: Final = msgspec.msgpack.Decoder(Counts)
_REJECTED: Final = msgspec.msgpack.Decoder(tuple[dict[str, Any], tuple[Fault, ...]])


class DiskStaging:
    """The staging of one import (`flows.import_staging.Staging`)."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Open the file, and begin anew unless it is to be resumed.

        Raises:
            Refusal: CONFLICT where another process imports the same file now.
        """
        self._path = path
        path.touch(0o600)
        self._database = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            self._database.close()
            raise Refusal(Code.CONFLICT, "FILE: is being imported already") from None
        for table, columns in _TABLES.items():
            if not resume:
                self._database.execute(f"DROP TABLE IF EXISTS {table}")
            self._database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        self._database.execute("COMMIT")

    def close(self, *, keep: bool) -> None:
        """Close the file, and delete it unless the import is to go on later."""
        self._database.close()
        if not keep:
            self._path.unlink(missing_ok=True)

    def counts(self) -> Counts:
        """Return how far it is."""
        row = self._database.execute("SELECT content FROM counts").fetchone()
        return Counts() if row is None else _COUNTS.decode(row[0])

    def said(self, numbers: Iterable[str]) -> dict[str, Said]:
        """Return what the rows so far say of these numbers."""
        wanted = list(numbers)
        found: dict[str, Said] = {}
        for start in range(0, len(wanted), _VARIABLES_MAX):
            some = wanted[start : start + _VARIABLES_MAX]
            places = ",".join("?" * len(some))
            rows = self._database.execute(
                f"SELECT number, at, digest, is_taken FROM said WHERE number IN ({places})",  # noqa: S608 - only question marks
                some,
            )
            found |= {row[0]: Said(row[0], row[1], row[2], bool(row[3])) for row in rows}
        return found

    def keep(self, batch: Sorted, counts: Counts) -> None:
        """Keep a batch, and how far the import is with it."""
        execute = self._database.execute
        execute("BEGIN")
        try:
            self._database.executemany("INSERT INTO said VALUES (?, ?, ?, ?)", batch.said)
            self._database.executemany(
                "INSERT INTO taken VALUES (?, ?, ?)",
                ((one.row, _encode(one.credential), one.amends) for one in batch.taken),
            )
            self._database.executemany(
                "INSERT INTO rejected VALUES (?, ?)",
                ((one.row, _encode((one.came, one.faults))) for one in batch.rejected),
            )
            execute("INSERT OR REPLACE INTO counts VALUES (1, ?)", (_encode(counts),))
        except sqlite3.OperationalError as error:
            execute("ROLLBACK")
            raise Refusal(Code.STALE, f"the disk refuses to write: {error}") from None
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")

    def taken(self) -> Iterator[Taken]:
        """Yield what is to be written, in the order of the file."""
        for at, credential, amends in self._all("taken"):
            yield Taken(at, _CREDENTIAL.decode(credential), bool(amends))

    def rejected(self) -> Iterator[Rejected]:
        """Yield what is not taken, in the order of the file."""
        for at, content in self._all("rejected"):
            yield Rejected(at, *_REJECTED.decode(content))

    def _all(self, table: str) -> Iterator[tuple[Any, ...]]:
        cursor = self._database.execute(f"SELECT * FROM {table} ORDER BY at")  # noqa: S608 - own name
        while rows := cursor.fetchmany(_FETCHED):
            yield from rows
