"""`journal show`, `find` and `tail`: looking at entries; whoever reads content is journalled."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from node.cli.context import Json, act
from node.cli.output import columns, give, in_words, moment, print_json, progress, words
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.model.search import Search
    from node.model.statement import Statement
    from node.store.reading import FoundEntry

Ground = Annotated[
    str, typer.Option("--for", help="What for; it is journalled, so name no person.")
]
Role = Annotated[
    str,
    typer.Option(
        help="In which role; it is journalled.", show_default="the user of the operating system"
    ),
]
Content = Annotated[
    bool,
    typer.Option("--content", help="Show what they say, personal data included; needs --for."),
]
KindName = Literal[
    "query",
    "answer",
    "no_answer",
    "conclusion",
    "registered",
    "status_changed",
    "share_code_given",
    "share_code_ended",
    "watch_given",
    "watch_ended",
    "contest_raised",
    "record_exported",
    "status_notice",
    "notice_taken",
    "case_step",
    "case_received",
    "case_concluded",
    "trust_adopted",
    "audit_access",
    "erasure",
    "erasure_request",
    "erasure_acknowledged",
    "erasure_concluded",
]
OutcomeName = Literal[
    "confirmed", "suspended", "revoked", "expired", "superseded", "not_confirmed", "refused"
]
_HEADINGS: Final = ("Index", "Said", "Kind", "Outcome", "Peer", "Bytes")
_LOOK_EVERY_S: Final = 0.5
_TOGETHER: Final = 500


def show_journal(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many entries.")] = 20,
    first: Annotated[
        int | None, typer.Option("--from", min=0, help="First index.", show_default="the last ones")
    ] = None,
    content: Content = False,
    ground: Ground = "",
    role: Role = "",
    as_json: Json = False,
) -> None:
    """Show entries of the journal: index, time, kind, outcome, the other node and size.

    With --content it is journalled first who looks, and what for.
    """

    async def work(node: "OpenedNode") -> "tuple[int, list[FoundEntry]]":
        if content:
            await _begin(node, ground, role)
        size = await node.reader.size()
        start = max(0, size - limit) if first is None else first
        return size, await node.reader.entries(start, limit)

    size, entries = act(context, work, stating=content)
    listed = [_listed(entry, content=content) for entry in entries]

    def show(console: "Console") -> None:
        _show(console, entries, content=content)
        console.print(f"{len(entries):,} of {size:,} entries")

    give(as_json, {"size": size, "entries": listed}, show)


def find_entries(
    context: typer.Context,
    *,
    ground: Ground,
    credential: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="About this credential.")
    ] = None,
    peer: Annotated[
        str | None, typer.Option(metavar="NODE", help="With this node on the other side.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Said at or after this time, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Said before this time, UTC.")] = None,
    kind: Annotated[KindName | None, typer.Option(help="Of this kind.")] = None,
    outcome: Annotated[
        OutcomeName | None, typer.Option(help="Answers and conclusions with this outcome.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest first.")] = 1_000,
    content: Content = False,
    role: Role = "",
    as_json: Json = False,
) -> None:
    """Find entries by credential, other node, time, kind and outcome.

    Who looks, what for and at what is journalled first; a credential's number is not.
    """
    from node.model.search import KINDS, Search
    from node.model.statement import Outcome

    search = Search(
        credential=credential,
        peer=peer,
        since=None if since is None else microseconds(since),
        until=None if until is None else microseconds(until),
        kind=None if kind is None else KINDS[kind],
        outcome=None if outcome is None else Outcome[outcome.upper()],
    )

    async def work(node: "OpenedNode") -> "tuple[list[FoundEntry], bool]":
        await _begin(node, ground, role, content=content, search=search)
        with progress(as_json) as told:
            found = node.reader.find(search, lambda done: told("Entries looked at", done))
            entries = [entry for entry, _ in zip(found, range(limit), strict=False)]
            return entries, next(found, None) is not None

    entries, more = act(context, work, stating=True)
    listed = [_listed(entry, content=content) for entry in entries]

    def show(console: "Console") -> None:
        _show(console, entries, content=content)
        console.print(f"{len(entries):,} entries" + (", and there are more" if more else ""))

    give(as_json, {"entries": listed, "more": more}, show)


def tail_journal(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=0, help="How many entries to begin with.")] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is journalled from now on.")
    ] = False,
    content: Content = False,
    ground: Ground = "",
    role: Role = "",
    as_json: Json = False,
) -> None:
    """Show the newest entries, a line for each, and with --follow those to come.

    With --json each entry is an object on a line of its own. With --content it is journalled
    first who looks, and what for.
    """

    def told(entry: "FoundEntry") -> None:
        if as_json:
            print_json(_listed(entry, content=content))
        else:
            give(False, {}, lambda console: _line(console, entry, content=content))

    async def work(node: "OpenedNode") -> None:
        if content:
            await _begin(node, ground, role)
        at = max(0, await node.reader.size() - limit)
        while True:
            entries = await node.reader.entries(at, _TOGETHER)
            for entry in entries:
                told(entry)
            at += len(entries)
            if len(entries) < _TOGETHER:
                if not follow:
                    return
                await asyncio.sleep(_LOOK_EVERY_S)

    act(context, work, stating=content)


def reader(role: str) -> str:
    """Return who looks, as the journal is told: the role given, else the system's user."""
    import os
    import pwd

    if role:
        return f"role {role}"
    try:
        return f"user {pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"user {os.getuid()}"


async def _begin(
    node: "OpenedNode",
    ground: str,
    role: str,
    *,
    content: bool = True,
    search: "Search | None" = None,
) -> None:
    """Journal that somebody looks, before anything is read."""
    from node.flows.look import EVERYTHING
    from node.model.statement import AccessKind
    from node.store.projection import KINDS

    if not ground:
        raise Refusal(Code.MALFORMED, "--for: say what for; who reads content is journalled")
    wanted = EVERYTHING
    if search is not None:
        wanted = search.told(None if search.kind is None else KINDS[search.kind])
    kind = AccessKind.SHOWN if content else AccessKind.FOUND
    await node.looking.begin(kind, reader(role), ground, wanted)


def microseconds(at: datetime) -> int:
    """Return a time of the command line, which is UTC where it names no zone."""
    zoned = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return int(zoned.timestamp()) * 1_000_000 + zoned.microsecond


def _listed(entry: "FoundEntry", *, content: bool) -> dict[str, Any]:
    from node.model.search import outcome_of

    statement = entry.statement
    if statement is None or entry.erased is not None:
        return _listed_erased(entry)
    outcome = outcome_of(statement.body)
    return {
        "index": entry.index,
        "said_at": moment(statement.said_at),
        "kind": type(statement.body).__name__,
        "outcome": None if outcome is None else outcome.name.lower(),
        "peer": entry.peer,
        "size_bytes": entry.size_bytes,
        **({"content": plain(statement)} if content else {}),
    }


def _listed_erased(entry: "FoundEntry") -> dict[str, Any]:
    erased = entry.erased
    return {
        "index": entry.index,
        "kind": _kind(entry.kind),
        "peer": entry.peer,
        "erased_at": None if erased is None else moment(erased.erased_at),
        "rule": None if erased is None else erased.rule,
        "authority": None if erased is None else erased.authority,
    }


def _kind(number: int) -> str:
    """Return in words what an erased entry had been, as far as its number says."""
    from node.store.projection import KINDS

    names = [kind.__name__ for kind, numbered in KINDS.items() if numbered == number]
    return " or ".join(names)


def _row(entry: "FoundEntry") -> tuple[object, ...]:
    from node.model.search import outcome_of

    statement = entry.statement
    if statement is None:
        erased = entry.erased
        told = "" if erased is None else f"{in_words(erased.erased_at)} under {erased.rule}"
        return (entry.index, f"erased {told}", _kind(entry.kind), "", entry.peer or "", 0)
    outcome = outcome_of(statement.body)
    return (
        entry.index,
        in_words(statement.said_at),
        type(statement.body).__name__,
        "" if outcome is None else words(outcome.name),
        entry.peer or "",
        entry.size_bytes,
    )


def _show(console: "Console", entries: "Sequence[FoundEntry]", *, content: bool) -> None:
    if content:
        for entry in entries:
            _line(console, entry, content=True)
    else:
        console.print(columns(_HEADINGS, list(map(_row, entries))))


def _line(console: "Console", entry: "FoundEntry", *, content: bool) -> None:
    console.print(*filter(None, map(str, _row(entry))), markup=False)
    if content and entry.statement is not None:
        console.print_json(data=plain(entry.statement))


def plain(statement: "Statement") -> Any:  # noqa: ANN401 - any JSON
    """Return a statement as JSON: bytes in hexadecimal digits, members by name."""
    from enum import IntEnum

    import msgspec

    def of(value: Any) -> Any:  # noqa: ANN401 - any part of a statement
        if isinstance(value, msgspec.Struct):
            return {name: of(getattr(value, name)) for name in value.__struct_fields__}
        if isinstance(value, IntEnum):
            return value.name.lower()
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, tuple):
            return [of(one) for one in value]
        return msgspec.to_builtins(value)

    return of(statement)
