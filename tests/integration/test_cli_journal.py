"""`symbolon journal`: shown, found, followed, exported and verified without SQL."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import COLUMNS, call, done, found_nodes, rows, run, start
from tests.tiles import walk

_CREDENTIALS = 300
_NUMBER = "XA-2020-000007"


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("journal")
    found_nodes(place, "XA")
    (place / "many.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, _CREDENTIALS)}")
    done("--data", place / "XA", "registry", "import", place / "many.csv")
    return place


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "place")) / "XA"


def _accesses(data: Path) -> list[dict[str, Any]]:
    """Return what the journal tells of those who looked into it, read without looking."""
    shown = done("--data", data, "audit", "replay", data) and done(
        "--data", data, "journal", "find", "--kind", "audit_access", "--for", "a test", "--content"
    )
    return [entry["content"]["body"] for entry in shown["entries"]]


# --- looking -------------------------------------------------------------------------------


def test_find_tells_who_looked_before_it_shows_anything(data: Path) -> None:
    find = ("--data", data, "journal", "find", "--credential", _NUMBER)
    said = done(*find, "--for", "Complaint 12/2026", "--role", "registrar")
    assert [(one["index"], one["kind"]) for one in said["entries"]] == [(7, "CredentialRegistered")]
    assert "content" not in said["entries"][0]
    first, *_ = _accesses(data)
    assert (first["kind"], first["reader"]) == ("found", "role registrar")
    assert first["ground"] == "Complaint 12/2026"
    assert first["filter"]["credential"] is True
    assert _NUMBER not in json.dumps(first)


def test_find_is_refused_without_a_word_what_for(data: Path) -> None:
    refused = call("--data", data, "journal", "find", "--credential", _NUMBER, "--json")
    assert (refused.status, refused.content["code"]) == (2, "malformed")
    assert "--for" in refused.content["reason"]
    assert done("--data", data, "journal", "show")["size"] == _CREDENTIALS + 1


def test_find_says_that_there_are_more(data: Path) -> None:
    find = ("--data", data, "journal", "find", "--kind", "registered", "--for", "a test")
    said = done(*find, "--limit", "5")
    assert ([one["index"] for one in said["entries"]], said["more"]) == ([1, 2, 3, 4, 5], True)
    assert "5 entries, and there are more" in run(*find, "--limit", "5").out
    none = done(*find, "--since", "2100-01-01")
    assert (none["entries"], none["more"]) == ([], False)


def test_content_is_shown_to_whoever_says_what_for(data: Path) -> None:
    show = ("--data", data, "journal", "show", "--from", "1", "--limit", "1", "--content")
    refused = call(*show, "--json")
    assert (refused.status, refused.content["code"]) == (2, "malformed")
    assert "Marchand" in run(*show, "--for", "Check of the import").out
    assert _accesses(data)[0]["kind"] == "shown"
    tail = ("--data", data, "journal", "tail", "--limit", "2", "--content")
    assert call(*tail, "--json").status == 2


def test_what_is_shown_without_content_is_not_journalled(data: Path) -> None:
    before = done("--data", data, "journal", "verify")["size"]
    assert "Marchand" not in run("--data", data, "journal", "show", "--limit", "400").out
    assert "Marchand" not in run("--data", data, "journal", "tail").out
    assert done("--data", data, "journal", "verify")["size"] == before


def test_tail_follows_what_is_journalled_from_now_on(data: Path) -> None:
    following = start("--data", data, "journal", "tail", "--follow", "--limit", "2", "--json")
    assert following.stdout is not None
    lines = [json.loads(following.stdout.readline()) for _ in range(2)]
    assert [one["index"] for one in lines] == [_CREDENTIALS - 1, _CREDENTIALS]
    change = ("registry", "revoke", _NUMBER, "--ground", "Decision 1")
    changed = done("--data", data, *change)["index"]
    line = json.loads(following.stdout.readline())
    assert (line["index"], line["kind"]) == (changed, "StatusChanged")
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=60)[1] == ""
    assert following.returncode == 130


# --- exporting and verifying ---------------------------------------------------------------


def test_export_writes_tiles_that_a_stranger_can_check(data: Path, tmp_path: Path) -> None:
    tiles = tmp_path / "tiles"
    said = done("--data", data, "journal", "export", tiles)
    assert (said["size"], said["size_before"]) == (_CREDENTIALS + 1, 0)
    with pytest.raises(AssertionError):  # another origin than the walk expects, and nothing else
        walk(tiles)
    done("--data", data, "registry", "revoke", _NUMBER, "--ground", "Decision 1")
    assert done("--data", data, "journal", "export", tiles)["size_before"] == _CREDENTIALS + 1
    shown = run("--data", data, "journal", "export", tiles, "--prefix", "xa")
    assert "302 entries" in shown.out
    assert all(b"Marchand" not in path.read_bytes() for path in _files(tiles))


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_the_two_exports_are_not_taken_for_each_other(data: Path, tmp_path: Path) -> None:
    wrong = call("--data", data, "journal", "export", tmp_path / "xa.symbolon-journal", "--json")
    assert (wrong.status, wrong.content["code"]) == (2, "malformed")
    assert "journal export-all" in wrong.content["reason"]
    file = tmp_path / "xa.symbolon-journal"
    export_all = ("--data", data, "journal", "export-all", file)
    assert call(*export_all, "--json").status == 2
    said = done(*export_all, "--for", "Audit 2026")
    assert said["entries"] == _CREDENTIALS + 2, "its own access is in it"
    assert b"Marchand" in file.read_bytes()
    assert done("audit", "replay", file, "--root", data / "root.json")["verdict"] == "PASS"
    assert _accesses(data)[0]["kind"] == "exported"


def test_verify_checks_a_directory_by_the_keys_on_the_trust_list(
    data: Path, tmp_path: Path
) -> None:
    tiles = tmp_path / "tiles"
    done("--data", data, "journal", "export", tiles)
    said = done("--data", data, "journal", "verify", tiles)
    assert (said["verdict"], said["size"]) == ("PASS", _CREDENTIALS + 1)
    path = tiles / "tile" / "entries" / "000"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    finished = run("--data", data, "journal", "verify", tiles)
    assert finished.status == 1
    assert "tile/entries/000[255]" in finished.out


def test_verify_takes_keys_that_are_given(data: Path, tmp_path: Path) -> None:
    tiles = tmp_path / "tiles"
    done("--data", data, "journal", "export", tiles)
    described = json.loads((data / "node.json").read_bytes())
    keys = [one["verifier"] for one in described["journal"]["keys"]]
    nowhere = ("--data", tmp_path / "none", "journal", "verify", tiles)
    given = [word for key in keys for word in ("--key", key)]
    assert done(*nowhere, *given)["verdict"] == "PASS"
    without = call(*nowhere, "--json")
    assert (without.status, without.content["verdict"]) == (4, "INDETERMINATE")
    wrong = keys[0].replace(described["journal"]["origin"], "other.example/journal")
    assert call(*nowhere, "--key", wrong, "--json").status == 2
