"""Ledgers for tests, in memory and on disk, and statements to journal in them.

XA keeps the ledger, XB asks; there is one credential and one share code, CODE.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import inspect

from node.errors import Refusal
from node.flows.ports import Draft, Ledger, Question
from node.model.credential import Field
from node.model.decide import Facts, decide
from node.model.merkle import EMPTY_ROOT, leaf_hash, verify_inclusion
from node.model.note import Checkpoint, sign_checkpoint
from node.model.seal import Sealed, commitment
from node.model.share_code import ShareCode, make
from node.model.statement import (
    Answer,
    Body,
    ConsentGiven,
    CredentialRegistered,
    Purpose,
    Statement,
)
from node.store.database import Database
from node.store.journal import Journal, create
from node.store.ledger import SqlLedger
from node.store.opening import make_tables
from node.wire.codec import decode_statement, encode_statement
from tests.federation import DAY_US, SECOND_US, START, journal_signers, origin
from tests.nodes import BORN, Log, query_to, selector
from tests.postgres import Postgres
from tests.vaults import sample_vault
from tests.world import (
    FakeClock,
    MemoryLedger,
    sample_credential,
    sample_trust,
    seeded_randomness,
)

CODE = make("XA", bytes(range(10)))
TRUST = sample_trust()
AGREEMENT = TRUST.view.agreement_for("XA", "XB", Purpose.EMPLOYMENT, START)
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


class SqlShelf(Shelf):
    """The SQL ledger on a database that has nothing in it at first."""

    def __init__(self, url: str, *, seed: int = 1) -> None:
        self._url = url
        self._randomness = seeded_randomness(seed)
        self.vault = sample_vault()
        self._database: Database
        self.sql: SqlLedger

    async def open(self) -> None:
        self._database = Database(self._url, self.vault)
        signers = journal_signers("XA")
        if self._is_empty():
            note = sign_checkpoint(
                Checkpoint(origin("XA"), 0, EMPTY_ROOT), signers, START // SECOND_US
            )
            self._database.write_now(make_tables)
            self._database.write_now(self.vault.make)
            self._database.write_now(
                lambda connection: create(connection, "XA", origin("XA"), note)
            )
        self._database.read_now(self.vault.open)
        journal = Journal(origin("XA"), lambda: signers, FakeClock(), self._randomness)
        self.ledger = self.sql = SqlLedger(self._database, journal, FakeClock())
        await self.sql.open("XA", origin("XA"))

    def _is_empty(self) -> bool:
        return self._database.read_now(lambda connection: not inspect(connection).get_table_names())

    async def close(self) -> None:
        await self.sql.close()
        self._database.close()

    async def evidence(self) -> list[EvidenceRow]:
        return [(kept.peer, kept.kind, kept.content) for kept in await self.sql.heads.evidence()]


class DiskShelf(SqlShelf):
    """The SQL ledger on a file."""

    def __init__(self, path: Path, *, seed: int = 1) -> None:
        super().__init__(f"sqlite:///{path}", seed=seed)
        self.path = path


@asynccontextmanager
async def kept_in(request: pytest.FixtureRequest, directory: Path) -> AsyncIterator[Shelf]:
    """Open a shelf in what the fixture's parameter names: memory, sqlite or postgres."""
    made: Shelf
    if request.param == "memory":
        made = MemoryShelf()
    elif request.param == "sqlite":
        made = DiskShelf(directory / "node.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = SqlShelf(server.make_database())
    await made.open()
    yield made
    await made.close()


# --- what is said --------------------------------------------------------------------------


def draft(body: Body, at: int = START, **beside: Any) -> Draft:
    """Return a statement of XA's, ready to be journalled."""
    said = Statement("XA", at, TRUST.view.reference, body)
    return Draft(body, encode_statement(said), **beside)


def given(code: ShareCode = CODE, uses: int = 1, **changes: Any) -> ConsentGiven:
    consent = ConsentGiven(
        code_digest=code.digest,
        holder_proof=code.holder_proof(BORN),
        credential=sample_credential().number,
        purpose=Purpose.EMPLOYMENT,
        fields=(Field.TITLE,),
        uses=uses,
        expires_at=START + DAY_US,
        requester="",
    )
    return replace(consent, **changes)


def registry(uses: int = 1) -> list[Draft]:
    """Return a credential and its share code, ready to be journalled."""
    return [draft(CredentialRegistered(sample_credential())), draft(given(uses=uses))]


def asked(number: int = 0) -> Draft:
    """Return a query of XA's to XB, each with another nonce."""
    nonce = number.to_bytes(16, "big")
    return draft(query_to("XB", "XA", START, nonce=nonce), key_id="key-1")


class Xb:
    """XB's journal, from which questions come."""

    def __init__(self, seed: int = 1) -> None:
        self.log = Log("XB", seed=seed)

    def questions(self, count: int = 1, **changes: Any) -> list[Question]:
        """Return queries for the share code under one checkpoint."""
        query = query_to("XA", "XB", START, selector=selector(CODE))
        queries = [
            replace(query, **{"nonce": (self.log.size + n).to_bytes(16, "big"), **changes})
            for n in range(count)
        ]
        said = [Statement("XB", START, TRUST.view.reference, one) for one in queries]
        seals = self.log.seal(*map(encode_statement, said))
        return [
            Question(self.log.counterpart(sealed), START, query)
            for sealed, query in zip(seals, queries, strict=True)
        ]


class Deciding:
    """A judge that decides as nodes do; it remembers the facts that it was given."""

    def __init__(self) -> None:
        self.facts: list[Facts] = []

    def __call__(self, question: Question, facts: Facts) -> Draft:
        self.facts.append(facts)
        answer = decide(
            question.query, question.counterpart.commitment, facts, AGREEMENT, START + SECOND_US
        )
        return draft(
            answer,
            START + SECOND_US,
            counterpart=question.counterpart,
            asked_at=question.said_at,
        )


def read(reply: Sealed | Refusal) -> Answer:
    assert isinstance(reply, Sealed), reply
    body = decode_statement(reply.statement).body
    assert isinstance(body, Answer)
    return body


def holds(sealed: Sealed) -> int:
    """Check a seal of XA's and return the size of its checkpoint."""
    opened = TRUST.view.open_checkpoint(TRUST.view.node("XA"), sealed.checkpoint, START)
    size, root = opened.checkpoint.size, opened.checkpoint.root
    leaf = leaf_hash(commitment(sealed.statement, sealed.salt))
    verify_inclusion(sealed.index, size, leaf, sealed.path, root)
    return size
