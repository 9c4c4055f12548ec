"""`receipt`, `journal` and `audit`: what proves an answer, and how it is checked."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.context import Json, act, add, add_group, caller, read_root, replace_file
from node.cli.output import (
    DONE,
    NO,
    NOT_NOW,
    columns,
    give,
    in_words,
    moment,
    pairs,
    progress,
    words,
)
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from node.assembly import OpenedNode
    from node.audit.findings import Report, Verdict
    from node.audit.receipt import ReceiptFacts
    from node.model.statement import Statement
    from node.wire.export import Record

_EVERY: Final = 4_096
_RECEIPT_SIZE_MAX_BYTES: Final = (4 << 20) + 1
_ROOT_HELP: Final = "The federation's root (root.json) that you trust."
_COLOURS: Final = {"PASS": "green", "FAIL": "red", "INDETERMINATE": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    verify = "symbolon receipt verify receipt.json --root root.json"
    receipt = add_group(
        app, "receipt", "Receipts: one file that proves one exchange by itself.", verify
    )
    add(receipt, "verify", verify_receipt, verify)
    journal = add_group(
        app,
        "journal",
        "The journal: every statement of this node, in order, under signed checkpoints.",
        "symbolon --data xa journal verify",
    )
    add(journal, "show", show_journal, "symbolon --data xa journal show --limit 50")
    add(journal, "verify", verify_journal, "symbolon --data xa journal verify")
    add(journal, "export", export_journal, "symbolon --data xa journal export xa.symbolon-journal")
    both = "symbolon audit replay xa.symbolon-journal xb.symbolon-journal --root root.json"
    audit = add_group(app, "audit", "What an auditor does, offline.", both)
    add(audit, "replay", replay_journals, both, "symbolon audit replay data/xa data/xb")


def verify_receipt(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The receipt.")
    ],
    root: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help=_ROOT_HELP, show_default="the node's root.json"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a receipt, with nothing but the federation's root.

    Exit status 0 for PASS, 1 for FAIL, 4 where a check could not be made.
    """
    from node.audit.findings import render_json
    from node.audit.receipt import check_receipt

    with file.open("rb") as stream:
        data = stream.read(_RECEIPT_SIZE_MAX_BYTES)
    checked = check_receipt(data, read_root(root or _own_root(context)))
    facts = checked.facts
    content = {**render_json(checked.report), "facts": None if facts is None else _facts(facts)}

    def show(console: "Console") -> None:
        if facts is not None:
            console.print(pairs(_facts_in_words(facts)))
            console.print()
        _show_report(console, checked.report)

    give(as_json, content, show)
    _end(checked.report.verdict)


def show_journal(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many entries.")] = 20,
    first: Annotated[
        int | None, typer.Option("--from", min=0, help="First index.", show_default="the last ones")
    ] = None,
    content: Annotated[
        bool, typer.Option("--content", help="Show what they say, personal data included.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show entries of the journal: index, time, kind and size."""

    async def work(node: "OpenedNode") -> "tuple[int, list[tuple[int, int, Statement]]]":
        size, _ = await node.ledger.heights()
        start = max(0, size - limit) if first is None else first
        return size, list(_entries(node.ledger.records(), start, limit))

    size, entries = act(context, work)
    listed = [
        {
            "index": index,
            "said_at": moment(statement.said_at),
            "kind": type(statement.body).__name__,
            "size_bytes": size_bytes,
            **({"content": _plain(statement)} if content else {}),
        }
        for index, size_bytes, statement in entries
    ]

    def show(console: "Console") -> None:
        rows = [
            (index, in_words(statement.said_at), type(statement.body).__name__, size_bytes)
            for index, size_bytes, statement in entries
        ]
        if content:
            for row, entry in zip(rows, listed, strict=True):
                console.print(*row, markup=False)
                console.print_json(data=entry["content"])
        else:
            console.print(columns(("Index", "Said", "Kind", "Bytes"), rows))
        console.print(f"{len(entries):,} of {size:,} entries")

    give(as_json, {"size": size, "entries": listed}, show)


def verify_journal(context: typer.Context, as_json: Json = False) -> None:
    """Recompute the whole tree, and check the signatures of the newest checkpoint.

    Exit status 1 where anything does not hold. Whether answers were right is for 'audit replay'.
    """

    async def work(node: "OpenedNode") -> tuple[int, Sequence[str]]:
        from node.model.note import open_checkpoint

        settings = node.settings
        note = await node.ledger.checkpoint()
        size = await node.ledger.check()
        origin = settings.node.origin
        signers = node.keys.signers(origin, post_quantum=settings.seals.ml_dsa_44)
        opened = open_checkpoint(note, origin, [signer.verifier for signer in signers])
        if len(opened.signed_by) < len(signers) or opened.checkpoint.size > size:
            raise Refusal(Code.DEFECT, "the newest checkpoint is not that of this journal and key")
        return size, [key.kind.name for key in opened.signed_by]

    faults: list[str] = []
    size: int | None = None
    kinds: Sequence[str] = ()
    try:
        size, kinds = act(context, work)
    except Refusal as refusal:
        if refusal.code not in {Code.DEFECT, Code.UNAUTHENTICATED}:
            raise
        faults.append(refusal.reason)
    verdict = "FAIL" if faults else "PASS"

    def show(console: "Console") -> None:
        said = faults[0] if faults else f"{size:,} entries, head signed with {' and '.join(kinds)}"
        console.print(f"[bold {_COLOURS[verdict]}]{verdict}[/]: ", end="")
        console.print(said, markup=False)

    content = {"verdict": verdict, "size": size, "signed_with": list(kinds), "faults": faults}
    give(as_json, content, show)
    if faults:
        raise typer.Exit(NO)


def export_journal(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Where it goes.")],
    as_json: Json = False,
) -> None:
    """Write the journal to a file that an auditor takes away.

    It holds every statement, personal data included: only its owner can read it.
    """

    async def work(node: "OpenedNode") -> tuple[int, int]:
        await node.ledger.sign_head()
        with progress(as_json) as told:
            counted = _Counted(node.ledger.records(), lambda done: told("Entries written", done))
            size_bytes = replace_file(file, lambda fresh: _write(fresh, counted))
        return counted.entries, size_bytes

    entries, size_bytes = act(context, work)
    give(
        as_json,
        {"file": str(file), "entries": entries, "size_bytes": size_bytes},
        lambda console: console.print(
            f"[bold green]✓[/] {entries:,} entries, {size_bytes:,} bytes written"
        ),
    )


def replay_journals(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…", exists=True, help="Exported journals, or data directories of nodes."
        ),
    ],
    root: Annotated[
        list[Path] | None,
        typer.Option(dir_okay=False, help=f"{_ROOT_HELP} May be given more than once."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay journals: every seal, every answer, and one journal against the other.

    Without --root a data directory's own root.json counts. Exit status 0 for PASS, 1 for FAIL,
    4 where a check could not be made.
    """
    from node.audit.findings import render_json
    from node.audit.replay import replay

    roots = _roots(context, paths, root or [])
    live = [path.is_dir() for path in paths]

    async def session() -> "Report":
        async with AsyncExitStack() as stack:
            journals = [
                await _journal(path, stack) if is_live else _exported(path, stack)
                for path, is_live in zip(paths, live, strict=True)
            ]
            told = stack.enter_context(progress(as_json))
            return replay(journals, roots, lambda origin, done: told(f"{origin}: entries", done))

    report = asyncio.run(session())
    give(as_json, render_json(report), lambda console: _show_report(console, report))
    _end(report.verdict)


class _Counted:
    """Records as they pass, their entries counted."""

    def __init__(self, records: "Iterable[Record]", told: Callable[[int], None]) -> None:
        self._records = records
        self._told = told
        self.entries = 0

    def __iter__(self) -> "Iterator[Record]":
        from node.wire.export import Entry

        for record in self._records:
            if isinstance(record, Entry):
                self.entries += 1
                if self.entries % _EVERY == 0:
                    self._told(self.entries)
            yield record


def _write(path: Path, records: "Iterable[Record]") -> int:
    import os

    from node.wire.export import write_records

    with path.open("wb") as stream:
        write_records(records, stream)
        stream.flush()
        os.fsync(stream.fileno())
        return stream.tell()


def _entries(
    records: "Iterable[Record]", start: int, limit: int
) -> "Iterator[tuple[int, int, Statement]]":
    from node.wire.codec import decode_statement
    from node.wire.export import Entry

    for record in records:
        if isinstance(record, Entry) and record.index >= start:
            if record.index >= start + limit:
                return
            yield record.index, len(record.statement), decode_statement(record.statement)


def _plain(statement: "Statement") -> Any:  # noqa: ANN401 - any JSON
    """Return a statement as JSON: bytes in hexadecimal digits, members by name."""
    from enum import IntEnum

    import msgspec

    def plain(value: Any) -> Any:  # noqa: ANN401 - any part of a statement
        if isinstance(value, msgspec.Struct):
            return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        if isinstance(value, IntEnum):
            return value.name.lower()
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return msgspec.to_builtins(value)

    return plain(statement)


def _own_root(context: typer.Context) -> Path:
    path = caller(context).data / "root.json"
    if not path.exists():
        raise Refusal(
            Code.MALFORMED, "--root: name the federation's root.json; there is no node here"
        )
    return path


def _roots(context: typer.Context, paths: Sequence[Path], named: Sequence[Path]) -> list[bytes]:
    files = list(named)
    if not files:
        files = [path / "root.json" for path in paths if path.is_dir()]
    if not files:
        files = [_own_root(context)]
    return list(dict.fromkeys(map(read_root, files)))


def _exported(path: Path, stack: AsyncExitStack) -> "Iterable[Record]":
    from node.wire.export import read_records

    return read_records(stack.enter_context(path.open("rb")))


async def _journal(path: Path, stack: AsyncExitStack) -> "Iterable[Record]":
    """Open the journal of a data directory for reading."""
    from node import assembly
    from node.settings import load

    opened = await stack.enter_async_context(assembly.opened_node(path, load(path)))
    await opened.ledger.sign_head()
    return opened.ledger.records()


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


def _show_report(console: "Console", report: "Report") -> None:
    """Show every check with its verdict, then each finding that is not PASS, then the whole."""
    from rich.text import Text

    from node.audit.findings import TITLES

    for journal in report.journals:
        console.print(str(journal), markup=False)
    checks = [
        (_verdict_text(one.verdict.value), TITLES[one.check], f"{one.made:,}")
        for one in report.checks
    ]
    console.print(columns(("Verdict", "Check", "Made"), checks))
    for finding in report.findings:
        line = Text.assemble(_verdict_text(finding.verdict.value), f" {finding.place}: ")
        console.print(line.append(f"{finding.check.value}: {finding.sentence}"))
    if report.omission:
        console.print(report.omission)
    console.print(Text.assemble(_verdict_text(report.verdict.value), f": {report.totals}"))


def _verdict_text(verdict: str) -> "Text":
    from rich.text import Text

    return Text(verdict, f"bold {_COLOURS[verdict]}")


def _end(verdict: "Verdict") -> None:
    status = {"PASS": DONE, "FAIL": NO, "INDETERMINATE": NOT_NOW}[verdict.value]
    if status != DONE:
        raise typer.Exit(status)
