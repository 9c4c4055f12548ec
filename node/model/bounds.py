"""Bounds of fields: one place for how a wrong value is refused."""

import re
from collections.abc import Mapping
from datetime import date
from enum import IntEnum
from typing import Final, TypeVar

from node.errors import Code, Refusal

INDEX_MAX: Final = 2**62
TIME_MAX_US: Final = 253_402_300_800_000_000  # the year 10000
NODE_ID: Final = re.compile(r"[A-Z]{2}[0-9]{0,2}")
_Kind = TypeVar("_Kind", bound=IntEnum)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def text(value: str, name: str, length_max: int, *, empty: bool = False) -> str:
    """Return a text of at most `length_max` characters without control characters.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if not value and not empty:
        raise Refusal(Code.MALFORMED, f"{name}: is missing")
    if len(value) > length_max:
        raise Refusal(Code.MALFORMED, f"{name}: longer than {length_max} characters")
    if not value.isprintable() and _CONTROL.search(value):
        raise Refusal(Code.MALFORMED, f"{name}: holds a control character or line break")
    return value


def pattern(value: str, name: str, pattern: re.Pattern[str], expected: str) -> str:
    """Return a text that matches a pattern as a whole; `expected` says it in words.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if pattern.fullmatch(value) is None:
        raise Refusal(Code.MALFORMED, f"{name}: must be {expected}")
    return value


def exactly(value: bytes, name: str, size_bytes: int) -> bytes:
    """Return bytes of exactly one size.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if len(value) != size_bytes:
        raise Refusal(Code.MALFORMED, f"{name}: must have {size_bytes} bytes, has {len(value)}")
    return value


def number(value: int, name: str, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if not least <= value <= most:
        raise Refusal(Code.MALFORMED, f"{name}: must be {least} to {most}")
    return value


def by_value(kind: type[_Kind]) -> dict[int, _Kind]:
    """Index an enumeration by value: a look-up here costs a tenth of calling it."""
    return {member.value: member for member in kind}


def member(kinds: Mapping[int, _Kind], value: int, name: str) -> _Kind:
    """Return the member of an enumeration that has a value.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    kind = kinds.get(value)
    if kind is None:
        raise Refusal(Code.MALFORMED, f"{name}: {value} is not known")
    return kind


def day(value: str, name: str) -> date:
    """Return a date spelled YYYY-MM-DD.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    try:
        found = date.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.isoformat() != value:
        raise Refusal(Code.MALFORMED, f"{name}: must be a date, YYYY-MM-DD")
    return found
