"""`symbolon audit pack` and `keygen`: what is granted, journalled first, and read again."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import COLUMNS, Finished, call, done, found_nodes, rows, run

_CREDENTIALS = 40


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("packs")
    found_nodes(place, "XA")
    (place / "many.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, _CREDENTIALS)}")
    done("--data", place / "XA", "registry", "import", place / "many.csv")
    return place


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "place")) / "XA"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "xa.symbolon-pack"


def pack(data: Path, file: Path, *options: str | Path) -> dict[str, Any]:
    return done("--data", data, "audit", "pack", file, "--for", "Audit 2026", *options)


def replay(data: Path, *given: str | Path) -> Finished:
    return call("audit", "replay", *given, "--root", data / "root.json", "--json")


def accesses(data: Path) -> list[dict[str, Any]]:
    find = ("journal", "find", "--kind", "audit_access", "--for", "a test", "--content")
    return [one["content"]["body"] for one in done("--data", data, *find)["entries"]]


def test_a_pack_of_everything_replays_and_only_its_owner_reads_it(data: Path, file: Path) -> None:
    said = pack(data, file)
    assert (said["range"], said["entries"]) == ([0, _CREDENTIALS + 1], _CREDENTIALS + 2)
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"Marchand" not in file.read_bytes(), "it is compressed"
    finished = replay(data, file)
    assert (finished.status, finished.content["verdict"]) == (0, "PASS")
    assert finished.content["notes"] == []


def test_what_is_handed_over_is_journalled_first(data: Path, file: Path) -> None:
    recipient = done("audit", "keygen", file.with_suffix(".key"))["recipient"]
    pack(data, file, "--range", "2:5", "--kind", "registry", "--as", "auditor", "--to", recipient)
    access = accesses(data)[0]
    assert (access["kind"], access["reader"]) == ("packed", "role auditor")
    assert access["grant"] == {"start": 2, "end": 5, "kinds": [14]}
    assert access["recipients"] == [sha256(recipient.encode()).hexdigest()]


def test_nothing_is_written_where_it_cannot_be_journalled(data: Path, file: Path) -> None:
    for wrong in (["--range", "5"], ["--range", "9:2"], ["--to", "age1none"]):
        refused = call("--data", data, "audit", "pack", file, "--for", "x", *wrong, "--json")
        assert (refused.status, refused.content["code"]) == (2, "malformed")
    assert call("--data", data, "audit", "pack", file, "--json").status == 2
    assert not file.exists()
    assert len(accesses(data)) == 1


def test_a_range_withholds_the_rest_and_says_how_much(data: Path, file: Path) -> None:
    pack(data, file, "--range", "10:20")
    finished = replay(data, file)
    assert finished.status == 0
    (note,) = finished.content["notes"]
    assert note.endswith(f": {_CREDENTIALS - 10} entries withheld by the grant: not judged")
    assert note in run("audit", "replay", file, "--root", data / "root.json").out
    shown = done("audit", "show", file, "--from", "8", "--limit", "4", "--content")["entries"]
    assert [one["kind"] for one in shown] == [None, None, *["CredentialRegistered"] * 2]
    assert "erased, or not granted" in call("audit", "show", file, "--limit", "3").out


def test_times_are_granted_as_the_positions_of_what_was_said_then(data: Path, file: Path) -> None:
    shown = done("--data", data, "journal", "show", "--from", "0", "--limit", "1")["entries"]
    assert pack(data, file, "--until", "2100-01-01")["range"] == [0, _CREDENTIALS + 1]
    later = call(
        *("--data", data, "audit", "pack", file, "--for", "x", "--from", "2100-01-01", "--json")
    )
    assert "nothing in the journal" in later.content["reason"]
    since = shown[0]["said_at"].removesuffix("Z")[:19]
    assert pack(data, file, "--from", since)["range"][0] == 0


def test_kinds_that_are_not_granted_are_not_in_the_file(data: Path, file: Path) -> None:
    pack(data, file, "--kind", "answer", "--kind", "query")
    shown = done("audit", "show", file, "--limit", "1000")["entries"]
    assert {one["kind"] for one in shown} == {None, "TrustAdopted", "AuditAccess"}
    assert replay(data, file).content["verdict"] == "PASS"


def test_an_encrypted_pack_is_read_with_the_identity_it_was_made_for(
    data: Path, file: Path, tmp_path: Path
) -> None:
    mine, other = tmp_path / "mine.key", tmp_path / "other.key"
    recipient = done("audit", "keygen", mine)["recipient"]
    done("audit", "keygen", other)
    pack(data, file, "--to", recipient)
    plain = tmp_path / "plain.symbolon-pack"
    pack(data, plain)
    assert file.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert replay(data, file, "--identity", mine).content["verdict"] == "PASS"
    together = replay(data, file, "--identity", mine, "--processes", "2")
    assert together.out == replay(data, file, "--identity", mine, "--processes", "1").out
    for command in ("registry", "show"):
        root: list[str | Path] = [] if command == "show" else ["--root", data / "root.json"]
        assert call("audit", command, file, *root, "--identity", mine, "--json").status in {0, 4}
    html = tmp_path / "report.html"
    opened = ("--identity", mine, "--root", data / "root.json")
    assert call("audit", "report", file, *opened, "--html", html).status in {0, 4}
    assert f"--identity {mine}" in html.read_text()
    wrong = replay(data, file, "--identity", other)
    assert (wrong.status, wrong.content["code"]) == (3, "unauthenticated")
    assert "encrypted to others" in wrong.content["reason"]
    assert "give --identity" in replay(data, file).content["reason"]


def test_a_pack_that_was_cut_or_is_none_says_so(data: Path, file: Path) -> None:
    pack(data, file)
    whole = file.read_bytes()
    for content, word in ((whole[:-7], "does not end as packs do"), (b"none", "byte 0")):
        file.write_bytes(content)
        finished = replay(data, file)
        assert finished.status == 1
        assert word in json.dumps(finished.content["findings"])


def test_an_identity_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "auditor.key"
    recipient = done("audit", "keygen", file)["recipient"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert recipient in file.read_text()
    before = file.read_bytes()
    refused = call("audit", "keygen", file, "--json")
    assert (refused.content["code"], file.read_bytes()) == ("conflict", before)


def test_whoever_audits_a_live_node_is_in_its_journal(data: Path) -> None:
    assert done("audit", "replay", data)["verdict"] == "PASS"
    access = accesses(data)[0]
    assert (access["kind"], access["ground"]) == ("found", "audit on this machine: replay")


def test_what_was_erased_is_told_with_its_rule(data: Path, file: Path) -> None:
    erase = ("registry", "erase", "XA-2020-000007", "--rule", "Archives Act § 7", "--yes")
    done("--data", data, *erase)
    pack(data, file)
    finished = replay(data, file)
    assert (finished.status, finished.content["verdict"]) == (0, "PASS"), finished.out
    (note,) = finished.content["notes"]
    assert "1 statements erased under Archives Act § 7 by " in note
    everything = file.with_suffix(".symbolon-journal")
    done("--data", data, "journal", "export-all", everything, "--for", "Audit 2026")
    assert replay(data, everything).content["verdict"] == "PASS"
