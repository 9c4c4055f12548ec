"""`trust lint`: what is wrong with a trust list, before others find out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json
from node.cli.officer import now
from node.cli.output import DONE, NO, columns, give

if TYPE_CHECKING:
    from rich.console import Console

    from node.model.lint_notes import Finding

Place = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        exists=True,
        help="A federation's directory, sources, a repository, a node's copy, a staged file.",
    ),
]
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def lint(place: Place, as_json: Json = False) -> None:
    """Look a trust list over: schemas, keys, dates, agreements, accreditations, signatures.

    An error is what nodes refuse, a warning what will hurt somebody, a note what is good to know.
    Nothing is changed. Ends with 1 where there is an error.
    """
    from node.model.lint_notes import RANK, Severity
    from node.model.trust_lint import lint as look
    from node.store.found_lists import find_lists

    at = now()
    told: set[tuple[str, str, str]] = set()
    found: list[tuple[str, Finding]] = []
    for one in find_lists(place):
        for finding in look(one.listing, at):
            named = (finding.file, finding.field, finding.sentence)
            if named not in told:  # what is staged or published says what its sources said
                found.append((f"{one.name}/{finding.file}" if one.name else finding.file, finding))
                told.add(named)
    found.sort(key=lambda pair: RANK[pair[1].severity])
    counts = {
        severity.value: sum(1 for _, finding in found if finding.severity is severity)
        for severity in Severity
    }
    content = {
        "errors": counts["error"],
        "warnings": counts["warning"],
        "notes": counts["note"],
        "findings": [
            {
                "severity": finding.severity.value,
                "file": file,
                "field": finding.field,
                "sentence": finding.sentence,
            }
            for file, finding in found
        ],
    }
    give(as_json, content, lambda console: _show(console, found, counts))
    raise typer.Exit(NO if counts["error"] else DONE)


def _show(console: "Console", found: "list[tuple[str, Finding]]", counts: dict[str, int]) -> None:
    from rich.text import Text

    rows = [
        (
            Text(finding.severity.value, style=_STYLES[finding.severity.value]),
            f"{file}\n{finding.field}" if finding.field else file,
            finding.sentence,
        )
        for file, finding in found
    ]
    if rows:
        console.print(columns(("", "Where", "What, and the way out"), rows))
    if counts["error"]:
        console.print(f"[bold red]✗[/] {_counted(counts)}: nodes refuse it as it is.")
    else:
        console.print(f"[bold green]✓[/] {_counted(counts)}: nodes take it.")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())
