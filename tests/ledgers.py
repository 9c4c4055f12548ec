"""Ledgers for tests: the fake in memory and the real one on disk, opened in the same way."""

import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path

from node.flows.ports import Ledger
from node.model.merkle import EMPTY_ROOT
from node.model.note import Checkpoint, sign_checkpoint
from node.store import schema
from node.store.database import Database
from node.store.journal import Journal, create
from node.store.ledger import SqlLedger
from tests.federation import SECOND_US, START, journal_signers, origin
from tests.world import FakeClock, MemoryLedger, seeded_randomness

EvidenceRow = tuple[str, str, bytes]


class Shelf(ABC):
    """Keeps a ledger of XA's, and closes and opens it as a restart of the node does."""

    ledger: Ledger

    @abstractmethod
    async def open(self) -> None:
        """Open the ledger, an empty one the first time."""

    @abstractmethod
    async def close(self) -> None:
        """Close the ledger."""

    @abstractmethod
    async def evidence(self) -> list[EvidenceRow]:
        """Return peer, kind and content of what was kept of peers' faults."""

    async def reopen(self) -> None:
        """Restart."""
        await self.close()
        await self.open()


class MemoryShelf(Shelf):
    """The ledger in memory; it survives a restart by not taking part in it."""

    def __init__(self) -> None:
        self._memory = MemoryLedger("XA", FakeClock())
        self.ledger = self._memory

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def evidence(self) -> list[EvidenceRow]:
        return [(one.peer, one.kind, one.content) for one in self._memory.evidence]


class DiskShelf(Shelf):
    """The SQL ledger on a file."""

    def __init__(self, path: Path, *, seed: int = 1) -> None:
        self.path = path
        self._randomness = seeded_randomness(seed)
        self._database: Database
        self.sql: SqlLedger

    async def open(self) -> None:
        fresh = not self.path.exists()
        self._database = Database(f"sqlite:///{self.path}")
        signers = journal_signers("XA")
        if fresh:
            note = sign_checkpoint(
                Checkpoint(origin("XA"), 0, EMPTY_ROOT), signers, START // SECOND_US
            )
            self._database.write_now(schema.metadata.create_all)
            self._database.write_now(
                lambda connection: create(connection, "XA", origin("XA"), note)
            )
        journal = Journal(origin("XA"), signers, FakeClock(), self._randomness)
        self.ledger = self.sql = SqlLedger(self._database, journal, FakeClock())
        await self.sql.open("XA", origin("XA"))

    async def close(self) -> None:
        await self.sql.close()
        self._database.close()

    async def evidence(self) -> list[EvidenceRow]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(
                "SELECT peer, kind, content FROM evidence ORDER BY id"
            ).fetchall()
