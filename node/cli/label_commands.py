"""`registry labels`: what codes mean in words, from a node's own tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import Json, act, add, add_group
from node.cli.output import give
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from node.assembly import OpenedNode
    from node.model.credential import Credential


def register_labels(registry: typer.Typer) -> None:
    """Add the commands to the group `registry`."""
    line = "symbolon --data xa registry labels load isco08-en.csv"
    labels = add_group(
        registry, "labels", "What codes mean in words, where people read them.", line
    )
    add(labels, "load", load, line)


def load(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="CSV: scheme,code,language,label; a scheme is isco08, isced_f, language, "
            "level_national or a national one, like 'FR RNCP'.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Load a table of labels; those that it has replace those of the same codes.

    They stand beside codes in 'registry show', and change nothing else.
    """
    from node.wire.labels import read_labels

    try:
        with file.open("rb") as stream:
            labels = list(read_labels(stream))
    except OSError as error:
        raise Refusal(Code.MALFORMED, f"FILE: {file}: {error.strerror}") from None
    count = act(context, lambda node: node.labels.load(labels))
    give(
        as_json,
        {"loaded": count},
        lambda console: console.print(f"[bold green]✓[/] {count:,} labels loaded"),
    )


async def labelled(node: "OpenedNode", credential: "Credential") -> dict[str, Any]:
    """Return what the codes of a credential mean, by the text that shows each."""
    details = credential.details
    codes = {
        credential.isco08: ("isco08", credential.isco08),
        credential.language: ("language", credential.language),
        credential.level_national: ("level_national", credential.level_national),
        details.isced_f: ("isced_f", details.isced_f),
    }
    for one in details.national_codes:
        scheme = f"{one.country} {one.scheme}"
        codes[f"{scheme} {one.code}"] = (scheme, one.code)
    found = await node.labels.find(codes.values())
    return {shown: found[code] for shown, code in codes.items() if code in found}
