"""`join`: what a node hands to the officers of its country, who sign it into the trust list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import Json, add, settings_of
from node.cli.node_commands import NODE_FILE
from node.cli.output import give, pairs
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.model.trust_files import NodeFile
    from node.settings import Settings

Out = Annotated[Path, typer.Option(dir_okay=False, help="The join request; a new file.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "join", join, "symbolon --data xa join --out xa.join.json")


def join(context: typer.Context, out: Out, as_json: Json = False) -> None:
    """Write a join request: the node's description, each key with a proof that the node has it.

    Nothing in it is secret. Your country's officers compare its SHA-256 with you, and sign the
    description into the trust list; so do it again whenever keys, certificate or address change.
    """
    data, settings = settings_of(context)
    from node.store.keys import add_witness_keys, read_witness_seeds

    require_new(out)
    keys = data / settings.store.keys
    if not read_witness_seeds(keys):  # a node from before there were any has none
        add_witness_keys(keys)
    content = write_request(described_now(data, settings), out)
    give(as_json, content, lambda console: show_request(console, content))


def require_new(out: Path) -> None:
    """Refuse to write a request over another file.

    Raises:
        Refusal: CONFLICT.
    """
    if out.exists():
        raise Refusal(Code.CONFLICT, f"--out: {out} is there already; name a new file")


def described_now(data: Path, settings: "Settings") -> "NodeFile":
    """Describe the node as it is now, with the past that its description tells already."""
    from node.assembly import describe
    from node.model.federation_files import with_history
    from node.model.trust_files import NodeFile, decode_file
    from node.store.keys import read_keys

    described = describe(settings, read_keys(data / settings.store.keys))
    earlier = data / NODE_FILE
    if not earlier.exists():
        return described
    return with_history(described, decode_file(earlier.read_bytes(), NodeFile, str(earlier)))


def write_request(described: "NodeFile", out: Path) -> dict[str, Any]:
    """Check a description as everybody will, write the join request; returns what is in it.

    Raises:
        Refusal: MALFORMED or UNAUTHENTICATED where the description does not hold.
    """
    from node.model.federation_files import JOIN_FORMAT, JoinRequest, digest, render
    from node.model.trust_entries import make_node

    node = make_node(described, described.country, 0)
    written = render(JoinRequest(JOIN_FORMAT, described))
    out.write_bytes(written)
    return {
        "out": str(out),
        "sha256": digest(written),
        "node": node.id,
        "authority": node.authority,
        "endpoint": node.endpoint,
        "journal_keys": [str(key.verifier) for key in node.journal_keys],
        "witness_keys": [str(key.verifier) for key in node.witness_keys],
        "certificate_pins": [one.spki_digest.hex() for one in node.certificates],
    }


def show_request(console: "Console", content: dict[str, Any]) -> None:
    """Show what is in a join request, and what to do with it."""
    rows: list[tuple[str, object]] = [
        ("Node", f"{content['node']}, {content['authority']}"),
        ("Peers dial", content["endpoint"]),
        *(("Journal key", key[:60]) for key in content["journal_keys"]),
        *(("Witness key", key[:60]) for key in content["witness_keys"]),
        *(("TLS key", f"SHA-256 {pin}") for pin in content["certificate_pins"]),
        ("Request", f"SHA-256 {content['sha256']}"),
    ]
    console.print("[bold green]✓[/] The join request is written: ", end="")
    console.print(content["out"], markup=False)
    console.print(pairs(rows))
    console.print("\nHand it to your country's officers, and compare its SHA-256 with them.")
