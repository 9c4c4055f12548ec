"""The command line at home: making a node, trust lists, registry, share codes, keys."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from node import settings
from tests.integration.command_line import (
    BIRTH_DATE,
    COLUMNS,
    ROOT,
    call,
    done,
    found_nodes,
    publish,
    rows,
    run,
    start,
)

_NOBODY = "XA-9999-000001"


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A federation of XA with three credentials; tests that change it take a copy."""
    place = tmp_path_factory.mktemp("founded")
    found_nodes(place, "XA")
    (place / "three.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 3)}")
    done("--data", place / "XA", "registry", "import", place / "three.csv")
    return place


@pytest.fixture
def place(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "place"))


@pytest.fixture
def data(place: Path) -> Path:
    return place / "XA"


def _refused(status: int, code: str, *arguments: str | Path, stdin: str = "") -> str:
    """Call a command that has to be refused; returns the reason."""
    said = call(*arguments, "--json", stdin=stdin)
    assert (said.status, said.err) == (status, ""), said
    assert said.content.keys() == {"code", "reason", "retry_after_s"}
    assert said.content["code"] == code
    reason: str = said.content["reason"]
    return reason


# --- where the node is --------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("trust", "show"),
        ("registry", "show", _NOBODY),
        ("share", "list", _NOBODY),
        ("key", "list"),
        ("journal", "show"),
        ("journal", "verify"),
        ("journal", "export", "/nowhere"),
        ("journal", "export-all", "/nowhere", "--for", "a test"),
        ("journal", "find", "--for", "a test"),
        ("journal", "tail"),
    ],
)
def test_says_how_to_make_a_node_where_there_is_none(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    assert "symbolon init" in _refused(3, "unknown", "--data", tmp_path / "none", *arguments)


def test_a_refusal_for_people_is_one_line_on_stderr(tmp_path: Path) -> None:
    finished = run("--data", tmp_path, "key", "list")
    assert (finished.status, finished.out) == (3, "")
    assert finished.err.startswith("symbolon: unknown: there is no node in ")
    assert finished.err.count("\n") == 1
    assert "Traceback" in run("--verbose", "--data", tmp_path, "key", "list").err


def test_takes_the_data_directory_from_the_environment(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.integration.command_line._environment",
        lambda: {**os.environ, "SYMBOLON_DATA": str(data)},
    )
    assert done("registry", "show", "XA-2020-000001")["title"] == "Soudeur"


def test_ends_quietly_when_nobody_reads_on(data: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "node", "--data", str(data), "journal", "show"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (141, b"")


# --- init ----------------------------------------------------------------------------------


@pytest.fixture
def root(founded: Path) -> Path:
    return founded / "root.json"


def _init(data: Path, root: Path, *more: str) -> tuple[str | Path, ...]:
    words = ("init", "--node", "XD", "--authority", 'Behörde für "XD"', "--root", root)
    return ("--data", data, *words, *more)


def test_init_makes_all_that_a_node_needs(tmp_path: Path, root: Path) -> None:
    data = tmp_path / "deep" / "xd"
    made = done(*_init(data, root, "--http", "127.0.0.1:0"))
    assert (data / "root.json").read_bytes() == root.read_bytes()
    assert sorted(path.name for path in data.iterdir()) == [
        *("journal.high-water", "keys", "node.db", "node.json", "root.json", "symbolon.toml"),
    ]
    assert data.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (data / "keys").iterdir())
    read = settings.load(data)
    assert (read.node.id, read.node.authority) == ("XD", 'Behörde für "XD"')
    assert read.listen.endpoint == "127.0.0.1:7471"
    assert json.loads((data / "node.json").read_bytes())["journal"]["origin"] == read.node.origin
    assert any("free port" in note for note in made["notes"])
    assert any("from this machine only" in note for note in made["notes"])


def test_init_shows_the_fingerprint_and_what_to_do_next(tmp_path: Path, root: Path) -> None:
    shown = run(*_init(tmp_path / "xd", root, "--endpoint", "xd.example:7471"))
    assert shown.status == 0
    assert "fingerprint" in shown.out
    assert "compare" in shown.out.lower()
    assert "join --out xd.join.json" in " ".join(shown.out.split())
    assert "from this machine only" not in shown.out


def test_init_never_touches_a_node_that_is_there(data: Path, root: Path) -> None:
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    reason = _refused(3, "conflict", *_init(data, root))
    assert "made once" in reason
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--node", "xd"), "node.id: must be a node id"),
        (("--authority", ""), "--authority: is missing"),
        (("--origin", "xb.symbolon/journal"), "begin with the node's id"),
        (("--origin", "xd.two words"), "key name"),  # found after the keys are made
        (("--endpoint", "not/a/host:1"), "$.endpoint"),  # after the journal
        (("--endpoint", "nowhere"), "--endpoint: must be host:port"),
        (("--grpc", "127.0.0.1:0"), "port 0 would be another port at each start"),
        (("--grpc", "127.0.0.1:99999"), "--grpc: must be host:port"),
        (("--grpc", "0.0.0.0:7471"), "say which host:port peers dial"),
    ],
)
def test_init_leaves_nothing_behind_when_it_fails(
    more: tuple[str, ...], said: str, tmp_path: Path, root: Path
) -> None:
    assert said in _refused(2, "malformed", *_init(tmp_path / "deep" / "xd", root, *more))
    assert list(tmp_path.iterdir()) == []


def test_init_refuses_a_root_that_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("nonsense")
    assert "root" in _refused(2, "malformed", *_init(tmp_path / "xd", tmp_path / "root"))


def test_init_says_that_a_port_is_taken(tmp_path: Path, root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        made = done(*_init(tmp_path / "xd", root, "--grpc", address, "--http", "127.0.0.1:0"))
    assert any(f"something listens at {address}" in note for note in made["notes"])


# --- trust ---------------------------------------------------------------------------------


def test_trust_show_tells_what_is_there_and_what_was_adopted(place: Path, data: Path) -> None:
    shown = done("--data", data, "trust", "show")
    assert (shown["version"], shown["adopted"], shown["expired"]) == (1, True, False)
    assert [node["node"] for node in shown["nodes"]] == ["XA"]
    publish(place, 2, "XA")
    shown = done("--data", data, "trust", "show")
    assert (shown["version"], shown["adopted"], shown["adopted_version"]) == (2, False, 1)
    words = run("--data", data, "trust", "show").out
    assert "not this one yet, but version 1" in words


def test_says_where_the_trust_list_belongs_while_there_is_none(data: Path) -> None:
    alone = data.parent / "alone"
    done(*_init(alone, data / "root.json"))
    change = ("registry", "revoke", "XA-2020-000001", "--ground", "Decision 1")
    reason = _refused(4, "stale", "--data", alone, *change)
    assert str(alone / "trust") in reason


def test_goes_on_with_the_list_adopted_last_where_the_local_copy_is_gone(data: Path) -> None:
    shutil.rmtree(data / "trust")
    change = ("registry", "revoke", "XA-2020-000001", "--ground", "Decision 1")
    done("--data", data, *change)
    assert done("--data", data, "registry", "show", "XA-2020-000001")["status"] == "revoked"


# --- registry ------------------------------------------------------------------------------


def test_import_reports_every_row_and_writes_all_or_nothing(data: Path, tmp_path: Path) -> None:
    file, report = tmp_path / "mixed.csv", tmp_path / "rejected.csv"
    wrong = rows("XA", 5, 5).replace("7212", "welder").replace(BIRTH_DATE, "14.3.1991")
    file.write_text(f"{COLUMNS}\n{rows('XA', 3, 4)}{wrong}{rows('XB', 6, 6)}")
    command = ("--data", data, "registry", "import", file)
    finished = run(*command, "--json", "--report", report)
    assert finished.status == 2
    said = finished.content
    assert {name: said[name] for name in ("written", "accepted", "unchanged")} == {
        "written": False,
        "accepted": 1,
        "unchanged": 1,
    }
    expected = [(4, "birth_date"), (4, "isco08"), (5, "number")]
    assert sorted((one["row"], one["field"]) for one in said["rejected"]) == expected
    with report.open(encoding="utf-8", newline="") as opened:
        told = {row["number"]: row["reason"] for row in csv.DictReader(opened)}
    assert told.keys() == {"XA-2020-000005", "XB-2020-000006"}
    assert "row 4: birth_date: must be" in told["XA-2020-000005"]
    assert "isco08: must be" in told["XA-2020-000005"]
    assert told["XB-2020-000006"] == "row 5: number: must begin with XA-"
    _refused(3, "unknown", "--data", data, "registry", "show", "XA-2020-000004")
    words = call(*command)
    assert "nothing was written" in words.out
    assert "welder" not in words.out + words.err
    kept = run(*command, "--keep-good", "--json")
    assert (kept.status, kept.content["written"], kept.content["rejected_rows"]) == (1, True, 2)
    assert done("--data", data, "registry", "show", "XA-2020-000004")["status"] == "active"


def test_import_says_again_what_is_there_and_changes_nothing(data: Path, founded: Path) -> None:
    before = done("--data", data, "journal", "verify")["size"]
    content = (founded / "three.csv").read_text()
    said = done("--data", data, "registry", "import", "-", stdin=content)
    assert (said["accepted"], said["unchanged"]) == (0, 3)
    assert done("--data", data, "journal", "verify")["size"] == before


def test_import_refuses_a_file_that_it_cannot_read(data: Path, tmp_path: Path) -> None:
    command = ("--data", data, "registry", "import")
    assert "No such file" in _refused(2, "malformed", *command, tmp_path / "none.csv")
    (tmp_path / "header.csv").write_text("number,name\n")
    assert "line 1" in _refused(2, "malformed", *command, tmp_path / "header.csv")


def test_a_credential_is_issued_suspended_reinstated_and_revoked(
    data: Path, tmp_path: Path
) -> None:
    shown = done("--data", data, "registry", "show", "XA-2020-000001")
    file = tmp_path / "credential.json"
    file.write_text(json.dumps({**shown, "number": "XA-2020-000009"}))
    issue = ("--data", data, "registry", "issue", file)
    assert done(*issue)["number"] == "XA-2020-000009"
    assert "in the registry already" in _refused(3, "conflict", *issue)

    def change(name: str) -> tuple[str | Path, ...]:
        ground = ("--ground", "Decision 14/2026")
        return ("--data", data, "registry", name, "XA-2020-000009", *ground)

    assert done(*change("suspend"))["status"] == "suspended"
    assert done(*change("reinstate"))["status"] == "active"
    assert run(*change("revoke")).status == 0
    assert "final" in _refused(3, "conflict", *change("reinstate"))
    assert done("--data", data, "registry", "show", "XA-2020-000009")["status"] == "revoked"
    assert "7212" in run("--data", data, "registry", "show", "XA-2020-000009").out


def test_issue_takes_exactly_one_credential(data: Path) -> None:
    issue = ("--data", data, "registry", "issue", "-")
    assert "holds 0 credentials" in _refused(2, "malformed", *issue, stdin="[]")
    assert "number: is missing" in _refused(2, "malformed", *issue, stdin="{}")
    assert "line 1" in _refused(2, "malformed", *issue, stdin="{")


# --- share codes ---------------------------------------------------------------------------


def test_a_share_code_is_shown_once_listed_by_id_and_revoked(data: Path) -> None:
    number = "XA-2020-000001"
    create = ("--data", data, "share", "create", number, "--purpose", "employment")
    listing = ("--data", data, "share", "list", number)
    made = done(*create, "--fields", "title,isco08", "--uses", "3", "--days", "14")
    assert made["fields"] == ["title", "isco08"]
    shown = run(*create).out
    assert "all fields" in shown
    listed = done(*listing)["share_codes"]
    assert [one["state"] for one in listed] == ["open", "open"]
    assert listed[0]["id"] == made["id"]
    assert made["share_code"] not in run(*listing).out
    revoke = ("--data", data, "share", "revoke")
    assert done(*revoke, stdin=made["share_code"].lower())["index"] > 0
    assert "ended already" in _refused(3, "conflict", *revoke, stdin=made["share_code"])
    by_id = (*revoke, number, "--id", listed[1]["id"][:12])
    assert run(*by_id).status == 0
    assert "ended already" in _refused(3, "conflict", *by_id)
    assert [one["state"] for one in done(*listing)["share_codes"]] == ["revoked", "revoked"]


def test_share_commands_refuse_what_cannot_be(data: Path) -> None:
    share = ("--data", data, "share")
    create = (*share, "create", "XA-2020-000001", "--purpose", "employment")
    assert "shoe_size" in _refused(2, "malformed", *create, "--fields", "title,shoe_size")
    assert "uses: must be 1" in _refused(2, "malformed", *create, "--uses", "0")
    nobody = (*share, "create", _NOBODY, "--purpose", "employment")
    assert "no such credential" in _refused(3, "unknown", *nobody)
    reason = _refused(2, "malformed", *share, "revoke", stdin="XA-7K3M-9QXT-2FDR-H4W0")
    assert "read it again" in reason
    assert "7K3M" not in reason
    assert "both or neither" in _refused(2, "malformed", *share, "revoke", "XA-2020-000001")


# --- API keys ------------------------------------------------------------------------------


def test_an_api_key_is_given_once_listed_and_revoked(data: Path, tmp_path: Path) -> None:
    key = ("--data", data, "key")
    create = (*key, "create", "--name", "Harbour Steel", "--register-id", "4711", "--sector", "C25")
    out = tmp_path / "harbour.key"
    made = done(*create, "--out", out)
    assert "key" not in made
    assert out.read_text().startswith("symbolon_")
    assert out.stat().st_mode & 0o777 == 0o600
    assert "never overwritten" in _refused(3, "conflict", *create, "--out", out)
    assert "symbolon_" in run(*create).out
    listed = run(*key, "list")
    assert made["id"] in listed.out
    assert "symbolon_" not in listed.out
    assert run(*key, "revoke", made["id"]).status == 0
    assert "no API key" in _refused(3, "unknown", *key, "revoke", made["id"])
    revoked = {one["id"]: one["revoked_at"] for one in done(*key, "list")["keys"]}
    assert revoked[made["id"]] is not None
    assert list(revoked.values()).count(None) == 1


# --- serve ---------------------------------------------------------------------------------


def test_serve_refuses_to_start_before_there_was_a_trust_list(tmp_path: Path, root: Path) -> None:
    done(*_init(tmp_path / "xd", root))
    finished = run("--data", tmp_path / "xd", "serve", "--json")
    assert (finished.status, finished.content["code"]) == (4, "stale")


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_serve_explains_a_port_that_is_taken(data: Path, door: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        file = data / settings.FILE_NAME
        lines = file.read_text().splitlines()
        address = f'{door} = "127.0.0.1:{taken.getsockname()[1]}"'
        changed = [address if line.startswith(f"{door} =") else line for line in lines]
        file.write_text("\n".join(changed))
        finished = run("--data", data, "serve", "--json")
    assert (finished.status, finished.content["code"]) == (3, "conflict")
    assert f"listen.{door}" in finished.content["reason"]
    assert "another port" in finished.content["reason"]


def test_serve_refuses_settings_with_an_unknown_key(data: Path) -> None:
    file = data / settings.FILE_NAME
    file.write_text(file.read_text() + "\n[nonsense]\nx = 1\n")
    reason = _refused(2, "malformed", "--data", data, "serve")
    assert "nonsense" in reason


def test_two_processes_work_on_one_node_at_the_same_time(data: Path) -> None:
    numbers = [f"XA-2020-{number:06}" for number in (1, 2, 3)]
    changes = [
        start("--data", data, "registry", "revoke", number, "--ground", "D 1", "--json")
        for number in numbers
    ]
    indices = [json.loads(change.communicate(timeout=60)[0])["index"] for change in changes]
    assert len(set(indices)) == len(numbers)
    assert done("--data", data, "journal", "verify")["size"] == max(indices) + 1
