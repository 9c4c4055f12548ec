"""What to try next with the demo's nodes: lines that work as they are pasted into a shell."""

import shlex
import shutil
import sys
from pathlib import Path

from msgspec import Struct

from node.cli.demo_employers import question
from node.cli.demo_story import RECEIPT, WELDER, Stage


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
    curl = f"curl -sS -w '\\n' -H @{_quoted(employer.header_file)}"
    root = f"--root {_quoted(stage.federation.root)}"
    at_home, at_away = f"--data {_quoted(home.data)}", f"--data {_quoted(away.data)}"
    receipt = _quoted(directory / RECEIPT)
    journals = " ".join(_quoted(node.data) for node in stage.federation.nodes.values())
    suggested = [
        Suggestion(
            f"Ask Cassara's node about the welder, as {employer.name}",
            f"{curl} -H 'Content-Type: application/json' \\\n"
            f"  -d {shlex.quote(asked)} \\\n"
            f"  {home.url}/v1/verifications",
        ),
        Suggestion("Is the node well?", f"curl -sS -w '\\n' {home.url}/health/ready"),
        Suggestion("Its figures, for Prometheus", f"curl -sS {home.url}/metrics"),
        Suggestion("The signed head of its journal", f"curl -sS {away.url}/journal/checkpoint"),
        Suggestion("The API's description", f"curl -sS -w '\\n' {home.url}/openapi.json"),
    ]
    if stage.receipt_path:
        suggested.insert(
            1, Suggestion("Fetch the welder's receipt", f"{curl} {home.url}{stage.receipt_path}")
        )
    as_employer = f"--node-url {home.url} --key-file {_quoted(employer.key_file)}"
    program = _program()
    commands = (
        (
            "The same question on the command line",
            f"ask {as_employer} --request {_quoted(question_file)}",
        ),
        ("Check a receipt offline", f"receipt verify {receipt} {root}"),
        ("See the credential at home", f"{at_away} registry show {WELDER}"),
        ("Be the holder", f"{at_away} share create {WELDER} --purpose employment --uses 3"),
        ("Look into a journal", f"{at_home} journal show --limit 10"),
        ("Be the auditor", f"audit replay {journals} {root}"),
    )
    return [*suggested, *(Suggestion(what, f"{program} {command}") for what, command in commands)]


def _program() -> str:
    """Return how this program was called, so that the lines work where it was."""
    called = Path(sys.argv[0])
    if called.name == "symbolon":
        return "symbolon" if shutil.which("symbolon") == str(called) else _quoted(called)
    return f"{_quoted(Path(sys.executable))} -m node"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
