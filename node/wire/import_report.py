"""Rejected rows as a file to be corrected and fed back: columns as they came, and `reason`.

What a spreadsheet program would take for a formula gets an apostrophe before it, and loses it when
the file is fed back. Both ways are one-to-one, so a name that begins with an apostrophe stays.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TextIO

from node.wire.rows import Fault

REASON: Final = "reason"
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - programs take them so
_DISARMED: Final = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001


def disarmed(cell: str) -> str:
    """Return a cell that no program runs."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def rearmed(cell: str) -> str:
    """Return what `disarmed` was given."""
    return cell[1:] if _DISARMED.match(cell) else cell


def write_rejected(
    stream: TextIO, rejected: Iterable[tuple[int, Mapping[str, object], Sequence[Fault]]]
) -> None:
    """Write rows with their numbers in the file that they came in, and what is wrong with them.

    The columns are those of the first row.
    """
    writer: csv.DictWriter[str] | None = None
    for row, came, faults in rejected:
        if writer is None:
            writer = csv.DictWriter(stream, [*came, REASON], extrasaction="ignore")
            writer.writerow({column: disarmed(column) for column in (*came, REASON)})
        reason = "; ".join(f"{fault.field}: {fault.reason}" for fault in faults)
        cells = {column: disarmed(_cell(value)) for column, value in came.items()}
        writer.writerow({**cells, REASON: disarmed(f"row {row}: {reason}")})


def _cell(value: object) -> str:
    """Return a value as a cell of CSV spells it; lists of JSON have bars between their items."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " | ".join(_cell(item) for item in value)
    if isinstance(value, dict):
        return " ".join(_cell(item) for item in value.values())
    return str(value)
