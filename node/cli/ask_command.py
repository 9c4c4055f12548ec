"""`ask`: one worker's qualification, through the HTTP API of the home node."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.context import Json, add, replace_file
from node.cli.output import (
    DONE,
    NO,
    NOT_NOW,
    REFUSED,
    field_rows,
    give,
    pairs,
    progress,
    tell,
    words,
)
from node.cli.share_commands import PURPOSES, PurposeName
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.cli.home_node import HomeNode

_POLL_FIRST_S: Final = 0.5
_POLL_MOST_S: Final = 5.0
_COLOURS: Final = {
    "confirmed": "green",
    "suspended": "yellow",
    "expired": "yellow",
    "superseded": "yellow",
    "revoked": "red",
    "not_confirmed": "red",
    "refused": "red",
}
_REQUEST_FIELDS: Final = "share_code, birth_date and, if wanted, purpose and wanted"


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(
        app,
        "ask",
        ask,
        "symbolon ask --node-url http://127.0.0.1:7472 --key-file harbour-steel.key",
        "symbolon ask --node-url http://127.0.0.1:7472 --key-file harbour-steel.key "
        "--request question.json --receipt receipt.json --json",
    )


def ask(
    *,
    node_url: Annotated[str, typer.Option(help="The home node, like http://127.0.0.1:7472.")],
    key_file: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="File with your API key.")
    ],
    purpose: Annotated[
        PurposeName | None,
        typer.Option(
            metavar="PURPOSE", help=f"Why you ask: {PURPOSES}.", show_default="employment"
        ),
    ] = None,
    fields: Annotated[
        str, typer.Option(help="What you need, by commas.", show_default="all granted")
    ] = "",
    request: Annotated[
        str,
        typer.Option(help=f"JSON file with {_REQUEST_FIELDS}; - for standard input."),
    ] = "",
    identity: Annotated[
        str, typer.Option("--id", help="Look at a question asked before, by its id.")
    ] = "",
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait while the other node is silent.")
    ] = 30.0,
    receipt: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Save the receipt of the answer here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask another country's authority about a worker's qualification.

    Share code and date of birth are typed at a prompt or come in --request: never as arguments,
    where others on the machine could read them. Exit status 0 where the qualification is
    confirmed, 1 where it is not, 3 where the authority would not answer, 4 while it is silent.
    """
    from node.cli.home_node import HomeNode

    home = HomeNode(node_url, key_file.read_text("utf-8", "replace").strip())
    if home.is_exposed:
        tell("warning: the API key and the date of birth travel without TLS to another machine")
    if identity:
        asked = home.verification(_checked_id(identity))
    else:
        asked = home.ask(_question(request, purpose, fields))
    if asked["state"] == "open" and wait > 0:
        asked = _wait(home, asked, wait, as_json)
    if receipt is not None and asked["receipt"] is not None:
        content = home.receipt(asked["id"])
        replace_file(receipt, lambda fresh: fresh.write_bytes(content))
    give(as_json, asked, _shown(asked, receipt))
    status = _status(asked)
    if status != DONE:
        raise typer.Exit(status)


def _question(request: str, purpose: PurposeName | None, fields: str) -> dict[str, Any]:
    """Gather a question from a file or from prompts; the node checks it."""
    if request:
        question = _read_request(request)
    elif sys.stdin.isatty():
        question = {
            "share_code": typer.prompt("Share code", err=True),
            "birth_date": typer.prompt("Date of birth (YYYY-MM-DD)", err=True),
        }
    else:
        raise Refusal(
            Code.MALFORMED,
            f"--request: there is no terminal to ask at; give JSON with {_REQUEST_FIELDS}",
        )
    if purpose is not None or "purpose" not in question:
        question["purpose"] = (purpose or PurposeName.EMPLOYMENT).value
    if fields:
        question["wanted"] = [name.strip() for name in fields.split(",") if name.strip()]
    return question


def _read_request(request: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if request == "-" else Path(request).read_text("utf-8")
        question = json.loads(text)
    except OSError as error:
        raise Refusal(Code.MALFORMED, f"--request: {request}: {error.strerror}") from None
    except ValueError:
        question = None
    if not isinstance(question, dict):
        raise Refusal(Code.MALFORMED, f"--request: must be a JSON object with {_REQUEST_FIELDS}")
    return question


def _checked_id(identity: str) -> str:
    if not identity or set(identity) - set("0123456789abcdef"):
        raise Refusal(Code.MALFORMED, "--id: must be hex digits, as 'ask' shows them")
    return identity


def _wait(home: "HomeNode", asked: dict[str, Any], wait_s: float, as_json: bool) -> dict[str, Any]:
    """Look again while the question is open, less and less often."""
    import time

    started = time.monotonic()
    pause_s = _POLL_FIRST_S
    with progress(as_json) as told:
        while asked["state"] == "open":
            waited_s = time.monotonic() - started
            told("The other node is silent; seconds waited", int(waited_s))
            if waited_s >= wait_s:
                break
            time.sleep(min(pause_s, wait_s - waited_s))
            pause_s = min(pause_s * 1.5, _POLL_MOST_S)
            asked = home.verification(asked["id"])
    return asked


def _status(asked: dict[str, Any]) -> int:
    if asked["state"] == "open":
        return NOT_NOW
    if asked["state"] == "unanswered":
        return NOT_NOW if asked["no_answer"] in {"peer_silent", "busy", "stale"} else REFUSED
    return DONE if asked["outcome"] == "confirmed" else NO


def _shown(asked: dict[str, Any], receipt: Path | None) -> "Callable[[Console], None]":
    def show(console: "Console") -> None:
        outcome = asked["outcome"] or asked["state"]
        colour = _COLOURS.get(outcome, "yellow")
        console.print(f"\n[bold {colour}]{words(outcome)}[/]")
        console.print(asked["meaning"], markup=False)
        disclosed = field_rows(asked["disclosed"])
        disclosed += [("Unit", unit) for unit in asked["disclosed"].get("units", ())]
        if disclosed:
            console.print()
            console.print(pairs(disclosed))
        console.print()
        rows: list[tuple[str, object]] = [
            ("Answered by", asked["answering_node"]),
            ("Asked", _time(asked["asked_at"])),
            ("Answered", _time(asked["answered_at"])),
            ("Good until", _time(asked["good_until"])),
            ("Id", asked["id"]),
        ]
        if asked["receipt"] is not None:
            kept = receipt or "--receipt FILE keeps it"
            rows.append(("Receipt", kept))
        console.print(pairs(rows))
        if asked["state"] == "open":
            console.print("\nLook again with --id and this id; asking anew is another question.")

    return show


def _time(text: str | None) -> str:
    return "" if text is None else f"{text[:19].replace('T', ' ')} UTC"
