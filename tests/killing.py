"""Nodes in processes of their own that start in a moment, so that hundreds can be killed.

Zygote      starts and kills nodes; hears what they say
`python -m tests.killing`   the zygote's process: it has imported everything, made no thread and
                            no gRPC object, and forks for each node

A node's process that finds questions in its data directory puts them to its own asking side,
from many employers at once, and says what each of them was given.
"""

import asyncio
import gc
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import msgspec
import uvloop
from msgspec import Struct

from node import assembly
from node.assembly import RunningNode
from node.errors import Refusal
from node.flows.ask import Inquiry
from node.flows.ports import Employer
from node.model.credential import Field
from node.model.share_code import ShareCode
from node.model.statement import Outcome, Purpose
from node.settings import Settings

SETTINGS: Final = "settings.json"
QUESTIONS: Final = "questions.json"
_WITHIN_S: Final = 60.0
_WRONG_EVERY: Final = 8
_LOOKS_AGAIN_AFTER_S: Final = 0.05
_ROOT: Final = Path(__file__).parent.parent


class Questions(Struct, frozen=True):
    """What the employers of a node ask."""

    employer: Employer
    employers: int
    codes: tuple[ShareCode, ...]
    born: date


class Given(NamedTuple):
    """What an employer was given, and when: an answer to a query, and where that answer stands."""

    query: bytes
    position: int
    outcome: Outcome
    answered_at: int


class Ended(NamedTuple):
    """How a process ended: the signal that ended it, or its exit status."""

    signal: int
    status: int


# --- in the test ---------------------------------------------------------------------------


class Zygote:
    """Starts nodes and kills them.

    Attributes:
        given: what every employer was given, in order.
        left_open: how often an employer was told to look again later.
        refused: what employers were refused.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.given: list[Given] = []
        self.left_open = 0
        self.refused: list[str] = []
        self._process = process
        self._started: dict[Path, int] = {}
        self._ready: set[int] = set()
        self._ended: dict[int, Ended] = {}
        self._heard = asyncio.Event()

    async def start(self, data: Path, seed: int) -> int:
        """Start the node in a data directory; returns its process id at once."""
        self._started.pop(data, None)
        self._command("start", str(data), str(seed))
        await self.until(lambda: data in self._started, f"{data.name} starts")
        return self._started[data]

    async def ready(self, process_id: int) -> None:
        """Wait until a node's doors are open."""
        await self.until(lambda: process_id in self._ready, "the node is ready")

    async def kill(self, *process_ids: int) -> None:
        """Kill nodes all at once, and make sure that they ran until then."""
        ended = await self._end("kill", process_ids)
        assert ended == [Ended(signal.SIGKILL, 0)] * len(process_ids), ended

    async def stop(self, process_id: int) -> None:
        """Let a node finish: its employers ask no more, and its open questions are settled."""
        (ended,) = await self._end("stop", [process_id])
        assert ended == Ended(0, 0), ended

    async def until(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until something happened that the nodes say."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                while not happened():
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            raise TimeoutError(f"waited {_WITHIN_S:.0f} s in vain: {what}") from None

    async def listen(self) -> None:
        """Follow what the zygote and its nodes say, until they say no more."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._hear(line.decode().split())
            self._heard.set()

    def kill_the_rest(self) -> None:
        """Kill what runs still, so that nobody waits for it."""
        for process_id in set(self._started.values()) - self._ended.keys():
            os.kill(process_id, signal.SIGKILL)

    async def _end(self, how: str, process_ids: list[int] | tuple[int, ...]) -> list[Ended]:
        self._command(how, *map(str, process_ids))
        await self.until(lambda: self._ended.keys() >= set(process_ids), f"{how} {process_ids}")
        return [self._ended[process_id] for process_id in process_ids]

    def _command(self, *words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")

    def _hear(self, words: list[str]) -> None:
        match words:
            case ["given", query, position, outcome, answered_at]:
                self.given.append(
                    Given(bytes.fromhex(query), int(position), Outcome[outcome], int(answered_at))
                )
            case ["open"]:
                self.left_open += 1
            case ["refused", *reason]:
                self.refused.append(" ".join(reason))
            case ["started", data, process_id]:
                self._started[Path(data)] = int(process_id)
            case ["ready", process_id]:
                self._ready.add(int(process_id))
            case ["ended", process_id, number, status]:
                self._ended[int(process_id)] = Ended(int(number), int(status))
            case _:
                raise ValueError(f"the nodes say {words}")


@asynccontextmanager
async def zygote() -> AsyncIterator[Zygote]:
    """Run a zygote; whatever it started ends with the context."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.killing",
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    made = Zygote(process)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        assert process.stdin is not None
        made.kill_the_rest()
        process.stdin.close()
        await process.wait()
        await listening


# --- the zygote's process ------------------------------------------------------------------


def main() -> None:
    """Do what the test says, one line at a time, until it says no more."""
    gc.collect()
    gc.freeze()
    children: set[int] = set()
    # readline, not iteration: what a child inherits of a buffer it never reads.
    while words := sys.stdin.readline().split():
        match words:
            case ["start", data, seed]:
                child = _fork(Path(data), int(seed))
                children.add(child)
                _say("started", data, child)
            case ["kill" | "stop" as how, *numbers]:
                ending = [int(number) for number in numbers]
                _end(ending, signal.SIGKILL if how == "kill" else signal.SIGTERM)
                children.difference_update(ending)
    _end(children, signal.SIGKILL)


def _end(children: list[int] | set[int], number: int) -> None:
    for child in children:
        os.kill(child, number)
    for child in children:
        _, status = os.waitpid(child, 0)
        _say("ended", child, os.WTERMSIG(status), os.WEXITSTATUS(status))


def _fork(data: Path, seed: int) -> int:
    threads = list(Path("/proc/self/task").iterdir()) if sys.platform == "linux" else []
    if len(threads) > 1:
        raise RuntimeError("a process with threads cannot be forked")
    child = os.fork()
    if child == 0:
        _be_node(data, seed)
    return child


def _be_node(data: Path, seed: int) -> NoReturn:
    status = 1
    try:
        saying = os.dup(sys.stdout.fileno())
        log = os.open(data / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        uvloop.run(_live(data, seed, saying))
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _say(*words: object, to: int = 1) -> None:
    """Say a line that no other process can break."""
    os.write(to, " ".join(map(str, words)).encode() + b"\n")


async def _live(data: Path, seed: int, saying: int) -> None:
    settings = msgspec.json.decode((data / SETTINGS).read_bytes(), type=Settings)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with assembly.running_node(data, settings) as running:
        _say("ready", os.getpid(), to=saying)
        if (data / QUESTIONS).exists():
            questions = msgspec.json.decode((data / QUESTIONS).read_bytes(), type=Questions)
            await asyncio.gather(
                *(
                    _employ(running, questions, seed + number, stopping, saying)
                    for number in range(questions.employers)
                )
            )
            async with asyncio.timeout(_WITHIN_S):
                while (await running.opened.ledger.heights())[1]:
                    await running.asking.send_open()
        await stopping.wait()


async def _employ(
    running: RunningNode, questions: Questions, seed: int, stopping: asyncio.Event, saying: int
) -> None:
    """Ask one question after the other; every so many, with a birth date that is wrong."""
    choice = random.Random(seed)
    for number in cycle(range(_WRONG_EVERY)):
        if stopping.is_set():
            return
        born = questions.born if number else questions.born + timedelta(days=1)
        inquiry = Inquiry(choice.choice(questions.codes), born, Purpose.EMPLOYMENT, tuple(Field))
        try:
            verification = await running.asking.ask(questions.employer, inquiry)
        except Refusal as refusal:
            _say("refused", refusal, to=saying)
            return
        answer = verification.answer
        if answer is None:
            _say("open", to=saying)
            await asyncio.sleep(_LOOKS_AGAIN_AFTER_S)
        else:
            _say(
                "given",
                answer.query.hex(),
                answer.registry_position,
                answer.outcome.name,
                verification.answered_at,
                to=saying,
            )


if __name__ == "__main__":
    main()
