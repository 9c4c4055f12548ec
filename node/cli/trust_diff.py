"""`trust diff`: what is different between two trust lists, in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, act
from node.cli.output import give
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.model.listing import Listing
    from node.model.trust_diff import Change

_Version = Annotated[
    int | None, typer.Option(min=1, help="A version in this node's archive, instead of OLD, NEW.")
]


def diff(
    context: typer.Context,
    old: Annotated[
        Path | None, typer.Argument(metavar="[OLD]", exists=True, help="The older list.")
    ] = None,
    new: Annotated[
        Path | None, typer.Argument(metavar="[NEW]", exists=True, help="The newer list.")
    ] = None,
    *,
    from_version: _Version = None,
    to_version: _Version = None,
    as_json: Json = False,
) -> None:
    """Say in sentences what is different: two directories, or two versions that a node adopted.

    Takes repositories, readable sources, federations' directories (what is published), nodes'
    copies and staged files. Nothing is verified: 'trust lint' does that.
    """
    from node.model.trust_diff import diff as compare

    if old is not None and new is not None and from_version is None and to_version is None:
        lists = _found(old), _found(new)
        names = str(old), str(new)
    elif old is None and from_version is not None and to_version is not None:
        lists = _archived(context, from_version, to_version)
        names = f"version {from_version}", f"version {to_version}"
    else:
        raise Refusal(
            Code.MALFORMED,
            "name two lists, OLD and NEW, or two versions: --from-version and --to-version",
        )
    changes = compare(*lists)
    content = {
        "old": names[0],
        "new": names[1],
        "changes": [
            {"of": change.of, "file": change.file, "sentence": change.sentence}
            for change in changes
        ],
    }
    give(as_json, content, lambda console: _show(console, changes, names))


def _found(place: Path) -> "Listing":
    from node.store.found_lists import find_list

    return find_list(place)


def _archived(
    context: typer.Context, from_version: int, to_version: int
) -> "tuple[Listing, Listing]":
    from node.model.listing import listing_of

    async def work(opened: "OpenedNode") -> "tuple[Listing, Listing]":
        return (
            listing_of(await opened.archive.bundle(from_version)),
            listing_of(await opened.archive.bundle(to_version)),
        )

    return act(context, work)


def _show(console: "Console", changes: "tuple[Change, ...]", names: tuple[str, str]) -> None:
    if not changes:
        console.print("Nothing is different but, perhaps, versions and expiries.")
        return
    console.print(f"[bold]What changes from {names[0]} to {names[1]}[/]", highlight=False)
    for change in changes:
        console.print(f"  • {change.sentence}", markup=False)
