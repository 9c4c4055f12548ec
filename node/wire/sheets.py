"""Registry files as people export them: CSV and JSON, read row by row.

CSV is RFC 4180 with a header; separated by comma, semicolon, tab or bar, whichever the header uses.
JSON is one array of objects, or one object on each line. Both are UTF-8 or UTF-16, or what a
mapping says. CSV and JSON Lines are read as they come, an array as a whole.

A file that cannot be read is refused with the line; a row that cannot be read has faults. What a
row holds is read by `rows`.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import PurePath
from typing import Any, BinaryIO, Final, NamedTuple, NoReturn, TextIO, cast

import msgspec

from node.errors import Code, Refusal
from node.wire.import_encoding import (
    as_text,
    likely_encoding,
    proposed_encodings,
    shown_encoding,
)
from node.wire.import_mapping import DELIMITERS, DETECT, PLAIN, ColumnMapping
from node.wire.import_report import REASON, rearmed
from node.wire.rows import COLUMN_SET, COLUMNS, REQUIRED, Fault

LINE_SIZE_MAX_BYTES: Final = 1 << 20
_OFFSET: Final = re.compile(r"\(byte ([0-9]+)\)")
_JSON_SPACE: Final = b" \t\r\n"


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        number: for CSV the line that the row begins on, for JSON the element; both from 1.
        values: by column, as they stand in the file.
        faults: why the row could not be read; its values are then not to be used.
        came: by the file's own columns, where that is something else than `values`.
    """

    number: int
    values: Mapping[str, object]
    faults: tuple[Fault, ...] = ()
    came: Mapping[str, object] | None = None


def open_sheet(name: str, stream: BinaryIO, mapping: ColumnMapping = PLAIN) -> Iterator[Row]:
    """Read a registry file as its name says, else as its first character says.

    Raises:
        Refusal: MALFORMED, while reading, as `read_csv` and `read_json` do; at once where the
            encoding cannot be detected.
    """
    if not stream.seekable():
        stream = io.BytesIO(stream.read())
    encoding = mapping.encoding or shown_encoding(stream)
    if encoding == DETECT:
        encoding = likely_encoding(stream)
    if codecs.lookup(encoding).name == "utf-8":
        return _read(name, stream, mapping)
    return _read_text(name, as_text(stream, encoding), mapping)


def _read_text(name: str, text: io.TextIOWrapper, mapping: ColumnMapping) -> Iterator[Row]:
    try:
        yield from _read(name, text, mapping)
    finally:
        text.detach()  # the stream below is the caller's to close


def _read(name: str, stream: BinaryIO | TextIO, mapping: ColumnMapping) -> Iterator[Row]:
    suffix = PurePath(name).suffix.lower()
    if suffix in {".csv", ".tsv"}:
        return read_csv(stream, mapping)
    if suffix in {".json", ".jsonl", ".ndjson"}:
        return read_json(stream, mapping)
    content = b"".join(_json_lines(stream))
    first = content.removeprefix(codecs.BOM_UTF8).lstrip(_JSON_SPACE)[:1]
    read = read_json if first in {b"[", b"{"} else read_csv
    return read(io.BytesIO(content), mapping)


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
        line = _next_line(self._stream, self._number + 1, LINE_SIZE_MAX_BYTES)
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
                _refuse_encoding(self._number, error, self._proposed())
        if self._number == 1:
            line = line.removeprefix("\ufeff")
        self.last = line
        return line

    def _proposed(self) -> list[str]:
        stream = self._stream
        if isinstance(stream, io.TextIOBase) or not stream.seekable():
            return []
        return proposed_encodings(cast("BinaryIO", stream))


def read_csv(stream: BinaryIO | TextIO, mapping: ColumnMapping = PLAIN) -> Iterator[Row]:
    """Read a CSV file; blank rows are passed over.

    One whose last column is `reason` is a report of rejected rows, corrected: that column is passed
    over, and the apostrophes that stand before what looks like formulas are taken off.

    Raises:
        Refusal: MALFORMED, while reading, where the header lacks, doubles or does not know a
            column, where the text is not UTF-8, or where quotes do not match; with the line.
    """
    lines = _Lines(stream)
    first = next(lines, "")
    delimiter = mapping.delimiter or _delimiter(first)
    named = _cells(first, delimiter)
    header = _header(named, mapping)
    is_report, is_plain = named[-1:] == [REASON], mapping.is_plain and not mapping.ignore_others
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader, None)
        except csv.Error as error:
            broken = _broken_row(number, number == reader.line_num + 1, lines.last, error)
            yield broken._replace(came=_aligned(named, [""], delimiter))
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        if is_report:
            cells = [rearmed(cell) for cell in cells]
        if len(cells) != len(named):
            reason = f"has {len(cells)} columns, the header has {len(named)}"
            yield Row(number, {}, (Fault("row", reason),), _aligned(named, cells, delimiter))
        elif is_plain and not is_report:
            yield Row(number, dict(zip(named, cells, strict=True)))
        else:
            came = dict(zip(named, cells, strict=True))
            values = {ours: came[theirs] for theirs, ours in header.items()}
            if is_report:
                del came[REASON]
            yield Row(number, mapping.translated(values), (), came)


def _delimiter(header: str) -> str:
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _aligned(named: list[str], cells: list[str], delimiter: str) -> dict[str, str]:
    """Return all cells of a row with too many or too few, as far as can be by column."""
    named = [name for name in named if name != REASON]
    more = cells[len(named) - 1 :]
    cells = [*cells[: len(named) - 1], delimiter.join(more)]
    return dict(zip(named, cells + [""] * len(named), strict=False))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise Refusal(Code.MALFORMED, f"line 1: the header is not CSV: {error}") from None
    return [cell.strip() for cell in cells]


def _header(named: list[str], mapping: ColumnMapping) -> dict[str, str]:
    """Return our names of the columns by the file's."""
    if named[-1:] == [REASON]:
        named = named[:-1]
    theirs = mapping.theirs()
    renamed = [theirs.get(name, "" if name in mapping.columns else name) for name in named]
    header = [column for column in renamed if column not in mapping.constants]
    if mapping.ignore_others:
        header = [column for column in header if column in COLUMN_SET]
    there = {*header, *mapping.constants}
    wrong = {
        "missing": [
            repr(mapping.columns.get(column, column)) for column in REQUIRED if column not in there
        ],
        "unknown": sorted({repr(column[:64]) for column in header if column not in COLUMNS}),
        "doubled": [repr(column) for column in COLUMNS if header.count(column) > 1],
    }
    if any(wrong.values()):
        listed = "; ".join(
            f"{kind}: {', '.join(columns[:20])}" for kind, columns in wrong.items() if columns
        )
        raise Refusal(
            Code.MALFORMED,
            f"line 1: the columns are wrong ({listed}); the known columns are {', '.join(COLUMNS)}",
        )
    return {name: ours for name, ours in zip(named, renamed, strict=True) if ours in set(header)}


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


def read_json(stream: BinaryIO | TextIO, mapping: ColumnMapping = PLAIN) -> Iterator[Row]:
    """Read a JSON array of objects, or JSON Lines, one object each; blank lines are passed over.

    Raises:
        Refusal: MALFORMED, while reading, where the text is not UTF-8 or not JSON; with the line.
    """
    lines = enumerate(_json_lines(stream), start=1)
    number, line = next(((at, one) for at, one in lines if one.strip(_JSON_SPACE)), (1, b""))
    if line.lstrip(_JSON_SPACE)[:1] == b"[":
        data = b"\n" * (number - 1) + line + b"".join(rest for _, rest in lines)
        elements: Iterator[object] = iter(_decode(data, 1))
    else:
        elements = (
            _decode(one, at)
            for at, one in chain(((number, line),), lines)
            if one.strip(_JSON_SPACE)
        )
    for element_number, element in enumerate(elements, start=1):
        yield _element(element_number, element, mapping)


def _json_lines(stream: BinaryIO | TextIO) -> Iterator[bytes]:
    number = 0
    while line := _next_line(stream, number + 1):
        number += 1
        data = line.encode(errors="surrogatepass") if isinstance(line, str) else line
        if number == 1:
            data = data.removeprefix(codecs.BOM_UTF8)
        try:
            data.decode()
        except UnicodeDecodeError as error:
            _refuse_encoding(number, error)
        yield data


def _next_line(stream: BinaryIO | TextIO, number: int, size: int = -1) -> bytes | str:
    try:
        return stream.readline(size)
    except UnicodeError:
        raise Refusal(
            Code.MALFORMED, f"line {number}, or soon after: the text is not in that encoding"
        ) from None


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


def _element(number: int, element: object, mapping: ColumnMapping) -> Row:
    if not isinstance(element, dict):
        return Row(number, {}, (Fault("row", "is not a JSON object"),), dict.fromkeys(COLUMNS))
    came = cast("dict[str, object]", element)
    theirs = mapping.theirs()
    values = {theirs.get(name, name): value for name, value in came.items()} if theirs else came
    if mapping.ignore_others:
        values = {name: value for name, value in values.items() if name in COLUMN_SET}
    if not values.keys() <= COLUMN_SET:
        reason = f"has a key that is not known; the known keys are {', '.join(COLUMNS)}"
        return Row(number, values, (Fault("row", reason),), came)
    if not mapping.is_plain:
        values = mapping.translated(values)
    return Row(number, values, (), came)


def _refuse_encoding(
    line: int, error: UnicodeDecodeError, proposed: Sequence[str] = ()
) -> NoReturn:
    byte = error.object[error.start]
    may_be = f"it may be {', '.join(proposed)}: say which it is, or " if proposed else ""
    raise Refusal(
        Code.MALFORMED,
        f"line {line}: the text is not UTF-8 (byte 0x{byte:02x}); {may_be}"
        "export the file again as UTF-8",
    ) from None
