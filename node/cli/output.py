"""What every command says, and how: one JSON object or words for people.

Answers go to stdout; refusals, progress and the log to stderr. With `--json` stdout holds exactly
one object, a refusal's included. Colour and progress are for terminals only.

Exit status:

0  done, PASS, confirmed
1  a "no": not confirmed, revoked …, FAIL, rows left out
2  wrong usage or malformed input
3  refused: untrusted, unauthenticated, in conflict, unknown
4  not now: busy, stale, peer silent, still open, INDETERMINATE
5  a defect of this program
130  interrupted; 141 where nobody read on
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from node.errors import Code, Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

DONE: Final = 0
NO: Final = 1
MALFORMED: Final = 2
REFUSED: Final = 3
NOT_NOW: Final = 4
DEFECT: Final = 5
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

EXIT_STATUS: Final[dict[Code, int]] = {
    Code.MALFORMED: MALFORMED,
    Code.UNAUTHENTICATED: REFUSED,
    Code.UNTRUSTED: REFUSED,
    Code.UNKNOWN: REFUSED,
    Code.ERASED: REFUSED,
    Code.CONFLICT: REFUSED,
    Code.PEER_FALSE: REFUSED,
    Code.BUSY: NOT_NOW,
    Code.STALE: NOT_NOW,
    Code.PEER_SILENT: NOT_NOW,
    Code.DEFECT: DEFECT,
}

_WIDE: Final = 400
_NAMES: Final = {
    "level_eqf": "EQF level",
    "level_national": "National level",
    "level_aqrf": "AQRF level",
    "level_sadcqf": "SADCQF level",
    "level_cvq": "CVQ level",
    "esco": "ESCO",
    "isced_f": "ISCED-F",
}
_OF_WORDS: Final = {"award_type", "assessment_method"}

Show = Callable[["Console"], None]


def give(as_json: bool, content: Mapping[str, Any], show: Show) -> None:
    """Print a command's answer: its content as one JSON object, or what `show` makes of it."""
    if as_json:
        print_json(content)
        return
    from rich.console import Console

    # A file or a pipe gets whole lines: what reads on wraps by itself.
    show(Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE))


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object on a line of its own, at once."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(content).decode() + "\n")
    sys.stdout.flush()


def tell(sentence: str) -> None:
    """Say something beside the answer, on stderr."""
    sys.stderr.write(f"symbolon: {sentence}\n")


def refuse(refusal: Refusal, *, as_json: bool) -> int:
    """Print a refusal and return the exit status that stands for it."""
    if as_json:
        print_json(
            {
                "code": refusal.code.value,
                "reason": refusal.reason,
                "retry_after_s": refusal.retry_after_s,
            }
        )
    else:
        code = refusal.code.value
        if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
            code = f"\x1b[1;31m{code}\x1b[0m"
        sys.stderr.write(f"symbolon: {code}: {refusal.reason}\n")
    return EXIT_STATUS[refusal.code]


@contextmanager
def progress(as_json: bool) -> Iterator[Callable[[str, int], None]]:
    """Show how far work is; yields what is to be told a stage and how many are done.

    It may be told from any thread. Without a terminal on stderr nothing is shown.
    """
    if as_json or not sys.stderr.isatty():
        yield lambda _stage, _count: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f}", justify="right"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def told(stage: str, count: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None)
            bars.update(tasks[stage], completed=count)

        yield told


def pairs(rows: Sequence[tuple[str, object]]) -> "Table":
    """Return names and values side by side; what is None or empty is left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value not in {None, ""}:
            table.add_row(name, value if isinstance(value, Text) else Text(str(value)))
    return table


def columns(names: Sequence[str], rows: Sequence[Sequence[object]]) -> "Table":
    """Return a table with a heading; nothing in it is read as markup."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return table


def words(name: str) -> str:
    """Return a field's or member's name as people write it: HOLDER_NAME → Holder name."""
    if known := _NAMES.get(name.lower()):
        return known
    text = name.lower().replace("_", " ").replace("isco08", "ISCO-08")
    return text[:1].upper() + text[1:]


def field_rows(fields: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return a credential's fields as people read them, a row for each value; not its units."""
    return [
        (words(name), one.replace("_", " ") if name in _OF_WORDS else one)
        for name, value in fields.items()
        if name != "units"
        for one in (value if isinstance(value, list) else [value])
    ]


def moment(at: int) -> "datetime":
    """Return microseconds UTC as a datetime, at most the last one that there is."""
    from datetime import UTC, datetime, timedelta

    latest_us = 253_402_300_799_999_999
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=min(at, latest_us))


def in_words(at: int) -> str:
    """Return microseconds UTC as people read it, to the second."""
    return moment(at).strftime("%Y-%m-%d %H:%M:%S UTC")
