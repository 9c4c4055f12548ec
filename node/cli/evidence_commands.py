"""`evidence`: what peers did that can be proved against them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import (
    Json,
    Root,
    act,
    add,
    add_group,
    own_root,
    read_bounded,
    read_root,
    replace_file,
)
from node.cli.output import columns, give, in_words, moment, pairs
from node.cli.verdicts import end_with, show_report
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from node.assembly import OpenedNode
    from node.audit.evidence import EvidenceFacts
    from node.store.heads import KeptEvidence
    from node.wire.evidence import ForkEvidence

_KINDS = {"fork": "forked journal", "false_answer": "answer that failed its checks"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    shown = "symbolon --data xa evidence list"
    evidence = add_group(app, "evidence", "What peers did that can be proved.", shown)
    add(evidence, "list", list_evidence, shown)
    add(
        evidence,
        "export",
        export_evidence,
        "symbolon --data xa evidence export 1 --out xb.evidence.json",
    )
    add(
        evidence,
        "verify",
        verify_evidence,
        "symbolon evidence verify xb.evidence.json --root root.json",
    )


def list_evidence(context: typer.Context, as_json: Json = False) -> None:
    """List what is kept of peers' faults: forked journals, and answers that failed their checks."""

    async def work(node: "OpenedNode") -> "Sequence[KeptEvidence]":
        return await node.ledger.heads.evidence()

    kept = act(context, work)
    listed = [
        {
            "number": one.number,
            "kind": one.kind,
            "node": one.peer,
            "origin": one.origin,
            "seen_at": moment(one.seen_at),
            "size_bytes": len(one.content),
        }
        for one in kept
    ]

    def show(console: "Console") -> None:
        rows = [
            (
                one.number,
                _KINDS.get(one.kind, one.kind),
                one.peer,
                one.origin,
                in_words(one.seen_at),
            )
            for one in kept
        ]
        console.print(columns(("Number", "What", "Node", "Journal", "Found"), rows))
        if not kept:
            console.print("Nothing is held against anybody.")

    give(as_json, {"evidence": listed}, show)


def export_evidence(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As 'evidence list' shows it.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The file; a new one.")],
    as_json: Json = False,
) -> None:
    """Write the evidence of a fork as one file that anybody can check with the federation's root.

    It holds no personal data: two signed checkpoints, hashes, and the part of the trust list that
    names the journal's keys.
    """
    from node.wire.evidence import encode_evidence

    if out.exists():
        raise Refusal(Code.CONFLICT, f"--out: {out} is there already; name a new file")

    async def work(node: "OpenedNode") -> "ForkEvidence":
        return await _evidence(node, number)

    data = encode_evidence(act(context, work))
    replace_file(out, lambda fresh: fresh.write_bytes(data))

    def show(console: "Console") -> None:
        console.print(f"[bold green]✓[/] Written to [bold]{out}[/], {len(data):,} bytes")

    give(as_json, {"file": str(out), "size_bytes": len(data)}, show)


async def _evidence(node: "OpenedNode", number: int) -> "ForkEvidence":
    from node.model.fork import Fork
    from node.model.trust import extract
    from node.wire.evidence import ForkEvidence

    kept = next((one for one in await node.ledger.heads.evidence() if one.number == number), None)
    if kept is None:
        raise Refusal(
            Code.UNKNOWN, f"no evidence has the number {number}; 'evidence list' shows all"
        )
    if kept.kind != "fork":
        raise Refusal(
            Code.UNKNOWN,
            f"evidence {number} is an answer that failed its checks; it is kept as it came, and "
            "only a fork proves itself to strangers",
        )
    adoption, _ = await node.archive.adopted_at(kept.seen_at)
    bundle = (await node.archive.adopted_list(adoption)).bundle
    fork = Fork.parse(kept.content)
    return ForkEvidence(kept.peer, kept.seen_at, fork, extract(bundle, [kept.peer]))


def verify_evidence(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The evidence.")
    ],
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Check evidence of a fork, with nothing but the federation's root.

    PASS, exit status 0: the journal is forked, and its owner's keys signed both histories. 1 for
    FAIL: nothing is proved. 4 where a check could not be made.
    """
    from node.audit.evidence import check_evidence
    from node.audit.findings import render_json
    from node.wire.evidence import EVIDENCE_SIZE_MAX_BYTES

    data = read_bounded(file, EVIDENCE_SIZE_MAX_BYTES)
    checked = check_evidence(data, read_root(root or own_root(context)))
    facts = checked.facts
    content = {**render_json(checked.report), "facts": None if facts is None else _facts(facts)}

    def show(console: "Console") -> None:
        if facts is not None:
            console.print(pairs(_facts_in_words(facts)))
            console.print()
        show_report(console, checked.report)

    give(as_json, content, show)
    end_with(checked.report.verdict)


def _facts(facts: "EvidenceFacts") -> dict[str, Any]:
    return {
        "node": facts.node,
        "authority": facts.authority,
        "origin": facts.origin,
        "heads": [
            {"size": size, "root": root.hex()}
            for size, root in zip(facts.sizes, facts.roots, strict=True)
        ],
        "seen_at": moment(facts.seen_at),
    }


def _facts_in_words(facts: "EvidenceFacts") -> list[tuple[str, object]]:
    heads = [
        (name, f"size {size:,}, root {root.hex()}")
        for name, size, root in zip(
            ("One head", "The other"), facts.sizes, facts.roots, strict=True
        )
    ]
    return [
        ("Journal", facts.origin),
        ("Of", f"{facts.authority} ({facts.node})"),
        *heads,
        ("Found", in_words(facts.seen_at)),
    ]
