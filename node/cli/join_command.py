"""`join`: what a node hands to the officers of its country, who sign it into the trust list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, add, settings_of
from node.cli.node_commands import NODE_FILE
from node.cli.output import give, pairs
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.model.trust_files import NodeFile
    from node.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "join", join, "symbolon --data xa join --out xa.join.json")


def join(
    context: typer.Context,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The join request; a new file.")],
    as_json: Json = False,
) -> None:
    """Write a join request: the node's description, each key with a proof that the node has it.

    Nothing in it is secret. Your country's officers compare its SHA-256 with you, and sign the
    description into the trust list; so do it again whenever keys, certificate or address change.
    """
    data, settings = settings_of(context)
    from node.model.federation_files import JOIN_FORMAT, JoinRequest, digest, render
    from node.model.trust_entries import make_node

    if out.exists():
        raise Refusal(Code.CONFLICT, f"--out: {out} is there already; name a new file")
    described = _describe(data, settings)
    node = make_node(described, settings.node.country or settings.node.id, 0)
    written = render(JoinRequest(JOIN_FORMAT, described))
    out.write_bytes(written)
    content = {
        "out": str(out),
        "sha256": digest(written),
        "node": node.id,
        "authority": node.authority,
        "endpoint": node.endpoint,
        "journal_keys": [str(key.verifier) for key in node.journal_keys],
        "certificate_pins": [one.spki_digest.hex() for one in node.certificates],
    }
    rows: list[tuple[str, object]] = [
        ("Node", f"{node.id}, {node.authority}"),
        ("Peers dial", node.endpoint),
        *(("Journal key", str(key.verifier)[:60]) for key in node.journal_keys),
        *(("TLS key", f"SHA-256 {one.spki_digest.hex()}") for one in node.certificates),
        ("Request", f"SHA-256 {digest(written)}"),
    ]

    def show(console: "Console") -> None:
        console.print("[bold green]✓[/] The join request is written: ", end="")
        console.print(str(out), markup=False)
        console.print(pairs(rows))
        console.print("\nHand it to your country's officers, and compare its SHA-256 with them.")

    give(as_json, content, show)


def _describe(data: Path, settings: "Settings") -> "NodeFile":
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
