"""`trust lint`, `diff`, `lote`, `status` and `show --as-of`, through the command line."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from node.assembly import clock
from node.model.lote import listed_certificates
from tests.integration.ceremony import Ceremony, found_with_xa
from tests.integration.command_line import (
    ROOT,
    call,
    done,
    found_nodes,
    free_port,
    publish,
    serving,
)

SAMPLE = ROOT / "trust_lists"
_DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("founded")
    found_with_xa(place)
    return place


@pytest.fixture
def ceremony(founded: Path, tmp_path: Path) -> Ceremony:
    """A federation with XA as its member, for one test alone."""
    shutil.copytree(founded, tmp_path / "here")
    return Ceremony(tmp_path / "here")


def linted(place: Path) -> tuple[int, dict[str, Any]]:
    finished = call("trust", "lint", place, "--json")
    return finished.status, finished.content


def sentences(content: dict[str, Any], file: str) -> list[str]:
    return [one["sentence"] for one in content["findings"] if one["file"] == file]


# --- lint ----------------------------------------------------------------------------------


def test_lint_finds_no_error_in_the_sample_federation() -> None:
    status, content = linted(SAMPLE)
    assert (status, content["errors"]) == (0, 0)
    assert len(sentences(content, "nodes/XA/node.json")) == 1  # made when the demo runs


def test_lint_ends_with_one_and_shows_where_and_what(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "lists")
    path = tmp_path / "lists" / "agreements" / "XB" / "xa-xb.json"
    path.write_text(path.read_text().replace('"licensing", ', ""))
    (tmp_path / "lists" / "policy.json").write_text("{")
    status, content = linted(tmp_path / "lists")
    assert (status, content["errors"]) == (1, 2)
    (said,) = sentences(content, "agreements/XB/xa-xb.json")
    assert "XA and XB list different texts as xa-xb (purposes)" in said
    shown = call("trust", "lint", tmp_path / "lists")
    assert shown.status == 1
    assert "agreements/XB/xa-xb.json" in shown.out
    assert "2 errors" in shown.out


def test_lint_looks_at_sources_what_is_staged_and_what_is_published(ceremony: Ceremony) -> None:
    status, content = linted(ceremony.directory)
    assert (status, content["errors"]) == (0, 0)
    done("trust", "renew", ceremony.directory, "XA")
    status, content = linted(ceremony.directory)
    assert status == 0
    assert any(
        "2 of 2 signatures are missing" in one
        for one in sentences(content, "staged/country-XA.json")
    )
    assert linted(ceremony.staged("country-XA"))[0] == 0
    assert linted(ceremony.directory / "published")[0] == 0


def test_lint_finds_what_was_lost_and_what_was_changed(ceremony: Ceremony) -> None:
    published = ceremony.directory / "published"
    (node,) = published.glob("targets/nodes/XA/*.node.json")
    node.write_bytes(b"{}")
    status, content = linted(published)
    assert status == 1
    assert any(
        "not the file that was signed" in one for one in sentences(content, "country-XA.json")
    )
    node.unlink()
    assert "bring it back" in sentences(linted(published)[1], "nodes/XA/node.json")[0]
    (published / "metadata" / "timestamp.json").unlink()
    assert linted(published)[0] == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b'{"signed": {}, "signatures": []}'])
def test_lint_takes_whatever_lies_in_a_staged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "country-XA.json").write_bytes(content)
    assert linted(tmp_path / "country-XA.json")[0] == 1
    assert linted(tmp_path)[0] == 1


def test_lint_says_that_there_is_no_list(tmp_path: Path) -> None:
    finished = call("trust", "lint", tmp_path, "--json")
    assert (finished.status, finished.content["code"]) == (3, "unknown")


# --- diff ----------------------------------------------------------------------------------


def test_diff_says_what_is_different_between_two_trees(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "lists")
    for country in ("XA", "XB"):
        path = tmp_path / "lists" / "agreements" / country / "xa-xb.json"
        path.write_text(path.read_text().replace('"licensing", ', ""))
    changes = done("trust", "diff", tmp_path / "lists", SAMPLE)["changes"]
    assert [one["sentence"] for one in changes] == [
        "The agreement xa-xb now also covers licensing."
    ]
    shown = call("trust", "diff", tmp_path / "lists", SAMPLE)
    assert "  • The agreement xa-xb now also covers licensing." in shown.out
    assert "Nothing is different" in call("trust", "diff", SAMPLE, SAMPLE).out


def test_diff_compares_what_is_published_with_its_sources(ceremony: Ceremony) -> None:
    done("trust", "suspend", ceremony.directory, "XA", "--reason", "keys were lost")
    before, after = ceremony.directory / "published", ceremony.directory / "sources"
    (change,) = done("trust", "diff", before, after)["changes"]
    assert change["of"] == "XA"
    assert "is suspended from" in change["sentence"]
    assert "because: keys were lost" in change["sentence"]


def test_diff_says_which_keys_have_changed(ceremony: Ceremony, tmp_path: Path) -> None:
    shutil.copytree(ceremony.directory / "published", tmp_path / "old")
    key = ceremony.public("kim")
    done("trust", "rotate", ceremony.directory, "XA", "--add", key)
    ceremony.signed(targets=("fay", "gus"))
    ceremony.publish()
    said = done("trust", "diff", tmp_path / "old", ceremony.directory)["changes"]
    assert [one["sentence"] for one in said] == [
        f"Key {ceremony.keyid('kim')[:8]} has been taken into XA.",
        "2 of 3 keys must now sign XA, before: 2 of 2.",
    ]


def test_diff_needs_two_lists_or_two_versions() -> None:
    for arguments in ((), (SAMPLE,), (SAMPLE, SAMPLE, "--from-version", "1")):
        finished = call("trust", "diff", *arguments, "--json")
        assert (finished.status, finished.content["code"]) == (2, "malformed")


# --- at a node -----------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two nodes of one federation; XA has adopted version 1 and then version 2."""
    found_nodes(tmp_path, "XA", "XB")
    done("--data", tmp_path / "XA", "trust", "refresh")
    publish(tmp_path, 2, "XA")
    done("--data", tmp_path / "XA", "trust", "refresh")
    return tmp_path


def test_show_tells_what_was_in_force_at_a_time(place: Path) -> None:
    data = place / "XA"
    now = done("--data", data, "trust", "show", "--as-of", f"{datetime.now(UTC):%Y-%m-%d}")
    assert (now["version"], now["replaced_at"], now["expired"]) == (2, None, False)
    assert [node["node"] for node in now["nodes"]] == ["XA"]
    before = datetime.fromisoformat(now["adopted_at"]) - timedelta(microseconds=1)
    then = done("--data", data, "trust", "show", "--as-of", before.isoformat())
    assert (then["version"], then["replaced_at"]) == (1, now["adopted_at"])
    assert then["replaced_by"] == 2
    assert [node["node"] for node in then["nodes"]] == ["XA", "XB"]
    assert {key["kind"] for key in then["nodes"][0]["journal_keys"]} == {"ed25519", "ml-dsa-44"}
    assert then["adopted_position"] < now["adopted_position"]


def test_show_knows_nothing_of_the_time_before_and_to_come(place: Path) -> None:
    data = place / "XA"
    early = call("--data", data, "trust", "show", "--as-of", "2020-01-01", "--json")
    assert (early.status, early.content["code"]) == (3, "unknown")
    for time in ("2999-01-01", "yesterday"):
        finished = call("--data", data, "trust", "show", "--as-of", time, "--json")
        assert (finished.status, finished.content["code"]) == (2, "malformed")


def test_diff_compares_two_versions_that_a_node_has_adopted(place: Path) -> None:
    versions = ("--from-version", "1", "--to-version", "2")
    changes = done("--data", place / "XA", "trust", "diff", *versions)["changes"]
    assert any(one["of"] == "XB" and "has been expelled" in one["sentence"] for one in changes)
    finished = call(
        "--data",
        place / "XA",
        "trust",
        "diff",
        "--from-version",
        "1",
        "--to-version",
        "9",
        "--json",
    )
    assert (finished.status, finished.content["code"]) == (3, "unknown")
    assert "it has 1, 2" in finished.content["reason"]


def test_status_ends_with_one_while_something_is_about_to_end(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("--data", place / "XA", "trust", "status", "--json")
    finished = call(*command)
    content = finished.content
    assert finished.status == 1  # root and targets of the sample have exactly 30 days
    assert (content["version"], content["adopted_version"], content["problem"]) == (2, 2, None)
    assert content["running"] is None
    soon = {one["name"] for one in content["ends"] if one["state"] == "soon"}
    assert {"root", "targets"} <= soon
    assert "country-XA" not in soon
    assert [one["ends_at"] for one in content["ends"]] == sorted(
        one["ends_at"] for one in content["ends"]
    )
    later = clock() + 31 * _DAY_US
    monkeypatch.setattr("node.assembly.clock", lambda: later)
    finished = call(*command)
    assert finished.status == 1
    assert "expired" in finished.content["problem"]
    shown = call(*command[:-1])
    assert "Problem" in shown.out
    assert "expired" in shown.out


def test_status_needs_a_list(place: Path) -> None:
    shutil.rmtree(place / "XB" / "trust")
    finished = call("--data", place / "XB", "trust", "status", "--json")
    assert (finished.status, finished.content["code"]) == (4, "stale")


def test_a_running_node_tells_its_state_and_what_held_in_the_past(place: Path) -> None:
    data, port = place / "XA", free_port()
    settings = data / "symbolon.toml"
    settings.write_text(settings.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    shown = done("--data", data, "trust", "show", "--as-of", f"{datetime.now(UTC):%Y-%m-%d}")
    before = datetime.fromisoformat(shown["adopted_at"]) - timedelta(microseconds=1)
    asked = {
        "entity_id": "XB",
        "authority_id": "federation",
        "action": "answer",
        "resource": "qualifications",
    }
    with serving(data):
        running = call("--data", data, "trust", "status", "--json").content["running"]
        assert running["fit"] is True
        assert running["trust_list"].startswith("in force, version 2")
        assert _recognized(port, asked) == (False, 2)  # version 2 has no XB
        context = {"time": before.isoformat()}
        assert _recognized(port, {**asked, "context": context}) == (True, 1)


def _recognized(port: int, asked: dict[str, Any]) -> tuple[bool, int]:
    request = Request(
        f"http://127.0.0.1:{port}/trqp/recognition",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=10) as response:  # noqa: S310 - as above
        found = json.loads(response.read())
    return found["recognized"], found["trust_list"]["version"]


# --- lote ----------------------------------------------------------------------------------


def test_a_federation_lists_its_members_in_the_form_of_etsi_too(
    ceremony: Ceremony, tmp_path: Path
) -> None:
    fed = ceremony.directory
    staged = done("trust", "lote", fed, SAMPLE / "etsi" / "scheme.json")
    assert staged["notes"] == []
    (changes,) = [one["changes"] for one in staged["staged"] if one["role"] == "targets"]
    assert any(line.startswith("etsi/lote.json is new: the members after") for line in changes)
    ceremony.signed(targets=("fay", "gus"))
    ceremony.publish()
    content = ceremony.fetch("etsi/lote.json")
    assert content is not None
    node = ceremony.source("nodes/XA/node.json")
    assert listed_certificates(content) == {node["tls"][0]["certificate"]}
    head = json.loads(content)["LoTE"]["ListAndSchemeInformation"]
    assert head["LoTESequenceNumber"] == 2
    assert linted(fed) == (0, linted(fed)[1])

    # A node takes the whole list, and hands it on, with this file in it.
    root = fed / "published" / "metadata" / "1.root.json"
    data = tmp_path / "xb"
    done(
        *("--data", data, "init", "--node", "XB", "--authority", "Office of XB"),
        *("--root", root, "--mirror", fed / "published", "--endpoint", "xb.example:7471"),
    )
    refused = call("--data", data, "trust", "refresh", "--json")
    assert refused.content["code"] == "unknown"  # it is no member; but it has read all of it
    assert "not on the trust list" in refused.content["reason"]
    assert (data / "trust" / "targets" / "etsi" / "lote.json").read_bytes() == content

    done("trust", "lote", fed, "--remove")
    ceremony.signed(targets=("fay", "gus"))
    ceremony.publish()
    assert ceremony.fetch("etsi/lote.json") is None


def test_says_whom_the_list_leaves_out_and_refuses_a_scheme_that_is_none(
    ceremony: Ceremony, tmp_path: Path
) -> None:
    scheme = json.loads((SAMPLE / "etsi" / "scheme.json").read_bytes())
    del scheme["authorities"]["XA"]
    (tmp_path / "scheme.json").write_text(json.dumps(scheme))
    said = done("trust", "lote", ceremony.directory, tmp_path / "scheme.json")
    assert said["notes"] == ["XA is left out: the scheme file gives no address of it"]
    for arguments in ((), ("--remove", tmp_path / "scheme.json")):
        finished = call("trust", "lote", ceremony.directory, *arguments, "--json")
        assert finished.status == (0 if not arguments else 2)
    (tmp_path / "scheme.json").write_text("{}")
    finished = call("trust", "lote", ceremony.directory, tmp_path / "scheme.json", "--json")
    assert (finished.status, finished.content["code"]) == (2, "malformed")
