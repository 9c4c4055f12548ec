"""Credentials: what a registry holds about one qualification.

What answers are decided and searched by is a field of `Credential`; what describes it further is
in its `Details`, which only those read who want to show them.
"""

import re
from collections.abc import Callable
from datetime import date
from enum import IntEnum
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.model import codes
from node.model.bounds import number, pattern, text

NUMBER_LENGTH_MAX: Final = 60
_NUMBER: Final = re.compile(r"[A-Z]{2}[0-9]{0,2}-[0-9A-Z][0-9A-Z/.-]{0,55}")
_ISCO08: Final = re.compile(r"[0-9]{1,4}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_WORD: Final = re.compile(r"[!-~]{1,64}")
_CREDITS: Final = re.compile(r"[0-9]{1,5}(\.[0-9]{1,2})?")
_UNITS_MAX: Final = 200
_ITEMS_MAX: Final = {
    "titles": 24,
    "national_codes": 16,
    "learning_outcomes": 100,
    "assessments": 16,
    "languages": 8,
    "parts": 100,
}
_HOURS_MAX: Final = 100_000
_RENEWAL_MONTHS_MAX: Final = 1_200
_URI_LENGTH_MAX: Final = 200


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
    VALID_FROM = 13
    TITLES = 14
    ACCREDITATION = 15
    ESCO = 16
    ISCED_F = 17
    NATIONAL_CODES = 18
    LEVEL_AQRF = 19
    LEVEL_SADCQF = 20
    LEVEL_CVQ = 21
    LEARNING_OUTCOMES = 22
    CREDITS = 23
    HOURS = 24
    WORK_BASED_HOURS = 25
    ASSESSMENTS = 26
    LANGUAGES = 27
    RENEWAL = 28
    PARTS = 29
    SUPERSEDES = 30


LISTED: Final = frozenset(
    {
        Field.UNITS,
        Field.TITLES,
        Field.NATIONAL_CODES,
        Field.LEARNING_OUTCOMES,
        Field.ASSESSMENTS,
        Field.LANGUAGES,
        Field.PARTS,
    }
)
"""Fields of which a credential may show several values."""

LAST_WITHOUT_DETAILS: Final = Field.VALID_FROM
"""The fields up to this one can be shown of a credential whose details were not read."""


class Unit(Struct, frozen=True, gc=False):
    """A part of a qualification that can be awarded by itself."""

    code: str
    title: str


class Title(Struct, frozen=True, gc=False):
    """The title in one more language (ISO 639)."""

    language: str
    text: str


class Accredited(Struct, frozen=True, gc=False):
    """The accreditation that an award rested on: since when, by whose decision."""

    since: date
    by: str


class NationalCode(Struct, frozen=True, gc=False):
    """A code in a scheme of one country (ISO 3166-1)."""

    country: str
    scheme: str
    code: str


class Credits(Struct, frozen=True, gc=False):
    """Credit points, in decimal digits, and the scheme that counts them."""

    points: str
    scheme: str


class Assessment(Struct, frozen=True, gc=False):
    """One assessment of the holder, and its day where it is known."""

    method: AssessmentMethod
    on: date | None = None


class Renewal(Struct, frozen=True, gc=False):
    """How often it has to be renewed, and what that takes (recertification)."""

    every_months: int
    rule: str


class Details(Struct, frozen=True, gc=False, omit_defaults=True):
    """What describes a credential further; empty, or 0, where it is not said.

    Attributes:
        titles: in further languages.
        accreditation: the one that the award rested on.
        esco: URI of an ESCO occupation.
        isced_f: field of education and training, ISCED-F 2013, 2 to 4 digits.
        national_codes: in schemes of countries.
        level_aqrf: level in the ASEAN Qualifications Reference Framework, 1 to 8.
        level_sadcqf: in the SADC Qualifications Framework, 1 to 10.
        level_cvq: of the Caribbean Vocational Qualification, 1 to 5.
        learning_outcomes: what the holder knows and can do.
        credits: credit points and their scheme.
        hours: notional hours of learning.
        work_based_hours: those of them that were work.
        assessments: methods, with their days.
        languages: of learning and assessment, beside the language of the award (ISO 639).
        renewal: how it is kept valid.
        parts: numbers of the credentials that add up to this one.
        supersedes: number of the credential that this one takes the place of.
    """

    titles: tuple[Title, ...] = ()
    accreditation: Accredited | None = None
    esco: str = ""
    isced_f: str = ""
    national_codes: tuple[NationalCode, ...] = ()
    level_aqrf: int = 0
    level_sadcqf: int = 0
    level_cvq: int = 0
    learning_outcomes: tuple[str, ...] = ()
    credits: Credits | None = None
    hours: int = 0
    work_based_hours: int = 0
    assessments: tuple[Assessment, ...] = ()
    languages: tuple[str, ...] = ()
    renewal: Renewal | None = None
    parts: tuple[str, ...] = ()
    supersedes: str = ""


NO_DETAILS: Final = Details()


class Credential(Struct, frozen=True, gc=False):
    """One qualification, unit, licence or recognised prior learning of one holder.

    `number` is the authority's own key; `isco08` has 1 to 4 digits (ISCO-08); `level_eqf` is 1
    to 8 (European Qualifications Framework), 0 where the country has no such levels; `language`
    is an ISO 639 code. It is valid from the beginning of the day `valid_from` (UTC), where there
    is one, to the end of the day `expires_on`.
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
    valid_from: date | None = None
    details: Details = NO_DETAILS


def shown(credential: Credential, field: Field) -> tuple[str, ...]:
    """Return a field of a credential as an answer shows it: none, one or many texts."""
    return _SHOWN[field](credential)


def _day(day: date | None) -> tuple[str, ...]:
    return () if day is None else (day.isoformat(),)


def _number(value: int) -> tuple[str, ...]:
    return (str(value),) if value else ()


def _text(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _shown_units(credential: Credential) -> tuple[str, ...]:
    return tuple([f"{unit.code} {unit.title}" for unit in credential.units])


def _shown_accreditation(credential: Credential) -> tuple[str, ...]:
    found = credential.details.accreditation
    return () if found is None else (f"{found.since.isoformat()} {found.by}",)


def _shown_codes(credential: Credential) -> tuple[str, ...]:
    found = credential.details.national_codes
    return tuple([f"{one.country} {one.scheme} {one.code}" for one in found])


def _shown_credits(credential: Credential) -> tuple[str, ...]:
    found = credential.details.credits
    return () if found is None else (f"{found.points} {found.scheme}",)


def _shown_assessments(credential: Credential) -> tuple[str, ...]:
    return tuple(
        [
            " ".join((one.method.name.lower(), *_day(one.on)))
            for one in credential.details.assessments
        ]
    )


def _shown_renewal(credential: Credential) -> tuple[str, ...]:
    found = credential.details.renewal
    return () if found is None else (f"{found.every_months} {found.rule}",)


_AWARD_TEXTS: Final = {kind: (kind.name.lower(),) for kind in AwardType}
_METHOD_TEXTS: Final = {method: (method.name.lower(),) for method in AssessmentMethod}
_SHOWN: Final[dict[Field, Callable[[Credential], tuple[str, ...]]]] = {
    Field.HOLDER_NAME: lambda credential: (credential.holder_name,),
    Field.TITLE: lambda credential: (credential.title,),
    Field.AWARD_TYPE: lambda credential: _AWARD_TEXTS[credential.award_type],
    Field.ISSUER: lambda credential: (credential.issuer,),
    Field.ISCO08: lambda credential: (credential.isco08,),
    Field.LEVEL_NATIONAL: lambda credential: (credential.level_national,),
    Field.LEVEL_EQF: lambda credential: _number(credential.level_eqf),
    Field.AWARDED_ON: lambda credential: (credential.awarded_on.isoformat(),),
    Field.EXPIRES_ON: lambda credential: _day(credential.expires_on),
    Field.ASSESSMENT_METHOD: lambda credential: _METHOD_TEXTS[credential.assessment_method],
    Field.LANGUAGE: lambda credential: (credential.language,),
    Field.UNITS: _shown_units,
    Field.VALID_FROM: lambda credential: _day(credential.valid_from),
    Field.TITLES: lambda credential: tuple(
        [f"{one.language} {one.text}" for one in credential.details.titles]
    ),
    Field.ACCREDITATION: _shown_accreditation,
    Field.ESCO: lambda credential: _text(credential.details.esco),
    Field.ISCED_F: lambda credential: _text(credential.details.isced_f),
    Field.NATIONAL_CODES: _shown_codes,
    Field.LEVEL_AQRF: lambda credential: _number(credential.details.level_aqrf),
    Field.LEVEL_SADCQF: lambda credential: _number(credential.details.level_sadcqf),
    Field.LEVEL_CVQ: lambda credential: _number(credential.details.level_cvq),
    Field.LEARNING_OUTCOMES: lambda credential: credential.details.learning_outcomes,
    Field.CREDITS: _shown_credits,
    Field.HOURS: lambda credential: _number(credential.details.hours),
    Field.WORK_BASED_HOURS: lambda credential: _number(credential.details.work_based_hours),
    Field.ASSESSMENTS: _shown_assessments,
    Field.LANGUAGES: lambda credential: credential.details.languages,
    Field.RENEWAL: _shown_renewal,
    Field.PARTS: lambda credential: credential.details.parts,
    Field.SUPERSEDES: lambda credential: _text(credential.details.supersedes),
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
    number(credential.level_eqf, "level_eqf", 0, codes.LEVELS_MAX["eqf"])
    pattern(credential.language, "language", _LANGUAGE, "an ISO 639 code, like en")
    if credential.awarded_on <= credential.birth_date:
        raise Refusal(Code.MALFORMED, "awarded_on: must be after the holder's birth")
    if credential.expires_on is not None and credential.expires_on < credential.awarded_on:
        raise Refusal(Code.MALFORMED, "expires_on: must not be before awarded_on")
    if (
        credential.valid_from is not None
        and credential.expires_on is not None
        and credential.expires_on < credential.valid_from
    ):
        raise Refusal(Code.MALFORMED, "valid_from: must not be after expires_on")
    if len(credential.units) > _UNITS_MAX:
        raise Refusal(Code.MALFORMED, f"units: more than {_UNITS_MAX}")
    for unit in credential.units:
        text(unit.code, "units.code", 64)
        text(unit.title, "units.title", 300)
    if credential.details != NO_DETAILS:
        _check_items(credential.details)
        _check_single(credential)
    return credential


def _check_items(details: Details) -> None:
    for name, most in _ITEMS_MAX.items():
        if len(getattr(details, name)) > most:
            raise Refusal(Code.MALFORMED, f"{name}: more than {most}")
    for title in details.titles:
        pattern(title.language, "titles.language", _LANGUAGE, "an ISO 639 code, like en")
        text(title.text, "titles.text", 300)
    for one in details.national_codes:
        pattern(one.country, "national_codes.country", _COUNTRY, "two capitals (ISO 3166-1)")
        pattern(one.scheme, "national_codes.scheme", _WORD, "1 to 64 characters without a space")
        text(one.code, "national_codes.code", 64)
    for outcome in details.learning_outcomes:
        text(outcome, "learning_outcomes", 500)
    for language in details.languages:
        pattern(language, "languages", _LANGUAGE, "ISO 639 codes, like en")
    for part in details.parts:
        pattern(part, "parts", _NUMBER, "numbers of credentials")
    if len(set(details.parts)) != len(details.parts):
        raise Refusal(Code.MALFORMED, "parts: must name each credential once")


def _check_single(credential: Credential) -> None:
    details = credential.details
    if details.accreditation is not None:
        text(details.accreditation.by, "accreditation.by", 200)
    text(details.esco, "esco", _URI_LENGTH_MAX, empty=True)
    text(details.isced_f, "isced_f", 4, empty=True)
    for name in ("level_aqrf", "level_sadcqf", "level_cvq"):
        number(getattr(details, name), name, 0, codes.LEVELS_MAX[name.removeprefix("level_")])
    if details.credits is not None:
        pattern(details.credits.points, "credits.points", _CREDITS, "a number, like 7.5")
        text(details.credits.scheme, "credits.scheme", 64)
    number(details.hours, "hours", 0, _HOURS_MAX)
    number(details.work_based_hours, "work_based_hours", 0, _HOURS_MAX)
    if details.hours and details.work_based_hours > details.hours:
        raise Refusal(Code.MALFORMED, "work_based_hours: must not be more than hours")
    if details.renewal is not None:
        number(details.renewal.every_months, "renewal.every_months", 1, _RENEWAL_MONTHS_MAX)
        text(details.renewal.rule, "renewal.rule", 500)
    if details.supersedes:
        pattern(details.supersedes, "supersedes", _NUMBER, "the number of a credential")
    if credential.number in {*details.parts, details.supersedes}:
        raise Refusal(Code.MALFORMED, "parts: neither they nor supersedes may name itself")


def check_codes(credential: Credential) -> None:
    """Refuse codes that the shipped tables do not know; for what is about to be entered.

    Raises:
        Refusal: MALFORMED, with the field and the table.
    """
    details = credential.details
    codes.require_isco08(credential.isco08, "isco08")
    codes.require_language(credential.language, "language")
    if details is NO_DETAILS:
        return
    for title in details.titles:
        codes.require_language(title.language, "titles.language")
    for language in details.languages:
        codes.require_language(language, "languages")
    for one in details.national_codes:
        codes.require_country(one.country, "national_codes.country")
    if details.isced_f:
        codes.require_isced_f(details.isced_f, "isced_f")
    if details.esco:
        codes.require_esco(details.esco, "esco")
