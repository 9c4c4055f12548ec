"""What follows from statements: the rows of every table, as a fold of the journal.

One dispatch by the kind of statement; rows are gathered for the whole batch and written table by
table.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Table, bindparam, select, update

from node.errors import Code, Refusal
from node.flows.ports import Draft
from node.model.credential import (
    AssessmentMethod,
    AwardType,
    Credential,
    Field,
    Status,
    Unit,
)
from node.model.decide import Consent
from node.model.statement import (
    Answer,
    Body,
    Conclusion,
    ConsentEnded,
    ConsentGiven,
    CredentialRegistered,
    NoAnswer,
    Purpose,
    Query,
    StatusChanged,
    TrustAdopted,
)
from node.store import schema
from node.store.database import insert_rows
from node.store.journal import Placed
from node.store.trust_files import encode_bundle

KINDS: Final[dict[type[Body], int]] = {
    Query: 10,
    Answer: 11,
    NoAnswer: 12,
    Conclusion: 13,
    CredentialRegistered: 14,
    StatusChanged: 14,
    ConsentGiven: 15,
    ConsentEnded: 15,
    TrustAdopted: 17,
}
"""Body kinds as numbered by the protocol's Statement message."""

_Rows = dict[Table, list[tuple[Any, ...]]]
_Changes = dict[str, list[dict[str, Any]]]


def project(
    connection: Connection, drafts: Sequence[Draft], placed: Sequence[Placed], now: int
) -> None:
    """Write every row that follows from a batch of statements.

    Raises:
        Refusal: CONFLICT where a statement contradicts what the tables hold: a question settled
            twice, a share code ended twice, a credential changed that is not there.
    """
    rows: _Rows = defaultdict(list)
    changes: _Changes = defaultdict(list)
    for draft, place in zip(drafts, placed, strict=True):
        body = draft.body
        rows[schema.entry].append((place.position, KINDS[type(body)], place.salt, draft.statement))
        if draft.counterpart is not None:
            rows[schema.counterpart].append(_counterpart(draft, place))
        if draft.evidence is not None:
            evidence = draft.evidence
            rows[schema.evidence].append(
                (None, evidence.peer, evidence.kind, now, evidence.content)
            )
        _FOLLOW[type(body)](draft, place, rows, changes)
    for table, values in rows.items():
        insert_rows(connection, table, values)
    for name, parameters in changes.items():
        statement, reason = _CHANGES[name]
        changed = connection.execute(statement, parameters)
        if changed.rowcount != len(parameters):
            raise Refusal(Code.CONFLICT, reason)


def _counterpart(draft: Draft, place: Placed) -> tuple[Any, ...]:
    counterpart = draft.counterpart
    if counterpart is None:
        raise Refusal(Code.DEFECT, "a draft without a counterpart has no row for one")
    sealed = counterpart.sealed
    return (
        place.position,
        counterpart.peer,
        counterpart.size,
        sealed.index,
        sealed.path,
        sealed.salt,
        sealed.statement,
    )


def _follow_query(draft: Draft, place: Placed, rows: _Rows, _changes: _Changes) -> None:
    rows[schema.question].append((place.commitment, place.position, draft.key_id, None))


def _follow_answer(draft: Draft, place: Placed, rows: _Rows, _changes: _Changes) -> None:
    rows[schema.answered].append((draft.body.query, place.position))


def _follow_settled(draft: Draft, place: Placed, _rows: _Rows, changes: _Changes) -> None:
    changes["settle"].append({"of": draft.body.query, "at": place.position})


def _follow_registered(draft: Draft, _place: Placed, rows: _Rows, _changes: _Changes) -> None:
    rows[schema.credential].append(_credential_row(draft.body.credential))


def _follow_status(draft: Draft, _place: Placed, _rows: _Rows, changes: _Changes) -> None:
    changes["status"].append({"of": draft.body.number, "new_status": draft.body.status.value})


def _follow_given(draft: Draft, place: Placed, rows: _Rows, _changes: _Changes) -> None:
    given: ConsentGiven = draft.body
    fields = ",".join(str(field.value) for field in given.fields)
    rows[schema.consent].append(
        (
            given.code_digest,
            place.position,
            given.holder_proof,
            given.credential,
            given.purpose.value,
            fields,
            given.uses,
            0,
            given.expires_at,
            given.requester,
            0,
        )
    )


def _follow_ended(draft: Draft, _place: Placed, _rows: _Rows, changes: _Changes) -> None:
    changes["end"].append({"of": draft.body.code_digest, "cause": draft.body.cause.value})


def _follow_adopted(draft: Draft, place: Placed, rows: _Rows, _changes: _Changes) -> None:
    if draft.bundle is None:
        raise Refusal(Code.DEFECT, "a trust list is adopted with its files or not at all")
    trust = draft.body.trust
    rows[schema.trust_list].append(
        (trust.digest, trust.version, place.position, encode_bundle(draft.bundle))
    )


_FOLLOW: Final[dict[type[Body], Callable[[Draft, Placed, _Rows, _Changes], None]]] = {
    Query: _follow_query,
    Answer: _follow_answer,
    NoAnswer: _follow_settled,
    Conclusion: _follow_settled,
    CredentialRegistered: _follow_registered,
    StatusChanged: _follow_status,
    ConsentGiven: _follow_given,
    ConsentEnded: _follow_ended,
    TrustAdopted: _follow_adopted,
}
_CHANGES: Final = {
    "settle": (
        update(schema.question)
        .where(schema.question.c.commitment == bindparam("of"), schema.question.c.settled.is_(None))
        .values(settled=bindparam("at")),
        "the question is not open",
    ),
    "status": (
        update(schema.credential)
        .where(schema.credential.c.number == bindparam("of"))
        .values(status=bindparam("new_status")),
        "the credential is not in the registry",
    ),
    "end": (
        update(schema.consent)
        .where(schema.consent.c.code_digest == bindparam("of"), schema.consent.c.ended == 0)
        .values(ended=bindparam("cause")),
        "the share code is not there or has ended",
    ),
    "spend": (
        update(schema.consent)
        .where(schema.consent.c.code_digest == bindparam("of"))
        .values(uses_spent=bindparam("spent")),
        "the share code is not there",
    ),
}


def spend(connection: Connection, uses_spent: dict[bytes, int]) -> None:
    """Write how many uses of each share code are spent by now."""
    if uses_spent:
        parameters = [{"of": digest, "spent": spent} for digest, spent in uses_spent.items()]
        connection.execute(_CHANGES["spend"][0], parameters)


# --- rows back to values -------------------------------------------------------------------


def _credential_row(credential: Credential) -> tuple[Any, ...]:
    expires_on = credential.expires_on
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
        msgspec.json.encode(credential.units).decode() if credential.units else "[]",
    )


def credential_of(row: Row[Any]) -> Credential:
    """Read a credential from a row that holds its columns by name."""
    return Credential(
        row.number,
        row.holder_name,
        date.fromisoformat(row.birth_date),
        row.issuer,
        row.title,
        AwardType(row.award_type),
        row.isco08,
        row.level_national,
        row.level_eqf,
        date.fromisoformat(row.awarded_on),
        None if row.expires_on is None else date.fromisoformat(row.expires_on),
        Status(row.status),
        AssessmentMethod(row.assessment_method),
        row.language,
        () if row.units == "[]" else msgspec.json.decode(row.units, type=tuple[Unit, ...]),
    )


def consent_of(row: Row[Any]) -> Consent:
    """Read a consent from a row that holds its columns by name."""
    given = ConsentGiven(
        row.code_digest,
        row.holder_proof,
        row.credential,
        Purpose(row.purpose),
        tuple(Field(int(field)) for field in row.fields.split(",")),
        row.uses,
        row.expires_at,
        row.requester,
    )
    return Consent(given, row.ended != 0, row.uses_spent)


_FACTS: Final = (
    select(schema.consent, schema.credential)
    .outerjoin(schema.credential, schema.consent.c.credential == schema.credential.c.number)
    .where(schema.consent.c.code_digest.in_(bindparam("digests", expanding=True)))
)


def facts_of(
    connection: Connection, digests: Iterable[bytes]
) -> dict[bytes, tuple[Consent, Credential | None]]:
    """Look up consents with their credentials by code digest, all in one SELECT."""
    found = {}
    for row in connection.execute(_FACTS, {"digests": list(digests)}):
        credential = None if row.number is None else credential_of(row)
        found[row.code_digest] = (consent_of(row), credential)
    return found
