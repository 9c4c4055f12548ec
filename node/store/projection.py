"""What follows from statements: the rows of every table, as a fold of the journal.

One dispatch by the kind of statement; rows are gathered for the whole batch and written table by
table.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, bindparam, insert, select, update

from node.errors import Code, Refusal
from node.flows.ports import Counterpart, Draft, Evidence
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
    AuditAccess,
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
from node.store.database import insert_rows, rows_in, set_values
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
    AuditAccess: 19,
}
"""Body kinds as numbered by the protocol's Statement message."""


class _Rows(NamedTuple):
    """What a batch of statements writes, table by table."""

    inserted: dict[Table, list[tuple[Any, ...]]]
    settled: list[tuple[int, int]]
    changed: dict[str, list[dict[str, Any]]]


def project(
    connection: Connection, drafts: Sequence[Draft], placed: Sequence[Placed], now: int
) -> None:
    """Write every row that follows from a batch of statements.

    Raises:
        Refusal: CONFLICT where a statement contradicts what the tables hold: a question settled
            twice, a share code ended twice, a credential changed that is not there.
    """
    rows = _Rows(defaultdict(list), [], defaultdict(list))
    entries = rows.inserted[schema.entry]
    for draft, place in zip(drafts, placed, strict=True):
        entries.append((place.position, KINDS[type(draft.body)], place.salt, draft.statement))
        if draft.counterpart is not None:
            rows.inserted[schema.counterpart].append(_counterpart(draft.counterpart, place))
        if draft.evidence is not None:
            keep_evidence(connection, draft.evidence, now)
        _follow(draft, place, rows)
    for table, values in rows.inserted.items():
        insert_rows(connection, table, values)
    question = schema.question.c
    settled = set_values(connection, question.position, question.settled, rows.settled, once=True)
    if settled != len(rows.settled):
        raise Refusal(Code.CONFLICT, "the question is not open")
    for name, parameters in rows.changed.items():
        statement, reason = _CHANGES[name]
        if connection.execute(statement, parameters).rowcount != len(parameters):
            raise Refusal(Code.CONFLICT, reason)


def keep_evidence(connection: Connection, evidence: Evidence, now: int) -> None:
    """Keep what a peer sent that failed its checks."""
    row = {
        "peer": evidence.peer,
        "origin": evidence.origin,
        "kind": evidence.kind,
        "seen_at": now,
        "content": evidence.content,
    }
    connection.execute(insert(schema.evidence), [row])


def _counterpart(counterpart: Counterpart, place: Placed) -> tuple[Any, ...]:
    sealed = counterpart.sealed
    return (
        place.position,
        counterpart.peer,
        counterpart.origin,
        counterpart.size,
        sealed.index,
        sealed.path,
        sealed.salt,
        sealed.statement,
    )


def _follow(draft: Draft, place: Placed, rows: _Rows) -> None:
    match draft.body:
        case Query():
            row = (place.position, place.commitment, draft.key_id, None)
            rows.inserted[schema.question].append(row)
        case Conclusion() | NoAnswer():
            rows.settled.append((draft.settles, place.position))
        case Answer(query=query):
            rows.inserted[schema.answered].append((draft.asked_at, query, place.position))
        case CredentialRegistered(credential=credential):
            rows.inserted[schema.credential].append(_credential_row(credential))
        case StatusChanged(number=number, status=status):
            rows.changed["status"].append({"of": number, "new_status": status.value})
        case ConsentGiven() as given:
            rows.inserted[schema.consent].append(_consent_row(given, place))
        case ConsentEnded(code_digest=digest, cause=cause):
            rows.changed["end"].append({"of": digest, "cause": cause.value})
        case TrustAdopted(trust=trust):
            if draft.bundle is None:
                raise Refusal(Code.DEFECT, "a trust list is adopted with its files or not at all")
            archived = encode_bundle(draft.bundle)
            rows.inserted[schema.trust_list].append(
                (trust.digest, trust.version, place.position, archived)
            )


_CHANGES: Final = {
    "status": (
        update(schema.credential)
        .where(
            schema.credential.c.number == bindparam("of"),
            schema.credential.c.status != Status.REVOKED.value,
            schema.credential.c.status != Status.SUPERSEDED.value,
        )
        .values(status=bindparam("new_status")),
        "the credential is not in the registry, or what it is there is final",
    ),
    "end": (
        update(schema.consent)
        .where(schema.consent.c.code_digest == bindparam("of"), schema.consent.c.ended == 0)
        .values(ended=bindparam("cause")),
        "the share code is not there or has ended",
    ),
}


def spend(connection: Connection, uses_spent: dict[bytes, int]) -> None:
    """Write how many uses of each share code are spent by now."""
    consent = schema.consent.c
    set_values(connection, consent.code_digest, consent.uses_spent, list(uses_spent.items()))


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


def _consent_row(given: ConsentGiven, place: Placed) -> tuple[Any, ...]:
    return (
        given.code_digest,
        place.position,
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


def credential_of(row: Sequence[Any]) -> Credential:
    """Read a credential from the columns of its table, in order."""
    number, name, born, issuer, title, award, isco08, national, eqf, awarded, expires, *rest = row
    status, method, language, units = rest
    return Credential(
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
        () if units == "[]" else msgspec.json.decode(units, type=tuple[Unit, ...]),
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


@lru_cache(maxsize=4096)
def _granted(fields: str) -> tuple[Field, ...]:
    return tuple(Field(int(field)) for field in fields.split(","))


_day: Final = lru_cache(maxsize=65_536)(date.fromisoformat)
_AWARD_TYPES: Final = {kind.value: kind for kind in AwardType}
_STATUSES: Final = {status.value: status for status in Status}
_METHODS: Final = {method.value: method for method in AssessmentMethod}
_PURPOSES: Final = {purpose.value: purpose for purpose in Purpose}
_CONSENT_WIDTH: Final = len(schema.consent.c)
_FACTS: Final = select(schema.consent, schema.credential).outerjoin(
    schema.credential, schema.consent.c.credential == schema.credential.c.number
)


def facts_of(
    connection: Connection, digests: Collection[bytes]
) -> dict[bytes, tuple[Consent, Credential | None]]:
    """Look up consents with their credentials by code digest, all in one SELECT."""
    found: dict[bytes, tuple[Consent, Credential | None]] = {}
    for row in rows_in(connection, _FACTS, schema.consent.c.code_digest, digests):
        held = row[_CONSENT_WIDTH:]
        credential = None if held[0] is None else credential_of(held)
        found[row[0]] = (consent_of(row[:_CONSENT_WIDTH]), credential)
    return found
