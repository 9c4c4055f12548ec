"""`registry`: a credential's life after it was entered, and what was so and known at any time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import Json, Number, act, add
from node.cli.output import columns, give, in_words, moment
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from rich.console import Console

    from node.assembly import OpenedNode
    from node.flows.registry import Change
    from node.model.credential import Credential, Status
    from node.model.history import Event
    from node.model.statement import Person, RevocationGround

Ground = Annotated[str, typer.Option(help="Why, in words that the holder will read.")]
As = Annotated[
    str,
    typer.Option("--as", help="Your role in this.", show_default="registrar or officer"),
]
Effective = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="From when on it is so: a day, or 2026-11-23T09:00:00Z; also past or to come.",
        show_default="now",
    ),
]
Cause = Annotated[
    str,
    typer.Option(
        metavar="GROUND",
        help="issued_in_error, fraud, requirements_no_longer_met, professional_misconduct, "
        "court_order, request_of_holder or other.",
    ),
]


def register_life(registry: typer.Typer) -> None:
    """Add the commands to the group `registry`."""
    own, number = "symbolon --data xa registry", "XA-2019-000001"
    ground = '--ground "Decision 14/2026"'
    add(registry, "amend", amend, f'{own} amend credential.json --reason "Name by marriage"')
    add(registry, "suspend", suspend, f"{own} suspend {number} {ground}")
    add(registry, "reinstate", reinstate, f"{own} reinstate {number} {ground}")
    add(
        registry,
        "revoke",
        revoke,
        f"{own} revoke {number} {ground} --cause fraud",
        f"{own} revoke {number} {ground} --effective 2026-12-31",
    )
    add(registry, "confirm", confirm, f"{own} confirm {number}")
    add(registry, "renew", renew, f"{own} renew {number} --until 2031-12-31 {ground}")
    add(registry, "supersede", supersede, f"{own} supersede {number} --by XA-2026-000009 {ground}")
    add(registry, "history", history, f"{own} history {number}")


def amend(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON of the credential; - for standard input.")
    ],
    *,
    reason: Annotated[str, typer.Option(help="Why, in words that the holder will read.")],
    effective: Effective = "",
    role: As = "registrar",
    as_json: Json = False,
) -> None:
    """Put right what a credential says, or state what has changed; what it said stays known.

    FILE holds all of it, as 'registry show NUMBER --json' gives it. The status is changed by
    suspend, reinstate, revoke and supersede, not by this.
    """
    from node.cli.registry_commands import read_credential

    credential, by, since = read_credential(file), person(role), _effective(effective)
    change = act(
        context, lambda node: node.registry.amend(credential, reason, by, since), stating=True
    )
    _say(as_json, credential.number, "amended", change)


def suspend(
    context: typer.Context,
    number: Number,
    *,
    ground: Ground,
    effective: Effective = "",
    role: As = "officer",
    as_json: Json = False,
) -> None:
    """Suspend a credential until it is reinstated or revoked."""
    from node.model.credential import Status

    _change(
        context, number, Status.SUSPENDED, ground, effective=effective, role=role, as_json=as_json
    )


def reinstate(
    context: typer.Context,
    number: Number,
    *,
    ground: Ground,
    effective: Effective = "",
    role: As = "officer",
    as_json: Json = False,
) -> None:
    """Make a suspended credential count again."""
    from node.model.credential import Status

    _change(context, number, Status.ACTIVE, ground, effective=effective, role=role, as_json=as_json)


def revoke(
    context: typer.Context,
    number: Number,
    *,
    ground: Ground,
    cause: Cause = "other",
    effective: Effective = "",
    role: As = "officer",
    as_json: Json = False,
) -> None:
    """Revoke a credential, for good.

    Where the settings say two_people_revoke, it waits until another person has confirmed it.
    """
    from node.model.credential import Status

    _change(
        context,
        number,
        Status.REVOKED,
        ground,
        effective=effective,
        role=role,
        as_json=as_json,
        cause=cause,
    )


def confirm(
    context: typer.Context, number: Number, role: As = "officer", as_json: Json = False
) -> None:
    """Confirm a revocation that another person has proposed; with that it takes effect."""
    by = person(role)
    change = act(context, lambda node: node.registry.confirm(number, by), stating=True)
    _say(as_json, number, "revoked", change)


def renew(
    context: typer.Context,
    number: Number,
    *,
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="Its last day, YYYY-MM-DD."),
    ],
    ground: Ground,
    effective: Effective = "",
    role: As = "registrar",
    as_json: Json = False,
) -> None:
    """Let a credential expire later, also one that has expired."""
    by, since = person(role), _effective(effective)

    def work(node: "OpenedNode") -> "Awaitable[Change]":
        return node.registry.renew(number, until.date(), ground, by, since)

    _say(as_json, number, "renewed", act(context, work, stating=True))


def supersede(
    context: typer.Context,
    number: Number,
    *,
    successor: Annotated[
        str, typer.Option("--by", metavar="NUMBER", help="The credential that takes its place.")
    ],
    ground: Ground,
    effective: Effective = "",
    role: As = "registrar",
    as_json: Json = False,
) -> None:
    """Let another credential of the same holder take the place of this one."""
    by, since = person(role), _effective(effective)

    def work(node: "OpenedNode") -> "Awaitable[Change]":
        return node.registry.supersede(number, successor, ground, by, since)

    _say(as_json, number, "superseded", act(context, work, stating=True))


def history(context: typer.Context, number: Number, as_json: Json = False) -> None:
    """Show every step of a credential's life: when it was known, since when it is so, by whom."""
    from node.model.history import pending_revocation

    events = act(context, lambda node: node.registry.history(number))
    pending = pending_revocation(events) is not None
    told = [_told(event, events[:place]) for place, event in enumerate(events)]

    def show(console: "Console") -> None:
        rows = [
            (
                event.position,
                in_words(event.said_at),
                "" if one["event"] == "registered" else in_words(event.effective_from),
                _sentence(one),
                " ".join(filter(None, (one["by"], one["role"] and f"({one['role']})"))),
            )
            for event, one in zip(events, told, strict=True)
        ]
        console.print(columns(("Entry", "Known since", "So since", "What", "Who"), rows))
        if pending:
            console.print("A revocation waits: 'registry confirm' by another person makes it")

    give(as_json, {"number": number, "events": told, "pending_revocation": pending}, show)


# --- what was so and known -----------------------------------------------------------------


async def credential_then(
    node: "OpenedNode", number: str, as_of: str, known_at: str
) -> "Credential | None":
    """Return a credential as it was at one time by what was known at another; None: there was none.

    `known_at` is a time or a position of the journal: what the entries before it say.
    """
    from node.assembly import clock
    from node.model.history import shown_at

    events: Sequence[Event] = await node.registry.history(number)
    if known_at.isdigit():
        events = [event for event in events if event.position < int(known_at)]
    elif known_at:
        latest = _time(known_at, "--known-at", end=True)
        events = [event for event in events if event.said_at <= latest]
    phase = shown_at(events, _time(as_of, "--as-of", end=True) if as_of else clock())
    return None if phase is None else phase.credential


def person(role: str) -> "Person":
    """Return who runs this command, as the operating system knows them; through sudo, too."""
    import os
    import pwd

    from node.model.statement import Person

    try:
        name = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    return Person(name, role)


def _effective(text: str) -> int:
    at = _time(text, "--effective", end=False) if text else 0
    if text and at <= 0:
        raise Refusal(Code.MALFORMED, "--effective: must be after 1970-01-01")
    return at


def _time(text: str, name: str, *, end: bool) -> int:
    """Read a time or a day, in UTC, as microseconds: of a day, its beginning or its end."""
    from datetime import date, timedelta

    from node.model.moments import parse_moment
    from node.model.trust_entries import day_start

    try:
        day = date.fromisoformat(text)
    except ValueError:
        return parse_moment(text, name)
    return day_start(day + timedelta(days=1)) - 1 if end else day_start(day)


# --- changes -------------------------------------------------------------------------------


def _change(
    context: typer.Context,
    number: str,
    status: "Status",
    ground: str,
    *,
    effective: str,
    role: str,
    as_json: bool,
    cause: str = "other",
) -> None:
    by, since, why = person(role), _effective(effective), _cause(cause)

    def work(node: "OpenedNode") -> "Awaitable[Change]":
        return node.registry.change_status(
            number, status, ground, by, effective_from=since, cause=why
        )

    change = act(context, work, stating=True)
    became = "waiting to be revoked" if change.pending else status.name.lower()
    _say(as_json, number, became, change)


def _cause(name: str) -> "RevocationGround":
    from node.model.statement import RevocationGround

    known = {cause.name.lower(): cause for cause in RevocationGround}
    if name not in known:
        raise Refusal(Code.MALFORMED, f"--cause: must be one of {', '.join(known)}")
    return known[name]


def _say(as_json: bool, number: str, became: str, change: "Change") -> None:
    from node.assembly import clock

    index, since = change.recorded.index, change.effective_from

    def show_change(console: "Console") -> None:
        console.print("[bold green]✓[/] ", end="")
        later = f", from {in_words(since)} on" if since > clock() else ""
        console.print(f"{number} is {became}{later}: entry {index} of the journal", markup=False)
        if change.pending:
            line = f"another person confirms it with 'symbolon registry confirm {number}'"
            console.print(f"  {line}", markup=False)

    content = {
        "number": number,
        "status": became.replace(" ", "_"),
        "index": index,
        "effective_from": moment(since).astimezone(UTC),
        "pending": change.pending,
    }
    give(as_json, content, show_change)


# --- history -------------------------------------------------------------------------------


def _told(event: "Event", before: "Sequence[Event]") -> dict[str, Any]:
    """Return a step as `--json` gives it."""
    from node.model.search import KINDS

    body = event.body
    by = body.by
    told: dict[str, Any] = {
        "index": event.position,
        "event": next(word for word, kind in KINDS.items() if kind is type(body)),
        "said_at": moment(event.said_at),
        "effective_from": moment(event.effective_from),
        "by": "" if by is None else by.name,
        "role": "" if by is None else by.role,
    }
    for name in ("status", "cause", "ground", "reason", "expires_on", "successor"):
        value = getattr(body, name, None)
        if value is not None:
            told[name] = value.name.lower() if hasattr(value, "name") else value
    changed = _amended(event, before)
    return {**told, "changed": changed} if changed else told


def _amended(event: "Event", before: "Sequence[Event]") -> list[str]:
    """Return the names of the fields that an amendment changed."""
    from node.model.history import phase_at, phases
    from node.model.statement import CredentialAmended
    from node.wire.rows import spell_credential

    phase = phase_at(phases(before), event.effective_from)
    if phase is None or not isinstance(event.body, CredentialAmended):
        return []
    was, is_now = spell_credential(phase.credential), spell_credential(event.body.credential)
    return [name for name in {**was, **is_now} if was.get(name) != is_now.get(name)]


def _sentence(one: dict[str, Any]) -> str:
    why = one.get("ground") or one.get("reason") or ""
    cause = f" ({one['cause']})" if "cause" in one else ""
    match one["event"]:
        case "registered":
            return "registered"
        case "amended":
            what = f"amended in {', '.join(one.get('changed', ()))}"
        case "status_changed":
            what = f"{one['status']}{cause}"
        case "renewed":
            what = f"renewed until {one['expires_on']}"
        case "superseded":
            what = f"superseded by {one['successor']}"
        case _:
            what = f"revocation proposed{cause}"
    return f"{what}: {why}"
