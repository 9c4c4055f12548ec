"""Processes that the demo starts. None outlives it, whatever it dies of.

Each is in a group of its own, so that Ctrl-C on the terminal reaches the demo alone, which then
stops the others in order. Where the demo itself is killed, the kernel ends them (on Linux).
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import IO, Any, Final

import msgspec
from msgspec import Struct

_COMMAND_WITHIN_S: Final = 120.0
_STOP_WITHIN_S: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1
_PACKAGE_PARENT: Final = Path(__file__).resolve().parent.parent.parent

Process = subprocess.Popen[bytes]


class Finished(Struct, frozen=True):
    """A command that has ended: its exit status, what it printed, how long it took."""

    status: int
    stdout: str
    stderr: str
    took_s: float

    def json(self) -> dict[str, Any]:
        """Return the object that a command with `--json` printed; empty where it printed none."""
        try:
            return msgspec.json.decode(self.stdout, type=dict[str, Any])
        except msgspec.DecodeError:
            return {}


class Processes:
    """Starts `symbolon` commands, and keeps hold of each until it has ended."""

    def __init__(self) -> None:
        """Begin with none."""
        self._started: list[Process] = []
        self._before_exec = _die_with(os.getpid())

    async def run(self, *arguments: str | Path) -> Finished:
        """Run one command to its end.

        Raises:
            TimeoutError: where it takes more than two minutes.
        """
        started_s = perf_counter()
        process = self._start(arguments, subprocess.PIPE, subprocess.PIPE)
        try:
            async with asyncio.timeout(_COMMAND_WITHIN_S):
                stdout, stderr = await asyncio.to_thread(process.communicate)
        finally:
            self.kill(process)
        took_s = perf_counter() - started_s
        return Finished(process.returncode, stdout.decode(), stderr.decode(), took_s)

    def serve(self, data: Path, log: Path) -> Process:
        """Start a node; what it logs is added to a file."""
        with log.open("ab") as stream:
            return self._start(("--data", data, "serve"), stream, subprocess.STDOUT)

    def kill(self, process: Process) -> None:
        """Kill a process and all that it started, where it still runs."""
        _signal(process, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(ValueError):  # stopped with all others already
            self._started.remove(process)

    def stop_all(self) -> None:
        """Ask all that still run to stop; kill those that do not within some seconds."""
        for process in self._started:
            _signal(process, signal.SIGTERM)
        deadline_s = perf_counter() + _STOP_WITHIN_S
        for process in self._started[:]:
            try:
                process.wait(max(0.0, deadline_s - perf_counter()))
            except subprocess.TimeoutExpired:
                self.kill(process)
        self._started.clear()

    def _start(
        self, arguments: Sequence[str | Path], stdout: int | IO[bytes], stderr: int
    ) -> Process:
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-m", "node", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=_PACKAGE_PARENT,  # where `-m` finds the package, installed or not
            env={**os.environ, "PYTHONUTF8": "1"},
            process_group=0,
            preexec_fn=self._before_exec,  # noqa: PLW1509 - one system call, ready before the fork
        )
        self._started.append(process)
        return process


def _signal(process: Process, what: signal.Signals) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, what)


def _die_with(parent: int) -> Callable[[], None] | None:
    """Return what a child does before it becomes another program."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:  # it died before the kernel knew
            os._exit(1)

    return ask_the_kernel
