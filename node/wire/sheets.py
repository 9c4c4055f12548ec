"""Registry files as people export them: CSV and JSON, read row by row.

CSV is RFC 4180 with a header; separated by comma, semicolon or tab, whichever the header uses.
JSON is one array of objects, or one object on each line. Both are UTF-8, with or without BOM.

A file that cannot be read is refused with the line. A row that cannot be read, or that holds no
credential, is unfit: its faults name the field and the reason, and never repeat a value.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from enum import IntEnum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, BinaryIO, Final, NamedTuple, NoReturn, TextIO, cast

import msgspec
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.credential import (
    AssessmentMethod,
    AwardType,
    Credential,
    Status,
    Unit,
    checked,
)

COLUMNS: Final = Credential.__struct_fields__
"""The columns of a CSV file and the keys of a JSON object."""

OPTIONAL: Final = frozenset({"expires_on", "units"})
"""May be empty; a JSON object may also leave them out."""

LINE_SIZE_MAX_BYTES: Final = 1 << 20
_UNITS_SIZE_MAX_BYTES: Final = 48 * 1024  # a statement has 64 KiB, for all of a credential
_DELIMITERS: Final = ",;\t"
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMERAL: Final = re.compile(r"[0-9]{1,4}")
_OFFSET: Final = re.compile(r"\(byte ([0-9]+)\)")
_JSON_SPACE: Final = b" \t\r\n"


class Fault(NamedTuple):
    """What is wrong with one field of a row; `field` is "row" where it is the row as a whole."""

    field: str
    reason: str


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        number: for CSV the line that the row begins on, for JSON the element; both from 1.
        values: by column, as they stand in the file.
        faults: why the row could not be read; its values are then not to be used.
    """

    number: int
    values: Mapping[str, object]
    faults: tuple[Fault, ...] = ()


class Unfit(Refusal):
    """A row that holds no credential (MALFORMED), with everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Refuse with all faults of the row, at least one."""
        super().__init__(
            Code.MALFORMED, "; ".join(f"{fault.field}: {fault.reason}" for fault in faults)
        )
        self.faults = tuple(faults)


def open_sheet(name: str, stream: BinaryIO) -> Iterator[Row]:
    """Read a registry file as its name says, else as its first character says.

    Raises:
        Refusal: MALFORMED, while reading, as `read_csv` and `read_json` do.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in {".csv", ".tsv"}:
        return read_csv(stream)
    if suffix in {".json", ".jsonl", ".ndjson"}:
        return read_json(stream)
    data = stream.read()
    first = data.removeprefix(codecs.BOM_UTF8).lstrip(_JSON_SPACE)[:1]
    read = read_json if first in {b"[", b"{"} else read_csv
    return read(io.BytesIO(data))


# --- CSV -----------------------------------------------------------------------------------


class _Lines:
    """The physical lines of a file as text; remembers the one last read."""

    def __init__(self, stream: BinaryIO | TextIO) -> None:
        self._stream = stream
        self._number = 0
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(LINE_SIZE_MAX_BYTES)
        if not line:
            raise StopIteration
        self._number += 1
        if len(line) == LINE_SIZE_MAX_BYTES:
            raise Refusal(
                Code.MALFORMED, f"line {self._number}: longer than {LINE_SIZE_MAX_BYTES} bytes"
            )
        if isinstance(line, bytes):
            try:
                line = line.decode()
            except UnicodeDecodeError as error:
                _refuse_encoding(self._number, error)
        if self._number == 1:
            line = line.removeprefix("\ufeff")
        self.last = line
        return line


def read_csv(stream: BinaryIO | TextIO) -> Iterator[Row]:
    """Read a CSV file; blank rows are passed over.

    Raises:
        Refusal: MALFORMED, while reading, where the header lacks, doubles or does not know a
            column, where the text is not UTF-8, or where quotes do not match; with the line.
    """
    lines = _Lines(stream)
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)
    header = _header(first, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _broken_row(number, number == reader.line_num + 1, lines.last, error)
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        if len(cells) != len(header):
            reason = f"has {len(cells)} columns, the header has {len(header)}"
            yield Row(number, {}, (Fault("row", reason),))
            continue
        yield Row(number, dict(zip(header, cells, strict=True)))


def _header(line: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise Refusal(Code.MALFORMED, f"line 1: the header is not CSV: {error}") from None
    header = [cell.strip() for cell in cells]
    wrong = {
        "missing": [column for column in COLUMNS if column not in header],
        "unknown": sorted({column for column in header if column not in COLUMNS}),
        "doubled": [column for column in COLUMNS if header.count(column) > 1],
    }
    if any(wrong.values()):
        named = "; ".join(
            f"{kind}: {', '.join(repr(column[:64]) for column in columns[:20])}"
            for kind, columns in wrong.items()
            if columns
        )
        raise Refusal(
            Code.MALFORMED,
            f"line 1: the columns are wrong ({named}); the known columns are {', '.join(COLUMNS)}",
        )
    return header


def _broken_row(number: int, one_line: bool, line: str, error: csv.Error) -> Row:  # noqa: FBT001
    """Give up one row where it is sure that the next line begins another, else the file."""
    if "field limit" not in str(error):
        raise Refusal(Code.MALFORMED, f"line {number}: the row is not CSV: {error}") from None
    if one_line and line.count('"') % 2 == 0:
        reason = f"a field is longer than {csv.field_size_limit()} characters"
        return Row(number, {}, (Fault("row", reason),))
    raise Refusal(
        Code.MALFORMED,
        f"line {number}: a quoted field that begins here does not end within "
        f"{csv.field_size_limit()} characters; look for a quote that is not closed",
    ) from None


# --- JSON ----------------------------------------------------------------------------------


def read_json(stream: BinaryIO | TextIO) -> Iterator[Row]:
    """Read a JSON array of objects, or JSON Lines, one object each; blank lines are passed over.

    Raises:
        Refusal: MALFORMED, while reading, where the text is not UTF-8 or not JSON; with the line.
    """
    content = stream.read()
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        _refuse_encoding(data.count(b"\n", 0, error.start) + 1, error)
    if data.lstrip(_JSON_SPACE)[:1] == b"[":
        elements: Iterator[object] = iter(_decode(data, 1))
    else:
        elements = (
            _decode(line, number)
            for number, line in enumerate(data.split(b"\n"), start=1)
            if line.strip(_JSON_SPACE)
        )
    for number, element in enumerate(elements, start=1):
        yield _element(number, element)


def _decode(data: bytes, line: int) -> Any:  # noqa: ANN401 - any JSON may come
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        found = _OFFSET.search(str(error))
        end = int(found[1]) if found else len(data.rstrip(_JSON_SPACE))
        line += data.count(b"\n", 0, end)
        raise Refusal(
            Code.MALFORMED,
            f"line {line}: {_OFFSET.sub('', str(error)).strip()}; "
            "a file holds one array of objects, or one object on each line",
        ) from None
    except RecursionError:
        raise Refusal(Code.MALFORMED, f"line {line}: the JSON is nested too deeply") from None


def _element(number: int, element: object) -> Row:
    if not isinstance(element, dict):
        return Row(number, {}, (Fault("row", "is not a JSON object"),))
    values = cast("dict[str, object]", element)
    if not values.keys() <= _COLUMN_SET:
        reason = f"has a key that is not known; the known keys are {', '.join(COLUMNS)}"
        return Row(number, values, (Fault("row", reason),))
    return Row(number, values)


# --- rows ----------------------------------------------------------------------------------


def parse_credential(values: Mapping[str, object]) -> Credential:
    """Read a row's values as a credential: texts stripped and in Unicode normal form C.

    Raises:
        Unfit: with every field that is missing or wrong.
    """
    faults: list[Fault] = []
    parsed: dict[str, Any] = {}
    for column, read in _READERS.items():
        value = values.get(column)
        try:
            parsed[column] = read(value)
        except ValueError as error:
            missing = value is None or (isinstance(value, str) and not value.strip())
            faults.append(Fault(column, "is missing" if missing else str(error)))
    if faults:
        _add_faults(faults, Credential(**{**_FITTING, **parsed}))
        raise Unfit(faults)
    credential = Credential(**parsed)
    try:
        return checked(credential)
    except Refusal:
        _add_faults(faults, credential)
        raise Unfit(faults) from None


def _add_faults(faults: list[Fault], credential: Credential) -> None:
    """Find everything that `checked` would refuse, by mending one fault after the other."""
    while True:
        try:
            checked(credential)
        except Refusal as refusal:
            name, _, reason = refusal.reason.partition(": ")
            column, _, part = name.partition(".")
            if getattr(credential, column) == "":
                reason = "is missing"
            faults.append(Fault(column, f"{part}: {reason}" if part else reason))
            credential = replace(credential, **{column: _FITTING[column]})
            if column == "awarded_on":  # what is measured against it cannot be judged
                credential = replace(credential, expires_on=None)
        else:
            return


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError("must be a text, in quotes")
    value = value.strip()
    return value if value.isascii() else unicodedata.normalize("NFC", value)


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
    if type(value) is int:
        return value
    if type(value) is str:
        text = value.strip()
        if _NUMERAL.fullmatch(text):
            return int(text)
    raise ValueError("must be a whole number, like 4")


def _one_of(kind: type[IntEnum]) -> Callable[[object], IntEnum]:
    members = {member.name.lower(): member for member in kind}
    expected = f"must be one of {', '.join(members)}"

    def read(value: object) -> IntEnum:
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


def _refuse_encoding(line: int, error: UnicodeDecodeError) -> NoReturn:
    raise Refusal(
        Code.MALFORMED,
        f"line {line}: the text is not UTF-8 (byte 0x{error.object[error.start]:02x}); "
        "export the file again as UTF-8",
    ) from None


_COLUMN_SET: Final = frozenset(COLUMNS)
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
}
