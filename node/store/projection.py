"""What follows from statements: the rows of every table, as a fold of the journal.

One dispatch by the kind of statement; rows are gathered for the whole batch and written table by
table.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, bindparam, case, update

from node.errors import Code, Refusal
from node.flows.ports import Draft
from node.model.case_bodies import CaseConcluded, CaseReceived, CaseStep
from node.model.holder_bodies import ContestRaised, WatchGiven
from node.model.notice_bodies import NoticeTaken, StatusNotice
from node.model.statement import (
    BODY_NUMBERS,
    Answer,
    Conclusion,
    ConsentEnded,
    ConsentGiven,
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    NoAnswer,
    Query,
    RevocationProposed,
    StatusChanged,
    TrustAdopted,
    WatchEnded,
)
from node.store import schema
from node.store.database import insert_rows, set_values
from node.store.erased import erase
from node.store.evidence import keep_evidence
from node.store.journal import Placed
from node.store.key_choice import keys_of, release
from node.store.registry_rows import CredentialSealing, consent_row, follow_events, watch_row
from node.store.trust_files import encode_bundle
from node.store.vault import sealed_statements

KINDS: Final = BODY_NUMBERS
NOT_TAKEN: Final = "the other node did not take it"
_NONE_KNOWN: Final[Mapping[int, int]] = {}


class _Rows(NamedTuple):
    """What a batch of statements writes, table by table."""

    inserted: dict[Table, list[tuple[Any, ...]]]
    settled: list[tuple[int, int]]
    requests_settled: list[tuple[int, int]]
    erased: list[tuple[Erasure, int]]
    changed: dict[str, list[dict[str, Any]]]


def project(
    connection: Connection,
    drafts: Sequence[Draft],
    placed: Sequence[Placed],
    now: int,
    keys: Mapping[int, int] = _NONE_KNOWN,
) -> None:
    """Write every row that follows from a batch of statements.

    Args:
        connection: of the write transaction.
        drafts: in journal order.
        placed: where they stand.
        now: microseconds UTC.
        keys: with which some of them are sealed, by their place among the drafts.

    Raises:
        Refusal: CONFLICT where a statement contradicts what the tables hold: a question settled
            twice, a share code ended twice, a credential changed that is not there.
    """
    rows = _Rows(defaultdict(list), [], [], [], defaultdict(list))
    chosen = keys_of(connection, drafts, keys, now)
    _write_entries(connection, drafts, placed, chosen)
    sealing = CredentialSealing(connection)
    for draft, place, key in zip(drafts, placed, chosen, strict=True):
        if isinstance(draft.body, CredentialRegistered) and key is not None:
            sealing.add(draft.body.credential, key, place.position)
        if draft.evidence is not None:
            keep_evidence(connection, draft.evidence, now)
        _follow(draft, place, rows)
    rows.inserted[schema.credential] = sealing.rows()
    for table, values in rows.inserted.items():
        insert_rows(connection, table, values)
    question = schema.question.c
    settled = set_values(connection, question.position, question.settled, rows.settled, once=True)
    if settled != len(rows.settled):
        raise Refusal(Code.CONFLICT, "the question is not open")
    request = schema.erasure_request.c
    concluded = set_values(
        connection, request.position, request.settled, rows.requests_settled, once=True
    )
    if concluded != len(rows.requests_settled):
        raise Refusal(Code.CONFLICT, "the request is concluded already")
    for name, parameters in rows.changed.items():
        statement, reason = _CHANGES[name]
        if connection.execute(statement, parameters).rowcount != len(parameters):
            raise Refusal(Code.CONFLICT, reason)
    follow_events(connection, rows.inserted.get(schema.registry_event, ()))
    released = [key for said, at in rows.erased for key in erase(connection, said, at)]
    release(connection, released)


def _write_entries(
    connection: Connection,
    drafts: Sequence[Draft],
    placed: Sequence[Placed],
    keys: Sequence[int | None],
) -> None:
    """Write the statements themselves, and those of peers that they rest on."""
    own = [
        (place.position, key, place.salt, draft.statement)
        for draft, place, key in zip(drafts, placed, keys, strict=True)
    ]
    sealed = sealed_statements(connection, "entry", own)
    entries = [
        (place.position, KINDS[type(draft.body)], *stored)
        for draft, place, stored in zip(drafts, placed, sealed, strict=True)
    ]
    insert_rows(connection, schema.entry, entries)
    resting = [
        (place.position, key, draft.counterpart)
        for draft, place, key in zip(drafts, placed, keys, strict=True)
        if draft.counterpart is not None
    ]
    theirs = [(at, key, held.sealed.salt, held.sealed.statement) for at, key, held in resting]
    stored_theirs = sealed_statements(connection, "counterpart", theirs)
    counterparts = [
        (at, held.peer, held.origin, held.size, held.sealed.index, held.sealed.path, *stored)
        for (at, _, held), stored in zip(resting, stored_theirs, strict=True)
    ]
    insert_rows(connection, schema.counterpart, counterparts)


def _follow(draft: Draft, place: Placed, rows: _Rows) -> None:
    match draft.body:
        case Query():
            row = (place.position, place.commitment, draft.key_id, None)
            rows.inserted[schema.question].append(row)
        case Conclusion() | NoAnswer():
            rows.settled.append((draft.settles, place.position))
        case Answer(query=query):
            rows.inserted[schema.answered].append((draft.asked_at, query, place.position))
        case TrustAdopted(trust=trust):
            if draft.bundle is None:
                raise Refusal(Code.DEFECT, "a trust list is adopted with its files or not at all")
            archived = encode_bundle(draft.bundle)
            rows.inserted[schema.trust_list].append(
                (trust.digest, trust.version, place.position, archived)
            )
        case _:
            _follow_registry(draft, place, rows)
            _follow_erasing(draft, place, rows)
            _follow_case(draft, place, rows)
            _follow_notice(draft, place, rows)


def _follow_registry(draft: Draft, place: Placed, rows: _Rows) -> None:
    match draft.body:
        case CredentialAmended(credential=credential):
            rows.inserted[schema.registry_event].append((credential.number, place.position))
        case (
            StatusChanged(number=number)
            | CredentialRenewed(number=number)
            | CredentialSuperseded(number=number)
            | RevocationProposed(number=number)
        ):
            rows.inserted[schema.registry_event].append((number, place.position))
        case ConsentGiven() as given:
            rows.inserted[schema.consent].append(consent_row(given, place.position))
        case ConsentEnded(code_digest=digest, cause=cause):
            rows.changed["end"].append({"of": digest, "cause": cause.value})
        case WatchGiven() as watch:
            rows.inserted[schema.watch].append(watch_row(watch, place.position))
        case WatchEnded(watch=watch_id):
            rows.changed["end_watch"].append({"of": watch_id, "at": place.position})
        case ContestRaised(credential=number):
            rows.inserted[schema.contest].append((place.position, number))


def _follow_case(draft: Draft, place: Placed, rows: _Rows) -> None:
    match draft.body:
        case CaseStep(case=case_id, number=number):
            rows.inserted[schema.case_step].append(
                (place.position, case_id, 1, number, place.commitment, None, 0, 0, "")
            )
        case CaseReceived(case=case_id, step=step, number=number):
            rows.inserted[schema.case_step].append(
                (place.position, case_id, 0, number, step, place.position, 0, 0, "")
            )
        case CaseConcluded(number=number):
            rows.changed["conclude_step"].append(
                {
                    "of": draft.settles,
                    "by": place.position,
                    "place": number,
                    "came_back": "" if number else NOT_TAKEN,
                }
            )


def _follow_notice(draft: Draft, place: Placed, rows: _Rows) -> None:
    match draft.body:
        case StatusNotice(audience=audience, watch=watch, outcome=outcome):
            rows.inserted[schema.notice].append((place.position, audience, watch, outcome.value))
        case NoticeTaken(watch=watch, register_id=register_id, outcome=outcome):
            held = draft.counterpart
            if held is None:
                raise Refusal(Code.DEFECT, "a notice is taken with what the peer said, or not")
            rows.inserted[schema.notice_taken].append(
                (
                    place.position,
                    held.origin,
                    held.sealed.index,
                    held.peer,
                    watch,
                    register_id,
                    outcome.value,
                )
            )


def _follow_erasing(draft: Draft, place: Placed, rows: _Rows) -> None:
    match draft.body:
        case Erasure() as erasure:
            rows.erased.append((erasure, place.position))
        case ErasureRequest(audience=peer):
            rows.inserted[schema.erasure_request].append(
                (place.position, place.commitment, peer, 0, 0, "", None)
            )
        case ErasureAcknowledged(request=request):
            rows.inserted[schema.answered].append((draft.asked_at, request, place.position))
        case ErasureConcluded():
            rows.requests_settled.append((draft.settles, place.position))


_CHANGES: Final = {
    "conclude_step": (
        update(schema.case_step)
        .where(schema.case_step.c.position == bindparam("of"), schema.case_step.c.settled.is_(None))
        .values(
            settled=bindparam("by"),
            # What its own authority decides has its place, whatever the other node says of it.
            number=case(
                (schema.case_step.c.number == 0, bindparam("place")),
                else_=schema.case_step.c.number,
            ),
            told=bindparam("came_back"),
        ),
        "the step is concluded already",
    ),
    "end": (
        update(schema.consent)
        .where(schema.consent.c.code_digest == bindparam("of"), schema.consent.c.ended == 0)
        .values(ended=bindparam("cause")),
        "the share code is not there or has ended",
    ),
    "end_watch": (
        update(schema.watch)
        .where(schema.watch.c.watch == bindparam("of"), schema.watch.c.ended.is_(None))
        .values(ended=bindparam("at")),
        "the watch is not there or has ended",
    ),
}


def spend(connection: Connection, uses_spent: dict[bytes, int]) -> None:
    """Write how many uses of each share code are spent by now."""
    consent = schema.consent.c
    set_values(connection, consent.code_digest, consent.uses_spent, list(uses_spent.items()))
