"""Erasure as the tables follow it: what was said goes, in place; what it amounted to goes too.

Commitments, tiles and checkpoints stay, and so do rows without personal data: that a query was
asked and settled, and that a peer's query was answered.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct
from sqlalchemy import BindParameter, Connection, Row, Text, bindparam, delete, select, update

from node.errors import Code, Refusal
from node.model.retention import CONSENT_EVENT, CONTEST, ERASABLE, QUERY, REGISTRY_EVENT
from node.model.seal import commitment
from node.model.statement import CredentialAmended, CredentialRegistered, Erasure, Query
from node.store import schema
from node.store.database import insert_rows, rows_in
from node.store.evidence import FORK, opened_evidence
from node.store.vault import open_statements
from node.wire.codec import decode_statement

_STATEMENT: Final = 4  # column of a row that is held


class ErasedEntry(Struct, frozen=True):
    """Who had an entry erased, under which rule, and when (microseconds UTC)."""

    rule: str
    authority: str
    erased_at: int


def erase(connection: Connection, erasure: Erasure, by: int) -> list[int]:
    """Take what an Erasure names from every table that holds it.

    Returns the keys of the credentials that went, one for each.

    Raises:
        Refusal: ERASED where something of it is gone already, CONFLICT where something is of
            another kind, not erasable or still open.
    """
    if erasure.kind not in ERASABLE:
        raise Refusal(Code.CONFLICT, f"erasure.kind: {erasure.kind} is never erased")
    rows = rows_in(connection, _HELD, schema.entry.c.position, erasure.entries)
    if len(rows) != len(erasure.entries) or any(row[1] != erasure.kind for row in rows):
        raise Refusal(Code.CONFLICT, "erasure.entries: not all are there and of that kind")
    if any(row[_STATEMENT] is None for row in rows):
        raise Refusal(Code.ERASED, "erasure.entries: some of them are erased already")
    positions = list(erasure.entries)
    if erasure.kind == QUERY and connection.execute(_OPEN, {"of": positions}).first():
        raise Refusal(Code.CONFLICT, "erasure.entries: a question is still open")
    opened = open_rows(connection, rows)
    _drop_evidence(connection, opened)
    keys: list[int] = []
    if erasure.kind == REGISTRY_EVENT:
        keys = _drop_credentials(connection, [row.statement for row in opened])
    elif erasure.kind == CONSENT_EVENT:
        connection.execute(_DROP_CONSENTS, {"of": positions})
        connection.execute(_DROP_WATCHES, {"of": positions})
    elif erasure.kind == CONTEST:
        connection.execute(_DROP_CONTESTS, {"of": positions})
    connection.execute(_EMPTY_ENTRIES, {"of": positions})
    connection.execute(_EMPTY_COUNTERPARTS, {"of": positions})
    connection.execute(_DROP_PROOFS, {"of": positions})
    insert_rows(connection, schema.erased, [(position, by) for position in positions])
    # Tables that only grow keep no copies of a row; those that are sorted by number may.
    thorough = int(erasure.kind == REGISTRY_EVENT)
    insert_rows(connection, schema.unwiped, [(by, thorough)])
    return keys


class OpenedRow(NamedTuple):
    """A statement with its salt, and the peer's that it rests on; not one that was erased."""

    position: int
    salt: bytes
    statement: bytes
    peer_salt: bytes | None
    peer_statement: bytes | None


def open_rows(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[OpenedRow]:
    """Open rows of position, kind, and key, salt and statement, twice: the own and the peer's.

    Those that were erased are left out.
    """
    there = [row for row in rows if row[_STATEMENT] is not None]
    own = open_statements(connection, "entry", [(row[0], *row[2:5]) for row in there])
    theirs = open_statements(connection, "counterpart", [(row[0], *row[5:8]) for row in there])
    return [
        OpenedRow(row[0], salt, statement, *peers)
        for row, (salt, statement), peers in zip(there, own, theirs, strict=True)
        if salt is not None and statement is not None
    ]


def erased_entry(connection: Connection, position: int) -> ErasedEntry | None:
    """Return how an entry was erased; None where it was not."""
    row = connection.execute(_ERASED_BY, {"at": position}).one_or_none()
    if row is None:
        return None
    said = decode_statement(row.statement)  # kept as it is: it holds nothing of a holder
    if not isinstance(said.body, Erasure):
        raise Refusal(Code.DEFECT, f"the journal's entry {row.by} is no erasure")
    return ErasedEntry(said.body.rule, said.body.authority, said.said_at)


def require_erasures(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """Check that among successive entries exactly the erased ones have no statement.

    Raises:
        Refusal: DEFECT with the first entry of which that is not so.
    """
    ends = {"first": rows[0].position, "last": rows[-1].position}
    erased = set(connection.execute(_ERASED_BETWEEN, ends).scalars())
    empty = {row.position for row in rows if row.statement is None}
    for position in sorted(empty - erased):
        raise gone(connection, position)
    for position in sorted(erased - empty):
        raise Refusal(Code.DEFECT, f"journal: entry {position} was erased and is still there")


def gone(connection: Connection, position: int) -> Refusal:
    """Return what somebody is told who asks for a statement that is not there any more."""
    found = erased_entry(connection, position)
    if found is None:
        return Refusal(
            Code.DEFECT, f"the journal's entry {position} is missing, and no erasure says why"
        )
    return Refusal(Code.ERASED, f"entry {position} was erased: {found.rule}")


def _drop_evidence(connection: Connection, rows: Iterable[OpenedRow]) -> None:
    """Drop what peers sent that quotes an erased statement; a fork quotes none, and stays."""
    kept = connection.execute(_EVIDENCE).all()
    if not kept:
        return
    needles: list[bytes] = []
    for _position, salt, statement, peer_salt, peer_statement in rows:
        for said, beside in ((statement, salt), (peer_statement, peer_salt)):
            if said is not None and beside is not None:
                needles += (said, commitment(said, beside), *_quoted(said))
    quoting = []
    for row in kept:
        content = opened_evidence(connection, row)
        if any(needle in content for needle in needles):
            quoting.append(row.id)
    if quoting:
        connection.execute(_EMPTY_EVIDENCE, {"of": quoting})


def _quoted(statement: bytes) -> list[bytes]:
    """Return what another statement about the same thing would repeat."""
    body = decode_statement(statement).body
    if isinstance(body, Query):
        return [body.selector.code_digest]
    if isinstance(body, CredentialRegistered | CredentialAmended):
        return [body.credential.number.encode(), body.credential.holder_name.encode()]
    return []


def _drop_credentials(connection: Connection, statements: Iterable[bytes]) -> list[int]:
    numbers = []
    for statement in statements:
        body = decode_statement(statement).body
        if isinstance(body, CredentialRegistered):
            numbers.append(body.credential.number)
    keys = list(connection.execute(_KEYS, {"of": numbers}).scalars())
    for drop in _DROP_ALL_OF:
        connection.execute(drop, {"of": numbers})
    return keys


_among: Final[BindParameter[Any]] = bindparam("of", expanding=True)
_HELD: Final = select(
    schema.entry.c.position,
    schema.entry.c.kind,
    schema.entry.c.key,
    schema.entry.c.salt,
    schema.entry.c.statement,
    schema.counterpart.c.key.label("peer_key"),
    schema.counterpart.c.salt.label("peer_salt"),
    schema.counterpart.c.statement.label("peer_statement"),
).select_from(
    schema.entry.outerjoin(
        schema.counterpart, schema.counterpart.c.position == schema.entry.c.position
    )
)
_OPEN: Final = select(schema.question.c.position).where(
    schema.question.c.settled.is_(None), schema.question.c.position.in_(_among)
)
_EMPTY_ENTRIES: Final = (
    update(schema.entry)
    .where(schema.entry.c.position.in_(_among))
    .values(salt=None, statement=None)
)
_EMPTY_COUNTERPARTS: Final = (
    update(schema.counterpart)
    .where(schema.counterpart.c.position.in_(_among))
    .values(path=None, salt=None, statement=None)
)
_DROP_PROOFS: Final = delete(schema.counterpart_proof).where(
    schema.counterpart_proof.c.position.in_(_among)
)
_DROP_CONSENTS: Final = delete(schema.consent).where(schema.consent.c.position.in_(_among))
_DROP_WATCHES: Final = delete(schema.watch).where(schema.watch.c.position.in_(_among))
_DROP_CONTESTS: Final = delete(schema.contest).where(schema.contest.c.position.in_(_among))
_DROP_ALL_OF: Final = [
    delete(table).where(column.in_(_among))
    for table in schema.metadata.sorted_tables
    for column in table.c
    if column.name in schema.NUMBERS_OF_CREDENTIALS and isinstance(column.type, Text)
]
_KEYS: Final = select(schema.credential.c.key).where(schema.credential.c.number.in_(_among))
_EVIDENCE: Final = select(schema.evidence).where(schema.evidence.c.kind != FORK)
_EMPTY_EVIDENCE: Final = (
    update(schema.evidence).where(schema.evidence.c.id.in_(_among)).values(key=None, content=b"")
)
_ERASED_BETWEEN: Final = select(schema.erased.c.position).where(
    schema.erased.c.position.between(bindparam("first"), bindparam("last"))
)
_ERASED_BY: Final = (
    select(schema.erased.c.by, schema.entry.c.statement)
    .join(schema.entry, schema.entry.c.position == schema.erased.c.by)
    .where(schema.erased.c.position == bindparam("at"))
)
