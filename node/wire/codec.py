"""Statements, parcels and export records as bytes; every field is checked on the way in.

A statement has exactly one encoding. One with unknown fields, or bytes that our encoder would
not have written, is malformed: what is hashed must mean one thing only.
"""

from collections.abc import Callable, Mapping
from datetime import date
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError

from node.errors import Code, Refusal
from node.model.bounds import NODE_ID, exactly, number, pattern, text
from node.model.credential import (
    NUMBER_LENGTH_MAX,
    AssessmentMethod,
    AwardType,
    Credential,
    Field,
    Status,
    Unit,
    checked,
)
from node.model.statement import (
    ANSWER_WITHIN_MAX_US,
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
    CredentialRegistered,
    Disclosure,
    NoAnswer,
    Outcome,
    Purpose,
    Query,
    Requester,
    Rule,
    ShareCodeSelector,
    Statement,
    StatusChanged,
    TrustAdopted,
    TrustReference,
)
from node.wire._pb import node_pb2 as pb
from node.wire.refusals import from_wire_code, to_wire_code

STATEMENT_SIZE_MAX_BYTES: Final = 64 * 1024
TIME_MAX_US: Final = 253_402_300_800_000_000  # the year 10000
INDEX_MAX: Final = 2**62
USES_MAX: Final = 1_000_000
READER_LENGTH_MAX: Final = 200
GROUND_LENGTH_MAX: Final = 500
_DISCLOSED_MAX: Final = 256
_DISCLOSED_LENGTH_MAX: Final = 1000
_Kind = TypeVar("_Kind", bound=IntEnum)


def _by_value(kind: type[_Kind]) -> dict[int, _Kind]:
    """Index an enumeration by value: a look-up here costs a tenth of calling it."""
    return {member.value: member for member in kind}


_PURPOSES: Final = _by_value(Purpose)
_OUTCOMES: Final = _by_value(Outcome)
_RULES: Final = _by_value(Rule)
_FIELDS: Final = _by_value(Field)
_AWARD_TYPES: Final = _by_value(AwardType)
_METHODS: Final = _by_value(AssessmentMethod)
_STATUSES: Final = _by_value(Status)
_CONSENT_ENDS: Final = _by_value(ConsentEnd)
_ACCESS_KINDS: Final = _by_value(AccessKind)


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


def _write_registered(message: Any, body: CredentialRegistered) -> None:
    value = body.credential
    credential = message.registry_event.registered
    credential.number = value.number
    credential.holder_name = value.holder_name
    credential.birth_date = value.birth_date.isoformat()
    credential.issuer = value.issuer
    credential.title = value.title
    credential.award_type = value.award_type
    credential.isco08 = value.isco08
    credential.level_national = value.level_national
    credential.level_eqf = value.level_eqf
    credential.awarded_on = value.awarded_on.isoformat()
    if value.expires_on is not None:
        credential.expires_on = value.expires_on.isoformat()
    credential.status = value.status
    credential.assessment_method = value.assessment_method
    credential.language = value.language
    for unit in value.units:
        credential.units.add(code=unit.code, title=unit.title)


def _write_status(message: Any, body: StatusChanged) -> None:
    change = message.registry_event.status_changed
    change.number = body.number
    change.status = body.status
    change.ground = body.ground


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


_WRITERS: Final[dict[type[Body], Callable[[pb.Statement, Any], None]]] = {
    Query: _write_query,
    Answer: _write_answer,
    NoAnswer: _write_no_answer,
    Conclusion: _write_conclusion,
    CredentialRegistered: _write_registered,
    StatusChanged: _write_status,
    ConsentGiven: _write_given,
    ConsentEnded: _write_ended,
    TrustAdopted: _write_adopted,
    AuditAccess: _write_access,
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
        purpose=_kind(_PURPOSES, query.purpose, "query.purpose"),
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
    outcome = _kind(_OUTCOMES, answer.outcome, "answer.outcome")
    rule = _kind(_RULES, answer.rule, "answer.rule") if answer.rule else None
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
        field = _kind(_FIELDS, message.field, "answer.disclosed.field")
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
        _kind(_OUTCOMES, conclusion.outcome, "conclusion.outcome"),
    )


def _read_registry_event(message: pb.Statement) -> CredentialRegistered | StatusChanged:
    event = message.registry_event
    match event.WhichOneof("kind"):
        case "registered":
            return CredentialRegistered(checked(_read_credential(event.registered)))
        case "status_changed":
            change = event.status_changed
            return StatusChanged(
                text(change.number, "status_changed.number", NUMBER_LENGTH_MAX),
                _kind(_STATUSES, change.status, "status_changed.status"),
                text(change.ground, "status_changed.ground", 500),
            )
    raise Refusal(Code.MALFORMED, "registry_event.kind: is missing")


def _read_credential(message: pb.Credential) -> Credential:
    expires_on = message.expires_on
    return Credential(
        number=message.number,
        holder_name=message.holder_name,
        birth_date=_date(message.birth_date, "credential.birth_date"),
        issuer=message.issuer,
        title=message.title,
        award_type=_kind(_AWARD_TYPES, message.award_type, "credential.award_type"),
        isco08=message.isco08,
        level_national=message.level_national,
        level_eqf=message.level_eqf,
        awarded_on=_date(message.awarded_on, "credential.awarded_on"),
        expires_on=_date(expires_on, "credential.expires_on") if expires_on else None,
        status=_kind(_STATUSES, message.status, "credential.status"),
        assessment_method=_kind(
            _METHODS, message.assessment_method, "credential.assessment_method"
        ),
        language=message.language,
        units=tuple(Unit(unit.code, unit.title) for unit in message.units),
    )


def _read_consent_event(message: pb.Statement) -> ConsentGiven | ConsentEnded:
    event = message.consent_event
    match event.WhichOneof("kind"):
        case "given":
            given = event.given
            return ConsentGiven(
                code_digest=exactly(given.code_digest, "given.code_digest", 32),
                holder_proof=exactly(given.holder_proof, "given.holder_proof", 32),
                credential=text(given.credential, "given.credential", NUMBER_LENGTH_MAX),
                purpose=_kind(_PURPOSES, given.purpose, "given.purpose"),
                fields=_fields(tuple(given.fields), "given.fields"),
                uses=number(given.uses, "given.uses", 1, USES_MAX),
                expires_at=_time(given.expires_at_us, "given.expires_at_us"),
                requester=text(given.requester, "given.requester", 64, empty=True),
            )
        case "ended":
            return ConsentEnded(
                exactly(event.ended.code_digest, "ended.code_digest", 32),
                _kind(_CONSENT_ENDS, event.ended.cause, "ended.cause"),
            )
    raise Refusal(Code.MALFORMED, "consent_event.kind: is missing")


def _read_adopted(message: pb.Statement) -> TrustAdopted:
    return TrustAdopted(_read_trust(message.trust_adopted))


def _read_access(message: pb.Statement) -> AuditAccess:
    access, name = message.audit_access, "audit_access"
    peer, since, until = access.peer, access.since_us, access.until_us
    return AuditAccess(
        _kind(_ACCESS_KINDS, access.kind, f"{name}.kind"),
        text(access.reader, f"{name}.reader", READER_LENGTH_MAX),
        text(access.ground, f"{name}.ground", GROUND_LENGTH_MAX),
        AccessFilter(
            access.credential,
            _node(peer, f"{name}.peer") if peer else None,
            _time(since, f"{name}.since_us") if since else None,
            _time(until, f"{name}.until_us") if until else None,
            number(access.body, f"{name}.body", 10, 19) if access.body else None,
            _kind(_OUTCOMES, access.outcome, f"{name}.outcome") if access.outcome else None,
        ),
    )


_READERS: Final[dict[str, Callable[[pb.Statement], Body]]] = {
    "query": _read_query,
    "answer": _read_answer,
    "no_answer": _read_no_answer,
    "conclusion": _read_conclusion,
    "registry_event": _read_registry_event,
    "consent_event": _read_consent_event,
    "trust_adopted": _read_adopted,
    "audit_access": _read_access,
}


# --- field checks --------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _node(value: str, name: str) -> str:
    return pattern(value, name, NODE_ID, "a node id, like XA")


def _time(value: int, name: str) -> int:
    return number(value, name, 1, TIME_MAX_US)


def _kind(kinds: Mapping[int, _Kind], value: int, name: str) -> _Kind:
    kind = kinds.get(value)
    if kind is None:
        raise Refusal(Code.MALFORMED, f"{name}: {value} is not known")
    return kind


def _date(value: str, name: str) -> date:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise Refusal(Code.MALFORMED, f"{name}: must be a date, YYYY-MM-DD")
    return day


@lru_cache(maxsize=4096)
def _fields(values: tuple[int, ...], name: str) -> tuple[Field, ...]:
    if not values or any(one >= next_ for one, next_ in pairwise(values)):
        raise Refusal(Code.MALFORMED, f"{name}: must be ascending, without repetition, not empty")
    return tuple(_kind(_FIELDS, value, name) for value in values)
