"""Credentials and share codes as rows, and back: what answers are decided by in columns.

A row of `credential` is what its events make of it since the newest one was said. `personal` holds
name, birth date and what is to follow by itself; `document` the details, which are read for those
only who show them; both are encrypted.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from node.errors import Code, Refusal
from node.model.bounds import by_value
from node.model.credential import (
    NO_DETAILS,
    AssessmentMethod,
    AwardType,
    Credential,
    Details,
    Field,
    Status,
    Unit,
)
from node.model.decide import Consent
from node.model.history import Event, Phase, event_of, phase_at, require_possible, standing
from node.model.holder import Watch, holder_of
from node.model.holder_bodies import Watcher, WatchGiven
from node.model.statement import ConsentGiven, Purpose
from node.store import schema
from node.store.database import rows_in
from node.store.vault import open_statements, vault_of
from node.wire.codec import decode_statement

_day: Final = lru_cache(maxsize=65_536)(date.fromisoformat)
_AWARD_TYPES: Final = by_value(AwardType)
_STATUSES: Final = by_value(Status)
_METHODS: Final = by_value(AssessmentMethod)
_PURPOSES: Final = by_value(Purpose)
_UNITS: Final = msgspec.json.Decoder(tuple[Unit, ...])
_DETAILS: Final = msgspec.json.Decoder(Details)
_ENCODER: Final = msgspec.json.Encoder()
_PERSONAL: Final = "credential"
_DOCUMENT: Final = "credential.document"

Held = tuple[Consent | None, Credential | None, tuple[Phase, ...], int | None]
"""A share code, its credential, what that is said to become, and the holder's key."""


class _Personal(NamedTuple):
    holder_name: str
    birth_date: str
    later: tuple[Phase, ...]


_PERSONAL_DECODER: Final = msgspec.json.Decoder(_Personal)


# --- credentials ---------------------------------------------------------------------------


class CredentialSealing:
    """Makes rows of credentials, encrypted all at once; not a value."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection of a write transaction."""
        self._connection = connection
        self._credentials: list[tuple[Credential, int, int | None]] = []
        self._personal: list[tuple[int | str, int, bytes]] = []
        self._documents: list[tuple[int | str, int, bytes]] = []

    def add(
        self,
        credential: Credential,
        key: int,
        registered: int | None,
        later: tuple[Phase, ...] = (),
    ) -> None:
        """Add what is to be a row, with the holder's key and the position in the journal."""
        self._credentials.append((credential, key, registered))
        personal = _Personal(credential.holder_name, credential.birth_date.isoformat(), later)
        self._personal.append((credential.number, key, _ENCODER.encode(personal)))
        if credential.details != NO_DETAILS:
            details = _ENCODER.encode(credential.details)
            self._documents.append((credential.number, key, details))

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        if not self._credentials:
            return []
        vault = vault_of(self._connection)
        personal = vault.seal(self._connection, _PERSONAL, self._personal)
        documents = iter(vault.seal(self._connection, _DOCUMENT, self._documents))
        rows = []
        for (credential, key, registered), sealed in zip(self._credentials, personal, strict=True):
            holder = vault.look_up(holder_of(credential.holder_name, credential.birth_date))
            document = None if credential.details == NO_DETAILS else next(documents)
            columns = _columns(credential)
            rows.append((credential.number, key, holder, sealed, *columns, registered, document))
        return rows


def _columns(credential: Credential) -> tuple[Any, ...]:
    expires_on, valid_from = credential.expires_on, credential.valid_from
    return (
        credential.issuer,
        credential.title,
        credential.award_type.value,
        credential.isco08,
        credential.level_national,
        credential.level_eqf,
        credential.awarded_on.isoformat(),
        None if expires_on is None else expires_on.isoformat(),
        credential.status.value,
        credential.assessment_method.value,
        credential.language,
        _ENCODER.encode(credential.units).decode() if credential.units else "[]",
        None if valid_from is None else valid_from.isoformat(),
    )


def held_credentials(
    connection: Connection, rows: Sequence[Sequence[Any]]
) -> list[tuple[Credential, tuple[Phase, ...]]]:
    """Read credentials and what follows from the columns of their table, in order.

    The last one, `document`, may be left out; the details are then, too.
    """
    vault = vault_of(connection)
    sealed = [(row[0], row[1], row[_PERSONAL_PLACE]) for row in rows]
    documents = [
        (row[0], row[1], row[_WIDTH - 1]) for row in rows if row[_WIDTH - 1 :] not in _NO_DOCUMENT
    ]
    opened = vault.open_parts(connection, _PERSONAL, sealed)
    details = iter(vault.open_parts(connection, _DOCUMENT, documents)) if documents else iter(())
    found = []
    for row, personal in zip(rows, opened, strict=True):
        with_details = row[_WIDTH - 1 :] not in _NO_DOCUMENT
        held = _DETAILS.decode(next(details)) if with_details else NO_DETAILS
        said = _PERSONAL_DECODER.decode(personal)
        found.append((_credential(row, said, held), said.later))
    return found


def _credential(row: Sequence[Any], said: _Personal, details: Details) -> Credential:
    number, _, _, _, issuer, title, award, isco08, national, eqf, awarded, expires, *rest = row
    status, method, language, units, valid_from, *_ = rest
    return Credential(
        number,
        said.holder_name,
        _day(said.birth_date),
        issuer,
        title,
        _AWARD_TYPES[award],
        isco08,
        national,
        eqf,
        _day(awarded),
        None if expires is None else _day(expires),
        _STATUSES[status],
        _METHODS[method],
        language,
        () if units == "[]" else _UNITS.decode(units),
        None if valid_from is None else _day(valid_from),
        details,
    )


def credential_at(connection: Connection, number: str, at: int) -> Credential | None:
    """Return a credential as it is at a time, by what is known now."""
    row = connection.execute(_CREDENTIAL, {"of": number}).one_or_none()
    if row is None:
        return None
    ((credential, later),) = held_credentials(connection, [tuple(row)])
    phase = phase_at(later, at)
    return credential if phase is None else phase.credential


def numbers_of_holder(connection: Connection, number: str) -> list[str]:
    """Return the numbers of all credentials of the holder of one; none where it is not there."""
    row = connection.execute(_CREDENTIAL, {"of": number}).one_or_none()
    if row is None:
        return []
    return list(connection.execute(_OF_HOLDER, {"of": row.holder}).scalars())


def history_of(connection: Connection, number: str) -> tuple[Event, ...]:
    """Return all events of a credential in the order of the journal; none where it is not there."""
    registered = connection.execute(_REGISTERED, {"of": number}).scalar_one_or_none()
    if registered is None:
        return ()
    positions = connection.execute(_EVENTS, {"of": number}).scalars()
    return tuple(_events_at(connection, [registered, *positions]))


def _events_at(connection: Connection, positions: Collection[int]) -> Iterable[Event]:
    rows = sorted(rows_in(connection, _STATEMENTS, schema.entry.c.position, positions))
    opened = open_statements(connection, "entry", rows)
    for (position, *_), (_, statement) in zip(rows, opened, strict=True):
        if statement is None:  # erased, with what it said
            continue
        said = decode_statement(statement)
        event = event_of(position, said.said_at, said.body)
        if event is None:
            raise Refusal(Code.DEFECT, f"the journal's entry {position} is no registry event")
        yield event


def follow_events(connection: Connection, fresh: Iterable[tuple[str, int]]) -> None:
    """Write what new events make of their credentials.

    Args:
        connection: of the transaction that has written their entries.
        fresh: number and position of each.

    Raises:
        Refusal: CONFLICT where one cannot follow on what is there.
    """
    for number, group in groupby(sorted(fresh), key=lambda one: one[0]):
        positions = {position for _, position in group}
        events = history_of(connection, number)
        for place, event in enumerate(events):
            if event.position in positions:
                require_possible(events[:place], event)
        credential, later = standing(events)  # refuses one that is not there
        key = connection.execute(_CREDENTIAL, {"of": number}).one().key
        sealing = CredentialSealing(connection)
        sealing.add(credential, key, None, later)
        values = dict(zip(schema.credential.c.keys(), sealing.rows()[0], strict=True))
        for kept in ("number", "key", "registered"):
            del values[kept]
        connection.execute(
            update(schema.credential).where(schema.credential.c.number == number).values(values)
        )


# --- share codes ---------------------------------------------------------------------------


def consent_row(given: ConsentGiven, position: int) -> tuple[Any, ...]:
    """Return the row of a share code given at a position of the journal."""
    return (
        given.code_digest,
        position,
        given.holder_proof,
        given.credential,
        given.purpose.value,
        ",".join(str(field.value) for field in given.fields),
        given.uses,
        0,
        given.expires_at,
        given.requester,
        0,
    )


def consent_of(row: Sequence[Any]) -> Consent:
    """Read a consent from the columns of its table, in order."""
    digest, _, proof, credential, purpose, fields, uses, spent, expires_at, requester, ended = row
    given = ConsentGiven(
        digest,
        proof,
        credential,
        _PURPOSES[purpose],
        _granted(fields),
        uses,
        expires_at,
        requester,
    )
    return Consent(given, ended != 0, spent)


def watch_row(given: WatchGiven, position: int) -> tuple[Any, ...]:
    """Return the row of a standing consent given at a position of the journal."""
    watcher = given.watcher
    return (
        given.watch,
        position,
        given.credential,
        watcher.node,
        watcher.legal_name,
        watcher.register_id,
        given.expires_at,
        None,
    )


def watch_of(row: Sequence[Any]) -> Watch:
    """Read a standing consent from the columns of its table, in order."""
    watch, _, credential, node, legal_name, register_id, expires_at, ended = row
    watcher = Watcher(node, legal_name, register_id)
    return Watch(WatchGiven(watch, credential, watcher, expires_at), ended is not None)


@lru_cache(maxsize=4096)
def _granted(fields: str) -> tuple[Field, ...]:
    return tuple(Field(int(field)) for field in fields.split(","))


def held_by_code(
    connection: Connection, digests: Collection[bytes], *, details: bool
) -> dict[bytes, Held]:
    """Look up consents with their credentials by code digest, all in one SELECT.

    Args:
        connection: to read with.
        digests: of share codes.
        details: whether the credentials' details are wanted too.
    """
    found: dict[bytes, Held] = {}
    wanted = _HELD_WITH_DETAILS if details else _HELD
    rows = rows_in(connection, wanted, schema.consent.c.code_digest, digests)
    there = [row for row in rows if row[_CONSENT_WIDTH] is not None]
    held = held_credentials(connection, [row[_CONSENT_WIDTH:] for row in there])
    for row, (credential, later) in zip(there, held, strict=True):
        consent = consent_of(row[:_CONSENT_WIDTH])
        found[row[0]] = (consent, credential, later, row[_CONSENT_WIDTH + 1])
    for row in rows:
        if row[_CONSENT_WIDTH] is None:
            found[row[0]] = (consent_of(row[:_CONSENT_WIDTH]), None, (), None)
    return found


_CONSENT_WIDTH: Final = len(schema.consent.c)
_WIDTH: Final = len(schema.credential.c)
_PERSONAL_PLACE: Final = schema.credential.c.keys().index("personal")
_NO_DOCUMENT: Final = ((), (None,))
_HELD_WITH_DETAILS: Final = select(schema.consent, schema.credential).outerjoin(
    schema.credential, schema.consent.c.credential == schema.credential.c.number
)
_HELD: Final = select(
    schema.consent, *(column for column in schema.credential.c if column.name != "document")
).outerjoin(schema.credential, schema.consent.c.credential == schema.credential.c.number)
_CREDENTIAL: Final = select(schema.credential).where(schema.credential.c.number == bindparam("of"))
_OF_HOLDER: Final = (
    select(schema.credential.c.number)
    .where(schema.credential.c.holder == bindparam("of"))
    .order_by(schema.credential.c.number)
)
_REGISTERED: Final = select(schema.credential.c.registered).where(
    schema.credential.c.number == bindparam("of")
)
_EVENTS: Final = select(schema.registry_event.c.position).where(
    schema.registry_event.c.number == bindparam("of")
)
_STATEMENTS: Final = select(
    schema.entry.c.position, schema.entry.c.key, schema.entry.c.salt, schema.entry.c.statement
)
