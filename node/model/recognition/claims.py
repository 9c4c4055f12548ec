"""What is known of a credential and of its holder, each claim known or unknown (None).

Known is only what an answer shows, or the applicant or the host authority says. Nothing is filled
in: what nobody has said stays unknown.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from node.errors import Code, Refusal
from node.model.credential import Field
from node.model.recognition.form import (
    CapacityName,
    Country,
    DocumentName,
    FluencyName,
    GroundName,
    Isco,
    Language,
)
from node.model.statement import Disclosure, Outcome

APPLICATION_SIZE_MAX_BYTES: Final = 16 * 1024


class NationalOccupation(Struct, frozen=True, gc=False):
    """An occupation in a scheme of one country."""

    country: str
    scheme: str
    code: str


class Claims(Struct, frozen=True, gc=False):
    """What an answer says of a credential; None: it does not say.

    Attributes:
        home: the node whose authority answered.
        outcome: of the answer.
        accredited: the issuer was accredited for occupation and level on the day of the award.
        levels: by reference framework (eqf, aqrf, sadcqf, cvq); only those that are known.
        units: codes of the units that it is made of.
    """

    home: str
    outcome: Outcome
    isco08: str | None = None
    esco: str | None = None
    national_codes: tuple[NationalOccupation, ...] = ()
    award_type: str | None = None
    level_national: str | None = None
    levels: tuple[tuple[str, int], ...] = ()
    units: tuple[str, ...] | None = None
    learning_outcomes: tuple[str, ...] | None = None
    assessment_methods: tuple[str, ...] | None = None
    work_based_hours: int | None = None
    awarded_on: date | None = None
    valid_from: date | None = None
    accredited: bool | None = None


class _Said(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Experience(_Said, frozen=True):
    """Work in an occupation from one day to another, in whole days of full time.

    It counts where its ISCO-08 code says at least as much as that of the agreement.
    """

    isco08: Isco
    since: date
    until: date
    capacity: CapacityName = "employed"


class LanguageSkill(_Said, frozen=True):
    """A language (ISO 639) at a level of the CEFR."""

    language: Language
    level: FluencyName


class Application(_Said, frozen=True):
    """What the applicant and the host authority add; None: it was not said.

    It tells of a person's working life: who keeps it, keeps personal data.

    Attributes:
        host: the node of the country where the qualification is to be recognised.
        experience: all of it; an empty one says that there is none.
        training_months: how long the training took.
        documents: those that were handed in.
        lodged_on: the day of the application or notice.
        decided_on: the day on which the host authority's decision was served.
        grounds: grounds of postponement that the host authority has raised.
    """

    host: Country
    experience: Annotated[tuple[Experience, ...], Meta(max_length=64)] | None = None
    training_months: Annotated[int, Meta(ge=0, le=600)] | None = None
    languages: Annotated[tuple[LanguageSkill, ...], Meta(max_length=24)] | None = None
    documents: Annotated[tuple[DocumentName, ...], Meta(max_length=16)] | None = None
    lodged_on: date | None = None
    decided_on: date | None = None
    grounds: Annotated[tuple[GroundName, ...], Meta(max_length=4)] = ()


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Application)


def encode_application(application: Application) -> bytes:
    """Return the canonical bytes of what an applicant has said."""
    return _encoder.encode(application)


def decode_application(content: bytes) -> Application:
    """Read the bytes of an application strictly.

    Raises:
        Refusal: MALFORMED where they are too many, hold no application within its bounds, or
            spell one otherwise than `encode_application` does. The reason repeats no value.
    """
    if len(content) > APPLICATION_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"application: over {APPLICATION_SIZE_MAX_BYTES} bytes")
    try:
        application = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _, _, place = str(error).partition(" - at `$")
        raise Refusal(
            Code.MALFORMED, f"application{place.rstrip('`')}: is none, or out of its bounds"
        ) from None
    if _encoder.encode(application) != content:
        raise Refusal(Code.MALFORMED, "application: is not spelled canonically")
    return application


_DIGITS_MAX: Final = 9
_LEVELS: Final = {
    Field.LEVEL_EQF: "eqf",
    Field.LEVEL_AQRF: "aqrf",
    Field.LEVEL_SADCQF: "sadcqf",
    Field.LEVEL_CVQ: "cvq",
}
USEFUL: Final = frozenset(
    {
        *_LEVELS,
        Field.ISCO08,
        Field.ESCO,
        Field.NATIONAL_CODES,
        Field.AWARD_TYPE,
        Field.LEVEL_NATIONAL,
        Field.UNITS,
        Field.LEARNING_OUTCOMES,
        Field.ASSESSMENT_METHOD,
        Field.ASSESSMENTS,
        Field.WORK_BASED_HOURS,
        Field.AWARDED_ON,
        Field.VALID_FROM,
    }
)
"""The fields of an answer that a judgement can use."""


def claims_of(
    home: str,
    outcome: Outcome,
    disclosed: Iterable[Disclosure],
    accredited: bool | None = None,  # noqa: FBT001 - known, known not to be, or unknown
) -> Claims:
    """Return what an answer claims; what it does not show, or shows in no known form, is unknown.

    Args:
        home: the node that answered.
        outcome: of its answer.
        disclosed: the fields that it shows.
        accredited: what the trust list says of the issuer on the day of the award.
    """
    shown: dict[Field, list[str]] = {}
    for one in disclosed:
        shown.setdefault(one.field, []).append(one.value)
    methods = [*shown.get(Field.ASSESSMENT_METHOD, ())]
    methods += [text.partition(" ")[0] for text in shown.get(Field.ASSESSMENTS, ())]
    units = [text.partition(" ")[0] for text in shown.get(Field.UNITS, ())]
    levels = [(name, _number(shown, field)) for field, name in _LEVELS.items()]
    return Claims(
        home=home,
        outcome=outcome,
        isco08=_first(shown, Field.ISCO08),
        esco=_first(shown, Field.ESCO),
        national_codes=tuple(_national(shown.get(Field.NATIONAL_CODES, ()))),
        award_type=_first(shown, Field.AWARD_TYPE),
        level_national=_first(shown, Field.LEVEL_NATIONAL),
        levels=tuple([(name, level) for name, level in levels if level is not None]),
        units=tuple(units) or None,
        learning_outcomes=tuple(shown.get(Field.LEARNING_OUTCOMES, ())) or None,
        assessment_methods=tuple(dict.fromkeys(methods)) or None,
        work_based_hours=_number(shown, Field.WORK_BASED_HOURS),
        awarded_on=_day(shown, Field.AWARDED_ON),
        valid_from=_day(shown, Field.VALID_FROM),
        accredited=accredited,
    )


_Shown = Mapping[Field, list[str]]


def _first(shown: _Shown, field: Field) -> str | None:
    values = shown.get(field)
    return values[0] if values else None


def _number(shown: _Shown, field: Field) -> int | None:
    text = _first(shown, field)
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > _DIGITS_MAX:
        return None
    return int(text)


def _day(shown: _Shown, field: Field) -> date | None:
    text = _first(shown, field)
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def _national(texts: Iterable[str]) -> Iterable[NationalOccupation]:
    for text in texts:
        country, _, rest = text.partition(" ")
        scheme, _, code = rest.partition(" ")
        yield NationalOccupation(country, scheme, code)
