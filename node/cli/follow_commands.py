"""`watch`: what holders let an employer follow, through the HTTP API of the home node."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.context import Json, add, add_group
from node.cli.output import columns, give, pairs, tell
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.cli.home_node import HomeNode

_PATH: Final = "/v1/watches"
NodeUrl = Annotated[str, typer.Option(help="The home node, like http://127.0.0.1:7472.")]
KeyFile = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="File with your API key.")]
Watch = Annotated[str, typer.Argument(metavar="ID", help="Its id, as 'watch list' shows it.")]


def register(app: typer.Typer) -> None:
    """Add the group `watch`."""
    door = "--node-url http://127.0.0.1:7482 --key-file harbour-steel.key"
    group = add_group(
        app,
        "watch",
        "For employers: be told when the status of a credential changes.",
        f"symbolon watch list {door}",
    )
    consent = "94f680e3c4afe3b794f680e3c4afe3b7"
    add(group, "add", add_watch, f"symbolon watch add {consent} --node XA {door}")
    add(group, "list", list_watches, f"symbolon watch list {door} --json")
    one = "3f9a2c7188d04be1a2c57f09"
    add(group, "notices", notices, f"symbolon watch notices {one} {door}")
    add(group, "remove", remove, f"symbolon watch remove {one} {door}")


def add_watch(
    consent: Annotated[
        str, typer.Argument(metavar="CONSENT", help="The 32 hex digits that the holder gave you.")
    ],
    *,
    node: Annotated[str, typer.Option(help="Node of the credential, like XA.")],
    node_url: NodeUrl,
    key_file: KeyFile,
    url: Annotated[
        str, typer.Option(help="Where every notice is posted, signed: https://host/path.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Follow a credential, as its holder lets you ('share watch' at its authority)."""
    wanted = {"node": node, "watch": consent, "url": url}
    made = _home(node_url, key_file).send(_PATH, wanted)
    rows: list[tuple[str, object]] = [
        ("Id", made["followed"]["id"]),
        ("Node", made["followed"]["node"]),
        ("Posted to", url),
        ("Secret", made["secret"]),
    ]

    def show(console: "Console") -> None:
        console.print(pairs(rows))
        if made["secret"]:
            console.print("Posts are signed with the secret; it is shown this once.")

    give(as_json, made, show)


def list_watches(*, node_url: NodeUrl, key_file: KeyFile, as_json: Json = False) -> None:
    """List what you follow."""
    found = _home(node_url, key_file).read(_PATH)

    def show(console: "Console") -> None:
        if not found["watches"]:
            console.print("You follow nothing.")
            return
        names = ("id", "node", "watch", "webhook", "url")
        rows = [[one[name] for name in names] for one in found["watches"]]
        console.print(columns(("Id", "Node", "Consent", "Posting", "To"), rows))

    give(as_json, found, show)


def notices(
    identity: Watch,
    *,
    node_url: NodeUrl,
    key_file: KeyFile,
    after: Annotated[int, typer.Option(help="Those at a higher position.")] = -1,
    wait: Annotated[int, typer.Option(help="Seconds to wait for one where there is none.")] = 0,
    as_json: Json = False,
) -> None:
    """Show what was told of a credential that you follow, the oldest first."""
    path = f"{_one(identity)}/notices?after={after}&wait_s={wait}"
    found = _home(node_url, key_file).read(path)

    def show(console: "Console") -> None:
        if not found["notices"]:
            console.print("Nothing was told.")
            return
        rows: list[list[Any]] = [
            [one["position"], one["said_at"], one["outcome"]] for one in found["notices"]
        ]
        console.print(columns(("Position", "Since", "Status"), rows))

    give(as_json, found, show)


def remove(identity: Watch, *, node_url: NodeUrl, key_file: KeyFile, as_json: Json = False) -> None:
    """Follow something no more."""
    _home(node_url, key_file).end(_one(identity))
    give(as_json, {"id": identity}, lambda console: console.print("You follow it no more."))


def _home(node_url: str, key_file: Path) -> "HomeNode":
    from node.cli.home_node import HomeNode

    home = HomeNode(node_url, key_file.read_text("utf-8", "replace").strip())
    if home.is_exposed:
        tell("warning: the API key travels without TLS to another machine")
    return home


def _one(identity: str) -> str:
    if not identity or set(identity) - set("0123456789abcdef"):
        raise Refusal(Code.MALFORMED, "id: must be hex digits, as 'watch list' shows them")
    return f"{_PATH}/{identity}"
