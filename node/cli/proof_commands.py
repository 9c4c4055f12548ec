"""`receipt`: what proves an answer, and how it is checked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import (
    Json,
    Root,
    add,
    add_group,
    own_root,
    read_root,
)
from node.cli.output import (
    give,
    in_words,
    moment,
    pairs,
    words,
)
from node.cli.paper_command import print_receipt, read_receipt
from node.cli.upgrade_command import upgrade_receipt
from node.cli.verdicts import end_with, show_report

if TYPE_CHECKING:
    from rich.console import Console

    from node.audit.receipt import ReceiptFacts


def register(app: typer.Typer) -> None:
    """Add the commands."""
    verify = "symbolon receipt verify receipt.json --root root.json"
    receipt = add_group(
        app, "receipt", "Receipts: one file that proves one exchange by itself.", verify
    )
    add(receipt, "verify", verify_receipt, verify, "symbolon receipt verify receipt.pdf")
    add(receipt, "print", print_receipt, "symbolon receipt print receipt.json --out receipt.pdf")
    add(
        receipt,
        "upgrade",
        upgrade_receipt,
        "symbolon receipt upgrade receipt.json --node-url http://127.0.0.1:7472 "
        "--key-file harbour-steel.key --root root.json",
    )


def verify_receipt(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="The receipt, or its PDF."
        ),
    ],
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Check a receipt, with nothing but the federation's root.

    Exit status 0 for PASS, 1 for FAIL, 4 where a check could not be made.
    """
    from node.audit.findings import render_json
    from node.audit.receipt import check_receipt

    checked = check_receipt(read_receipt(file), read_root(root or own_root(context)))
    facts = checked.facts
    content = {**render_json(checked.report), "facts": None if facts is None else _facts(facts)}

    def show(console: "Console") -> None:
        if facts is not None:
            console.print(pairs(_facts_in_words(facts)))
            console.print()
        show_report(console, checked.report)

    give(as_json, content, show)
    end_with(checked.report.verdict)


def _facts(facts: "ReceiptFacts") -> dict[str, Any]:
    return {
        "outcome": facts.outcome.name.lower(),
        "rule": None if facts.rule is None else facts.rule.name.lower(),
        "disclosed": [
            {"field": shown.field.name.lower(), "value": shown.value} for shown in facts.disclosed
        ],
        "purpose": facts.purpose.name.lower(),
        "requester": facts.requester.legal_name,
        "register_id": facts.requester.register_id,
        "agreement": facts.agreement.id,
        "agreement_version": facts.agreement.version,
        "asking_node": facts.asking,
        "answering_node": facts.answering,
        "asked_at": moment(facts.asked_at),
        "answered_at": moment(facts.answered_at),
        "good_until": moment(facts.good_until),
        "concluded_at": moment(facts.concluded_at),
        "trust_list_version": None if facts.trust is None else facts.trust.version,
    }


def _facts_in_words(facts: "ReceiptFacts") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("Outcome", words(facts.outcome.name)),
        ("Rule", "" if facts.rule is None else words(facts.rule.name)),
    ]
    rows += [(words(shown.field.name), shown.value) for shown in facts.disclosed]
    return [
        *rows,
        ("Asked by", f"{facts.requester.legal_name} ({facts.requester.register_id})"),
        ("Purpose", facts.purpose.name.lower()),
        ("Asked through", f"{facts.asking_authority} ({facts.asking})"),
        ("Answered by", f"{facts.answering_authority} ({facts.answering})"),
        ("Asked", in_words(facts.asked_at)),
        ("Answered", in_words(facts.answered_at)),
        ("Good until", in_words(facts.good_until)),
    ]
