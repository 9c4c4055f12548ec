"""`journal`: the journal checked, and exported: its public side, or all of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.context import Json, act, add, add_group, replace_file, settings_of
from node.cli.erase_commands import register_journal
from node.cli.join_command import described_now
from node.cli.journal_reading import (
    Ground,
    Role,
    find_entries,
    reader,
    show_journal,
    tail_journal,
)
from node.cli.output import NO, give, progress
from node.cli.renewal_commands import renew_journal_keys
from node.cli.verdicts import COLOURS, end_with, show_report
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.model.trust_view import TrustView
    from node.store.tile_directory import TilesExported
    from node.wire.export import Record

SUFFIX: Final = ".symbolon-journal"
_EVERY: Final = 4_096


def register(app: typer.Typer) -> None:
    """Add the commands."""
    own = "symbolon --data xa journal"
    journal = add_group(
        app,
        "journal",
        "The journal: every statement of this node, in order, under signed checkpoints.",
        f"{own} verify",
    )
    add(journal, "show", show_journal, f"{own} show --limit 50")
    add(
        journal,
        "find",
        find_entries,
        f"{own} find --peer XB --outcome revoked --for 'Complaint 12/2026'",
        f"{own} find --credential XA-2019-000001 --for 'Asked for by the holder'",
    )
    add(journal, "tail", tail_journal, f"{own} tail --follow")
    directory = "symbolon journal verify /srv/tiles --key xa.symbolon/journal+3cb80a2f+ARdF…"
    add(journal, "verify", verify_journal, f"{own} verify", directory)
    renew = f"{own} renew-keys --reason 'Yearly renewal' --out xa.join.json"
    add(journal, "renew-keys", renew_journal_keys, renew)
    add(journal, "export", export_journal, f"{own} export /srv/tiles")
    everything = f"{own} export-all xa.symbolon-journal --for 'Audit 2026'"
    add(journal, "export-all", export_all, everything)
    register_journal(journal)


def verify_journal(
    context: typer.Context,
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            exists=True,
            file_okay=False,
            help="Tiles that 'journal export' wrote, or a mirror has.",
            show_default="the node's own journal",
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="For DIR: verifier key that must have signed, name+id+base64; may be repeated.",
            show_default="the keys on the node's trust list",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute the whole tree, and check the signatures of the newest checkpoint.

    Of the node's own journal, statements and all; or of a directory of tiles, down to the last
    byte. Exit status 1 where anything does not hold, 4 where a check could not be made. Whether
    answers were right is for 'audit replay'.
    """
    if directory is None:
        _verify_own(context, as_json=as_json)
    else:
        _verify_directory(context, directory, key or [], as_json=as_json)


def _verify_own(context: typer.Context, *, as_json: bool) -> None:
    async def work(node: "OpenedNode") -> tuple[int, Sequence[str]]:
        from node.model.note import VerifierKey, open_checkpoint

        settings = node.settings
        note = await node.ledger.checkpoint()
        size = await node.ledger.check()
        origin = settings.node.origin
        # Renewed keys among them: the newest checkpoint may have been signed before.
        described = described_now(settings_of(context)[0], settings)
        keys = [VerifierKey.parse(entry.verifier) for entry in described.journal.keys]
        signers = node.keys.signers(origin, post_quantum=settings.seals.ml_dsa_44)
        needed = {signer.verifier.kind for signer in signers}
        opened = open_checkpoint(note, origin, keys)
        if not needed <= {key.kind for key in opened.signed_by} or opened.checkpoint.size > size:
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
        console.print(f"[bold {COLOURS[verdict]}]{verdict}[/]: ", end="")
        console.print(said, markup=False)

    content = {"verdict": verdict, "size": size, "signed_with": list(kinds), "faults": faults}
    give(as_json, content, show)
    if faults:
        raise typer.Exit(NO)


def _verify_directory(
    context: typer.Context, directory: Path, keys: Sequence[str], *, as_json: bool
) -> None:
    from node.audit.findings import render_json
    from node.audit.tiles import verify_tiles

    opening = _opening(context, directory, keys)
    with progress(as_json) as told:
        checked = verify_tiles(directory, opening, lambda done: told("Entries checked", done))
    report, checkpoint = checked.report, checked.checkpoint
    content = {
        **render_json(report),
        "origin": None if checkpoint is None else checkpoint.origin,
        "size": None if checkpoint is None else checkpoint.size,
    }

    def show(console: "Console") -> None:
        if checkpoint is not None:
            console.print(f"{checkpoint.origin}: {checkpoint.size:,} entries", markup=False)
        show_report(console, report)

    give(as_json, content, show)
    end_with(report.verdict)


def _opening(
    context: typer.Context, directory: Path, keys: Sequence[str]
) -> "Callable[[bytes], object] | None":
    """Return what opens the checkpoint: the keys given, else the trust list in force here."""
    from node.audit.tiles import read_checkpoint, signed_by_all
    from node.model.note import VerifierKey

    if keys:
        return signed_by_all([VerifierKey.parse(one) for one in keys])
    try:
        _, checkpoint = read_checkpoint(directory)
        view = act(context, _view)
    except Refusal:  # no checkpoint, no node here or no list: what can be checked is checked
        return None
    from node.assembly import clock

    owners = [node for node in view.nodes.values() if node.origin == checkpoint.origin]
    return (lambda note: view.open_checkpoint(owners[0], note, clock())) if owners else None


async def _view(node: "OpenedNode") -> "TrustView":
    return node.trust.read()[1]


def export_journal(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Where it goes.")
    ],
    prefix: Annotated[
        str, typer.Option(help="A path below DIR, where one web server shows several journals.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write the public side of the journal to a directory that any web server can hand out.

    Checkpoint, hashes and commitments as C2SP tlog-tiles: no statement and no personal data. What
    is there already stays, so it can run every minute. For the statements: 'journal export-all'.
    """
    if directory.suffix == SUFFIX:
        raise Refusal(
            Code.MALFORMED,
            f"DIR: a directory of public tiles is none of {SUFFIX}; the whole journal, personal "
            "data included, is written by 'journal export-all'",
        )

    async def work(node: "OpenedNode") -> "TilesExported":
        from node.store.tile_directory import export_tiles

        await node.ledger.sign_head()
        with progress(as_json) as told, node.tiles.snapshot() as journal:
            return export_tiles(
                journal, directory, prefix, lambda done: told("Entries written", done)
            )

    done = act(context, work)
    content = {
        "directory": str(directory / prefix),
        "size": done.size,
        "size_before": done.size_before,
        "files": done.files,
    }
    give(
        as_json,
        content,
        lambda console: console.print(
            f"[bold green]✓[/] {done.size:,} entries, {done.size - done.size_before:,} of them "
            f"new; {done.files:,} files written"
        ),
    )


def export_all(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Where it goes.")],
    ground: Ground,
    role: Role = "",
    as_json: Json = False,
) -> None:
    """Write the whole journal to a file that an auditor takes away.

    It holds every statement, personal data included: only its owner can read it. Who took it and
    what for is journalled first.
    """

    async def work(node: "OpenedNode") -> tuple[int, int]:
        from node.model.statement import AccessKind

        await node.looking.begin(AccessKind.EXPORTED, reader(role), ground)
        await node.ledger.sign_head()
        with progress(as_json) as told:
            counted = Counted(node.ledger.records(), lambda done: told("Entries written", done))
            size_bytes = replace_file(file, lambda fresh: _write(fresh, counted))
        return counted.entries, size_bytes

    entries, size_bytes = act(context, work, stating=True)
    give(
        as_json,
        {"file": str(file), "entries": entries, "size_bytes": size_bytes},
        lambda console: console.print(
            f"[bold green]✓[/] {entries:,} entries, {size_bytes:,} bytes written"
        ),
    )


class Counted:
    """Records as they pass, their entries counted."""

    def __init__(self, records: "Iterable[Record]", told: Callable[[int], None]) -> None:
        """Tell now and then how many there were."""
        self._records = records
        self._told = told
        self.entries = 0

    def __iter__(self) -> "Iterator[Record]":
        """Yield the records."""
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
