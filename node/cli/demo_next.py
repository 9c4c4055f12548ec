"""What to try next with the demo's nodes: lines that work as they are pasted into a shell."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

from node.cli.demo_employers import question
from node.cli.demo_story import RECEIPT, WELDER, Stage

_LINE_LENGTH: Final = 94


class Suggestion(Struct, frozen=True):
    """A command for a POSIX shell, and what it does."""

    what: str
    command: str


async def suggestions(stage: Stage) -> list[Suggestion]:
    """Make a fresh share code, and return what can be done with it and with the nodes.

    API keys are in files that only their owner can read, so that they stand in no process list.
    """
    code, born = await stage.share(WELDER)
    asked = question(code, born)
    employer, directory = stage.employers["XC"], stage.federation.directory
    question_file = directory / "question.json"
    question_file.write_text(f"{asked}\n")
    home, away = stage.node("XC"), stage.node("XA")
    curl = ("curl -sS -w '\\n'", f"-H @{_quoted(employer.header_file)}")
    root = f"--root {_quoted(stage.federation.root)}"
    suggested = [
        _suggestion(
            f"Ask Cassara's node about the welder, as {employer.name}",
            *(*curl, "-H 'Content-Type: application/json'", f"-d {shlex.quote(asked)}"),
            f"{home.url}/v1/verifications",
        ),
        _suggestion("Is the node well?", "curl -sS -w '\\n'", f"{home.url}/health/ready"),
        _suggestion("Its figures, for Prometheus", "curl -sS", f"{home.url}/metrics"),
        _suggestion("The signed head of a journal", "curl -sS", f"{away.url}/journal/checkpoint"),
        _suggestion("The API's description", "curl -sS -w '\\n'", f"{home.url}/openapi.json"),
    ]
    if stage.receipt_path:
        receipt_url = f"{home.url}{stage.receipt_path}"
        suggested.insert(1, _suggestion("Fetch the welder's receipt", *curl, receipt_url))
    program = _program()
    return [
        *suggested,
        _suggestion(
            "The same question on the command line",
            *(program, "ask", f"--node-url {home.url}", f"--key-file {_quoted(employer.key_file)}"),
            f"--request {_quoted(question_file)}",
        ),
        _suggestion(
            "Check a receipt offline",
            *(program, "receipt verify", _quoted(directory / RECEIPT), root),
        ),
        _suggestion(
            "See the credential at home",
            *(program, f"--data {_quoted(away.data)}", "registry show", WELDER),
        ),
        _suggestion(
            "Be the holder",
            *(program, f"--data {_quoted(away.data)}", "share create", WELDER),
            *("--purpose employment", "--uses 3"),
        ),
        _suggestion(
            "Look into a journal",
            *(program, f"--data {_quoted(home.data)}", "journal show", "--limit 10"),
        ),
        _suggestion(
            "Be the auditor",
            *(program, "audit replay"),
            *(_quoted(node.data) for node in stage.federation.nodes.values()),
            root,
        ),
    ]


def _suggestion(what: str, *parts: str) -> Suggestion:
    """Put parts on as few lines as fit, joined as a shell joins them."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) > _LINE_LENGTH:
            lines.append(f"  {part}")
        else:
            lines[-1] += f" {part}"
    return Suggestion(what, " \\\n".join(lines))


def _program() -> str:
    """Return how this program was called, so that the lines work where it was."""
    called = Path(sys.argv[0])
    if called.name == "symbolon":
        return "symbolon" if shutil.which("symbolon") == str(called) else _quoted(called)
    return f"{_quoted(Path(sys.executable))} -m node"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
