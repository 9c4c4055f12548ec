"""Registry events as messages: credentials, and every step of their life."""

from collections.abc import Callable
from typing import Any, Final

from node.errors import Code, Refusal
from node.model.bounds import TIME_MAX_US, by_value, day, member, number, text
from node.model.credential import (
    NO_DETAILS,
    NUMBER_LENGTH_MAX,
    Accredited,
    Assessment,
    AssessmentMethod,
    AwardType,
    Credential,
    Credits,
    Details,
    NationalCode,
    Renewal,
    Status,
    Title,
    Unit,
    checked,
)
from node.model.roles import PERSON_LENGTH_MAX
from node.model.statement import (
    Body,
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    Person,
    RegistryEvent,
    RevocationGround,
    RevocationProposed,
    StatusChanged,
)
from node.wire._pb import node_pb2 as pb

GROUND_LENGTH_MAX: Final = 500
_AWARD_TYPES: Final = by_value(AwardType)
_METHODS: Final = by_value(AssessmentMethod)
_STATUSES: Final = by_value(Status)
_CAUSES: Final = by_value(RevocationGround)


# --- outward -------------------------------------------------------------------------------


def _write_registered(message: pb.Statement, body: CredentialRegistered) -> None:
    _write_credential(message.registry_event.registered, body.credential)
    _write_person(message.registry_event, body.by)


def _write_amended(message: pb.Statement, body: CredentialAmended) -> None:
    event = message.registry_event
    _write_credential(event.amended.credential, body.credential)
    event.amended.reason = body.reason
    event.effective_from_us = body.effective_from
    _write_person(event, body.by)


def _write_status(message: pb.Statement, body: StatusChanged) -> None:
    event = message.registry_event
    change: Any = event.status_changed
    change.number, change.status, change.ground = body.number, body.status, body.ground
    if body.cause is not None:
        change.cause = body.cause
    event.effective_from_us = body.effective_from
    _write_person(event, body.by)


def _write_renewed(message: pb.Statement, body: CredentialRenewed) -> None:
    event = message.registry_event
    event.renewed.number, event.renewed.ground = body.number, body.ground
    event.renewed.expires_on = body.expires_on.isoformat()
    event.effective_from_us = body.effective_from
    _write_person(event, body.by)


def _write_superseded(message: pb.Statement, body: CredentialSuperseded) -> None:
    event = message.registry_event
    event.superseded.number, event.superseded.ground = body.number, body.ground
    event.superseded.successor = body.successor
    event.effective_from_us = body.effective_from
    _write_person(event, body.by)


def _write_proposed(message: pb.Statement, body: RevocationProposed) -> None:
    event = message.registry_event
    proposal: Any = event.revocation_proposed
    proposal.number, proposal.cause, proposal.ground = body.number, body.cause, body.ground
    event.effective_from_us = body.effective_from
    _write_person(event, body.by)


def _write_person(event: pb.RegistryEvent, by: Person | None) -> None:
    if by is not None:
        event.by.name, event.by.role = by.name, by.role


def _write_credential(credential: Any, value: Credential) -> None:  # noqa: ANN401 - enumerations
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
    if value.valid_from is not None:
        credential.valid_from = value.valid_from.isoformat()
    if value.details != NO_DETAILS:
        _write_details(credential.details, value.details)


def _write_details(details: pb.CredentialDetails, value: Details) -> None:
    for title in value.titles:
        details.titles.add(language=title.language, text=title.text)
    if value.accreditation is not None:
        details.accreditation.since = value.accreditation.since.isoformat()
        details.accreditation.by = value.accreditation.by
    details.esco, details.isced_f = value.esco, value.isced_f
    for code in value.national_codes:
        details.national_codes.add(country=code.country, scheme=code.scheme, code=code.code)
    details.level_aqrf, details.level_sadcqf = value.level_aqrf, value.level_sadcqf
    details.level_cvq = value.level_cvq
    details.learning_outcomes.extend(value.learning_outcomes)
    if value.credits is not None:
        details.credits.points = value.credits.points
        details.credits.scheme = value.credits.scheme
    details.hours, details.work_based_hours = value.hours, value.work_based_hours
    for one in value.assessments:
        on = "" if one.on is None else one.on.isoformat()
        details.assessments.add(method=one.method, on=on)
    details.languages.extend(value.languages)
    if value.renewal is not None:
        details.renewal.every_months = value.renewal.every_months
        details.renewal.rule = value.renewal.rule
    details.parts.extend(value.parts)
    details.supersedes = value.supersedes


WRITERS: Final[dict[type[Body], Callable[[pb.Statement, Any], None]]] = {
    CredentialRegistered: _write_registered,
    CredentialAmended: _write_amended,
    StatusChanged: _write_status,
    CredentialRenewed: _write_renewed,
    CredentialSuperseded: _write_superseded,
    RevocationProposed: _write_proposed,
}


# --- inward --------------------------------------------------------------------------------


def read_registry_event(message: pb.Statement) -> RegistryEvent:
    """Read a registry event strictly.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    event = message.registry_event
    kind = event.WhichOneof("kind")
    if kind is None:
        raise Refusal(Code.MALFORMED, "registry_event.kind: is missing")
    by = _read_person(event.by) if event.HasField("by") else None
    since = number(event.effective_from_us, "effective_from_us", 0, TIME_MAX_US)
    if kind == "registered":
        if since:
            raise Refusal(Code.MALFORMED, "effective_from_us: is not said of a registration")
        return CredentialRegistered(checked(_read_credential(event.registered)), by)
    return _READERS[kind](event, since, by)


def _read_person(message: pb.Person) -> Person:
    return Person(
        text(message.name, "by.name", PERSON_LENGTH_MAX),
        text(message.role, "by.role", PERSON_LENGTH_MAX, empty=True),
    )


def _number(value: str, name: str) -> str:
    return text(value, name, NUMBER_LENGTH_MAX)


def _read_amended(event: pb.RegistryEvent, since: int, by: Person | None) -> CredentialAmended:
    return CredentialAmended(
        checked(_read_credential(event.amended.credential)),
        text(event.amended.reason, "amended.reason", GROUND_LENGTH_MAX),
        since,
        by,
    )


def _read_status(event: pb.RegistryEvent, since: int, by: Person | None) -> StatusChanged:
    change, name = event.status_changed, "status_changed"
    status = member(_STATUSES, change.status, f"{name}.status")
    cause = member(_CAUSES, change.cause, f"{name}.cause") if change.cause else None
    if cause is not None and status is not Status.REVOKED:
        raise Refusal(Code.MALFORMED, f"{name}.cause: belongs to a revocation, and only there")
    return StatusChanged(
        _number(change.number, f"{name}.number"),
        status,
        text(change.ground, f"{name}.ground", GROUND_LENGTH_MAX),
        since,
        by,
        cause,
    )


def _read_renewed(event: pb.RegistryEvent, since: int, by: Person | None) -> CredentialRenewed:
    return CredentialRenewed(
        _number(event.renewed.number, "renewed.number"),
        day(event.renewed.expires_on, "renewed.expires_on"),
        text(event.renewed.ground, "renewed.ground", GROUND_LENGTH_MAX),
        since,
        by,
    )


def _read_superseded(
    event: pb.RegistryEvent, since: int, by: Person | None
) -> CredentialSuperseded:
    return CredentialSuperseded(
        _number(event.superseded.number, "superseded.number"),
        _number(event.superseded.successor, "superseded.successor"),
        text(event.superseded.ground, "superseded.ground", GROUND_LENGTH_MAX),
        since,
        by,
    )


def _read_proposed(event: pb.RegistryEvent, since: int, by: Person | None) -> RevocationProposed:
    proposal, name = event.revocation_proposed, "revocation_proposed"
    return RevocationProposed(
        _number(proposal.number, f"{name}.number"),
        member(_CAUSES, proposal.cause, f"{name}.cause"),
        text(proposal.ground, f"{name}.ground", GROUND_LENGTH_MAX),
        since,
        by,
    )


_READERS: Final[dict[str, Callable[[pb.RegistryEvent, int, Person | None], RegistryEvent]]] = {
    "amended": _read_amended,
    "status_changed": _read_status,
    "renewed": _read_renewed,
    "superseded": _read_superseded,
    "revocation_proposed": _read_proposed,
}


def _read_credential(message: pb.Credential) -> Credential:
    expires_on, valid_from = message.expires_on, message.valid_from
    return Credential(
        number=message.number,
        holder_name=message.holder_name,
        birth_date=day(message.birth_date, "credential.birth_date"),
        issuer=message.issuer,
        title=message.title,
        award_type=member(_AWARD_TYPES, message.award_type, "credential.award_type"),
        isco08=message.isco08,
        level_national=message.level_national,
        level_eqf=message.level_eqf,
        awarded_on=day(message.awarded_on, "credential.awarded_on"),
        expires_on=day(expires_on, "credential.expires_on") if expires_on else None,
        status=member(_STATUSES, message.status, "credential.status"),
        assessment_method=member(
            _METHODS, message.assessment_method, "credential.assessment_method"
        ),
        language=message.language,
        units=tuple([Unit(unit.code, unit.title) for unit in message.units]),
        valid_from=day(valid_from, "credential.valid_from") if valid_from else None,
        details=_read_details(message.details) if message.HasField("details") else NO_DETAILS,
    )


def _read_details(message: pb.CredentialDetails) -> Details:
    name = "credential.details"
    accreditation, credits_, renewal = None, None, None
    if message.HasField("accreditation"):
        found = message.accreditation
        accreditation = Accredited(day(found.since, f"{name}.accreditation.since"), found.by)
    if message.HasField("credits"):
        credits_ = Credits(message.credits.points, message.credits.scheme)
    if message.HasField("renewal"):
        renewal = Renewal(message.renewal.every_months, message.renewal.rule)
    details = Details(
        titles=tuple([Title(one.language, one.text) for one in message.titles]),
        accreditation=accreditation,
        esco=message.esco,
        isced_f=message.isced_f,
        national_codes=tuple(
            [NationalCode(one.country, one.scheme, one.code) for one in message.national_codes]
        ),
        level_aqrf=message.level_aqrf,
        level_sadcqf=message.level_sadcqf,
        level_cvq=message.level_cvq,
        learning_outcomes=tuple(message.learning_outcomes),
        credits=credits_,
        hours=message.hours,
        work_based_hours=message.work_based_hours,
        assessments=tuple([_read_assessment(one) for one in message.assessments]),
        languages=tuple(message.languages),
        renewal=renewal,
        parts=tuple(message.parts),
        supersedes=message.supersedes,
    )
    if details == NO_DETAILS:
        raise Refusal(Code.MALFORMED, f"{name}: say nothing, and so must be left out")
    return details


def _read_assessment(message: pb.Assessment) -> Assessment:
    name = "credential.details.assessments"
    on = day(message.on, f"{name}.on") if message.on else None
    return Assessment(member(_METHODS, message.method, f"{name}.method"), on)
