"""The demo as a newcomer runs it: processes, files and lines in a shell, nothing else."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from node.cli.demo_admission import ASK, SERVE

_ROOT = Path(__file__).parent.parent.parent
_WITHIN_S = 100
_STEPS = [
    "confirmed_welder",
    "wrong_birth_date",
    "revoked_licence",
    "expired_share_code",
    "node_that_is_down",
    "thousand_at_once",
    "tampered_receipt",
    "audit_replay",
]
_LAST_LINE = "The three nodes stay up until Ctrl-C."

# For machines without curl: all that the printed lines ask of it.
_STAND_IN = f"""#!{sys.executable}
import argparse, pathlib, sys, urllib.request
read = argparse.ArgumentParser()
read.add_argument("-sS", action="store_true")
read.add_argument("-w")
read.add_argument("-H", action="append", default=[])
read.add_argument("-d")
read.add_argument("url")
said = read.parse_args()
lines = [pathlib.Path(h[1:]).read_text() if h[0] == "@" else h for h in said.H]
headers = dict(line.strip().split(": ", 1) for line in lines)
data = said.d.encode() if said.d else None
with urllib.request.urlopen(urllib.request.Request(said.url, data, headers)) as response:
    sys.stdout.buffer.write(response.read())
print((said.w or "").replace("\\\\n", "\\n"), end="")
"""


def _environment(place: Path) -> dict[str, str]:
    temporary = place / "temporary"
    temporary.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "TMPDIR": str(temporary)}


def _start(place: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "node", "demo", *arguments],
        cwd=_ROOT,
        env=_environment(place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


@contextmanager
def _running(place: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    with _start(place, *arguments) as demo:
        try:
            yield demo
        finally:
            demo.kill()


def _play(place: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    with _running(place, "--once", "--json", *arguments) as demo:
        stdout, stderr = demo.communicate(timeout=_WITHIN_S)
    assert stderr == ""
    told: dict[str, Any] = json.loads(stdout)
    return demo.returncode, told


def _left_behind(place: Path) -> list[str]:
    """Return the files in the demo's temporary directory and the processes that work there."""
    temporary = place / "temporary"
    processes = [
        str(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(place) in part for part in process.info["cmdline"] or ())
    ]
    return [*map(str, temporary.iterdir()), *processes]


@pytest.fixture(scope="module")
def side_by_side(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[Path, int, dict[str, Any]]]:
    """Two demos that ran at the same time: where, exit status, what they printed."""
    places = [tmp_path_factory.mktemp("demo") for _ in range(2)]
    with (
        _running(places[0], "--once", "--json") as one,
        _running(places[1], "--once", "--json") as other,
    ):
        printed = [demo.communicate(timeout=_WITHIN_S)[0] for demo in (one, other)]
    return [
        (place, demo.returncode, json.loads(text))
        for place, demo, text in zip(places, (one, other), printed, strict=True)
    ]


def test_every_step_comes_out_right(
    side_by_side: list[tuple[Path, int, dict[str, Any]]],
) -> None:
    for _, status, told in side_by_side:
        assert [(step["name"], step["right"]) for step in told["steps"]] == [
            (name, True) for name in _STEPS
        ], told["steps"]
        assert (status, told["right"], told["failed"]) == (0, True, [])


def test_the_steps_saw_what_they_tell(side_by_side: list[tuple[Path, int, dict[str, Any]]]) -> None:
    for _, _, told in side_by_side:
        facts = {step["name"]: step["facts"] for step in told["steps"]}
        assert facts["confirmed_welder"]["outcome"] == "confirmed"
        assert facts["wrong_birth_date"]["outcome"] == "not_confirmed"
        assert facts["revoked_licence"]["outcome"] == "revoked"
        assert facts["expired_share_code"]["outcome"] == "not_confirmed"
        assert facts["node_that_is_down"]["status"] == 202
        load = facts["thousand_at_once"]
        assert (load["questions"], load["wrong"]) == (1000, 0)
        assert 0 < load["p50_s"] <= load["p95_s"] <= load["p99_s"] <= load["took_s"]
        assert any("answer-seal" in finding for finding in facts["tampered_receipt"]["findings"])
        concluded = sum(one["conclusions"] for one in facts["audit_replay"]["journals"])
        answered = sum(one["answers"] for one in facts["audit_replay"]["journals"])
        assert concluded == answered > 1000
        assert [node["rows"] for node in told["nodes"]] == [2000, 1400, 2000]


def test_two_demos_at_once_share_no_address(
    side_by_side: list[tuple[Path, int, dict[str, Any]]],
) -> None:
    urls = [node["url"] for _, _, told in side_by_side for node in told["nodes"]]
    assert len(set(urls)) == 6


def test_once_leaves_no_process_and_no_file_behind(
    side_by_side: list[tuple[Path, int, dict[str, Any]]],
) -> None:
    for place, _, told in side_by_side:
        assert _left_behind(place) == []
        assert not any(psutil.pid_exists(node["process"]) for node in told["nodes"])


def test_a_step_that_goes_wrong_is_named_and_fails_the_run(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    for part in ("deploy/demo", "trust_lists"):
        shutil.copytree(_ROOT / part, samples / part)
    registry = samples / "deploy/demo/xa.csv"
    lines = registry.read_text("utf-8").split("\n")
    assert lines[1].startswith("XA-2019-000001,")
    lines[1] = lines[1].replace(",active,", ",suspended,")
    registry.write_text("\n".join(lines), "utf-8")

    status, told = _play(tmp_path, "--samples", str(samples))

    assert (status, told["right"]) == (1, False)
    assert told["failed"] == ["confirmed_welder", "tampered_receipt"]
    results = {step["name"]: step["result"] for step in told["steps"]}
    assert "expected confirmed, found suspended" in results["confirmed_welder"]


def _told_commands(lines: list[str]) -> dict[str, str]:
    """Return the lines below each comment, as somebody would mark and paste them."""
    commands: dict[str, str] = {}
    what = ""
    for line in lines:
        if line.startswith("# "):
            what = line.removeprefix("# ")
            commands[what] = ""
        elif what and line.strip():
            commands[what] += f"{line}\n"
        else:
            what = ""
    return commands


def _paste(command: str, place: Path) -> str:
    environment = _environment(place)
    if shutil.which("curl") is None:
        stand_in = place / "bin" / "curl"
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(_STAND_IN)
        stand_in.chmod(0o755)
        environment["PATH"] = f"{stand_in.parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["sh", "-e"],
        input=command,
        cwd=_ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=_WITHIN_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), command
    return done.stdout


def test_lines_to_try_next_work_as_pasted_until_ctrl_c(tmp_path: Path) -> None:
    with _running(tmp_path) as demo:
        assert demo.stdout is not None
        lines: list[str] = []
        for line in demo.stdout:
            lines.append(line.rstrip("\n"))
            if line.strip() == _LAST_LINE:
                break
        commands = _told_commands(lines)
        # These two need each other at the same time; test_fourth_country runs them.
        assert {commands.pop(what)[-6:] for what in (SERVE, ASK)} == {"serve\n", ".json\n"}
        said = {what: _paste(command, tmp_path) for what, command in commands.items()}
        asked = next(text for what, text in said.items() if what.startswith("Ask Cassara"))
        assert json.loads(asked)["outcome"] == "confirmed"
        assert json.loads(said["Fetch the welder's receipt"])["format"] == "symbolon-receipt/1"
        assert json.loads(said["Is the node well?"])["fit"] is True
        assert "symbolon_" in said["Its figures, for Prometheus"]
        assert said["The signed head of a journal"].startswith("xa.symbolon/journal\n")
        assert json.loads(said["The API's description"])["openapi"].startswith("3.1")
        assert "Éloïse Marchand-Kerr" in said["See the credential at home"]
        assert "PASS" in said["Check a receipt offline"]
        assert "PASS" in said["Be the auditor"]
        assert (
            "Nothing is newer"
            not in said["Bring in Delmara's registry, and give an employer there a key"]
        )
        assert len(commands) == 16

        demo.send_signal(signal.SIGINT)
        rest, stderr = demo.communicate(timeout=_WITHIN_S)

    assert (demo.returncode, stderr) == (0, "")
    kept = list((tmp_path / "temporary").iterdir())
    assert len(kept) == 1
    assert str(kept[0]) in rest.replace("\n   ", "")
    assert _left_behind(tmp_path) == [str(kept[0])]


def test_sigterm_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    with _running(tmp_path, "--once") as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("4 "):
                break
        demo.send_signal(signal.SIGTERM)
        _, stderr = demo.communicate(timeout=_WITHIN_S)
    assert (demo.returncode, stderr) == (130, "")
    assert _left_behind(tmp_path) == []


def test_no_node_outlives_a_demo_that_is_killed(tmp_path: Path) -> None:
    with _running(tmp_path) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("1 "):
                break
        nodes = psutil.Process(demo.pid).children()
        assert sum("serve" in node.cmdline() for node in nodes) == 3
        demo.kill()
        _, running = psutil.wait_procs(nodes, timeout=30)
    assert running == []


def _refusal(place: Path, *arguments: str) -> tuple[int, str]:
    with _running(place, "--once", *arguments) as demo:
        _, stderr = demo.communicate(timeout=_WITHIN_S)
    return demo.returncode, stderr


def test_missing_samples_are_named_with_a_way_out(tmp_path: Path) -> None:
    status, stderr = _refusal(tmp_path, "--samples", str(tmp_path))
    assert status == 3
    assert "xa.csv is missing" in stderr
    assert "--samples" in stderr
    assert _left_behind(tmp_path) == []


def test_a_directory_in_use_is_left_alone(tmp_path: Path) -> None:
    directory = tmp_path / "mine"
    directory.mkdir()
    (directory / "diary.txt").write_text("private")
    status, stderr = _refusal(tmp_path, "--directory", str(directory))
    assert status == 3
    assert "is not empty" in stderr
    assert [path.name for path in directory.iterdir()] == ["diary.txt"]
