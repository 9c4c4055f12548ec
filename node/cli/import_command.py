"""`registry import`: bring in records, and the report that a registrar works from."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

from node.cli.context import Json, act, read_bounded, replace_file
from node.cli.life_commands import As, person
from node.cli.output import MALFORMED, NO, columns, give, progress
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.flows.import_staging import Rejected
    from node.flows.registry import ImportReport, Rejection
    from node.store.import_files import ImportOrder
    from node.wire.import_mapping import ColumnMapping

_SHOWN_MAX: Final = 20
_MAPPING_SIZE_MAX_BYTES: Final = 1 << 16
_STAGES: Final = {"checked": "Rows checked", "written": "Credentials written"}
_DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "pipe": "|"}


File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON; - for standard input.")]
Mapping = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        metavar="TOML",
        help="What the file calls its columns, its date formats, constants and codes.",
    ),
]
Encoding = Annotated[
    str, typer.Option(help="Like windows-1252; 'detect': the likeliest.", show_default="Unicode")
]
Delimiter = Annotated[
    str, typer.Option(help="comma, semicolon, tab or bar.", show_default="as the header has")
]
Reason = Annotated[
    str, typer.Option(help="Let rows amend what the registry says, for this reason.")
]
KeepGood = Annotated[
    bool, typer.Option("--keep-good", help="Take the good rows though others are rejected.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where an import of this file was cut off.")
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        dir_okay=False,
        help="Write rejected rows with their reasons here, as CSV that can be fed back.",
    ),
]


def import_(
    context: typer.Context,
    file: File,
    *,
    mapping_file: Mapping = None,
    encoding: Encoding = "",
    delimiter: Delimiter = "",
    reason: Reason = "",
    keep_good: KeepGood = False,
    dry_run: DryRun = False,
    resume: Resume = False,
    report_file: Report = None,
    role: As = "registrar",
    as_json: Json = False,
) -> None:
    """Bring in records, row by row: all of them or, with --keep-good, those that are right.

    Rows that say what the registry says already change nothing, so a file can be brought in
    again. Exit status 2 where rejected rows held the file back, 1 where some were left out.
    """
    from node.store.import_files import ImportOrder

    mapping = read_mapping_file(mapping_file, encoding, delimiter)
    order = ImportOrder(person(role), mapping, keep_good, reason, dry_run, resume)
    with opened(file) as stream, progress(as_json) as told:
        report, took_s = act(
            context,
            lambda node: _import(node, file.name, stream, order, told, report_file),
            stating=True,
        )
    finish(report, order, report_file, took_s, as_json=as_json)


def finish(
    report: "ImportReport",
    order: "ImportOrder",
    report_file: Path | None,
    took_s: float,
    *,
    as_json: bool,
) -> None:
    """Say what an import did, and end with its exit status."""
    held_back = bool(report.rejected_rows) and (not order.keep_good or bool(report.contradictory))
    give(
        as_json,
        {
            "written": report.written,
            "dry_run": order.dry_run,
            "accepted": report.accepted,
            "amended": report.amended,
            "unchanged": report.unchanged,
            "unchecked": report.unchecked,
            "rejected_rows": report.rejected_rows,
            "contradictory": report.contradictory,
            "rejected": [_rejection(rejection) for rejection in report.rejected],
            "took_s": took_s,
        },
        lambda console: _show_report(console, report, report_file, held_back=held_back),
    )
    if held_back:
        raise typer.Exit(MALFORMED)
    if report.rejected_rows:
        raise typer.Exit(NO)


def read_mapping_file(
    file: Path | None, encoding: str = "", delimiter: str = ""
) -> "ColumnMapping":
    """Read a mapping file, and put what else was said in its place.

    Raises:
        Refusal: MALFORMED with what is wrong.
    """
    from msgspec.structs import replace

    from node.wire.import_mapping import PLAIN, checked_mapping, read_mapping

    mapping = PLAIN
    if file is not None:
        try:
            content = read_bounded(file, _MAPPING_SIZE_MAX_BYTES)
        except OSError as error:
            raise Refusal(Code.MALFORMED, f"--mapping: {file}: {error.strerror}") from None
        if len(content) > _MAPPING_SIZE_MAX_BYTES:
            reason = f"--mapping: longer than {_MAPPING_SIZE_MAX_BYTES} bytes"
            raise Refusal(Code.MALFORMED, reason)
        mapping = read_mapping(content)
    return checked_mapping(
        replace(
            mapping,
            encoding=encoding or mapping.encoding,
            delimiter=_DELIMITERS.get(delimiter, delimiter) or mapping.delimiter,
        )
    )


async def _import(  # noqa: PLR0917 - called in one place
    node: "OpenedNode",
    name: str,
    stream: BinaryIO,
    order: "ImportOrder",
    told: Callable[[str, int], None],
    report_file: Path | None,
) -> "tuple[ImportReport, float]":
    """Import, and on an interruption undo it: what is being written in its thread gives up.

    Returns the report and the seconds of the import, without the start of the program.
    """
    import asyncio
    from time import perf_counter

    interrupted = False

    def tell(stage: str, count: int) -> None:
        if interrupted:
            raise KeyboardInterrupt
        told(_STAGES[stage], count)

    def keep(rejected: "Iterator[Rejected]") -> None:
        if report_file is not None:
            replace_file(report_file, lambda fresh: write_report(fresh, rejected))

    started_s = perf_counter()
    try:
        report = await node.imports.bring_in(name, stream, order, tell, keep)
    except asyncio.CancelledError:
        interrupted = True
        raise
    return report, perf_counter() - started_s


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Open a file that a command names; - is standard input.

    Raises:
        Refusal: MALFORMED where it cannot be opened.
    """
    if str(file) == "-":
        yield io.BytesIO(sys.stdin.buffer.read())  # before a loop runs, which would hold up Ctrl-C
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise Refusal(Code.MALFORMED, f"FILE: {file}: {error.strerror}") from None
    with stream:
        yield stream


def _rejection(rejection: "Rejection") -> dict[str, object]:
    return {"row": rejection.row, "field": rejection.field, "reason": rejection.reason}


def write_report(path: Path, rejected: "Iterator[Rejected]") -> None:
    """Write rejected rows, to be mended and fed back."""
    from node.wire.import_report import write_rejected

    with path.open("w", encoding="utf-8", newline="") as file:
        write_rejected(file, rejected)


def _show_report(
    console: "Console", report: "ImportReport", report_file: Path | None, *, held_back: bool
) -> None:
    rejected = report.rejected
    if rejected:
        rows = [(one.row, one.field, one.reason) for one in rejected[:_SHOWN_MAX]]
        console.print(columns(("Row", "Field", "Reason"), rows))
        if report.rejected_rows > len({row for row, *_ in rows}) or len(rejected) > _SHOWN_MAX:
            console.print("  and more\n")
    amended = f"{report.amended:,} amended, " if report.amended else ""
    counts = (
        f"{report.accepted:,} new, {amended}{report.unchanged:,} unchanged, "
        f"{report.rejected_rows:,} rejected"
    )
    if report.written:
        changed = report.accepted or report.amended
        end = "all of that is in the registry" if changed else "nothing to write"
        console.print(f"[bold green]✓[/] {counts}; {end}")
    elif held_back:
        console.print(f"[bold red]✗[/] {counts}; nothing was written")
        if report.contradictory:
            console.print("  Rows that contradict each other have to be mended first")
        else:
            console.print("  Mend these rows, or take the others with --keep-good")
    else:
        console.print(f"[bold green]✓[/] {counts}; a dry run: nothing was written")
    for sentence in report.unchecked:
        console.print(f"[bold yellow]![/] {sentence}")
    if report_file is not None:
        console.print(f"  Rejected rows, to be mended and fed back: {report_file}", markup=False)
    elif len(rejected) > _SHOWN_MAX:
        console.print("  --report FILE writes all of them")
