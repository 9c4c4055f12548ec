"""What commands share: where the node is, what `--json` looks like, how one is opened."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from node.errors import Code, Refusal

if TYPE_CHECKING:
    from node.assembly import OpenedNode
    from node.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="The credential's number, like XA-2019-000001.")
]
_Result = TypeVar("_Result")
Root = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False,
        help="The federation's root (root.json) that you trust.",
        show_default="the node's root.json",
    ),
]


class Caller:
    """What was said before the command: where the node's data is, and how much to log."""

    def __init__(self, data: Path, *, verbose: bool) -> None:
        """Take the global options."""
        self.data = data
        self.verbose = verbose


def example(*lines: str) -> str:
    """Return an example as the end of a command's help."""
    shown = "\n\n".join(f"  [bold]{line.replace('[', chr(92) + '[')}[/bold]" for line in lines)
    return f"[dim]{'Example' if len(lines) == 1 else 'Examples'}:[/dim]\n\n{shown}"


def add(group: typer.Typer, name: str, command: Callable[..., object], *examples: str) -> None:
    """Add a command: its help is its docstring, with examples at the end."""
    paragraphs = inspect.getdoc(command) or ""
    help_text = "\n\n".join(" ".join(one.split()) for one in paragraphs.split("\n\n"))
    group.command(name, help=help_text, epilog=example(*examples))(command)


def add_group(app: typer.Typer, name: str, help_text: str, shown: str) -> typer.Typer:
    """Add a group of commands: one line of help, and an example."""
    group = typer.Typer(help=help_text, no_args_is_help=True, epilog=example(shown))
    app.add_typer(group, name=name)
    return group


def caller(context: typer.Context) -> Caller:
    """Return what was said before the command."""
    found = context.find_object(Caller)
    if found is None:
        raise Refusal(Code.DEFECT, "the command was started without its global options")
    return found


def read_bounded(file: Path, size_max_bytes: int) -> bytes:
    """Return a file's content; of a larger one, as much as shows whoever reads it that it is."""
    with file.open("rb") as stream:
        return stream.read(size_max_bytes + 1)


def settings_of(context: typer.Context) -> tuple[Path, "Settings"]:
    """Return the node's data directory and its settings."""
    from node.settings import load

    data = caller(context).data
    return data, load(data)


def act(
    context: typer.Context,
    work: Callable[["OpenedNode"], Awaitable[_Result]],
    *,
    stating: bool = False,
) -> _Result:
    """Open the node, do one thing and close it.

    Args:
        context: of the command.
        work: what to do.
        stating: it journals statements, which name the trust list in force; so adopt that first.
    """
    data, settings = settings_of(context)  # first, so that a wrong directory shows at once
    from node.cli.logs import set_up_logs

    set_up_logs("debug" if caller(context).verbose else "warning")
    from node import assembly

    async def session() -> _Result:
        async with assembly.opened_node(data, settings) as opened:
            if stating:
                await assembly.adopt_or_restore_list(opened)
            return await work(opened)

    return asyncio.run(session())


def read_root(path: Path) -> bytes:
    """Read a federation's root (root.json), which must hold by itself.

    Raises:
        Refusal: MALFORMED where it is none.
    """
    from node.store import trust_files

    try:
        return trust_files.read_root(path)
    except Refusal as refusal:
        raise Refusal(Code.MALFORMED, f"root {path}: {refusal.reason}") from None


def own_root(context: typer.Context) -> Path:
    """Return the root file of the node in the data directory.

    Raises:
        Refusal: MALFORMED where there is none.
    """
    path = caller(context).data / "root.json"
    if not path.exists():
        raise Refusal(
            Code.MALFORMED, "--root: name the federation's root.json; there is no node here"
        )
    return path


def fingerprint(root: bytes) -> str:
    """Return a root's fingerprint, SHA-256 in hex digits, in groups of four, as people compare it.

    It is of what the root says, whoever has signed it.
    """
    from node.model import federation
    from node.model.trust_metadata import trusted_root

    digest = federation.fingerprint(trusted_root(root, "root"))
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def replace_file(path: Path, write: "Callable[[Path], _Result]") -> _Result:
    """Write a file beside its place, readable by its owner only, then put it there at once."""
    import os
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    fresh = Path(name)
    try:
        result = write(fresh)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return result
