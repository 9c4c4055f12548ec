"""Verdicts as people and scripts see them: the report of an audit, and the exit status."""

from typing import TYPE_CHECKING, Final

import typer

from node.cli.output import DONE, NO, NOT_NOW, columns

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from node.audit.findings import Report, Verdict

COLOURS: Final = {"PASS": "green", "FAIL": "red", "INDETERMINATE": "yellow"}


def show_report(console: "Console", report: "Report") -> None:
    """Show every check with its verdict, then each finding that is not PASS, then the whole."""
    from rich.text import Text

    from node.audit.findings import TITLES, in_a_line

    for journal in report.journals:
        console.print(str(journal), markup=False)
    for note in report.notes:
        console.print(note, markup=False)
    checks = [
        (_verdict_text(one.verdict.value), TITLES[one.check], f"{one.made:,}")
        for one in report.checks
    ]
    console.print(columns(("Verdict", "Check", "Made"), checks))
    for finding in report.findings:
        line = Text.assemble(_verdict_text(finding.verdict.value), " ")
        console.print(line.append(in_a_line(finding)))
    if report.omission:
        console.print(report.omission)
    console.print(Text.assemble(_verdict_text(report.verdict.value), f": {report.totals}"))


def _verdict_text(verdict: str) -> "Text":
    from rich.text import Text

    return Text(verdict, f"bold {COLOURS[verdict]}")


def end_with(verdict: "Verdict") -> None:
    """End the command with the exit status of a verdict."""
    status = {"PASS": DONE, "FAIL": NO, "INDETERMINATE": NOT_NOW}[verdict.value]
    if status != DONE:
        raise typer.Exit(status)
