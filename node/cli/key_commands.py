"""`key`: the API keys of employers, who ask at this node."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, act, add, add_group
from node.cli.output import columns, give, in_words, moment, pairs
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the commands."""
    key = add_group(
        app, "key", "API keys: which employers may ask at this node.", "symbolon --data xa key list"
    )
    add(
        key,
        "create",
        create,
        'symbolon --data xa key create --name "Harbour Steel" --register-id 4711 --sector C25 '
        "--out harbour-steel.key",
    )
    add(key, "revoke", revoke, "symbolon --data xa key revoke 9f3c02aa71be")
    add(key, "list", list_, "symbolon --data xa key list")


def create(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Option(help="The employer's legal name; holders see it.")],
    register_id: Annotated[str, typer.Option(help="Its number in the business register.")],
    sector: Annotated[str, typer.Option(help="Its sector, like C25 (ISIC or NACE).")],
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write the key here, for its owner only to read."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an API key for an employer. It is shown once; the node keeps its digest only."""
    from node.assembly import clock
    from node.model.statement import Requester
    from node.store.keys import write_secret

    if out is not None and out.exists():
        raise Refusal(Code.CONFLICT, f"--out: {out} is there already; it is never overwritten")
    requester = Requester(name, register_id, sector)
    key_id, key = act(context, lambda node: node.employers.create(requester, clock()))
    content: dict[str, object] = {"id": key_id, "name": name, "register_id": register_id}
    if out is not None:
        write_secret(out, f"{key}\n".encode())
        content["out"] = str(out)
    else:
        content["key"] = key

    def show(console: "Console") -> None:
        if out is None:
            console.print(f"\n  [bold cyan]{key}[/]\n", soft_wrap=True)
        console.print(
            pairs([("Id", key_id), ("Employer", name), ("Key", "" if out is None else out)])
        )
        if out is None:
            console.print("\nIt is not shown again.")

    give(as_json, content, show)


def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As 'key list' shows it.")],
    as_json: Json = False,
) -> None:
    """Revoke an API key: it counts no more at once."""
    from node.assembly import clock

    act(context, lambda node: node.employers.revoke(key_id, clock()))
    give(
        as_json,
        {"id": key_id},
        lambda console: console.print(f"[bold green]✓[/] API key {key_id} counts no more"),
    )


def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the API keys, without the keys themselves."""
    keys = act(context, lambda node: node.employers.keys())
    listed = [
        {
            "id": key.id,
            "name": key.requester.legal_name,
            "register_id": key.requester.register_id,
            "sector": key.requester.sector,
            "created_at": moment(key.created_at),
            "revoked_at": None if key.revoked_at is None else moment(key.revoked_at),
        }
        for key in keys
    ]

    def show(console: "Console") -> None:
        if not keys:
            console.print("There are no API keys; 'symbolon key create' makes one.")
            return
        rows = [
            (
                key.id,
                key.requester.legal_name,
                key.requester.register_id,
                key.requester.sector,
                in_words(key.created_at)[:10],
                "" if key.revoked_at is None else in_words(key.revoked_at)[:10],
            )
            for key in keys
        ]
        names = ("Id", "Employer", "Register id", "Sector", "Made", "Revoked")
        console.print(columns(names, rows))

    give(as_json, {"keys": listed}, show)
