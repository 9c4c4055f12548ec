"""`trust refresh`: the newest trust list, now and not when it is due."""

from typing import TYPE_CHECKING, Any

import typer

from node.cli.context import Json, act, caller
from node.cli.output import give, in_words, moment, pairs

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode


def refresh(context: typer.Context, as_json: Json = False) -> None:
    """Fetch the newest trust list from a mirror, check it, and put it in force.

    A running node does so by itself; this is for a node that has not been served yet, or for
    whoever does not want to wait. The node that runs takes up what is fetched here when it next
    looks. Without mirrors, the local copy is what counts.
    """
    from node.assembly import refresh_list

    async def work(opened: "OpenedNode") -> dict[str, Any]:
        before = await opened.ledger.adopted()
        state = await refresh_list(caller(context).data, opened)
        view = opened.trust.view()
        return {
            "adopted": before != view.reference,
            "version": view.reference.version,
            "digest": view.reference.digest.hex(),
            "expires_at": moment(view.expires_at),
            "mirror": state.mirror,
            "faults": sorted({*state.faults, *view.faults}),
        }

    content = act(context, work)

    def show(console: "Console") -> None:
        said = "A newer trust list is in force" if content["adopted"] else "Nothing is newer"
        console.print(f"[bold green]✓[/] {said}")
        rows: list[tuple[str, object]] = [
            ("Version", content["version"]),
            ("Digest", content["digest"]),
            ("Expires", in_words(int(content["expires_at"].timestamp()) * 1_000_000)),
            ("From", content["mirror"] or "the local copy"),
        ]
        console.print(pairs(rows))
        for fault in content["faults"]:
            console.print("[yellow]Note:[/] ", end="")
            console.print(fault, markup=False)

    give(as_json, content, show)
