"""`demo`: three countries on this machine, a story in eight steps, and then the nodes are yours."""

import asyncio
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.context import Json
from node.cli.output import DONE, INTERRUPTED, NO, print_json
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from node.cli.demo_federation import Federation, Samples
    from node.cli.demo_lines import Suggestion
    from node.cli.demo_story import Step
    from node.cli.demo_telling import Telling

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the last step, and remove what was made.")
    ] = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Make the three nodes here, and keep them.",
            show_default="a new temporary one",
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Clone of the repository, for its sample files.",
            show_default="the one that this program is in",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play three countries on this machine.

    Three nodes run as three processes and ask each other: about a welder, with a wrong birth date,
    about a revoked licence, with a share code that runs out, while a node is down, a thousand
    times at once; then a receipt is forged, and an auditor comes. Afterwards the nodes stay up
    until Ctrl-C.

    Exit status 1 where a step did not come out right.
    """
    import uvloop

    from node.cli.demo_federation import find_samples
    from node.cli.demo_telling import Telling
    from node.cli.logs import set_up_logs

    set_up_logs("warning")
    found = find_samples(samples)
    telling = Telling(silent=as_json)
    with _place(directory, once=once, telling=telling) as place:
        status = uvloop.run(_play(place, found, telling, once=once, as_json=as_json))
    raise typer.Exit(status)


@contextmanager
def _place(directory: Path | None, *, once: bool, telling: "Telling") -> Iterator[Path]:
    """Make the directory that all of it is in; a temporary one goes with --once."""
    if directory is None:
        place = Path(tempfile.mkdtemp(prefix="symbolon-demo-"))
    else:
        place = directory.resolve()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise Refusal(Code.CONFLICT, f"--directory: {directory} is not empty; name a new one")
    try:
        yield place
    finally:
        if once and directory is None:
            shutil.rmtree(place, ignore_errors=True)
        else:
            telling.say(f"All that was made is in {place}; nothing else is left.")
            telling.command(
                "It holds keys and personal data. This removes it:",
                f"rm -r {shlex.quote(str(place))}",
            )


async def _play(
    place: Path, samples: "Samples", telling: "Telling", *, once: bool, as_json: bool
) -> int:
    """Make the federation, play, and stay until a signal comes; returns the exit status."""
    import aiohttp

    from node.cli.demo_admission import admission
    from node.cli.demo_federation import running_federation
    from node.cli.demo_load import allow_connections
    from node.cli.demo_next import suggestions
    from node.cli.demo_story import Stage, play

    _cancel_on_signals()
    _begin(telling)
    started_s = perf_counter()
    connections = aiohttp.TCPConnector(limit=allow_connections())
    try:
        async with (
            aiohttp.ClientSession(connector=connections) as session,
            running_federation(place, samples, session, telling) as federation,
        ):
            _introduce(federation, telling)
            stage = Stage(federation, samples, session, telling)
            steps = await play(stage)
            took_s = perf_counter() - started_s
            _sum_up(steps, took_s, telling)
            following, joining = [], []
            if not once:
                following = await suggestions(stage)
                joining = admission(federation, samples, stage.question_file)
            if as_json:
                print_json(_content(federation, steps, [*following, *joining], took_s))
            if not once:
                await _stay(following, joining, telling)
    except asyncio.CancelledError:
        return INTERRUPTED
    return DONE if all(step.right for step in steps) else NO


def _cancel_on_signals() -> None:
    loop, playing = asyncio.get_running_loop(), asyncio.current_task()
    if playing is not None:
        for number in _SIGNALS:
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, playing.cancel)  # nohup holds, though


async def _stay(
    following: "Sequence[Suggestion]", joining: "Sequence[Suggestion]", telling: "Telling"
) -> None:
    """Say what can be done with the nodes, and keep them until a signal comes."""
    for title, suggested in (
        ("What to try next, in another shell", following),
        ("A fourth country joins while the three run", joining),
    ):
        telling.chapter("", title)
        for suggestion in suggested:
            telling.command(suggestion.what, *suggestion.command.split("\n"))
    telling.gap()
    telling.say("The three nodes stay up until Ctrl-C.")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        telling.say("Stopping the three nodes.")


def _begin(telling: "Telling") -> None:
    telling.title("Symbolon", "three countries that do not exist, on one machine that does")
    telling.say(
        "Each country's authority runs a node of its own: a process, an SQLite database, a journal "
        "of everything it says. They trust each other through one signed list, and meet over "
        "mutual TLS."
    )


def _introduce(federation: "Federation", telling: "Telling") -> None:
    from node.cli.demo_telling import duration

    heads = ("node", "country", "rows>", "import>", "rows/s>", "employers ask at", "authority")
    shown = heads[:-1] if telling.is_narrow else heads
    rows = [
        (
            name,
            node.country.name,
            f"{federation.imported[name].rows:,}",
            duration(federation.imported[name].took_s),
            f"{federation.imported[name].per_s:,.0f}",
            node.url,
            node.country.authority,
        )
        for name, node in federation.nodes.items()
    ]
    telling.table(shown, [row[: len(shown)] for row in rows], unbroken=heads[:-1])
    telling.say(
        "Times are of the imports alone, from reading to the journal, without the program's start.",
        quietly=True,
    )


def _sum_up(steps: "Sequence[Step]", took_s: float, telling: "Telling") -> None:
    from node.cli.demo_telling import duration

    telling.chapter("", "In short")
    telling.table(
        ("", "step", "result", "time>"),
        [
            ("✔" if step.right else "✘", step.title, step.result, duration(step.took_s))
            for step in steps
        ],
    )
    failed = [step.title for step in steps if not step.right]
    if failed:
        telling.verdict(False, f"Did not come out right: {'; '.join(failed)}", took_s)
    else:
        right = f"All {len(steps)} steps came out right · in all, with setting up"
        telling.verdict(True, right, took_s)


def _content(
    federation: "Federation",
    steps: "Sequence[Step]",
    following: "Sequence[Suggestion]",
    took_s: float,
) -> dict[str, Any]:
    return {
        "right": all(step.right for step in steps),
        "failed": [step.name for step in steps if not step.right],
        "took_s": took_s,
        "ready_after_s": federation.took_s,
        "directory": str(federation.directory),
        "nodes": [
            {
                "node": name,
                "url": node.url,
                "data": str(node.data),
                "process": node.process_id,
                "rows": federation.imported[name].rows,
                "import_s": federation.imported[name].took_s,
            }
            for name, node in federation.nodes.items()
        ],
        "steps": steps,
        "try_next": following,
    }
