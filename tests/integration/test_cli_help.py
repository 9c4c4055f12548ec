"""What the command line says of itself, and of wrong usage."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from node import __version__
from node.cli.app import app
from node.cli.output import EXIT_STATUS
from node.errors import Code
from tests.integration.command_line import ROOT, call, run


def _commands() -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, Any]] = [("symbolon", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        yield name, command
        inner = getattr(command, "commands", {})
        waiting += [(f"{name} {word}", found) for word, found in inner.items()]


@pytest.mark.parametrize(("name", "command"), list(_commands()))
def test_every_command_has_help_with_an_example_of_itself(name: str, command: Any) -> None:
    assert command.help
    examples = command.epilog.replace("--data xa ", "")
    assert "Example" in examples
    assert name in examples
    for parameter in command.params:
        assert parameter.help, parameter.name


@pytest.mark.parametrize(
    ("name", "command"), [one for one in _commands() if not hasattr(one[1], "commands")]
)
def test_every_command_takes_json_as_its_output(name: str, command: Any) -> None:
    assert "--json" in {option for parameter in command.params for option in parameter.opts}, name


def test_help_loads_nothing_that_takes_long() -> None:
    program = "import sys, node.cli.app; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"aiohttp", "cryptography", "google.protobuf", "grpc", "msgspec", "rich"}
    assert heavy.isdisjoint(loaded)
    assert {"sqlalchemy", "structlog", "uvloop"}.isdisjoint(loaded)


def test_help_names_every_exit_status_and_command() -> None:
    shown = run("--help")
    assert shown.status == 0
    for word in ("init", "serve", "ask", "registry", "0 done", "5 defect", "SYMBOLON_DATA"):
        assert word in " ".join(shown.out.split())


def test_init_says_how_a_journal_may_be_named() -> None:
    shown = " ".join(run("init", "--help").out.replace("│", " ").split())
    assert "begins with the node's id in small letters and a dot" in shown


def test_version_is_printed_and_nothing_else() -> None:
    shown = run("--version")
    assert (shown.status, shown.out) == (0, f"symbolon {__version__}\n")


def test_every_refusal_has_an_exit_status() -> None:
    assert EXIT_STATUS.keys() == set(Code)
    assert set(EXIT_STATUS.values()) == {2, 3, 4, 5}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("registry", "shwo"), "Did you mean 'show'"),
        (("registry", "show"), "Missing argument 'NUMBER'"),
        (("init", "--node", "XA"), "Missing option '--authority'"),
        (("key", "list", "--nonsense"), "No such option"),
        (("share", "create", "XA-9999-000001", "--purpose", "fun"), "'fun' is not one of"),
        (("receipt", "verify", "/nowhere"), "does not exist"),
    ],
)
def test_refuses_wrong_usage_and_names_the_help(arguments: tuple[str, ...], said: str) -> None:
    finished = call(*arguments, "--json")
    assert (finished.status, finished.content["code"]) == (2, "malformed")
    reason = finished.content["reason"]
    assert said in reason
    assert "--help' shows how" in reason
