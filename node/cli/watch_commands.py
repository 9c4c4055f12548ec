"""`share watch`: whom a holder lets follow a credential's status, and takes that back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import Json, Number, act, add
from node.cli.output import columns, give, in_words, pairs

if TYPE_CHECKING:
    from rich.console import Console

    from node.model.holder import Watch


def register_watches(share: typer.Typer) -> None:
    """Add the commands to the group `share`."""
    own, number = "symbolon --data xa share", "XA-2019-000001"
    add(
        share,
        "watch",
        watch,
        f'{own} watch {number} --node XB --name "Harbour Steel" --register-id 4711 --days 365',
    )
    add(share, "watches", watches, f"{own} watches {number}")
    add(share, "unwatch", unwatch, f"{own} unwatch {number} --id 3f2a9c01b7d4")


def watch(
    context: typer.Context,
    number: Number,
    *,
    node: Annotated[str, typer.Option(help="Home node of who may follow, like XB.")],
    name: Annotated[str, typer.Option(help="Their legal name.")],
    register_id: Annotated[str, typer.Option(help="Their number in the business register there.")],
    days: Annotated[int, typer.Option(help="For how many days.")] = 365,
    as_json: Json = False,
) -> None:
    """Let one requester be told when a credential's status changes, as its holder wants it."""
    from node.model.holder import Watch
    from node.model.holder_bodies import Watcher

    watcher = Watcher(node, name, register_id)
    given = act(
        context,
        lambda opened: opened.holding.watching.give(number, watcher, valid_days=days),
        stating=True,
    )
    rows: list[tuple[str, object]] = [
        ("Who", f"{name} ({register_id}, {node})"),
        ("Until", in_words(given.expires_at)),
        ("Id", given.watch.hex()),
    ]
    give(
        as_json,
        _content(Watch(given, ended=False)),
        lambda console: console.print(pairs(rows)),
    )


def watches(context: typer.Context, number: Number, as_json: Json = False) -> None:
    """List who may follow a credential."""
    found = act(context, lambda opened: opened.holding.watching.list([number]))
    listed = [_content(one) for one in found]

    def show(console: "Console") -> None:
        if not found:
            console.print("Nobody follows this credential.")
            return
        rows = [
            (
                one["id"][:12],
                one["state"],
                f"{one['legal_name']} ({one['register_id']}, {one['node']})",
                f"{one['expires_at']:%Y-%m-%d}",
            )
            for one in listed
        ]
        console.print(columns(("Id", "State", "Who", "Until"), rows))

    give(as_json, {"number": number, "watches": listed}, show)


def unwatch(
    context: typer.Context,
    number: Number,
    *,
    identity: Annotated[str, typer.Option("--id", help="How its id begins, as 'watches' has it.")],
    as_json: Json = False,
) -> None:
    """Take that back at once: nothing more is told."""
    recorded = act(
        context,
        lambda opened: opened.holding.watching.revoke([number], identity),
        stating=True,
    )
    give(
        as_json,
        {"index": recorded.index},
        lambda console: console.print(
            f"[bold green]✓[/] Nobody is told by it any more: entry {recorded.index} of the journal"
        ),
    )


def _content(watch: "Watch") -> dict[str, Any]:
    from msgspec import structs

    from node.assembly import clock
    from node.flows.holder import watch_of

    return structs.asdict(watch_of(watch, clock()))
