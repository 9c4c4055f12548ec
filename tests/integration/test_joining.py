"""A node that joins: its request, its country's signature, and what others then read of it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.store.keys import make_certificate
from tests.federation import make_root
from tests.integration.ceremony import ROOT_OFFICERS, TARGETS_OFFICERS, Ceremony
from tests.integration.command_line import call, done


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A node of XD, made and never started."""
    root = tmp_path / "root.json"
    root.write_bytes(make_root())
    done(
        *("--data", tmp_path / "xd", "init", "--node", "XD", "--authority", "Office of XD"),
        *("--root", root, "--endpoint", "xd.example:7471"),
    )
    return tmp_path / "xd"


def test_a_join_request_is_signed_into_the_trust_list(data: Path, tmp_path: Path) -> None:
    request = tmp_path / "xd.join.json"
    said = done("--data", data, "join", "--out", request)
    assert (said["node"], said["endpoint"]) == ("XD", "xd.example:7471")
    assert len(said["journal_keys"]) == 2
    assert len(said["certificate_pins"]) == 1
    ceremony = Ceremony(tmp_path)
    ceremony.new_keys(*ROOT_OFFICERS, *TARGETS_OFFICERS, "snapshot", "timestamp", "dora")
    ceremony.found(root_threshold=1)
    ceremony.admit("XD", "dora")
    (change,) = [
        line
        for one in ceremony.hand_over("XD", request)["staged"]
        for line in one["changes"]
        if line.startswith("nodes/XD/node.json")
    ]
    assert "node XD of Office of XD, at xd.example:7471" in change
    assert "2 journal keys, 1 TLS certificate and 2 witness keys" in change
    ceremony.signed(root=("anna",), targets=("fay", "gus"), country_XD=("dora",))
    assert ceremony.publish()["notes"] == []
    node = ceremony.fetch("nodes/XD/node.json")
    assert node is not None
    assert json.loads(node) == json.loads((data / "node.json").read_bytes())


def test_a_join_request_is_for_people_too_and_overwrites_nothing(
    data: Path, tmp_path: Path
) -> None:
    request = tmp_path / "xd.join.json"
    shown = call("--data", data, "join", "--out", request)
    assert shown.status == 0
    assert "Hand it to your country's officers" in shown.out
    before = request.read_bytes()
    said = call("--data", data, "join", "--out", request, "--json")
    assert (said.status, said.content["code"]) == (3, "conflict")
    assert request.read_bytes() == before
    assert call("--data", tmp_path / "none", "join", "--out", tmp_path / "x", "--json").status == 3


def test_a_join_request_proves_a_new_certificate_and_keeps_the_old(
    data: Path, tmp_path: Path
) -> None:
    done("--data", data, "join", "--out", tmp_path / "first.json")
    key_pem, certificate_pem = make_certificate("XD", datetime.now(UTC))
    (data / "keys" / "tls.key.pem").write_bytes(key_pem)
    (data / "keys" / "tls.cert.pem").write_bytes(certificate_pem)
    done("--data", data, "join", "--out", tmp_path / "second.json")
    first, second = (
        json.loads((tmp_path / name).read_bytes())["node"] for name in ("first.json", "second.json")
    )
    assert second["journal"] == first["journal"]
    assert len(second["tls"]) == 2
    assert first["tls"][0] in second["tls"]


def test_a_journal_key_file_of_another_node_proves_nothing(data: Path, tmp_path: Path) -> None:
    described = json.loads((data / "node.json").read_bytes())
    described["journal"]["keys"][0]["possession"] = "AAAA"
    shutil.copy(data / "node.json", tmp_path / "kept.json")
    (data / "node.json").write_text(json.dumps(described))
    said = call("--data", data, "join", "--out", tmp_path / "request.json", "--json")
    assert (said.status, said.content["code"]) == (3, "unauthenticated")
    assert not (tmp_path / "request.json").exists()
