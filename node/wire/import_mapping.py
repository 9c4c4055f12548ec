"""How a file of somebody else's says what a registry holds: a mapping, declared in TOML.

```toml
encoding = "windows-1252"
delimiter = ";"
date_formats = ["%d.%m.%Y"]
ignore_others = true

[columns]            # ours = theirs
number = "Nr"

[constants]          # ours = what stands in every row
language = "de"

[codes.status]       # theirs = ours
"gültig" = "active"
```
"""

import codecs
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from node.errors import Code, Refusal
from node.wire.rows import COLUMN_SET

DELIMITERS: Final = ",;\t|"
DETECT: Final = "detect"
DATES: Final = ("birth_date", "awarded_on", "expires_on", "valid_from")
_DIRECTIVES: Final = re.compile(r"%(.?)")
_DIRECTIVES_OF_A_DAY: Final = ["Y", "d", "m"]


class ColumnMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """How to read a file.

    Attributes:
        encoding: as Python names it; empty: UTF-8 or UTF-16, as the file shows; `detect`: the
            likeliest one.
        delimiter: of CSV; empty: the one that the header uses most.
        date_formats: as `strptime` has them, of day, month and year with its century, beside
            YYYY-MM-DD.
        ignore_others: whether columns that are not known are passed over.
        columns: what the file calls a column, by our name.
        constants: what stands in a column that the file does not have, for every row.
        codes: for a column, our value by the file's; others stay as they are.
    """

    encoding: str = ""
    delimiter: str = ""
    date_formats: tuple[str, ...] = ()
    ignore_others: bool = False
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    codes: dict[str, dict[str, str]] = {}

    @property
    def is_plain(self) -> bool:
        """Whether values stand in a file as they are to be read."""
        return not (self.date_formats or self.columns or self.constants or self.codes)

    def theirs(self) -> dict[str, str]:
        """Return our names of columns by the file's; those that it shares with us are left out."""
        return {theirs: ours for ours, theirs in self.columns.items()}

    def translated(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return a row under our names, with constants, codes and days as we have them."""
        found: dict[str, object] = {**values, **self.constants}
        for column, ours in self.codes.items():
            said = found.get(column)
            if isinstance(said, str):
                found[column] = ours.get(said.strip(), said)
        if self.date_formats:
            for column in DATES:
                said = found.get(column)
                if isinstance(said, str) and column not in self.constants:
                    found[column] = _day(said.strip(), self.date_formats)
        return found


PLAIN: Final = ColumnMapping()


def read_mapping(content: bytes) -> ColumnMapping:
    """Read a mapping file.

    Raises:
        Refusal: MALFORMED with the key that is wrong.
    """
    try:
        mapping = msgspec.toml.decode(content, type=ColumnMapping)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(Code.MALFORMED, f"mapping: {error}") from None
    return checked_mapping(mapping)


def checked_mapping(mapping: ColumnMapping) -> ColumnMapping:
    """Return a mapping that can be worked with.

    Raises:
        Refusal: MALFORMED with the key that is wrong.
    """
    for key in ("columns", "constants", "codes"):
        unknown = sorted(getattr(mapping, key).keys() - COLUMN_SET)
        if unknown:
            raise Refusal(
                Code.MALFORMED, f"mapping: {key}: {unknown[0]!r} is no column of a registry file"
            )
    if both := sorted(mapping.columns.keys() & mapping.constants.keys()):
        raise Refusal(Code.MALFORMED, f"mapping: {both[0]} is both a column and a constant")
    if len(mapping.theirs()) != len(mapping.columns):
        raise Refusal(Code.MALFORMED, "mapping: columns: one column of the file is named twice")
    if mapping.delimiter and mapping.delimiter not in DELIMITERS:
        raise Refusal(Code.MALFORMED, "delimiter: must be comma, semicolon, tab or bar")
    if mapping.encoding not in {"", DETECT} and not _is_text_encoding(mapping.encoding):
        raise Refusal(
            Code.MALFORMED, "encoding: must be one that is known, like windows-1252, or 'detect'"
        )
    for form in mapping.date_formats:
        if sorted(_DIRECTIVES.findall(form)) != _DIRECTIVES_OF_A_DAY:
            raise Refusal(
                Code.MALFORMED,
                "mapping: date_formats: must have %d, %m and %Y once each, like %d.%m.%Y",
            )
    return mapping


def _is_text_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


@lru_cache(maxsize=1 << 16)
def _day(said: str, formats: tuple[str, ...]) -> str:
    """Return a day as YYYY-MM-DD; what is none, or two different days, as it came."""
    if not said.isascii():
        return said
    days = {day for form in formats if (day := _read(said, form))}
    return days.pop() if len(days) == 1 else said if not days else f"{said} (ambiguous)"


def _read(said: str, form: str) -> str:
    try:
        return datetime.strptime(said, form).date().isoformat()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return ""
