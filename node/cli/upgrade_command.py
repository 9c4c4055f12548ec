"""`receipt upgrade`: cosignatures that have arrived since the receipt was made."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, Root, own_root, read_root, replace_file
from node.cli.output import give, tell
from node.cli.verdicts import end_with, show_report
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.audit.findings import Report
    from node.model.seal import Sealed
    from node.wire.receipt import Receipt


def upgrade_receipt(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The receipt.")
    ],
    *,
    node_url: Annotated[str, typer.Option(help="The home node, like http://127.0.0.1:7472.")],
    key_file: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="File with your API key.")
    ],
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Put a receipt under checkpoints that witnesses have cosigned, as far as they have.

    Asks the node for the receipt again, checks it, and replaces the file where it proves the very
    same statements better: more checks hold, or more witnesses stand behind it. Exit status as of
    'receipt verify'.
    """
    from node.audit.findings import render_json
    from node.audit.paper import is_paper
    from node.audit.receipt import check_receipt
    from node.cli.home_node import HomeNode
    from node.wire.receipt import RECEIPT_SIZE_MAX_BYTES, decode_receipt

    with file.open("rb") as stream:
        data = stream.read(RECEIPT_SIZE_MAX_BYTES + 1)
    if is_paper(data):
        raise Refusal(
            Code.MALFORMED, "FILE: is a PDF; upgrade the receipt itself, then print it again"
        )
    old = decode_receipt(data)
    home = HomeNode(node_url, key_file.read_text("utf-8", "replace").strip())
    if home.is_exposed:
        tell("warning: the API key travels without TLS to another machine")
    trusted = read_root(root or own_root(context))
    fresh = home.receipt(_verification_of(old))
    new = decode_receipt(fresh)
    _require_same(old, new)
    before, after = (check_receipt(one, trusted).report for one in (data, fresh))
    better = (*_rank(after), _cosignatures(new)) > (*_rank(before), _cosignatures(old))
    if better:
        replace_file(file, lambda path: path.write_bytes(fresh))
    report = after if better else before
    content = {**render_json(report), "file": str(file), "changed": better}

    def show(console: "Console") -> None:
        told = "Upgraded" if better else "Nothing new for"
        console.print(f"[bold]{told}[/] {file}")
        show_report(console, report)

    give(as_json, content, show)
    end_with(report.verdict)


def _verification_of(receipt: "Receipt") -> str:
    from node.flows.ports import verification_id
    from node.model.seal import commitment

    query = receipt.query
    return verification_id(query.index, commitment(query.statement, query.salt))


def _require_same(old: "Receipt", fresh: "Receipt") -> None:
    def said(sealed: "Sealed") -> tuple[bytes, bytes, int]:
        return sealed.statement, sealed.salt, sealed.index

    for name in ("query", "answer", "conclusion"):
        if said(getattr(old, name)) != said(getattr(fresh, name)):
            raise Refusal(
                Code.PEER_FALSE, f"--node-url: what it gave is another receipt: its {name} differs"
            )


def _cosignatures(receipt: "Receipt") -> int:
    from node.model.note import split_note

    seals = (receipt.query, receipt.answer, receipt.conclusion)
    return sum(len(split_note(sealed.checkpoint)[1]) for sealed in seals)


def _rank(report: "Report") -> tuple[int, int]:
    """Order reports: the fewest failures first, then the fewest that could not be made."""
    return (
        -sum(count.failed for count in report.checks),
        -sum(count.undetermined for count in report.checks),
    )
