"""Rows of registry files as credentials: each column read, each fault told.

A row that holds no credential is unfit: its faults name the field and the reason, and never
repeat a value. What an answer shows of a field is how a column of a sheet spells it.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from msgspec import to_builtins
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.codes import LEVELS_MAX
from node.model.credential import (
    NO_DETAILS,
    Accredited,
    Assessment,
    AssessmentMethod,
    AwardType,
    Credential,
    Credits,
    Details,
    Field,
    NationalCode,
    Renewal,
    Status,
    Title,
    Unit,
    check_codes,
    checked,
    shown,
)

REQUIRED: Final = (
    "number", "holder_name", "birth_date", "issuer", "title", "award_type", "isco08",
    "level_national", "level_eqf", "awarded_on", "expires_on", "status", "assessment_method",
    "language", "units",
)  # fmt: skip
"""The columns that a CSV file has to have."""

COLUMNS: Final = (*REQUIRED, "valid_from", *Details.__struct_fields__)
"""The columns that a CSV file may have, and the keys of a JSON object."""

OPTIONAL: Final = frozenset({*COLUMNS[len(REQUIRED) :], "level_eqf", "expires_on", "units"})
"""May be empty; a JSON object may also leave them out."""

COLUMN_SET: Final = frozenset(COLUMNS)
_REQUIRED_SET: Final = frozenset(REQUIRED)
_UNITS_SIZE_MAX_BYTES: Final = 48 * 1024  # a statement has 64 KiB, for all of a credential
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")  # lets a name show as another
_NUMERAL: Final = re.compile(r"[0-9]{1,6}")
_Kind = TypeVar("_Kind", bound=IntEnum)
_Item = TypeVar("_Item")


class Fault(NamedTuple):
    """What is wrong with one field of a row; `field` is "row" where it is the row as a whole."""

    field: str
    reason: str


class Unfit(Refusal):
    """A row that holds no credential (MALFORMED), with everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Refuse with all faults of the row, at least one."""
        super().__init__(
            Code.MALFORMED, "; ".join(f"{fault.field}: {fault.reason}" for fault in faults)
        )
        self.faults = tuple(faults)


def parse_credential(values: Mapping[str, object]) -> Credential:
    """Read a row's values as a credential: texts stripped and in Unicode normal form C.

    A level in the European Qualifications Framework that is not said is 0.

    Raises:
        Unfit: with every field that is missing or wrong.
    """
    faults: list[Fault] = []
    parsed = _parsed(values, _READERS, faults)
    if not values.keys() <= _REQUIRED_SET:
        parsed |= _parsed(values, _MORE_READERS, faults)
        details = _parsed(values, _DETAIL_READERS, faults)
        if details:
            parsed["details"] = Details(**details)
    if faults:
        _add_faults(faults, Credential(**{**_FITTING, **parsed}))
        raise Unfit(faults)
    credential = Credential(**parsed)
    try:
        _check(credential)
    except Refusal:
        _add_faults(faults, credential)
        raise Unfit(faults) from None
    return credential


def _parsed(
    values: Mapping[str, object],
    readers: Mapping[str, Callable[[object], object]],
    faults: list[Fault],
) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for column, read in readers.items():
        value = values.get(column)
        if readers is not _READERS and _is_empty(value):
            continue
        try:
            parsed[column] = read(value)
        except ValueError as error:
            faults.append(Fault(column, "is missing" if _is_empty(value) else str(error)))
    return parsed


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _check(credential: Credential) -> None:
    checked(credential)
    check_codes(credential)


def _add_faults(faults: list[Fault], credential: Credential) -> None:
    """Find everything that the checks would refuse, by mending one fault after the other."""
    while True:
        try:
            _check(credential)
        except Refusal as refusal:
            name, _, reason = refusal.reason.partition(": ")
            column, _, part = name.partition(".")
            if column in _DETAIL_READERS:
                mended = replace(credential.details, **{column: getattr(NO_DETAILS, column)})
                if column == "parts":  # said of what it supersedes, too
                    mended = replace(mended, supersedes="")
                credential = replace(credential, details=mended)
            else:
                if getattr(credential, column) == "":
                    reason = "is missing"
                credential = replace(credential, **{column: _FITTING[column]})
            faults.append(Fault(column, f"{part}: {reason}" if part else reason))
            if column == "awarded_on":  # what is measured against it cannot be judged
                credential = replace(credential, expires_on=None)
        else:
            return


def spell_credential(credential: Credential) -> dict[str, object]:
    """Return a credential as a row of a JSON file holds it; `parse_credential` reads it back.

    Of what a file may leave out, what is empty is left out.
    """
    values: dict[str, object] = {}
    for column in REQUIRED:
        value = getattr(credential, column)
        values[column] = value.name.lower() if isinstance(value, IntEnum) else value
    values["level_eqf"] = credential.level_eqf or None
    values["units"] = to_builtins(credential.units)
    if credential.valid_from is not None:
        values["valid_from"] = credential.valid_from
    for column in Details.__struct_fields__:
        value = getattr(credential.details, column)
        if value:
            texts = shown(credential, Field[column.upper()])
            values[column] = list(texts) if isinstance(value, tuple) else texts[0]
            if isinstance(value, int):
                values[column] = value
    return values


# --- columns -------------------------------------------------------------------------------


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError("must be a text, in quotes")
    value = value.strip()
    if value.isascii():
        return value
    if _TURNS.search(value):
        raise ValueError("holds a character that turns the direction of other writing")
    return unicodedata.normalize("NFC", value)


def _date(value: object) -> date:
    return _day(_text(value))


@lru_cache(maxsize=1 << 16)
def _day(value: str) -> date:
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("must be a date of the calendar, YYYY-MM-DD")


def _date_or_none(value: object) -> date | None:
    if value is None:
        return None
    text = _text(value)
    return _day(text) if text else None


def _level(value: object) -> int:
    if value is None or (type(value) is str and not value.strip()):
        return 0  # to be found by the country's framework
    level = _number(value, "must be a whole number, like 4")
    if not level:
        raise ValueError(f"must be 1 to {LEVELS_MAX['eqf']}")
    return level


def _number(value: object, expected: str) -> int:
    if type(value) is int:
        return value
    if type(value) is str:
        text = value.strip()
        if _NUMERAL.fullmatch(text):
            return int(text)
    raise ValueError(expected)


def _one_of(kind: type[_Kind]) -> Callable[[object], _Kind]:
    members = {member.name.lower(): member for member in kind}
    expected = f"must be one of {', '.join(members)}"

    def read(value: object) -> _Kind:
        member = members.get(_text(value))
        if member is None:
            raise ValueError(expected)
        return member

    return read


def _units(value: object) -> tuple[Unit, ...]:
    if value is None:
        return ()
    if type(value) is str:
        return _units_of_text(value)
    if type(value) is not list:
        raise ValueError('must be a list of objects with "code" and "title"')
    units = []
    for item in value:
        if type(item) is not dict or item.keys() != {"code", "title"}:
            raise ValueError('must be a list of objects with "code" and "title", no more')
        units.append(Unit(_text(item["code"]), _text(item["title"])))
    return _bounded(units)


@lru_cache(maxsize=1 << 12)
def _units_of_text(value: str) -> tuple[Unit, ...]:
    text = _text(value)
    if not text:
        return ()
    parts = (part.strip().partition(" ") for part in text.split("|"))
    return _bounded([Unit(code, title.strip()) for code, _, title in parts])


def _bounded(units: list[Unit]) -> tuple[Unit, ...]:
    size_bytes = sum(len((unit.code + unit.title).encode(errors="replace")) for unit in units)
    if size_bytes + 16 * len(units) > _UNITS_SIZE_MAX_BYTES:
        raise ValueError(f"longer than {_UNITS_SIZE_MAX_BYTES} bytes together")
    return tuple(units)


# --- details -------------------------------------------------------------------------------


def _items(value: object) -> list[str]:
    """Return what stands between bars or, in JSON, in a list."""
    if type(value) is list:
        return [_text(item) for item in value]
    return [part.strip() for part in _text(value).split("|")]


def _listed(read: Callable[[str], _Item]) -> Callable[[object], tuple[_Item, ...]]:
    return lambda value: tuple([read(item) for item in _items(value)])


def _whole(value: object) -> int:
    return _number(value, "must be a whole number")


def _title(item: str) -> Title:
    language, _, title = item.partition(" ")
    return Title(language, title.strip())


def _accreditation(value: object) -> Accredited:
    since, _, by = _text(value).partition(" ")
    return Accredited(_day(since), by.strip())


def _national_code(item: str) -> NationalCode:
    parts = item.split(maxsplit=2)
    if len(parts) != 3:  # noqa: PLR2004 - as the sentence says
        raise ValueError("must be country, scheme and code, like FR RNCP 34567")
    return NationalCode(*parts)


def _credits(value: object) -> Credits:
    points, _, scheme = _text(value).partition(" ")
    return Credits(points, scheme.strip())


def _assessment(item: str) -> Assessment:
    method, _, on = item.partition(" ")
    return Assessment(_METHOD(method), _day(on.strip()) if on else None)


def _renewal(value: object) -> Renewal:
    months, _, rule = _text(value).partition(" ")
    if not _NUMERAL.fullmatch(months):
        raise ValueError("must begin with the number of months, like 36 Refresher course")
    return Renewal(int(months), rule.strip())


_METHOD: Final = _one_of(AssessmentMethod)
_MORE_READERS: Final[dict[str, Callable[[object], object]]] = {"valid_from": _date_or_none}
_DETAIL_READERS: Final[dict[str, Callable[[object], object]]] = {
    "titles": _listed(_title),
    "accreditation": _accreditation,
    "esco": _text,
    "isced_f": _text,
    "national_codes": _listed(_national_code),
    "level_aqrf": _whole,
    "level_sadcqf": _whole,
    "level_cvq": _whole,
    "learning_outcomes": _listed(str),
    "credits": _credits,
    "hours": _whole,
    "work_based_hours": _whole,
    "assessments": _listed(_assessment),
    "languages": _listed(str),
    "renewal": _renewal,
    "parts": _listed(str),
    "supersedes": _text,
}
_READERS: Final[dict[str, Callable[[object], object]]] = {
    "number": _text,
    "holder_name": _text,
    "birth_date": _date,
    "issuer": _text,
    "title": _text,
    "award_type": _one_of(AwardType),
    "isco08": _text,
    "level_national": _text,
    "level_eqf": _level,
    "awarded_on": _date,
    "expires_on": _date_or_none,
    "status": _one_of(Status),
    "assessment_method": _one_of(AssessmentMethod),
    "language": _text,
    "units": _units,
}
# Fits every bound, whatever stands beside it: born first, awarded last.
_FITTING: Final[dict[str, Any]] = {
    "number": "XA-1",
    "holder_name": "-",
    "birth_date": date.min,
    "issuer": "-",
    "title": "-",
    "award_type": AwardType.UNIT,
    "isco08": "0",
    "level_national": "-",
    "level_eqf": 1,
    "awarded_on": date.max,
    "expires_on": None,
    "status": Status.ACTIVE,
    "assessment_method": AssessmentMethod.EXAMINATION,
    "language": "en",
    "units": (),
    "valid_from": None,
}
