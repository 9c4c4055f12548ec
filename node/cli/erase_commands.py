"""Erasing: a holder's record by decision, what is too old by retention period."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.context import Json, Number, act, add, settings_of
from node.cli.life_commands import As, person
from node.cli.output import columns, give, in_words, moment
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.flows.erase import ErasedRecord
    from node.flows.erasure_ports import OpenRequest
    from node.flows.retain import Applied

_KINDS: Final = {
    10: "queries",
    11: "answers",
    12: "queries given up",
    13: "conclusions",
    14: "registry statements",
    15: "share code and watch statements",
    24: "complaints",
}


def register_registry(registry: typer.Typer) -> None:
    """Add the commands to the group `registry`."""
    line = 'symbolon --data xa registry erase XA-2019-000001 --rule "Art. 17(1)(b) GDPR" --yes'
    add(registry, "erase", erase, line, f"{line} --holder")
    add(registry, "erasures", open_requests, "symbolon --data xa registry erasures")


def register_journal(journal: typer.Typer) -> None:
    """Add the commands to the group `journal`."""
    line = "symbolon --data xa journal retention"
    add(journal, "retention", retention, f"{line} --dry-run", line)


def erase(
    context: typer.Context,
    number: Number,
    *,
    rule: Annotated[str, typer.Option(help="What demands it: the law, or the decision.")],
    role: As = "officer",
    holder: Annotated[
        bool,
        typer.Option(
            "--holder",
            help="All of the same holder: same birth date, same name but for capitals, blanks.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase; nothing brings it back.")] = False,
    as_json: Json = False,
) -> None:
    """Erase a credential: its record, share codes, answers about it, and what peers said of it.

    Without --yes it only says what would be erased. Nodes that asked about it are requested to
    erase their copies too, again and again until they acknowledge. Commitments, tiles and
    checkpoints stay. Exports, packs and backups that were made before are not reached.
    """
    data, _ = settings_of(context)

    async def work(node: "OpenedNode") -> "tuple[Sequence[str], ErasedRecord | None, list[Path]]":
        erasing = node.erasure.erasing
        numbers = await erasing.numbers(number, whole_holder=holder)
        if not yes:
            return numbers, None, []
        traces = await erasing.traces(numbers)
        erased = await erasing.erase_record(numbers, rule, person(role))
        return numbers, erased, _files_with(data, traces)

    numbers, erased, files = act(context, work, stating=yes)
    if erased is None:
        _show_would_be(numbers, as_json=as_json)
        return

    def show(console: "Console") -> None:
        console.print("[bold green]✓[/] ", end="")
        console.print(f"{erased.credentials} erased, for good:", markup=False)
        for kind, count in erased.statements.items():
            console.print(f"  {count:,} {_KINDS[kind]}")
        for peer, count in erased.requested.items():
            console.print(f"  {peer} is requested to erase its part of {count:,} exchanges")
        if not erased.wiped:
            console.print("  Free space is wiped once nobody reads an older state, at the latest")
            console.print("  when the node starts again")
        for file in files:
            console.print(f"  [bold red]✗[/] {file} still holds some of it: delete it yourself")

    content = {
        "numbers": list(numbers),
        "statements": {_KINDS[kind]: count for kind, count in erased.statements.items()},
        "erasures": list(erased.erasures),
        "requested": erased.requested,
        "wiped": erased.wiped,
        "still_in": list(map(str, files)),
    }
    give(as_json, content, show)


def _show_would_be(numbers: Sequence[str], *, as_json: bool) -> None:
    def show(console: "Console") -> None:
        console.print("With --yes these are erased, and all that was said about them:")
        for number in numbers:
            console.print(f"  {number}", markup=False)

    give(as_json, {"would_erase": list(numbers)}, show)


def _files_with(data: Path, traces: Sequence[bytes]) -> list[Path]:
    """Return the files beside the database that hold any of these bytes as they are."""
    from node.store.engines import file_holds_any

    found = []
    for path in sorted(data.rglob("*")):
        try:
            if path.is_file() and file_holds_any(path, traces):
                found.append(path)
        except OSError as error:
            raise Refusal(
                Code.STALE, f"it is erased, but {path} cannot be searched: {error.strerror}"
            ) from None
    return found


def open_requests(context: typer.Context, as_json: Json = False) -> None:
    """Show which nodes have not acknowledged yet that they erased their copies."""
    waiting = act(context, lambda node: node.ledger.erasures.open_requests())
    listed = [_waiting(one) for one in waiting]

    def show(console: "Console") -> None:
        headings = ("Entry", "Node", "Exchanges", "Since", "Tries", "Came back")
        rows = [
            (
                one.position,
                one.request.audience,
                len(one.request.exchanges),
                in_words(one.said_at),
                one.tries,
                one.told,
            )
            for one in waiting
        ]
        console.print(columns(headings, rows))
        count = "1 request is" if len(rows) == 1 else f"{len(rows):,} requests are"
        console.print(f"{count} not acknowledged yet")

    give(as_json, {"waiting": listed}, show)


def _waiting(one: "OpenRequest") -> dict[str, object]:
    return {
        "index": one.position,
        "node": one.request.audience,
        "exchanges": len(one.request.exchanges),
        "rule": one.request.rule,
        "said_at": moment(one.said_at),
        "tries": one.tries,
        "came_back": one.told,
    }


def retention(
    context: typer.Context,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is older than its period.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Erase what is older than the retention periods of the settings; the node does so by itself.

    Kinds without a period are kept, and so is what is still open.
    """
    applied = act(
        context, lambda node: node.erasure.retaining.apply(dry_run=dry_run), stating=not dry_run
    )
    listed = [_applied(one) for one in applied]

    def show(console: "Console") -> None:
        if not applied:
            console.print("The settings have no \\[retention]: everything is kept")
        for one in applied:
            done = "are older" if dry_run else "erased, older"
            console.print(
                f"{one.statements:,} {_KINDS[one.retention.kind]} {done} than "
                f"{in_words(one.before)}: {one.retention.reference}",
                markup=False,
            )

    give(as_json, {"dry_run": dry_run, "applied": listed}, show)


def _applied(one: "Applied") -> dict[str, object]:
    return {
        "kind": _KINDS[one.retention.kind],
        "reference": one.retention.reference,
        "said_before": moment(one.before),
        "statements": one.statements,
    }
