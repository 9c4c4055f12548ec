"""`audit`: what an auditor does with journals taken away from their nodes, offline."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, NamedTuple

import typer

from node.cli.context import Json, add, add_group, own_root, read_root, replace_file
from node.cli.journal_reading import reader
from node.cli.output import columns, give, in_words, moment, progress
from node.cli.pack_command import make_identity, pack_journal
from node.cli.verdicts import end_with, show_report
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.audit.findings import Report
    from node.audit.inquest import Found
    from node.audit.parts import Journal
    from node.audit.pools import OpenPool
    from node.model.statement import Statement
    from node.wire.export import Record
    from node.wire.pack import Identity

_ROOT_HELP: Final = "The federation's root (root.json) that you trust. May be given more than once."
_MISSING: Final = "erased, or not granted"
_NODES_MIN: Final = 2  # one has nothing to be compared with
_INLINE_SIZE_MAX_BYTES: Final = 8 << 20  # of so little, one process is done before others start

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH…",
        exists=True,
        help="Audit packs, exported journals, or data directories of nodes.",
    ),
]
Roots = Annotated[list[Path] | None, typer.Option("--root", dir_okay=False, help=_ROOT_HELP)]
Check = Annotated[
    str | None,
    typer.Option("--check", help="List only the findings of this check; the verdict is of all."),
]
Identities = Annotated[
    list[Path] | None,
    typer.Option(
        "--identity",
        dir_okay=False,
        exists=True,
        help="The auditor's identity file, for packs that are encrypted. May be repeated.",
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, help="How many processes work.", show_default="one for each core"),
]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Have the workers of a Dask cluster do it (extra 'cluster'); trust them as you "
        "trust this machine: they see the journals.",
    ),
]
LateAfter = Annotated[
    int, typer.Option(min=1, help="After how many days an award enters the registry late.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    files, root = "xa.symbolon-journal xb.symbolon-journal", "--root root.json"
    both = f"symbolon audit replay {files} {root}"
    audit = add_group(app, "audit", "What an auditor does, offline.", both)
    add(audit, "replay", replay_journals, both, "symbolon audit replay data/xa data/xb")
    add(audit, "reconcile", reconcile_journals, f"symbolon audit reconcile {files} {root}")
    add(audit, "registry", look_at_registry, f"symbolon audit registry {files[20:]} {root}")
    written = "--html report.html --json report.json"
    add(audit, "report", write_report, f"symbolon audit report {files} {root} {written}")
    pack = "symbolon --data xa audit pack"
    add(
        audit,
        "pack",
        pack_journal,
        f"{pack} xa.symbolon-pack --for 'Audit 2026' --from 2026-01-01 --until 2026-07-01",
        f"{pack} xa.symbolon-pack --for 'Audit 2026' --kind query --kind answer --to age1…",
    )
    add(audit, "keygen", make_identity, "symbolon audit keygen auditor.key")
    add(
        audit,
        "show",
        show_entries,
        f"symbolon audit show {files[:19]} --from 2000 --limit 1 --content",
    )


def replay_journals(
    context: typer.Context,
    paths: Paths,
    *,
    root: Roots = None,
    check: Check = None,
    identity: Identities = None,
    processes: Processes = None,
    dask: Dask = None,
    as_json: Json = False,
) -> None:
    """Replay journals: every seal, every answer, and one journal against the other.

    Without --root a data directory's own root.json counts. Exit status 0 for PASS, 1 for FAIL,
    4 where a check could not be made.
    """
    found = _inquire(
        _Asked(context, paths, root, identity, as_json), ["replay"], _Work(processes, dask)
    )
    _give(found, check, as_json=as_json)


def reconcile_journals(
    context: typer.Context,
    paths: Paths,
    *,
    root: Roots = None,
    check: Check = None,
    identity: Identities = None,
    processes: Processes = None,
    dask: Dask = None,
    as_json: Json = False,
) -> None:
    """Reconcile journals of two or more nodes: what one of them left out, and whose fault it is.

    Finds questions without answers, answers without questions, answers that differ, what one side
    holds and the other lacks, deadlines missed, clocks apart, trust lists left. FAIL where a node's
    own seals show the fault, INDETERMINATE where nothing does. Exit status 0 for PASS, 1 for
    FAIL, 4 for INDETERMINATE.
    """
    too_few = Refusal(Code.MALFORMED, "PATH: name the journals of two nodes or more")
    if len(paths) < _NODES_MIN:
        raise too_few
    found = _inquire(
        _Asked(context, paths, root, identity, as_json), ["reconcile"], _Work(processes, dask)
    )
    journals = found.report.journals
    if len(journals) == len(paths) and len({one.node for one in journals}) < _NODES_MIN:
        raise too_few  # what could be read is one node's: nothing was compared
    _give(found, check, as_json=as_json)


def look_at_registry(
    context: typer.Context,
    paths: Paths,
    *,
    root: Roots = None,
    check: Check = None,
    late_after_days: LateAfter = 365,
    identity: Identities = None,
    processes: Processes = None,
    dask: Dask = None,
    as_json: Json = False,
) -> None:
    """Look for backdating in what a registry's own journal says.

    Awards that entered the registry long after their date or are dated after it, credentials
    edited after a query, bursts, issuers outside their accreditation, share codes used in bursts.
    Exit status 0 for PASS, 1 for FAIL, 4 for INDETERMINATE.
    """
    work = _Work(processes, dask, late_after_days)
    found = _inquire(_Asked(context, paths, root, identity, as_json), ["registry"], work)
    _give(found, check, as_json=as_json)


def write_report(
    context: typer.Context,
    paths: Paths,
    *,
    html: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Where the report for people goes: one HTML file."),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", dir_okay=False, help="Where the report for machines goes."),
    ] = None,
    root: Roots = None,
    late_after_days: LateAfter = 365,
    identity: Identities = None,
    processes: Processes = None,
    dask: Dask = None,
) -> None:
    """Do all audits at once and write one report: an HTML file that needs nothing else, or JSON.

    Exit status 0 for PASS, 1 for FAIL, 4 for INDETERMINATE, once what was asked for is written.
    """
    from node.audit.html_report import render_html
    from node.audit.report import Told, render_report

    if html is None and json_file is None:
        raise Refusal(Code.MALFORMED, "--html, --json: say where the report goes")
    aims = ["replay", "reconcile", "registry", "series"] if len(paths) > 1 else [
        "replay",
        "registry",
        "series",
    ]  # fmt: skip
    work = _Work(processes, dask, late_after_days)
    found = _inquire(_Asked(context, paths, root, identity, as_json=False), aims, work)
    told = Told(
        [str(path) for path in paths],
        frozenset(str(path) for path in paths if path.is_dir()),
        [str(path) for path in root or []],
        late_after_days,
        [str(path) for path in identity or []],
    )
    content = render_report(found, told)
    if html is not None:
        _write(html, render_html(found, told).encode())
    if json_file is not None:
        import msgspec

        _write(json_file, msgspec.json.format(msgspec.json.encode(content)) + b"\n")

    def show(console: "Console") -> None:
        show_report(console, found.report)
        for file in (html, json_file):
            if file is not None:
                console.print(f"[bold green]✓[/] written: {file}")

    give(False, content, show)
    end_with(found.report.verdict)


def show_entries(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="An audit pack or exported journal."
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, help="How many entries.")] = 20,
    first: Annotated[int, typer.Option("--from", min=0, help="First index.")] = 0,
    *,
    content: Annotated[
        bool, typer.Option("--content", help="Show what they say, personal data included.")
    ] = False,
    identity: Identities = None,
    as_json: Json = False,
) -> None:
    """Show entries of a pack or an exported journal: index, time, kind and size."""
    from node.wire.pack import open_journal

    with file.open("rb") as stream, open_journal(stream, _identities(identity or [])) as records:
        entries = list(_entries(records, first, limit))
    listed = [_listed(entry, content=content) for entry in entries]

    def show(console: "Console") -> None:
        rows = [
            (
                entry.at,
                "" if entry.statement is None else in_words(entry.statement.said_at),
                _MISSING if entry.statement is None else type(entry.statement.body).__name__,
                entry.size_bytes or "",
            )
            for entry in entries
        ]
        console.print(columns(("Index", "Said", "Kind", "Bytes"), rows))
        if content:
            for one in listed:
                if one["content"] is not None:
                    console.print_json(data=one["content"])

    give(as_json, {"entries": listed}, show)


# --- how it is done ------------------------------------------------------------------------


class _Work:
    """Who does the work, and what counts as late."""

    def __init__(self, processes: int | None, dask: str | None, late_after_days: int = 365) -> None:
        if processes is not None and dask is not None:
            raise Refusal(Code.MALFORMED, "--processes, --dask: give one or the other")
        self._processes = processes
        self._dask = dask
        self.late_after_days = late_after_days

    def pool(self, paths: Sequence[Path]) -> "OpenPool":
        from node.audit import pools

        if self._dask is not None:
            return pools.dask(self._dask)
        small = all(path.is_file() for path in paths) and (
            sum(path.stat().st_size for path in paths) <= _INLINE_SIZE_MAX_BYTES
        )
        return pools.processes(self._processes or (1 if small else pools.cores()))


class _Asked(NamedTuple):
    """What a command was given to look at."""

    context: typer.Context
    paths: Sequence[Path]
    roots: Sequence[Path] | None
    identities: Sequence[Path] | None
    as_json: bool


def _inquire(asked: _Asked, aims: Sequence[str], work: _Work) -> "Found":
    from node.audit.examined import Aim
    from node.audit.inquest import inquire

    paths = asked.paths
    roots = _roots(asked.context, paths, asked.roots or [])
    identities = _identities(asked.identities or [])
    live = [path.is_dir() for path in paths]
    pool = work.pool(paths)

    async def session() -> "Found":
        async with AsyncExitStack() as stack:
            journals: list[Journal] = [
                await _live(path, aims, stack) if is_live else _open(path, identities, stack)
                for path, is_live in zip(paths, live, strict=True)
            ]
            told = stack.enter_context(progress(asked.as_json))
            return inquire(
                journals,
                roots,
                frozenset(map(Aim, aims)),
                progress=told,
                pool=pool,
                late_after_days=work.late_after_days,
            )

    return asyncio.run(session())


def _identities(files: Sequence[Path]) -> "list[Identity]":
    if not files:
        return []
    from node.wire.pack import read_identities

    found: list[Identity] = []
    for file in files:
        found += read_identities(file.read_text(encoding="utf-8", errors="replace"))
    return found


def _open(path: Path, identities: "Sequence[Identity]", stack: AsyncExitStack) -> "BinaryIO":
    """Open a pack or an exported journal."""
    from node.wire.pack import open_journal

    stream = stack.enter_context(path.open("rb"))
    return stack.enter_context(open_journal(stream, identities))


def _give(found: "Found", check: str | None, *, as_json: bool) -> None:
    from node.audit.findings import render_json

    report = found.report if check is None else _only(found.report, check)
    give(as_json, render_json(report), lambda console: show_report(console, report))
    end_with(report.verdict)


def _only(report: "Report", check: str) -> "Report":
    """Return a report that lists the findings of one check."""
    from msgspec.structs import replace

    from node.audit.findings import TITLES

    if check not in {one.value for one in TITLES}:
        names = ", ".join(one.value for one in TITLES)
        raise Refusal(Code.MALFORMED, f"--check: {check!r} is none of {names}")
    listed = tuple(finding for finding in report.findings if finding.check.value == check)
    made = next((one for one in report.checks if one.check.value == check), None)
    found = 0 if made is None else made.failed + made.undetermined
    return replace(
        report, findings=listed, left_out=found - sum(finding.times for finding in listed)
    )


def _roots(context: typer.Context, paths: Sequence[Path], named: Sequence[Path]) -> list[bytes]:
    files = list(named)
    if not files:
        files = [path / "root.json" for path in paths if path.is_dir()]
    if not files:
        files = [own_root(context)]
    return list(dict.fromkeys(map(read_root, files)))


async def _live(path: Path, aims: Sequence[str], stack: AsyncExitStack) -> "Iterator[Record]":
    """Open the journal of a data directory for reading; that somebody does is journalled first."""
    from node import assembly
    from node.model.statement import AccessKind
    from node.settings import load

    opened = await stack.enter_async_context(assembly.opened_node(path, load(path)))
    await assembly.adopt_or_restore_list(opened)
    ground = f"audit on this machine: {', '.join(aims)}"
    await opened.looking.begin(AccessKind.FOUND, reader(""), ground)
    await opened.ledger.sign_head()
    return opened.ledger.records()


class _Shown(NamedTuple):
    """An entry of a file; its statement is None where it stands by its commitment only."""

    at: int
    size_bytes: int
    statement: "Statement | None"


def _entries(stream: "BinaryIO", start: int, limit: int) -> Iterator[_Shown]:
    from node.wire.codec import decode_statement
    from node.wire.export import Commitments, Entry
    from node.wire.export_reading import read_records

    for record in read_records(stream):
        if isinstance(record, Commitments):
            for index in range(max(record.start, start), min(record.end, start + limit)):
                yield _Shown(index, 0, None)
        elif isinstance(record, Entry) and record.index >= start:
            if record.index >= start + limit:
                return
            size_bytes = len(record.statement)
            yield _Shown(record.index, size_bytes, decode_statement(record.statement))


def _listed(entry: _Shown, *, content: bool) -> dict[str, Any]:
    from node.cli.journal_reading import plain

    said = entry.statement
    return {
        "index": entry.at,
        "said_at": None if said is None else moment(said.said_at),
        "kind": None if said is None else type(said.body).__name__,
        "size_bytes": entry.size_bytes,
        **({"content": None if said is None else plain(said)} if content else {}),
    }


def _write(file: Path, content: bytes) -> None:
    import os

    def write(fresh: Path) -> None:
        with fresh.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    replace_file(file, write)
