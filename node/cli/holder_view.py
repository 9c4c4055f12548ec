"""`holder` with a token: the holder's own view, through the HTTP API of the home node."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import Json, add, replace_file
from node.cli.output import columns, give, pairs, tell, words
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.cli.home_node import HomeNode

NodeUrl = Annotated[str, typer.Option(help="The home node, like http://127.0.0.1:7472.")]
TokenFile = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, help="File with the holder's token.")
]


class ComplaintName(StrEnum):
    """What is wrong, as options name it."""

    WRONG_CONTENT = "wrong_content"
    WRONG_STATUS = "wrong_status"
    NOT_MINE = "not_mine"
    UNEXPECTED_ACCESS = "unexpected_access"
    OTHER = "other"


def register(holder: typer.Typer) -> None:
    """Add the commands to the group `holder`."""
    door = "--node-url http://127.0.0.1:7472 --token-file token.txt"
    for name, command in (
        ("credentials", credentials),
        ("codes", share_codes),
        ("watches", watches),
        ("accesses", accesses),
    ):
        add(holder, name, command, f"symbolon holder {name} {door}")
    add(holder, "export", export, f"symbolon holder export record.json {door}")
    add(
        holder,
        "contest",
        contest,
        f"symbolon holder contest XA-2019-000001 {door} --complaint wrong_content "
        '--text "My name is spelt with an accent"',
    )


def credentials(*, node_url: NodeUrl, token_file: TokenFile, as_json: Json = False) -> None:
    """Show my credentials, with everything that the registry says of them."""
    found = _home(node_url, token_file).read("/v1/holder/credentials")

    def show(console: "Console") -> None:
        for one in found["credentials"]:
            console.print(pairs(_rows(one)))
            console.print()

    give(as_json, found, show)


def share_codes(*, node_url: NodeUrl, token_file: TokenFile, as_json: Json = False) -> None:
    """Show my share codes: for what, how often, until when."""
    found = _home(node_url, token_file).read("/v1/holder/codes")
    rows = [
        (
            one["id"][:12],
            one["credential"],
            one["state"].replace("_", " "),
            one["purpose"],
            f"{one['uses_spent']} of {one['uses']}",
            one["expires_at"][:10],
            one["requester"] or "any",
        )
        for one in found["share_codes"]
    ]
    names = ("Id", "Credential", "State", "Purpose", "Used", "Until", "Only for")
    _table(found, names, rows, as_json=as_json)


def watches(*, node_url: NodeUrl, token_file: TokenFile, as_json: Json = False) -> None:
    """Show who may follow the status of my credentials."""
    found = _home(node_url, token_file).read("/v1/holder/watches")
    rows = [
        (
            one["id"][:12],
            one["credential"],
            one["state"],
            f"{one['legal_name']} ({one['register_id']}, {one['node']})",
            one["expires_at"][:10],
        )
        for one in found["watches"]
    ]
    _table(found, ("Id", "Credential", "State", "Who", "Until"), rows, as_json=as_json)


def accesses(
    *,
    node_url: NodeUrl,
    token_file: TokenFile,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many, the newest first.")] = 50,
    before: Annotated[
        int | None, typer.Option(min=0, help="Only those before this index.", show_default="all")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show who asked about me, from every country: what for, when, what they were shown."""
    window = f"limit={limit}" + ("" if before is None else f"&before={before}")
    found = _home(node_url, token_file).read(f"/v1/holder/accesses?{window}")
    rows = [
        (
            one["index"],
            one["answered_at"][:16].replace("T", " "),
            f"{one['asked_by']} ({one['register_id']}, {one['node']})",
            one["purpose"],
            one["outcome"].replace("_", " "),
            ", ".join(one["shown"]) or "nothing",
        )
        for one in found["accesses"]
    ]
    _table(found, ("Index", "When", "Who", "Why", "Outcome", "Shown"), rows, as_json=as_json)


def export(
    out: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Where it goes.")],
    *,
    node_url: NodeUrl,
    token_file: TokenFile,
    as_json: Json = False,
) -> None:
    """Take all that the node holds about me away, as a file that proves itself."""
    if out.exists():
        raise Refusal(Code.CONFLICT, f"{out} is there already; it is never overwritten")
    data = _home(node_url, token_file).take("/v1/holder/export")
    replace_file(out, lambda fresh: fresh.write_bytes(data))

    def show(console: "Console") -> None:
        console.print(f"[bold green]✓[/] Written to [bold]{out}[/], {len(data):,} bytes")
        console.print("'symbolon holder verify' checks it")

    give(as_json, {"file": str(out), "size_bytes": len(data)}, show)


def contest(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Of the credential.")],
    *,
    node_url: NodeUrl,
    token_file: TokenFile,
    complaint: Annotated[ComplaintName, typer.Option(help="What is wrong.")],
    text: Annotated[str, typer.Option(help="In your own words; the authority reads it.")],
    entry: Annotated[
        int | None,
        typer.Option(min=0, help="Index of the access that is contested.", show_default="none"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say that something is wrong with a credential, or that somebody should not have asked."""
    body = {"credential": number, "complaint": complaint.value, "text": text, "entry": entry}
    found = _home(node_url, token_file).send("/v1/holder/contests", body)
    give(
        as_json,
        found,
        lambda console: console.print(
            f"[bold green]✓[/] The authority has it: entry {found['index']} of its journal"
        ),
    )


def _rows(credential: dict[str, Any]) -> list[tuple[str, object]]:
    """Return a credential's fields, a row for each value; a unit is its code and its title."""
    return [
        (words(name), " ".join(one.values()) if isinstance(one, dict) else str(one))
        for name, value in credential.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]


def _home(node_url: str, token_file: Path) -> "HomeNode":
    from node.cli.home_node import HomeNode

    home = HomeNode(node_url, token_file.read_text("utf-8", "replace").strip())
    if home.is_exposed:
        tell("warning: the token and what it shows travel without TLS to another machine")
    return home


def _table(
    found: dict[str, Any],
    names: tuple[str, ...],
    rows: list[tuple[Any, ...]],
    *,
    as_json: bool,
) -> None:
    def show(console: "Console") -> None:
        console.print(columns(names, rows) if rows else "There are none.")
        if found.get("next_before") is not None:
            console.print(f"There are older ones: --before {found['next_before']}")

    give(as_json, found, show)
