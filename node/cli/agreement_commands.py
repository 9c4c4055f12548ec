"""`agreement`: agreements before they are signed: what is wrong, what they say, what changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, add, add_group, read_bounded
from node.cli.officer import now
from node.cli.output import DONE, NO, columns, give
from node.errors import Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.model.issuers import IssuerBook
    from node.model.lint_notes import Finding
    from node.model.recognition.claims import Claims
    from node.model.recognition.explain import Line
    from node.model.recognition.simulate import Simulation
    from node.model.trust_files import AgreementFile
    from node.wire.catalogues import Catalogue

_Place = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", exists=True, help="Agreements, or directories of them."),
]
_One = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="An agreement: JSON.")
]
_Language = Annotated[
    str, typer.Option("--language", metavar="L", help="Of the sentences: en, fr, es, ar, uk, tl.")
]
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    agreement = add_group(
        app,
        "agreement",
        "Agreements on recognition, before they are signed: lint, explain, compare, simulate.",
        "symbolon agreement lint xa-xb.json",
    )
    add(agreement, "lint", lint, "symbolon agreement lint trust_lists/samples")
    add(agreement, "explain", explain, "symbolon agreement explain xa-xb.json --language fr")
    add(agreement, "diff", diff, "symbolon agreement diff xa-xb.json xa-xb-draft.json")
    add(
        agreement,
        "simulate",
        simulate,
        "symbolon agreement simulate draft.json registry.csv --host XB --issuers issuers.json",
    )


# --- lint ----------------------------------------------------------------------------------


def lint(files: _Place, as_json: Json = False) -> None:
    """Look agreements over: contradictions, gaps, rules out of reach, impossible time limits.

    Each file by itself; 'trust lint' looks at what others list as well. Ends with 1 where there is
    an error.
    """
    from node.model.lint_notes import RANK, Severity

    at = now()
    found = [(str(file), finding) for file in _files(files) for finding in _looked(file, at)]
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
    give(as_json, content, lambda console: _show_findings(console, found, counts))
    raise typer.Exit(NO if counts["error"] else DONE)


def _files(places: list[Path]) -> Iterator[Path]:
    for place in places:
        yield from sorted(place.glob("*.json")) if place.is_dir() else (place,)


def _looked(file: Path, at: int) -> "list[Finding]":
    """Look at one file as if its first party listed it under its own name."""
    from node.model.lint_files import lint_agreement
    from node.model.lint_notes import Notes

    notes = Notes()
    try:
        read = _read(file)
    except Refusal as refusal:
        notes.refused(str(file), "", refusal)
    else:
        lint_agreement(read, f"agreements/{read.parties[0]}/{file.stem}.json", notes, at)
    return notes.findings


def _read(file: Path) -> "AgreementFile":
    from node.model.trust_files import FILE_SIZE_MAX_BYTES, AgreementFile, decode_file

    return decode_file(read_bounded(file, FILE_SIZE_MAX_BYTES), AgreementFile, str(file))


def _show_findings(
    console: "Console", found: "list[tuple[str, Finding]]", counts: dict[str, int]
) -> None:
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
    told = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())
    mark = "[bold red]✗[/]" if counts["error"] else "[bold green]✓[/]"
    console.print(f"{mark} {told}.")


# --- explain and diff ----------------------------------------------------------------------


def explain(file: _One, language: _Language = "en", as_json: Json = False) -> None:
    """Say in sentences what an agreement says, rule by rule, each with its clause."""
    from node.model.recognition.explain import explain_agreement
    from node.wire.catalogues import catalogue

    voice = catalogue(language)
    lines = explain_agreement(_read(file), voice)
    content = {
        "language": voice.language,
        "direction": voice.direction,
        "lines": [{"depth": line.depth, "text": line.text} for line in lines],
    }
    give(as_json, content, lambda console: _show_lines(console, lines, voice))


def _show_lines(console: "Console", lines: "tuple[Line, ...]", voice: "Catalogue") -> None:
    for line in lines:
        console.print(voice.line("  " * line.depth + line.text), markup=False)


def diff(
    old: Annotated[
        Path, typer.Argument(metavar="OLD", exists=True, dir_okay=False, help="The older text.")
    ],
    new: Annotated[
        Path, typer.Argument(metavar="NEW", exists=True, dir_okay=False, help="The newer text.")
    ],
    as_json: Json = False,
) -> None:
    """Say in sentences what a newer text changes, and for whom."""
    from node.model.diff_countries import agreement_changes

    before, after = _read(old), _read(new)
    sentences = list(agreement_changes(after.id, {"": before}, {"": after}))
    content = {"old": str(old), "new": str(new), "changes": sentences}

    def show(console: "Console") -> None:
        for sentence in sentences or ["Nothing is different."]:
            console.print(sentence, markup=False)

    give(as_json, content, show)


# --- simulate ------------------------------------------------------------------------------


def simulate(
    file: _One,
    registry: Annotated[
        Path,
        typer.Argument(
            metavar="REGISTRY", exists=True, dir_okay=False, help="An extract: CSV or JSON."
        ),
    ],
    *,
    host: Annotated[str, typer.Option("--host", help="Where the holders would apply, like XB.")],
    issuers: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The home country's issuers.json."),
    ] = None,
    empty_handed: Annotated[
        bool,
        typer.Option(
            "--empty-handed", help="As if applicants had no experience, languages, documents."
        ),
    ] = False,
    language: _Language = "en",
    as_json: Json = False,
) -> None:
    """Count what a draft would mean for the holders in a registry: outcomes and rules, no names.

    Counts below ten, and what would give them away, are withheld. Without the issuers nobody
    knows who was accredited.
    """
    from node.model.recognition.claims import Application
    from node.model.recognition.simulate import simulate as count
    from node.model.recognition.tables import compile_agreement
    from node.wire.catalogues import catalogue

    voice, at = catalogue(language), now()
    application = (
        Application(host, experience=(), languages=(), documents=())
        if empty_handed
        else Application(host)
    )
    left_out: list[int] = []
    credentials = _credentials(registry, _book(issuers), at, left_out)
    found = count(compile_agreement(_read(file)), credentials, application, at)
    content = {
        "credentials": found.total,
        "rows_left_out": len(left_out),
        "outcomes": found.outcomes,
        "rules": [
            {
                "route": one.route,
                "rule": one.rule,
                "clause": one.clause,
                "not_met": one.not_met,
                "unknown": one.unknown,
            }
            for one in found.rules
        ],
    }
    give(as_json, content, lambda console: _show_counts(console, found, len(left_out), voice))


def _book(file: Path | None) -> "IssuerBook | None":
    if file is None:
        return None
    from node.model.issuers import IssuerBook, make_issuers
    from node.model.trust_files import FILE_SIZE_MAX_BYTES, IssuersFile, decode_file

    content = read_bounded(file, FILE_SIZE_MAX_BYTES)
    return IssuerBook.of(make_issuers(decode_file(content, IssuersFile, str(file)), "", 0))


def _credentials(
    registry: Path, issuers: "IssuerBook | None", at: int, left_out: list[int]
) -> "Iterator[Claims]":
    """Yield what each row claims; the numbers of rows that hold no credential are noted."""
    from node.model.recognition.simulate import claims_of_credential
    from node.wire.rows import parse_credential
    from node.wire.sheets import open_sheet

    with registry.open("rb") as stream:
        for row in open_sheet(registry.name, stream):
            if row.faults:
                left_out.append(row.number)
                continue
            try:
                credential = parse_credential(row.values)
            except Refusal:
                left_out.append(row.number)
                continue
            yield claims_of_credential(credential, at, issuers)


def _show_counts(
    console: "Console", found: "Simulation", left_out: int, voice: "Catalogue"
) -> None:
    def cell(count: int | None) -> str:
        return "withheld" if count is None else f"{count:,}"

    outcomes = [
        (voice.say(f"outcome.{name}"), cell(count)) for name, count in found.outcomes.items()
    ]
    console.print(columns(("Outcome", "Credentials"), outcomes))
    rules = [
        (one.route, f"{one.rule} ({one.clause})", cell(one.not_met), cell(one.unknown))
        for one in found.rules
    ]
    if rules:
        console.print(columns(("Route", "Rule", "Not met", "Not known"), rows=rules))
    console.print(f"{cell(found.total)} credentials; {left_out} rows hold none.")
