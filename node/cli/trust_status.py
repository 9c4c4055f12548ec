"""`trust status`: how fresh a node's trust list is, and what of it ends when."""

from typing import TYPE_CHECKING, Any, Final

import typer

from node.cli.context import Json, act
from node.cli.output import DONE, NO, columns, give, in_words, moment, pairs
from node.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from node.assembly import OpenedNode
    from node.model.expiry import Expiry

_WITHIN_S: Final = 2.0
_SIZE_MAX_BYTES: Final = 1 << 16
_STYLES: Final = {"expired": "bold red", "soon": "yellow", "good": "green"}


def status(context: typer.Context, as_json: Json = False) -> None:
    """Tell how old the trust list is and what ends when: roles, keys, certificates, agreements.

    Ends with 1 where the list does not count, or something has expired or is within the time in
    which to act: a third of what is signed for less than three months, 30 days of everything else.
    """
    from node.assembly import clock

    content, ends = act(context, _look)
    now = clock()
    rows = [_row(end, now) for end in ends]
    content = {**content, "ends": rows}
    fine = content["problem"] is None and all(row["state"] == "good" for row in rows)
    give(as_json, content, lambda console: _show(console, content, rows, now))
    raise typer.Exit(DONE if fine else NO)


async def _look(opened: "OpenedNode") -> "tuple[dict[str, Any], Sequence[Expiry]]":
    from node.assembly import clock
    from node.model.expiry import ends

    problem: str | None = None
    last = await opened.ledger.adopted_list()
    try:
        _, view = opened.trust.read()
        view.require_fresh(clock())
    except Refusal as refusal:
        if last is None:
            raise
        problem = refusal.reason
        view = opened.trust.restore(last.bundle, last.adopted_at)
    content: dict[str, Any] = {
        "version": view.reference.version,
        "digest": view.reference.digest.hex(),
        "expires_at": moment(view.expires_at),
        "problem": problem,
        "adopted_version": None if last is None else last.reference.version,
        "adopted_at": None if last is None else moment(last.adopted_at),
        "mirrors": list(opened.settings.trust.mirrors),
        "running": _running(opened.settings.listen.http),
        "faults": list(view.faults),
    }
    return content, ends(view, clock())


def _running(address: str) -> dict[str, Any] | None:
    """Ask the node's own door how refreshing goes; None where nothing answers there."""
    import json
    from http.client import HTTPConnection, HTTPException

    host, _, port = address.rpartition(":")
    if port == "0":
        return None
    local = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))  # noqa: S104 - compared, never bound
    connection = HTTPConnection(local, int(port), timeout=_WITHIN_S)
    try:
        connection.request("GET", "/health/ready")
        found = json.loads(connection.getresponse().read(_SIZE_MAX_BYTES))
        checks = found["checks"]
        return {"fit": bool(found["fit"]), "trust_list": str(checks["trust_list"])}
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def _row(end: "Expiry", now: int) -> dict[str, Any]:
    state = "expired" if end.at <= now else "soon" if end.is_near(now) else "good"
    return {"kind": end.kind, "name": end.name, "ends_at": moment(end.at), "state": state}


def _show(
    console: "Console", content: dict[str, Any], rows: list[dict[str, Any]], now: int
) -> None:
    from rich.text import Text

    running = content["running"]
    adopted = content["adopted_version"]
    adoption = "none yet"
    if adopted is not None:
        adoption = f"version {adopted}, {_in_words(content['adopted_at'])}"
    refreshing = "not known: the node does not answer at its listen.http"
    if running is not None:
        refreshing = running["trust_list"]
    shown: list[tuple[str, object]] = [
        ("Version", content["version"]),
        ("Expires", _in_words(content["expires_at"])),
        ("Adopted", adoption),
        ("Mirrors", ", ".join(content["mirrors"]) or "none: the local copy counts as it is"),
        ("Refreshing", refreshing),
        ("Problem", content["problem"]),
    ]
    console.print(pairs(shown))
    for fault in content["faults"]:
        console.print("[yellow]Left out:[/] ", end="")
        console.print(fault, markup=False)
    lines = [
        (
            Text(row["state"], style=_STYLES[row["state"]]),
            row["kind"],
            row["name"],
            _in_words(row["ends_at"]),
            _left(row["ends_at"], now),
        )
        for row in rows
    ]
    console.print(columns(("", "What", "Of", "Ends", "Left"), lines))


def _in_words(at: Any) -> str:  # noqa: ANN401 - a datetime, which is imported only where needed
    return in_words(int(at.timestamp()) * 1_000_000)


def _left(at: Any, now: int) -> str:  # noqa: ANN401 - as above
    hours = (int(at.timestamp()) - now // 1_000_000) // 3600
    if hours < 0:
        return "over"
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"  # noqa: PLR2004 - two days
