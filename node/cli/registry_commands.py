"""`registry`: the authority's work on its own credential records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import Json, Number, act, add, add_group
from node.cli.erase_commands import register_registry
from node.cli.import_command import import_, opened
from node.cli.import_documents import import_documents
from node.cli.label_commands import labelled, register_labels
from node.cli.life_commands import As, credential_then, person, register_life
from node.cli.output import field_rows, give, pairs
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.flows.ports import Recorded
    from node.model.credential import Credential


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
        "symbolon --data xa registry import export.csv --mapping ours.toml --dry-run",
        'symbolon --data xa registry import export.csv --reason "Yearly correction"',
    )
    add(
        registry,
        "import-documents",
        import_documents,
        "symbolon --data xa registry import-documents award.json --mapping badges.toml "
        "--did-document did.json --dry-run",
    )
    add(
        registry,
        "show",
        show,
        "symbolon --data xa registry show XA-2019-000001",
        "symbolon --data xa registry show XA-2019-000001 --as-of 2025-12-31 --known-at 2026-06-30",
    )
    add(registry, "issue", issue, "symbolon --data xa registry issue credential.json")
    register_life(registry)
    register_registry(registry)
    register_labels(registry)


def show(
    context: typer.Context,
    number: Number,
    as_of: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="What was so then: a day (its end), or 2026-11-23T09:00:00Z.",
            show_default="now",
        ),
    ] = "",
    known_at: Annotated[
        str,
        typer.Option(
            metavar="TIME|POSITION",
            help="By what was known then, or what the journal said before that position.",
            show_default="all that is known",
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Show a credential as the registry holds it: now, or as it was and was known at any time.

    With --json it is what 'registry amend' takes.
    """
    credential, labels = act(context, lambda node: _shown(node, number, as_of, known_at))
    content = _content(credential)
    give(as_json, content, lambda console: console.print(pairs(_rows(content, labels))))


async def _shown(
    node: "OpenedNode", number: str, as_of: str, known_at: str
) -> "tuple[Credential, dict[str, str]]":
    if as_of or known_at:
        credential = await credential_then(node, number, as_of, known_at)
    else:
        credential = await node.ledger.credential(number)
    if credential is None:
        then = " then" if as_of or known_at else ""
        raise Refusal(Code.UNKNOWN, f"NUMBER: the registry holds no such credential{then}")
    return credential, await labelled(node, credential)


def _rows(content: dict[str, Any], labels: dict[str, str]) -> list[tuple[str, object]]:
    """Return what people read: a row for each value, with what a code means beside it."""
    rows: list[tuple[str, object]] = []
    for name, value in field_rows(content):
        meaning = labels.get(str(value))
        rows.append((name, value if meaning is None else f"{value}  {meaning}"))
    return rows + [("Unit", f"{unit['code']} {unit['title']}") for unit in content["units"]]


def issue(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON of one credential; - for standard input.")
    ],
    role: As = "registrar",
    as_json: Json = False,
) -> None:
    """Enter one credential."""
    credential, by = read_credential(file), person(role)
    recorded = act(context, lambda node: node.registry.issue(credential, by), stating=True)
    _say(as_json, credential.number, "issued", recorded)


def read_credential(file: Path) -> "Credential":
    """Read a file that holds one credential; - is standard input.

    Raises:
        Refusal: MALFORMED where it holds none, or several.
    """
    from node.wire.rows import parse_credential
    from node.wire.sheets import read_json

    with opened(file) as stream:
        rows = list(read_json(stream))
    if len(rows) != 1:
        raise Refusal(
            Code.MALFORMED,
            f"FILE: holds {len(rows)} credentials, not one; 'symbolon registry import' takes many",
        )
    for fault in rows[0].faults:
        raise Refusal(Code.MALFORMED, f"{fault.field}: {fault.reason}")
    return parse_credential(rows[0].values)


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


def _content(credential: "Credential") -> dict[str, Any]:
    from node.wire.rows import spell_credential

    return spell_credential(credential)
