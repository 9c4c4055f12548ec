"""Statements, parcels and export records as bytes; every field is checked on the way in.

A statement has exactly one encoding. One with unknown fields, or bytes that our encoder would
not have written, is malformed: what is hashed must mean one thing only.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from google.protobuf.message import DecodeError

from node.errors import Code, Refusal
from node.model import bounds
from node.model.bounds import NODE_ID, by_value, exactly, member, number, pattern, text
from node.model.credential import NUMBER_LENGTH_MAX, Field
from node.model.statement import (
    ANSWER_WITHIN_MAX_US,
    BODY_FIRST,
    BODY_LAST,
    COMMITMENT_SIZE_BYTES,
    NONCE_SIZE_BYTES,
    PROTOCOL,
    AccessFilter,
    AccessKind,
    AgreementReference,
    Answer,
    AuditAccess,
    Body,
    Conclusion,
    ConsentEnd,
    ConsentEnded,
    ConsentGiven,
    Disclosure,
    NoAnswer,
    Outcome,
    Purpose,
    Query,
    Requester,
    Rule,
    ShareCodeSelector,
    Statement,
    TrustAdopted,
    TrustReference,
)
from node.wire import (
    case_statements,
    erasures,
    holder_statements,
    notice_statements,
    registry_events,
)
from node.wire._pb import node_pb2 as pb
from node.wire.grants import read_access_grant, write_access_grant
from node.wire.refusals import from_wire_code, to_wire_code

STATEMENT_SIZE_MAX_BYTES: Final = 64 * 1024
TIME_MAX_US: Final = bounds.TIME_MAX_US
INDEX_MAX: Final = bounds.INDEX_MAX
USES_MAX: Final = 1_000_000
READER_LENGTH_MAX: Final = 200
GROUND_LENGTH_MAX: Final = 500
_DISCLOSED_MAX: Final = 512
_DISCLOSED_LENGTH_MAX: Final = 1000
_PURPOSES: Final = by_value(Purpose)
_OUTCOMES: Final = by_value(Outcome)
_RULES: Final = by_value(Rule)
_FIELDS: Final = by_value(Field)
_CONSENT_ENDS: Final = by_value(ConsentEnd)
_ACCESS_KINDS: Final = by_value(AccessKind)


# --- statements, outward -------------------------------------------------------------------


def encode_statement(statement: Statement) -> bytes:
    """Return the one encoding of a statement."""
    message = pb.Statement()
    _WRITERS[type(statement.body)](message, statement.body)
    # The header's fields have the lowest numbers, so both parts make one message.
    header = _header(statement.speaker, statement.said_at, statement.trust)
    return header + message.SerializeToString(deterministic=True)


@lru_cache(maxsize=16)
def _header(speaker: str, said_at: int, trust: TrustReference) -> bytes:
    """Encode what all statements of a batch share."""
    message = pb.Statement(protocol=PROTOCOL, speaker=speaker, said_at_us=said_at)
    _write_trust(message.trust, trust)
    return message.SerializeToString(deterministic=True)


def _write_trust(message: pb.TrustReference | pb.TrustAdopted, trust: TrustReference) -> None:
    message.version = trust.version
    message.digest = trust.digest


def _write_query(message: Any, body: Query) -> None:
    query = message.query
    query.audience = body.audience
    query.nonce = body.nonce
    query.purpose = body.purpose
    query.share_code.code_digest = body.selector.code_digest
    query.share_code.holder_proof = body.selector.holder_proof
    query.wanted.extend(body.wanted)
    query.requester.legal_name = body.requester.legal_name
    query.requester.register_id = body.requester.register_id
    query.requester.sector = body.requester.sector
    query.answer_by_us = body.answer_by
    query.agreement.id = body.agreement.id
    query.agreement.version = body.agreement.version


def _write_answer(message: Any, body: Answer) -> None:
    answer = message.answer
    answer.query = body.query
    answer.outcome = body.outcome
    if body.rule is not None:
        answer.rule = body.rule
    for disclosure in body.disclosed:
        answer.disclosed.add(field=disclosure.field, value=disclosure.value)
    answer.registry_position = body.registry_position
    answer.evaluated_at_us = body.evaluated_at
    answer.good_until_us = body.good_until


def _write_no_answer(message: Any, body: NoAnswer) -> None:
    message.no_answer.query = body.query
    message.no_answer.code = to_wire_code(body.code)


def _write_conclusion(message: Any, body: Conclusion) -> None:
    message.conclusion.query = body.query
    message.conclusion.answer = body.answer
    message.conclusion.outcome = body.outcome


def _write_given(message: Any, body: ConsentGiven) -> None:
    given = message.consent_event.given
    given.code_digest = body.code_digest
    given.holder_proof = body.holder_proof
    given.credential = body.credential
    given.purpose = body.purpose
    given.fields.extend(body.fields)
    given.uses = body.uses
    given.expires_at_us = body.expires_at
    given.requester = body.requester


def _write_ended(message: Any, body: ConsentEnded) -> None:
    message.consent_event.ended.code_digest = body.code_digest
    message.consent_event.ended.cause = body.cause


def _write_adopted(message: Any, body: TrustAdopted) -> None:
    _write_trust(message.trust_adopted, body.trust)


def _write_access(message: Any, body: AuditAccess) -> None:
    access, wanted = message.audit_access, body.filter
    access.kind, access.reader, access.ground = body.kind, body.reader, body.ground
    access.credential, access.peer = wanted.credential, wanted.peer or ""
    access.since_us, access.until_us = wanted.since or 0, wanted.until or 0
    access.body, access.outcome = wanted.body or 0, wanted.outcome or 0
    write_access_grant(access, body)


_WRITERS: Final[dict[type[Body], Callable[[pb.Statement, Any], None]]] = {
    Query: _write_query,
    Answer: _write_answer,
    NoAnswer: _write_no_answer,
    Conclusion: _write_conclusion,
    **registry_events.WRITERS,
    ConsentGiven: _write_given,
    ConsentEnded: _write_ended,
    TrustAdopted: _write_adopted,
    AuditAccess: _write_access,
    **erasures.WRITERS,
    **holder_statements.WRITERS,
    **case_statements.WRITERS,
    **notice_statements.WRITERS,
}


# --- statements, inward --------------------------------------------------------------------


def decode_statement(data: bytes) -> Statement:
    """Read a statement strictly.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    if len(data) > STATEMENT_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"statement: over {STATEMENT_SIZE_MAX_BYTES} bytes")
    try:
        message = pb.Statement.FromString(data)
    except DecodeError:
        raise Refusal(Code.MALFORMED, "statement: not a protobuf message") from None
    if message.protocol != PROTOCOL:
        raise Refusal(
            Code.MALFORMED, f"statement.protocol: is {message.protocol}, known is {PROTOCOL}"
        )
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != data:
        raise Refusal(Code.MALFORMED, "statement: has unknown fields or is not in its one encoding")
    reader = _READERS.get(message.WhichOneof("body") or "")
    if reader is None:
        raise Refusal(Code.MALFORMED, "statement.body: is missing")
    return Statement(
        _node(message.speaker, "speaker"),
        _time(message.said_at_us, "said_at_us"),
        _read_trust(message.trust),
        reader(message),
    )


def share_code_digest(query: bytes) -> bytes:
    """Return which share code a kept query names; it was read strictly before it was kept."""
    return pb.Statement.FromString(query).query.share_code.code_digest


def _read_trust(message: pb.TrustReference | pb.TrustAdopted) -> TrustReference:
    return _trust(message.version, message.digest)


@lru_cache(maxsize=1024)
def _trust(version: int, digest: bytes) -> TrustReference:
    """Check a reference to a trust list: nearly all statements of a day share one."""
    return TrustReference(
        number(version, "trust.version", 1, INDEX_MAX),
        exactly(digest, "trust.digest", COMMITMENT_SIZE_BYTES),
    )


def _read_query(message: pb.Statement) -> Query:
    query = message.query
    if query.WhichOneof("selector") != "share_code":
        raise Refusal(Code.MALFORMED, "query.selector: is missing")
    requester = query.requester
    answer_by = _time(query.answer_by_us, "query.answer_by_us")
    if not 0 < answer_by - message.said_at_us <= ANSWER_WITHIN_MAX_US:
        raise Refusal(
            Code.MALFORMED, "query.answer_by_us: must lie within five minutes after said_at_us"
        )
    return Query(
        audience=_node(query.audience, "query.audience"),
        nonce=exactly(query.nonce, "query.nonce", NONCE_SIZE_BYTES),
        purpose=member(_PURPOSES, query.purpose, "query.purpose"),
        selector=ShareCodeSelector(
            exactly(query.share_code.code_digest, "query.share_code.code_digest", 32),
            exactly(query.share_code.holder_proof, "query.share_code.holder_proof", 32),
        ),
        wanted=_fields(tuple(query.wanted), "query.wanted"),
        requester=_requester(requester.legal_name, requester.register_id, requester.sector),
        answer_by=answer_by,
        agreement=_agreement(query.agreement.id, query.agreement.version),
    )


@lru_cache(maxsize=1024)
def _requester(legal_name: str, register_id: str, sector: str) -> Requester:
    """Check a requester: few of them ask most of a day's questions."""
    return Requester(
        text(legal_name, "query.requester.legal_name", 200),
        text(register_id, "query.requester.register_id", 64),
        text(sector, "query.requester.sector", 64),
    )


@lru_cache(maxsize=1024)
def _agreement(identifier: str, version: int) -> AgreementReference:
    return AgreementReference(
        text(identifier, "query.agreement.id", 64),
        number(version, "query.agreement.version", 1, 2**31),
    )


def _read_answer(message: pb.Statement) -> Answer:
    answer = message.answer
    outcome = member(_OUTCOMES, answer.outcome, "answer.outcome")
    rule = member(_RULES, answer.rule, "answer.rule") if answer.rule else None
    if (rule is None) == (outcome is Outcome.REFUSED):
        raise Refusal(Code.MALFORMED, "answer.rule: belongs to a REFUSED outcome, and only there")
    if len(answer.disclosed) > _DISCLOSED_MAX:
        raise Refusal(Code.MALFORMED, f"answer.disclosed: more than {_DISCLOSED_MAX}")
    disclosed = tuple(map(_disclosure, answer.disclosed))
    if disclosed and outcome in {Outcome.NOT_CONFIRMED, Outcome.REFUSED}:
        raise Refusal(Code.MALFORMED, f"answer.disclosed: must be empty for {outcome.name}")
    return Answer(
        query=exactly(answer.query, "answer.query", COMMITMENT_SIZE_BYTES),
        outcome=outcome,
        rule=rule,
        disclosed=disclosed,
        registry_position=number(
            answer.registry_position, "answer.registry_position", 0, INDEX_MAX
        ),
        evaluated_at=_time(answer.evaluated_at_us, "answer.evaluated_at_us"),
        good_until=_time(answer.good_until_us, "answer.good_until_us"),
    )


def _disclosure(message: pb.Disclosure) -> Disclosure:
    field, value = _FIELDS.get(message.field), message.value
    if field is None or not 0 < len(value) <= _DISCLOSED_LENGTH_MAX or not value.isprintable():
        field = member(_FIELDS, message.field, "answer.disclosed.field")
        text(value, "answer.disclosed.value", _DISCLOSED_LENGTH_MAX)
    return Disclosure(field, value)


def _read_no_answer(message: pb.Statement) -> NoAnswer:
    return NoAnswer(
        exactly(message.no_answer.query, "no_answer.query", COMMITMENT_SIZE_BYTES),
        from_wire_code(number(message.no_answer.code, "no_answer.code", 1, len(Code))),
    )


def _read_conclusion(message: pb.Statement) -> Conclusion:
    conclusion = message.conclusion
    return Conclusion(
        exactly(conclusion.query, "conclusion.query", COMMITMENT_SIZE_BYTES),
        exactly(conclusion.answer, "conclusion.answer", COMMITMENT_SIZE_BYTES),
        member(_OUTCOMES, conclusion.outcome, "conclusion.outcome"),
    )


def _read_consent_event(message: pb.Statement) -> Body:
    event = message.consent_event
    match event.WhichOneof("kind"):
        case "given":
            given = event.given
            return ConsentGiven(
                code_digest=exactly(given.code_digest, "given.code_digest", 32),
                holder_proof=exactly(given.holder_proof, "given.holder_proof", 32),
                credential=text(given.credential, "given.credential", NUMBER_LENGTH_MAX),
                purpose=member(_PURPOSES, given.purpose, "given.purpose"),
                fields=_fields(tuple(given.fields), "given.fields"),
                uses=number(given.uses, "given.uses", 1, USES_MAX),
                expires_at=_time(given.expires_at_us, "given.expires_at_us"),
                requester=text(given.requester, "given.requester", 64, empty=True),
            )
        case "ended":
            return ConsentEnded(
                exactly(event.ended.code_digest, "ended.code_digest", 32),
                member(_CONSENT_ENDS, event.ended.cause, "ended.cause"),
            )
        case "watch_given":
            return holder_statements.read_watch(event.watch_given)
        case "watch_ended":
            return holder_statements.read_watch_ended(event.watch_ended)
    raise Refusal(Code.MALFORMED, "consent_event.kind: is missing")


def _read_adopted(message: pb.Statement) -> TrustAdopted:
    return TrustAdopted(_read_trust(message.trust_adopted))


def _read_access(message: pb.Statement) -> AuditAccess:
    access, name = message.audit_access, "audit_access"
    peer, since, until = access.peer, access.since_us, access.until_us
    return AuditAccess(
        member(_ACCESS_KINDS, access.kind, f"{name}.kind"),
        text(access.reader, f"{name}.reader", READER_LENGTH_MAX),
        text(access.ground, f"{name}.ground", GROUND_LENGTH_MAX),
        AccessFilter(
            access.credential,
            _node(peer, f"{name}.peer") if peer else None,
            _time(since, f"{name}.since_us") if since else None,
            _time(until, f"{name}.until_us") if until else None,
            number(access.body, f"{name}.body", BODY_FIRST, BODY_LAST) if access.body else None,
            member(_OUTCOMES, access.outcome, f"{name}.outcome") if access.outcome else None,
        ),
        *read_access_grant(access, name),
    )


_READERS: Final[dict[str, Callable[[pb.Statement], Body]]] = {
    "query": _read_query,
    "answer": _read_answer,
    "no_answer": _read_no_answer,
    "conclusion": _read_conclusion,
    "registry_event": registry_events.read_registry_event,
    "consent_event": _read_consent_event,
    "trust_adopted": _read_adopted,
    "audit_access": _read_access,
    **erasures.READERS,
    **holder_statements.READERS,
    **case_statements.READERS,
    **notice_statements.READERS,
}


# --- field checks --------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _node(value: str, name: str) -> str:
    return pattern(value, name, NODE_ID, "a node id, like XA")


def _time(value: int, name: str) -> int:
    return number(value, name, 1, TIME_MAX_US)


@lru_cache(maxsize=4096)
def _fields(values: tuple[int, ...], name: str) -> tuple[Field, ...]:
    if not values or any(one >= next_ for one, next_ in pairwise(values)):
        raise Refusal(Code.MALFORMED, f"{name}: must be ascending, without repetition, not empty")
    return tuple(member(_FIELDS, value, name) for value in values)
