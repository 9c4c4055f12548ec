"""Credentials: what a registry holds about one qualification."""

import re
from collections.abc import Callable
from datetime import date
from enum import IntEnum
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import number, pattern, text

NUMBER_LENGTH_MAX: Final = 60
_NUMBER: Final = re.compile(r"[A-Z]{2}[0-9]{0,2}-[0-9A-Z][0-9A-Z/.-]{0,55}")
_ISCO08: Final = re.compile(r"[0-9]{1,4}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_UNITS_MAX: Final = 200
_EQF_MAX: Final = 8


class AwardType(IntEnum):
    """What kind of award the credential is."""

    FULL_QUALIFICATION = 1
    UNIT = 2
    RECOGNISED_PRIOR_LEARNING = 3
    LICENCE = 4


class AssessmentMethod(IntEnum):
    """How the holder's learning was assessed."""

    EXAMINATION = 1
    PRACTICAL_TEST = 2
    PORTFOLIO = 3
    CONTINUOUS = 4
    INTERVIEW = 5


class Status(IntEnum):
    """What the authority says of the credential today."""

    ACTIVE = 1
    SUSPENDED = 2
    REVOKED = 3
    SUPERSEDED = 4


class Field(IntEnum):
    """What an answer can show of a credential; values are the protocol's."""

    HOLDER_NAME = 1
    TITLE = 2
    AWARD_TYPE = 3
    ISSUER = 4
    ISCO08 = 5
    LEVEL_NATIONAL = 6
    LEVEL_EQF = 7
    AWARDED_ON = 8
    EXPIRES_ON = 9
    ASSESSMENT_METHOD = 10
    LANGUAGE = 11
    UNITS = 12


class Unit(Struct, frozen=True, gc=False):
    """A part of a qualification that can be awarded by itself."""

    code: str
    title: str


class Credential(Struct, frozen=True, gc=False):
    """One qualification, unit, licence or recognised prior learning of one holder.

    `number` is the authority's own key; `isco08` has 1 to 4 digits (ISCO-08); `level_eqf` is 1
    to 8 (European Qualifications Framework); `language` is an ISO 639 code.
    """

    number: str
    holder_name: str
    birth_date: date
    issuer: str
    title: str
    award_type: AwardType
    isco08: str
    level_national: str
    level_eqf: int
    awarded_on: date
    expires_on: date | None
    status: Status
    assessment_method: AssessmentMethod
    language: str
    units: tuple[Unit, ...] = ()


def shown(credential: Credential, field: Field) -> tuple[str, ...]:
    """Return a field of a credential as an answer shows it: none, one or, for units, many texts."""
    return _SHOWN[field](credential)


def _shown_expiry(credential: Credential) -> tuple[str, ...]:
    return () if credential.expires_on is None else (credential.expires_on.isoformat(),)


def _shown_units(credential: Credential) -> tuple[str, ...]:
    return tuple(f"{unit.code} {unit.title}" for unit in credential.units)


_AWARD_TEXTS: Final = {kind: (kind.name.lower(),) for kind in AwardType}
_METHOD_TEXTS: Final = {method: (method.name.lower(),) for method in AssessmentMethod}
_SHOWN: Final[dict[Field, Callable[[Credential], tuple[str, ...]]]] = {
    Field.HOLDER_NAME: lambda credential: (credential.holder_name,),
    Field.TITLE: lambda credential: (credential.title,),
    Field.AWARD_TYPE: lambda credential: _AWARD_TEXTS[credential.award_type],
    Field.ISSUER: lambda credential: (credential.issuer,),
    Field.ISCO08: lambda credential: (credential.isco08,),
    Field.LEVEL_NATIONAL: lambda credential: (credential.level_national,),
    Field.LEVEL_EQF: lambda credential: (str(credential.level_eqf),),
    Field.AWARDED_ON: lambda credential: (credential.awarded_on.isoformat(),),
    Field.EXPIRES_ON: _shown_expiry,
    Field.ASSESSMENT_METHOD: lambda credential: _METHOD_TEXTS[credential.assessment_method],
    Field.LANGUAGE: lambda credential: (credential.language,),
    Field.UNITS: _shown_units,
}


def checked(credential: Credential) -> Credential:
    """Return a credential whose every field is within its bounds.

    Raises:
        Refusal: MALFORMED, with the field, what was found wrong and what is expected.
    """
    pattern(credential.number, "number", _NUMBER, "country, dash, the authority's own key")
    text(credential.holder_name, "holder_name", 200)
    text(credential.issuer, "issuer", 200)
    text(credential.title, "title", 300)
    pattern(credential.isco08, "isco08", _ISCO08, "1 to 4 digits (ISCO-08), like 7212")
    text(credential.level_national, "level_national", 64)
    number(credential.level_eqf, "level_eqf", 1, _EQF_MAX)
    pattern(credential.language, "language", _LANGUAGE, "an ISO 639 code, like en")
    if credential.awarded_on <= credential.birth_date:
        raise Refusal(Code.MALFORMED, "awarded_on: must be after the holder's birth")
    if credential.expires_on is not None and credential.expires_on < credential.awarded_on:
        raise Refusal(Code.MALFORMED, "expires_on: must not be before awarded_on")
    if len(credential.units) > _UNITS_MAX:
        raise Refusal(Code.MALFORMED, f"units: more than {_UNITS_MAX}")
    for unit in credential.units:
        text(unit.code, "units.code", 64)
        text(unit.title, "units.title", 300)
    return credential
