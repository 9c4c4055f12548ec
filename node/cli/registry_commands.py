"""`registry`: the authority's work on its own credential records."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from node.cli.context import Json, Number, act, add, add_group, replace_file
from node.cli.output import MALFORMED, NO, columns, field_rows, give, pairs, progress
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.flows.ports import Recorded
    from node.flows.registry import ImportReport, Rejection
    from node.model.credential import Credential, Status

_SHOWN_MAX: Final = 20
_STAGES: Final = {"checked": "Rows checked", "written": "Credentials written"}

Ground = Annotated[str, typer.Option(help="Why, in words that the holder will read.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    registry = add_group(
        app,
        "registry",
        "The credential records of this node; every change is journalled.",
        "symbolon --data xa registry import credentials.csv",
    )
    add(
        registry,
        "import",
        import_,
        "symbolon --data xa registry import credentials.csv --report rejected.csv",
        "symbolon --data xa registry import credentials.json --keep-good",
    )
    add(registry, "show", show, "symbolon --data xa registry show XA-2019-000001")
    add(registry, "issue", issue, "symbolon --data xa registry issue credential.json")
    changes = {"revoke": revoke, "suspend": suspend, "reinstate": reinstate}
    for name, command in changes.items():
        line = f'symbolon --data xa registry {name} XA-2019-000001 --ground "Decision 14/2026"'
        add(registry, name, command, line)


def import_(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV or JSON; - for standard input.")
    ],
    keep_good: Annotated[
        bool, typer.Option("--keep-good", help="Take the good rows though others are rejected.")
    ] = False,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", dir_okay=False, help="Write all rejections here, as CSV."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring in records, row by row: all of them or, with --keep-good, those that are right.

    Rows that say what the registry says already change nothing, so a file can be brought in
    again. Exit status 2 where rejected rows held the file back, 1 where some were left out.
    """
    with _opened(file) as stream, progress(as_json) as told:
        report, took_s = act(
            context,
            lambda node: _import(node, file.name, stream, keep_good=keep_good, told=told),
            stating=True,
        )
    if report_file is not None:
        replace_file(report_file, lambda fresh: _write_report(fresh, report.rejected))
    give(
        as_json,
        {
            "written": report.written,
            "accepted": report.accepted,
            "unchanged": report.unchanged,
            "rejected_rows": report.rejected_rows,
            "rejected": [_rejection(rejection) for rejection in report.rejected],
            "took_s": took_s,
        },
        lambda console: _show_report(console, report, report_file),
    )
    if not report.written:
        raise typer.Exit(MALFORMED)
    if report.rejected:
        raise typer.Exit(NO)


def show(context: typer.Context, number: Number, as_json: Json = False) -> None:
    """Show a credential as the registry holds it."""
    credential = act(context, lambda node: node.ledger.credential(number))
    if credential is None:
        raise Refusal(Code.UNKNOWN, "NUMBER: the registry holds no such credential")
    content = _content(credential)
    rows = field_rows(content)
    rows += [("Unit", f"{unit['code']} {unit['title']}") for unit in content["units"]]
    give(as_json, content, lambda console: console.print(pairs(rows)))


def issue(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON of one credential; - for standard input.")
    ],
    as_json: Json = False,
) -> None:
    """Enter one credential."""
    from node.wire.sheets import parse_credential, read_json

    with _opened(file) as stream:
        rows = list(read_json(stream))
    if len(rows) != 1:
        raise Refusal(
            Code.MALFORMED,
            f"FILE: holds {len(rows)} credentials, not one; 'symbolon registry import' takes many",
        )
    for fault in rows[0].faults:
        raise Refusal(Code.MALFORMED, f"{fault.field}: {fault.reason}")
    credential = parse_credential(rows[0].values)
    recorded = act(context, lambda node: node.registry.issue(credential), stating=True)
    _say(as_json, credential.number, "issued", recorded)


def revoke(context: typer.Context, number: Number, ground: Ground, as_json: Json = False) -> None:
    """Revoke a credential, for good."""
    from node.model.credential import Status

    _change(context, number, Status.REVOKED, ground, as_json)


def suspend(context: typer.Context, number: Number, ground: Ground, as_json: Json = False) -> None:
    """Suspend a credential until it is reinstated or revoked."""
    from node.model.credential import Status

    _change(context, number, Status.SUSPENDED, ground, as_json)


def reinstate(
    context: typer.Context, number: Number, ground: Ground, as_json: Json = False
) -> None:
    """Make a suspended credential count again."""
    from node.model.credential import Status

    _change(context, number, Status.ACTIVE, ground, as_json)


def _change(
    context: typer.Context, number: str, status: "Status", ground: str, as_json: bool
) -> None:
    recorded = act(
        context, lambda node: node.registry.change_status(number, status, ground), stating=True
    )
    _say(as_json, number, status.name.lower(), recorded)


def _say(as_json: bool, number: str, became: str, recorded: "Recorded") -> None:
    def show_change(console: "Console") -> None:
        console.print("[bold green]✓[/] ", end="")
        console.print(f"{number} is {became}: entry {recorded.index} of the journal", markup=False)

    content = {
        "number": number,
        "status": "active" if became == "issued" else became,
        "index": recorded.index,
    }
    give(as_json, content, show_change)


async def _import(
    node: "OpenedNode",
    name: str,
    stream: BinaryIO,
    *,
    keep_good: bool,
    told: Callable[[str, int], None],
) -> "tuple[ImportReport, float]":
    """Import, and on an interruption undo it: what is being written in its thread gives up.

    Returns the report and the seconds of the import, without the start of the program.
    """
    import asyncio
    from time import perf_counter

    from node.wire.sheets import open_sheet

    interrupted = False

    def tell(stage: str, count: int) -> None:
        if interrupted:
            raise KeyboardInterrupt
        told(_STAGES[stage], count)

    started_s = perf_counter()
    try:
        report = await node.registry.import_credentials(
            open_sheet(name, stream), keep_good=keep_good, progress=tell
        )
    except asyncio.CancelledError:
        interrupted = True
        raise
    return report, perf_counter() - started_s


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
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


def _write_report(path: Path, rejected: "tuple[Rejection, ...]") -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("row", "field", "reason"))
        writer.writerows((one.row, one.field, one.reason) for one in rejected)


def _show_report(console: "Console", report: "ImportReport", report_file: Path | None) -> None:
    rejected = report.rejected
    if rejected:
        rows = [(one.row, one.field, one.reason) for one in rejected[:_SHOWN_MAX]]
        console.print(columns(("Row", "Field", "Reason"), rows))
        if len(rejected) > _SHOWN_MAX:
            console.print(f"  and {len(rejected) - _SHOWN_MAX:,} more\n")
    counts = (
        f"{report.accepted:,} new, {report.unchanged:,} unchanged, "
        f"{report.rejected_rows:,} rejected"
    )
    if report.written:
        end = "the new ones are in the registry" if report.accepted else "nothing to write"
        console.print(f"[bold green]✓[/] {counts}; {end}")
    else:
        console.print(f"[bold red]✗[/] {counts}; nothing was written")
        console.print("  Mend these rows, or take the others with --keep-good")
    if report_file is not None:
        console.print(f"  All rejections: {report_file}", markup=False)
    elif len(rejected) > _SHOWN_MAX:
        console.print("  --report FILE writes all of them")


def _content(credential: "Credential") -> dict[str, Any]:
    from enum import IntEnum

    import msgspec

    def plain(value: object) -> object:
        return value.name.lower() if isinstance(value, IntEnum) else value

    content = {
        field.name: plain(getattr(credential, field.name))
        for field in msgspec.structs.fields(credential)
    }
    return {**content, "units": msgspec.to_builtins(credential.units)}
