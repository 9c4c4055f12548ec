"""Tables of labels, by which a node shows codes in words: CSV with a header, in UTF-8."""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from node.errors import Code, Refusal
from node.model.bounds import text
from node.model.codes import require_language

COLUMNS: Final = ("scheme", "code", "language", "label")
"""What the header names, in this order."""


class Label(NamedTuple):
    """What a code of a scheme means, in one language (ISO 639).

    The scheme is the name of a field (isco08, isced_f, language, level_national), or country and
    scheme of a national code, like FR RNCP.
    """

    scheme: str
    code: str
    language: str
    label: str


def read_labels(stream: BinaryIO) -> Iterator[Label]:
    """Read a table of labels, and close its stream.

    Raises:
        Refusal: MALFORMED, while reading, with the line.
    """
    with io.TextIOWrapper(stream, "utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, strict=True)
        try:
            header = next(reader, [])
            if header != list(COLUMNS):
                raise Refusal(Code.MALFORMED, f"line 1: the columns must be {','.join(COLUMNS)}")
            for cells in reader:
                if cells:
                    yield _label(cells, reader.line_num)
        except UnicodeDecodeError:
            raise Refusal(Code.MALFORMED, "the text is not UTF-8") from None
        except csv.Error as error:
            at = reader.line_num
            raise Refusal(Code.MALFORMED, f"line {at}: is not CSV: {error}") from None


def _label(cells: list[str], line: int) -> Label:
    if len(cells) != len(COLUMNS):
        raise Refusal(Code.MALFORMED, f"line {line}: has {len(cells)} columns, not {len(COLUMNS)}")
    label = Label(*map(str.strip, cells))
    try:
        text(label.scheme, "scheme", 80)
        text(label.code, "code", 64)
        require_language(label.language, "language")
        text(label.label, "label", 300)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"line {line}: {refusal.reason}") from None
    return label
