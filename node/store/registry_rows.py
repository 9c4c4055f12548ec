"""Credentials and share codes as rows, and back: what answers are decided by in columns.

A row of `credential` is what its events make of it since the newest one was said; `later` holds
what is to follow by itself. `document` holds its details, which are read for those only who show
them.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

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
from node.wire.codec import decode_statement

_day: Final = lru_cache(maxsize=65_536)(date.fromisoformat)
_AWARD_TYPES: Final = by_value(AwardType)
_STATUSES: Final = by_value(Status)
_METHODS: Final = by_value(AssessmentMethod)
_PURPOSES: Final = by_value(Purpose)
_UNITS: Final = msgspec.json.Decoder(tuple[Unit, ...])
_DETAILS: Final = msgspec.json.Decoder(Details)
_LATER: Final = msgspec.json.Decoder(tuple[Phase, ...])
_ENCODER: Final = msgspec.json.Encoder()

Held = tuple[Consent, Credential | None, tuple[Phase, ...]]
"""A share code, its credential, and what that is said to become."""


# --- credentials ---------------------------------------------------------------------------


def credential_row(credential: Credential, registered: int) -> tuple[Any, ...]:
    """Return the row of a credential registered at a position of the journal."""
    return (*_columns(credential), registered, None, _document(credential.details))


def _columns(credential: Credential) -> tuple[Any, ...]:
    expires_on, valid_from = credential.expires_on, credential.valid_from
    return (
        credential.number,
        credential.holder_name,
        credential.birth_date.isoformat(),
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


def _document(details: Details) -> str:
    return "" if details == NO_DETAILS else _ENCODER.encode(details).decode()


def held_credential(row: Sequence[Any]) -> tuple[Credential, tuple[Phase, ...]]:
    """Read a credential and what follows from the columns of its table, in order.

    The last one, `document`, may be left out; the details are then, too.
    """
    number, name, born, issuer, title, award, isco08, national, eqf, awarded, expires, *rest = row
    status, method, language, units, valid_from, _, later, *document = rest
    credential = Credential(
        number,
        name,
        _day(born),
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
        _DETAILS.decode(document[0]) if document and document[0] else NO_DETAILS,
    )
    return credential, () if later is None else _LATER.decode(later)


def credential_at(connection: Connection, number: str, at: int) -> Credential | None:
    """Return a credential as it is at a time, by what is known now."""
    row = connection.execute(_CREDENTIAL, {"of": number}).one_or_none()
    if row is None:
        return None
    credential, later = held_credential(row)
    phase = phase_at(later, at)
    return credential if phase is None else phase.credential


def numbers_of_holder(connection: Connection, number: str) -> list[str]:
    """Return the numbers of all credentials of the holder of one; none where it is not there."""
    row = connection.execute(_CREDENTIAL, {"of": number}).one_or_none()
    if row is None:
        return []
    holder = holder_of(row.holder_name, _day(row.birth_date))
    born = connection.execute(_BORN, {"on": row.birth_date})
    return [one.number for one in born if holder_of(one.holder_name, holder.birth_date) == holder]


def history_of(connection: Connection, number: str) -> tuple[Event, ...]:
    """Return all events of a credential in the order of the journal; none where it is not there."""
    registered = connection.execute(_REGISTERED, {"of": number}).scalar_one_or_none()
    if registered is None:
        return ()
    positions = connection.execute(_EVENTS, {"of": number}).scalars()
    return tuple(_events_at(connection, [registered, *positions]))


def _events_at(connection: Connection, positions: Collection[int]) -> Iterable[Event]:
    rows = rows_in(connection, _STATEMENTS, schema.entry.c.position, positions)
    for position, statement in sorted(rows):
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
        names = schema.credential.c.keys()
        values = dict(zip(names, _columns(credential), strict=False))
        values["document"] = _document(credential.details)
        values["later"] = _ENCODER.encode(later).decode() if later else None
        del values["number"]
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
    for row in rows_in(connection, wanted, schema.consent.c.code_digest, digests):
        held = row[_CONSENT_WIDTH:]
        credential, later = (None, ()) if held[0] is None else held_credential(held)
        found[row[0]] = (consent_of(row[:_CONSENT_WIDTH]), credential, later)
    return found


_CONSENT_WIDTH: Final = len(schema.consent.c)
_HELD_WITH_DETAILS: Final = select(schema.consent, schema.credential).outerjoin(
    schema.credential, schema.consent.c.credential == schema.credential.c.number
)
_HELD: Final = select(
    schema.consent, *(column for column in schema.credential.c if column.name != "document")
).outerjoin(schema.credential, schema.consent.c.credential == schema.credential.c.number)
_CREDENTIAL: Final = select(schema.credential).where(schema.credential.c.number == bindparam("of"))
_BORN: Final = (
    select(schema.credential.c.number, schema.credential.c.holder_name)
    .where(schema.credential.c.birth_date == bindparam("on"))
    .order_by(schema.credential.c.number)
)
_REGISTERED: Final = select(schema.credential.c.registered).where(
    schema.credential.c.number == bindparam("of")
)
_EVENTS: Final = select(schema.registry_event.c.position).where(
    schema.registry_event.c.number == bindparam("of")
)
_STATEMENTS: Final = select(schema.entry.c.position, schema.entry.c.statement)
