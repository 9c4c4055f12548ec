"""Lines that work as they are pasted into a POSIX shell."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

_LINE_LENGTH: Final = 94


class Suggestion(Struct, frozen=True):
    """Commands for a POSIX shell, and what they do."""

    what: str
    command: str


def command(*parts: str) -> str:
    """Put the parts of one command on as few lines as fit, joined as a shell joins them."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) > _LINE_LENGTH:
            lines.append(f"  {part}")
        else:
            lines[-1] += f" {part}"
    return " \\\n".join(lines)


def suggestion(what: str, *parts: str) -> Suggestion:
    """Suggest one command, of these parts."""
    return Suggestion(what, command(*parts))


def program() -> str:
    """Return how this program was called, so that the lines work where it was."""
    called = Path(sys.argv[0])
    if called.name == "symbolon":
        return "symbolon" if shutil.which("symbolon") == str(called) else quoted(called)
    return f"{quoted(Path(sys.executable))} -m node"


def quoted(path: Path) -> str:
    """Return a path as a shell reads it back."""
    return shlex.quote(str(path))
