"""`audit pack` and `audit keygen`: handing over what is granted of a journal, and to whom."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.context import Json, act, replace_file
from node.cli.journal_commands import Counted
from node.cli.journal_reading import Ground, microseconds, reader
from node.cli.output import give, progress
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.assembly import OpenedNode
    from node.model.statement import Grant


class GrantedKind(StrEnum):
    """Kinds of statements, as they are granted."""

    QUERY = "query"
    ANSWER = "answer"
    NO_ANSWER = "no_answer"
    CONCLUSION = "conclusion"
    REGISTRY = "registry"
    SHARE_CODE = "share_code"
    CONTEST = "contest"


_NUMBERS: Final = dict(zip(GrantedKind, (*range(10, 16), 24), strict=True))
"""As the protocol's Statement message numbers its bodies."""


Reading = Annotated[
    str,
    typer.Option(
        "--as",
        help="In which role; it is journalled.",
        show_default="the user of the operating system",
    ),
]
Since = Annotated[datetime | None, typer.Option("--from", help="Said at or after this time, UTC.")]
Until = Annotated[datetime | None, typer.Option(help="Said before this time, UTC.")]
Span = Annotated[
    str | None,
    typer.Option("--range", metavar="A:B", help="Positions from A up to, not including, B."),
]
Kinds = Annotated[
    list[GrantedKind] | None,
    typer.Option(help="Only of this kind; may be repeated.", show_default="all"),
]
Recipients = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RECIPIENT",
        help="Encrypt it to this auditor, as 'audit keygen' prints it; may be repeated.",
    ),
]


def pack_journal(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Where it goes.")],
    *,
    ground: Ground,
    role: Reading = "",
    since: Since = None,
    until: Until = None,
    span: Span = None,
    kind: Kinds = None,
    to: Recipients = None,
    as_json: Json = False,
) -> None:
    """Write what is granted of the journal to a file that an auditor takes away.

    It holds every statement that is granted, personal data included, and in place of every other
    its commitment; so all of the tree can be checked. What is granted, to whom and what for is
    journalled first. Only its owner can read the file; with --to only those it is encrypted to.
    """
    from node.wire.pack import recipient_digest

    recipients = list(dict.fromkeys(to or []))
    digests = tuple(sorted(set(map(recipient_digest, recipients))))
    kinds = tuple(sorted({_NUMBERS[one] for one in kind or []}))
    wanted = _span(span)

    async def work(node: "OpenedNode") -> "tuple[Grant, int, int]":
        times = (None if at is None else microseconds(at) for at in (since, until))
        grant = _grant(wanted, await node.ledger.between(*times), kinds)
        access = await node.looking.hand_over(reader(role), ground, grant, digests)
        await node.ledger.sign_head()
        with progress(as_json) as told:
            records = node.ledger.records(grant, access)
            counted = Counted(records, lambda done: told("Entries written", done))
            size_bytes = replace_file(file, lambda fresh: _write(fresh, counted, recipients))
        return grant, counted.entries, size_bytes

    grant, entries, size_bytes = act(context, work, stating=True)
    content = {
        "file": str(file),
        "range": [grant.start, grant.end],
        "kinds": [one.value for one in dict.fromkeys(kind or [])],
        "entries": entries,
        "encrypted_to": recipients,
        "size_bytes": size_bytes,
    }
    sealed = f", encrypted to {len(recipients)}" if recipients else ", not encrypted"
    line = (
        f"{entries:,} entries, {grant.start:,} to {grant.end - 1:,} granted, {size_bytes:,} bytes"
    )
    give(as_json, content, lambda console: console.print(f"[bold green]✓[/] {line}{sealed}"))


def _grant(wanted: tuple[int, int], said: tuple[int, int], kinds: tuple[int, ...]) -> "Grant":
    """Return the grant of what is in both ranges of positions."""
    from node.model.statement import Grant

    grant = Grant(max(wanted[0], said[0]), min(wanted[1], said[1]), kinds)
    if grant.start >= grant.end:
        raise Refusal(Code.MALFORMED, "--from, --until, --range: nothing in the journal is in")
    return grant


def make_identity(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", dir_okay=False, help="Where the secret goes.")
    ],
    as_json: Json = False,
) -> None:
    """Make an auditor's identity, and print the recipient that packs are encrypted to.

    The file is an age identity file and stays with the auditor: who has it reads the packs. The
    recipient goes to the nodes.
    """
    from node.wire.pack import new_identity

    if file.exists():
        raise Refusal(Code.CONFLICT, f"{file} is there already; an identity is not written over")
    identity = new_identity()
    content = f"# recipient: {identity.recipient}\n{identity.secret}\n"
    replace_file(file, lambda fresh: fresh.write_text(content))
    give(
        as_json,
        {"file": str(file), "recipient": identity.recipient},
        lambda console: console.print(identity.recipient, soft_wrap=True, markup=False),
    )


def _span(span: str | None) -> tuple[int, int]:
    """Return the positions of A:B, either of which may be left out."""
    from node.wire.codec import INDEX_MAX

    if span is None:
        return 0, INDEX_MAX
    first, colon, end = span.partition(":")
    if not colon or not all(
        part.isascii() and (part.isdigit() or not part) for part in (first, end)
    ):
        raise Refusal(Code.MALFORMED, f"--range: {span!r} is not A:B, two positions")
    return min(int(first or 0), INDEX_MAX), min(int(end or INDEX_MAX), INDEX_MAX)


def _write(path: Path, records: Counted, recipients: "Sequence[str]") -> int:
    import os

    from node.wire.pack import write_pack

    with path.open("wb") as stream:
        write_pack(records, stream, recipients)
        stream.flush()
        os.fsync(stream.fileno())
        return stream.tell()
