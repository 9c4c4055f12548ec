"""The command line on a credential's whole life, and on what was so and known at any time."""

import json
import shutil
from pathlib import Path

import pytest

from tests.federation import COLLEGE
from tests.integration.command_line import COLUMNS, call, done, found_nodes, rows, run
from tests.world import sample_detail_values

NUMBER = "XA-2020-000001"
_WHY = ("--ground", "Decision 14/2026")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XA with three credentials; the first of them expires."""
    place = tmp_path_factory.mktemp("founded")
    found_nodes(place, "XA")
    content = rows("XA", 1, 3).replace("2019-06-28,,", "2019-06-28,2026-12-31,", 1)
    (place / "three.csv").write_text(f"{COLUMNS}\n{content}")
    done("--data", place / "XA", "registry", "import", place / "three.csv", "--as", "archivist")
    return place


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "place")) / "XA"


def _refused(code: str, *arguments: str | Path) -> str:
    said = call(*arguments, "--json")
    assert said.content["code"] == code, said
    reason: str = said.content["reason"]
    return reason


def _registry(data: Path, *arguments: str | Path) -> dict[str, object]:
    return done("--data", data, "registry", *arguments)


def test_a_credential_is_amended_renewed_and_superseded(data: Path, tmp_path: Path) -> None:
    shown = _registry(data, "show", NUMBER)
    file = tmp_path / "credential.json"
    file.write_text(json.dumps({**shown, "holder_name": "Éloïse Kerr"}))
    amended = _registry(data, "amend", file, "--reason", "Name by marriage")
    assert (amended["status"], amended["pending"]) == ("amended", False)
    _registry(data, "renew", NUMBER, "--until", "2031-12-31", *_WHY)
    now = _registry(data, "show", NUMBER)
    assert (now["holder_name"], now["expires_on"]) == ("Éloïse Kerr", "2031-12-31")
    _registry(data, "supersede", NUMBER, "--by", "XA-2020-000002", *_WHY)
    assert _registry(data, "show", NUMBER)["status"] == "superseded"
    told = _registry(data, "history", NUMBER)
    assert isinstance(told["events"], list)
    assert [event["event"] for event in told["events"]] == [
        "registered",
        "amended",
        "renewed",
        "superseded",
    ]
    assert told["events"][0]["role"] == "archivist"
    assert told["events"][1]["changed"] == ["holder_name"]
    assert {event["by"] for event in told["events"]} != {""}
    text = run("--data", data, "registry", "history", NUMBER).out
    assert "superseded by XA-2020-000002: Decision 14/2026" in text
    assert "amended in holder_name: Name by marriage" in text


def test_shows_what_was_so_and_what_was_known(data: Path) -> None:
    history = _registry(data, "history", NUMBER)
    assert isinstance(history["events"], list)
    registered = history["events"][0]["index"]
    _registry(data, "suspend", NUMBER, *_WHY, "--effective", "2025-03-01")
    _registry(data, "revoke", "XA-2020-000002", *_WHY, "--effective", "2040-01-01")

    def status(number: str, *when: str) -> object:
        return _registry(data, "show", number, *when)["status"]

    assert status(NUMBER) == "suspended"
    assert status(NUMBER, "--as-of", "2025-02-28") == "active"
    assert status(NUMBER, "--as-of", "2025-03-01T00:00:00Z") == "suspended"
    position = ("--known-at", str(registered + 1))
    assert status(NUMBER, "--as-of", "2025-03-01", *position) == "active"
    assert status("XA-2020-000002") == "active"
    assert status("XA-2020-000002", "--as-of", "2040-01-01") == "revoked"
    show = ("--data", data, "registry", "show", NUMBER)
    assert _refused("unknown", *show, "--known-at", "2020-01-01").endswith("such credential then")
    assert _refused("unknown", *show, "--as-of", "2019-06-27").endswith("such credential then")
    assert "--as-of" in _refused("malformed", *show, "--as-of", "yesterday")


def test_a_revocation_takes_two_people_where_the_settings_say_so(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (data / "symbolon.toml").open("a") as settings:
        settings.write("\n[roles]\ntwo_people_revoke = true\n")
    monkeypatch.setenv("SUDO_USER", "clerk")
    proposed = _registry(data, "revoke", NUMBER, *_WHY, "--cause", "fraud")
    assert (proposed["status"], proposed["pending"]) == ("waiting_to_be_revoked", True)
    assert _registry(data, "show", NUMBER)["status"] == "active"
    assert _registry(data, "history", NUMBER)["pending_revocation"] is True
    confirm = ("--data", data, "registry", "confirm", NUMBER)
    assert "two people" in _refused("untrusted", *confirm)
    monkeypatch.setenv("SUDO_USER", "chief")
    assert done(*confirm)["status"] == "revoked"
    assert _registry(data, "show", NUMBER)["status"] == "revoked"
    told = _registry(data, "history", NUMBER)["events"]
    assert isinstance(told, list)
    assert [(event["by"], event.get("cause")) for event in told[1:]] == [
        ("clerk", "fraud"),
        ("chief", "fraud"),
    ]
    assert _refused("conflict", *confirm) == "number: nobody has proposed to revoke it"


def test_only_those_whom_the_settings_name_may_change_the_registry(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (data / "symbolon.toml").open("a") as settings:
        settings.write('\n[roles]\nofficer = ["chief"]\n')
    suspend = ("--data", data, "registry", "suspend", NUMBER, *_WHY)
    monkeypatch.setenv("SUDO_USER", "clerk")
    assert "officer" in _refused("untrusted", *suspend)
    monkeypatch.setenv("SUDO_USER", "chief")
    assert done(*suspend)["status"] == "suspended"


def test_refuses_a_cause_and_a_time_that_are_none(data: Path) -> None:
    revoke = ("--data", data, "registry", "revoke", NUMBER, *_WHY)
    assert "--cause: must be one of" in _refused("malformed", *revoke, "--cause", "spite")
    assert "--effective" in _refused("malformed", *revoke, "--effective", "soon")
    assert "after 1970" in _refused("malformed", *revoke, "--effective", "1970-01-01")
    assert "day of the award" in _refused("conflict", *revoke, "--effective", "2001-01-01")
    assert "--as" in _refused("malformed", *revoke, "--as", "x" * 101)


def test_imports_shows_and_amends_every_detail(data: Path, tmp_path: Path) -> None:
    details = sample_detail_values(
        level_aqrf="", level_sadcqf="", level_cvq="", parts=NUMBER, supersedes="XA-2020-000002"
    )
    line = rows("XA", 7, 7).strip()
    (tmp_path / "more.csv").write_text(
        f"{COLUMNS},{','.join(details)}\n{line},"
        + ",".join(f'"{value}"' for value in details.values())
        + "\n"
    )
    assert _registry(data, "import", tmp_path / "more.csv")["accepted"] == 1
    shown = _registry(data, "show", "XA-2020-000007")
    assert shown["learning_outcomes"] == ["Welds in every position", "Reads drawings"]
    assert shown["accreditation"] == "2010-01-01 Ministry of Tests"
    assert (shown["hours"], shown["parts"]) == (1200, [NUMBER])
    assert _registry(data, "import", tmp_path / "more.csv")["unchanged"] == 1
    file = tmp_path / "amended.json"
    file.write_text(json.dumps({**shown, "hours": 1300}))
    _registry(data, "amend", file, "--reason", "Counted again")
    assert _registry(data, "show", "XA-2020-000007")["hours"] == 1300


def test_an_import_rejects_what_its_issuer_could_not_award(data: Path, tmp_path: Path) -> None:
    content = rows("XA", 4, 5).replace("7212", "7411", 1).replace(COLLEGE, "Nowhere", 1)
    (tmp_path / "bad.csv").write_text(f"{COLUMNS}\n{content}{rows('XA', 6, 6)}")
    said = call("--data", data, "registry", "import", tmp_path / "bad.csv", "--json").content
    assert (said["written"], said["accepted"]) == (False, 2)
    assert [(one["row"], one["field"]) for one in said["rejected"]] == [(2, "issuer")]


def test_codes_are_shown_with_the_labels_that_the_node_has_loaded(
    data: Path, tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(
        "scheme,code,language,label\n"
        "isco08,7212,fr,Soudeurs\n"
        'isco08,7212,en,"Welders, flame cutters"\n'
        "language,fr,en,French\n"
    )
    assert _registry(data, "labels", "load", table)["loaded"] == 3
    table.write_text("scheme,code,language,label\nlanguage,fr,en,Français\n")
    assert _registry(data, "labels", "load", table)["loaded"] == 1
    text = run("--data", data, "registry", "show", NUMBER).out
    assert "7212  Welders, flame cutters" in text
    assert "fr  Français" in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"code,label\n", "line 1: the columns must be scheme,code,language,label"),
        (b"scheme,code,language,label\nisco08,7212,en\n", "line 2: has 3 columns, not 4"),
        (b"scheme,code,language,label\nisco08,7212,xx,W\n", "line 2: language: is no code"),
        (b"scheme,code,language,label\nisco08,7212,en,\n", "line 2: label: is missing"),
        (b"scheme,code,language,label\nisco08,7212,en,\xff\n", "the text is not UTF-8"),
        (b'scheme,code,language,label\nisco08,"7212\n', "line 2: is not CSV"),
    ],
)
def test_refuses_a_table_of_labels_that_is_none(
    data: Path, tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    load = ("--data", data, "registry", "labels", "load", tmp_path / "labels.csv")
    assert _refused("malformed", *load).startswith(reason)


def test_every_step_is_found_in_the_journal_and_goes_with_the_record(
    data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "credential.json"
    file.write_text(json.dumps({**_registry(data, "show", NUMBER), "holder_name": "Zoë Kerr"}))
    _registry(data, "amend", file, "--reason", "Misspelt")
    _registry(data, "renew", NUMBER, "--until", "2031-12-31", *_WHY)
    _registry(data, "revoke", NUMBER, *_WHY, "--effective", "2040-01-01")
    find = ("journal", "find", "--credential", NUMBER, "--for", "Asked for by the holder")
    found = done("--data", data, *find)
    kinds = [entry["kind"] for entry in found["entries"]]
    assert kinds == [
        "CredentialRegistered",
        "CredentialAmended",
        "CredentialRenewed",
        "StatusChanged",
    ]
    erase = ("erase", NUMBER, "--rule", "Archives Act § 7", "--yes")
    _registry(data, *erase)
    for path in data.rglob("node.db*"):
        assert "Zoë Kerr".encode() not in path.read_bytes()
    assert _refused("unknown", "--data", data, "registry", "history", NUMBER)
    assert done("--data", data, "journal", "verify")["verdict"] == "PASS"
