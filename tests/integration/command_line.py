"""The command as people and scripts run it: `run` in a process of its own, `call` in this one."""

import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from msgspec import Struct

from node.assembly import clock
from node.cli import app
from node.store.trust_files import write_bundle
from tests.federation import COLLEGE, DAY_US, compose, make_root, trust_files

ROOT = Path(__file__).parents[2]
COLUMNS = (
    "number,holder_name,birth_date,issuer,title,award_type,isco08,level_national,level_eqf,"
    "awarded_on,expires_on,status,assessment_method,language,units"
)
BIRTH_DATE = "1991-03-14"
_WITHIN_S = 60


class Finished(Struct, frozen=True):
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def content(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, self.out + self.err
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def start(*arguments: str | Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """Start a command and return its process."""
    return subprocess.Popen(
        [sys.executable, "-m", "node", *map(str, arguments)],
        cwd=ROOT,
        env=_environment(),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str | Path, stdin: str = "") -> Finished:
    """Run a command to its end."""
    process = start(*arguments, stdin=subprocess.PIPE)
    try:
        out, err = process.communicate(stdin, timeout=_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    return Finished(process.returncode, out, err)


def call(*arguments: str | Path, stdin: str = "") -> Finished:
    """Run a command to its end in this process, which saves the time to start one."""
    out, err = io.StringIO(), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "stdin", given),
        patch.dict(os.environ, _environment(), clear=True),
    ):
        try:
            status = app.run([str(argument) for argument in arguments])
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            structlog.reset_defaults()
    return Finished(status, out.getvalue(), err.getvalue())


def done(*arguments: str | Path, stdin: str = "") -> dict[str, Any]:
    """Call a command that has to succeed, with --json; returns what it says."""
    finished = call(*arguments, "--json", stdin=stdin)
    assert finished.status == 0, finished
    return finished.content


def rows(node: str, first: int, last: int, status: str = "active") -> str:
    """Return rows of a registry file, numbered from one number to another."""
    return "".join(
        f"{node}-2020-{number:06},Éloïse Marchand,{BIRTH_DATE},{COLLEGE},Soudeur,"
        f"full_qualification,7212,NQF 4,4,2019-06-28,,{status},practical_test,fr,U-101 Sécurité\n"
        for number in range(first, last + 1)
    )


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def found_nodes(place: Path, *nodes: str, databases: Mapping[str, str] | None = None) -> Path:
    """Make a federation's root and nodes, none of them started; returns the root's file.

    All have the same signed trust list in place, with every node's description in it. `databases`
    names those that are not a file, by node.
    """
    root = place / "root.json"
    root.write_bytes(make_root(expires_at=_expires_at()))
    for node in nodes:
        done(
            *("--data", place / node, "init", "--node", node, "--authority", f"Authority {node}"),
            *("--root", root, "--http", "127.0.0.1:0"),
            *("--grpc", f"127.0.0.1:{free_port()}"),
            *("--database", (databases or {}).get(node, "node.db")),
        )
    publish(place, 1, *nodes)
    return root


def publish(place: Path, version: int, *nodes: str) -> None:
    """Sign a trust list of these nodes as they describe themselves, and hand each a copy."""
    files = trust_files(nodes=nodes)
    for node in nodes:
        files[f"nodes/{node}/node.json"] = (place / node / "node.json").read_bytes()
    root = (place / "root.json").read_bytes()
    bundle = compose(files, version, _expires_at(), roots=[root])
    for node in nodes:
        write_bundle(bundle, place / node / "trust")


def _expires_at() -> int:
    return clock() + 30 * DAY_US


@contextmanager
def serving(data: Path) -> Iterator[dict[str, Any]]:
    """Serve a node; yields what it says once its doors are open."""
    process = start("--data", data, "serve", "--json")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=_WITHIN_S)
        yield json.loads(line)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    assert process.returncode == 0


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYMBOLON_")}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "80"}
