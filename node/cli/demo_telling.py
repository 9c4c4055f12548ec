"""How the demo speaks: as a story with colours on a terminal, as plain lines otherwise."""

import sys
from collections.abc import Collection, Sequence
from io import StringIO, TextIOWrapper
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_INDENT: Final = "   "
_WIDTH_MAX: Final = 100
_RIGHT: Final = "green"
_WRONG: Final = "bold red"


class Telling:
    """Prints the story. Nothing that it is told is read as markup."""

    def __init__(self, *, silent: bool = False) -> None:
        """Speak on stdout, or to nobody."""
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # names are in scripts that it may not have
        self._console = Console(
            file=StringIO() if silent else None, highlight=False, markup=False, emoji=False
        )
        terminal_width = self._console.width if self._console.is_terminal else _WIDTH_MAX
        self._console.width = min(terminal_width, _WIDTH_MAX)

    @property
    def is_narrow(self) -> bool:
        """Whether there is less room than the story can use."""
        return self._console.width < _WIDTH_MAX

    def title(self, name: str, text: str) -> None:
        """Begin the story."""
        self._console.print()
        self._console.print(Text.assemble((name, "bold cyan"), "  ", text))

    def chapter(self, mark: str, title: str) -> None:
        """Begin a part of it, with its number, if it has one, before its title."""
        self._console.print()
        before = f"{mark:<3}" if mark else ""
        self._console.print(Text.assemble((before, "bold cyan"), (title, "bold")))

    def gap(self) -> None:
        """Leave a line empty."""
        self._console.print()

    def say(self, text: str, *, quietly: bool = False) -> None:
        """Tell something in prose."""
        self._lines(Text(text, style="dim" if quietly else ""))

    def quote(self, speaker: str, text: str, took_s: float | None = None) -> None:
        """Tell what somebody answered, and after how long."""
        time = "" if took_s is None else f"  {duration(took_s)}"
        self._lines(Text.assemble((f"{speaker}  ", "cyan"), (text, "bold"), (time, "dim")))

    def verdict(self, right: bool, sentence: str, took_s: float) -> None:
        """End a part: whether it came out right."""
        mark, style = ("✔", _RIGHT) if right else ("✘", _WRONG)
        self._lines(Text.assemble((f"{mark} {sentence}", style), (f"  {duration(took_s)}", "dim")))

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, unbroken: Collection[str] = ()
    ) -> None:
        """Print rows in columns; a head that ends in > is of numbers.

        Cells under the heads that are named as unbroken stay on one line.
        What is in scripts of unsure width belongs into the last column.
        """
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
        for head in heads:
            table.add_column(
                head.removesuffix(">"),
                justify="right" if head.endswith(">") else "left",
                overflow="fold",
                no_wrap=head in unbroken,
            )
        for row in rows:
            table.add_row(*(_cell(cell) for cell in row))
        with self._console.capture() as capture:
            self._console.print(table, width=self._console.width - len(_INDENT))
        self._console.print()
        for line in capture.get().rstrip("\n").split("\n"):
            self._console.out(f"{_INDENT}{line.rstrip()}", highlight=False)

    def command(self, what: str, *lines: str) -> None:
        """Print a command to be pasted, exactly as it is, after what it does."""
        self._console.print()
        self._console.out(f"# {what}", style="dim", highlight=False)
        for line in lines:
            self._console.out(line, style="cyan", highlight=False)

    def _lines(self, text: Text) -> None:
        width = self._console.width - len(_INDENT)
        for line in text.wrap(self._console, width):
            line.rstrip()
            self._console.print(Text(_INDENT) + line, soft_wrap=True)


def duration(seconds: float) -> str:
    """Return a time as people read it: 21 ms, 1.84 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _cell(text: str) -> Text:
    style = {"✔": _RIGHT, "✘": _WRONG}.get(text[:1], "")
    return Text(text, style=style)
