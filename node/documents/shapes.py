"""A credential of the registry in the words of each format; the one place that maps them.

Nothing is invented: what the record does not say is left out. Days become times as the record
means them, from the beginning of the first to the end of the last, UTC.
"""

from datetime import date
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from node.documents import contexts
from node.documents.status_list import ENTRY_TYPE, StatusPurpose
from node.documents.strict_json import Json
from node.model.credential import AwardType, Credential, Details, Field, shown
from node.model.moments import DAY_US, rfc3339
from node.model.trust_entries import day_start

VCT: Final = "urn:symbolon:vct:qualification:1"
_ACHIEVEMENTS: Final = {
    AwardType.FULL_QUALIFICATION: "Certificate",
    AwardType.UNIT: "MicroCredential",
    AwardType.RECOGNISED_PRIOR_LEARNING: "Certificate",
    AwardType.LICENCE: "License",
}
_ISCO: Final = "http://data.europa.eu/esco/isco/C"
_EQF: Final = "http://data.europa.eu/snb/eqf/"
_ISCED_F: Final = "http://data.europa.eu/snb/isced-f/"


class Format(StrEnum):
    """What a credential can be exported as."""

    VC = "vc"
    OPEN_BADGE = "ob3"
    VC_JWT = "vc-jwt"
    SD_JWT = "sd-jwt-vc"
    EUROPASS = "europass"


class StatusPlace(Struct, frozen=True):
    """Where the status of a document is published: lists by purpose, the place in both."""

    lists: dict[StatusPurpose, str]
    place: int

    def entries(self) -> list[Json]:
        """Return the place as `credentialStatus` says it."""
        return [
            {
                "id": f"{address}#{self.place}",
                "type": ENTRY_TYPE,
                "statusPurpose": purpose.value,
                "statusListIndex": str(self.place),
                "statusListCredential": address,
            }
            for purpose, address in self.lists.items()
        ]


class Envelope(Struct, frozen=True):
    """What a document says of itself.

    Attributes:
        identity: its own id, a URN.
        did: who issues it.
        authority: the issuer's name.
        status: where its status is published.
        now: microseconds UTC.
    """

    identity: str
    did: str
    authority: str
    status: StatusPlace
    now: int


def verifiable_credential(credential: Credential, envelope: Envelope) -> Json:
    """Return W3C VC 2.0 in this project's words, without a proof."""
    return {
        "@context": [contexts.CREDENTIALS, contexts.QUALIFICATION],
        "id": envelope.identity,
        "type": ["VerifiableCredential", "QualificationCredential"],
        "issuer": {"id": envelope.did, "name": envelope.authority},
        **_validity(credential),
        "credentialSubject": {
            "type": "QualificationHolder",
            "holderName": credential.holder_name,
            "birthDate": credential.birth_date.isoformat(),
            "qualification": _qualification(credential),
        },
        "credentialStatus": envelope.status.entries(),
    }


def open_badge(credential: Credential, envelope: Envelope) -> Json:
    """Return Open Badges 3.0, without a proof."""
    subject: Json = {
        "type": ["AchievementSubject"],
        "identifier": [
            _identity("name", credential.holder_name),
            _identity("ext:birthDate", credential.birth_date.isoformat()),
        ],
        "licenseNumber": credential.number,
        "activityEndDate": _begin(credential.awarded_on),
        "achievement": {
            "id": f"{envelope.identity}#achievement",
            "type": ["Achievement"],
            "name": credential.title,
            "description": credential.title,
            "achievementType": _ACHIEVEMENTS[credential.award_type],
            "inLanguage": credential.language,
            "criteria": {"narrative": _criteria(credential)},
            "creator": {
                "id": f"{envelope.identity}#creator",
                "type": ["Profile"],
                "name": credential.issuer,
            },
            "alignment": list(_alignments(credential)),
        },
    }
    credits_ = credential.details.credits
    if credits_ is not None:
        subject["creditsEarned"] = float(credits_.points)
    return {
        "@context": [contexts.CREDENTIALS, contexts.OPEN_BADGES],
        "id": envelope.identity,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": credential.title,
        "issuer": {"id": envelope.did, "type": ["Profile"], "name": envelope.authority},
        **_validity(credential),
        "awardedDate": _begin(credential.awarded_on),
        "credentialSubject": subject,
        "credentialStatus": envelope.status.entries(),
    }


def sd_jwt_claims(credential: Credential, envelope: Envelope) -> tuple[Json, Json]:
    """Return the claims of an SD-JWT VC: those that always show, those that the holder shows.

    Everything about the holder is among the second, under the names that answers use.
    """
    visible: Json = {
        "iss": envelope.did,
        "iat": envelope.now // 1_000_000,
        "jti": envelope.identity,
        "vct": VCT,
        "nbf": max(envelope.now, day_start(credential.valid_from or credential.awarded_on))
        // 1_000_000,  # not the day of the award, which is the holder's to show
        "credentialStatus": envelope.status.entries(),
    }
    if credential.expires_on is not None:
        visible["exp"] = (day_start(credential.expires_on) + DAY_US) // 1_000_000
    selective: Json = {
        "number": credential.number,
        "birthdate": credential.birth_date.isoformat(),
    }
    for field in Field:
        values = shown(credential, field)
        if values:
            selective[field.name.lower()] = values[0] if len(values) == 1 else list(values)
    return visible, selective


def europass(credential: Credential, envelope: Envelope) -> Json:
    """Return the European Learning Model 3 as JSON, unsigned: who imports it seals it."""
    language, issued = credential.language, rfc3339(envelope.now)
    return {
        "@context": [
            "https://www.w3.org/2018/credentials/v1",
            "http://data.europa.eu/snb/model/context/edc-ap",
        ],
        "id": envelope.identity,
        "type": ["VerifiableCredential", "EuropeanDigitalCredential"],
        "credentialSchema": [
            {
                "id": "http://data.europa.eu/snb/model/ap/edc-generic-no-cv",
                "type": "ShaclValidator2017",
            }
        ],
        "identifier": [{"type": "Identifier", "notation": credential.number}],
        "issuer": {
            "id": envelope.did,
            "type": "Organisation",
            "legalName": {language: [envelope.authority]},
        },
        "issuanceDate": issued,
        "issued": issued,
        **_validity(credential),
        "credentialSubject": {
            "id": "urn:epass:person:1",
            "type": "Person",
            "fullName": {language: [credential.holder_name]},
            "dateOfBirth": _begin(credential.birth_date),
            "hasClaim": [_europass_achievement(credential)],
        },
    }


def _europass_achievement(credential: Credential) -> Json:
    language, details = credential.language, credential.details
    titles = {language: [credential.title]} | {one.language: [one.text] for one in details.titles}
    outcomes = (*details.learning_outcomes, *(unit.title for unit in credential.units))
    specified: Json = {
        "id": "urn:epass:qualification:1",
        "type": "Qualification",
        "title": titles,
        "isPartialQualification": credential.award_type is AwardType.UNIT,
        "language": [_concept("language", one) for one in (language, *details.languages)],
        "nqfLevel": [_concept("nqf-level", credential.level_national)],
        "learningOutcome": [
            {"type": "LearningOutcome", "title": {language: [one]}} for one in outcomes
        ],
        **_europass_measures(details),
    }
    if credential.level_eqf:
        specified["eqfLevel"] = _concept("eqf", str(credential.level_eqf), _EQF)
    if details.isced_f:
        specified["ISCEDFCode"] = [_concept("isced-f", details.isced_f, _ISCED_F)]
    body = {"type": "Organisation", "legalName": {language: [credential.issuer]}}
    return {
        "id": "urn:epass:learningAchievement:1",
        "type": "LearningAchievement",
        "title": titles,
        "awardedBy": {
            "type": "AwardingProcess",
            "awardingBody": [body],
            "awardingDate": _begin(credential.awarded_on),
        },
        "specifiedBy": specified,
    }


def _europass_measures(details: Details) -> Json:
    found: Json = {}
    if details.hours:
        found["volumeOfLearning"] = f"PT{details.hours}H"
    if details.credits is not None:
        found["creditPoint"] = [
            {
                "type": "CreditPoint",
                "framework": _concept("credit", details.credits.scheme),
                "point": details.credits.points,
            }
        ]
    return found


def _qualification(credential: Credential) -> Json:
    details = credential.details
    # Structs of the model as JSON: their names in camel case are the words of the context.
    described = _camel(msgspec.to_builtins(details))
    described["assessments"] = [
        {"method": one.method.name.lower(), **({"on": one.on.isoformat()} if one.on else {})}
        for one in details.assessments
    ]
    plain: Json = {
        "number": credential.number,
        "title": credential.title,
        "awardType": credential.award_type.name.lower(),
        "awardingBody": credential.issuer,
        "isco08": credential.isco08,
        "nationalLevel": credential.level_national,
        "eqfLevel": credential.level_eqf,
        "awardedOn": credential.awarded_on.isoformat(),
        "assessmentMethod": credential.assessment_method.name.lower(),
        "language": credential.language,
        "units": [{"code": unit.code, "title": unit.title} for unit in credential.units],
        "expiresOn": _day(credential.expires_on),
        "validFromDay": _day(credential.valid_from),
        **described,
    }
    return {name: value for name, value in plain.items() if value not in (None, "", 0, [])}


_RENAMED: Final = {
    "level_aqrf": "aqrfLevel",
    "level_sadcqf": "sadcqfLevel",
    "level_cvq": "cvqLevel",
}


def _camel(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list | tuple):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {_RENAMED.get(name) or _camel_name(name): _camel(one) for name, one in value.items()}


def _camel_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _criteria(credential: Credential) -> str:
    kind = credential.award_type.name.replace("_", " ").capitalize()
    method = credential.assessment_method.name.replace("_", " ").lower()
    lines = [
        f"{kind}, assessed by {method}.",
        *(f"- {unit.code} {unit.title}" for unit in credential.units),
        *(f"- {outcome}" for outcome in credential.details.learning_outcomes),
    ]
    return "\n".join(lines)


def _alignments(credential: Credential) -> list[Json]:
    details = credential.details
    found = [
        _alignment("ISCO-08", credential.isco08, _ISCO + credential.isco08, "ext:occupation"),
        _alignment("NQF", credential.level_national, "", "ext:level"),
    ]
    if credential.level_eqf:
        eqf = str(credential.level_eqf)
        found.append(_alignment("EQF", eqf, _EQF + eqf, "ext:level"))
    if details.isced_f:
        found.append(
            _alignment("ISCED-F", details.isced_f, _ISCED_F + details.isced_f, "ext:field")
        )
    if details.esco:
        found.append(_alignment("ESCO", "", details.esco, "ext:occupation"))
    codes = [
        _alignment(f"{one.country} {one.scheme}", one.code, "", "ext:code")
        for one in details.national_codes
    ]
    return found + codes


def _alignment(framework: str, code: str, url: str, kind: str) -> Json:
    found = {
        "type": ["Alignment"],
        "targetFramework": framework,
        "targetName": f"{framework} {code}".strip(),
        "targetType": kind,
        "targetUrl": url or f"urn:symbolon:code:{quote(framework)}:{quote(code)}",
    }
    return found | ({"targetCode": code} if code else {})


def _identity(kind: str, value: str) -> Json:
    return {
        "type": "IdentityObject",
        "hashed": False,
        "identityHash": value,
        "identityType": kind,
    }


def _concept(scheme: str, code: str, address: str = "") -> Json:
    return {
        "id": f"{address or f'urn:symbolon:code:{scheme}:'}{quote(code)}",
        "type": "Concept",
        "notation": code,
        "inScheme": {"id": f"urn:symbolon:scheme:{scheme}", "type": "ConceptScheme"},
    }


def _validity(credential: Credential) -> Json:
    found = {"validFrom": _begin(credential.valid_from or credential.awarded_on)}
    if credential.expires_on is not None:
        found["validUntil"] = _end(credential.expires_on)
    return found


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _begin(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _end(day: date) -> str:
    return f"{day.isoformat()}T23:59:59Z"
