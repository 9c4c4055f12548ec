"""`registry erase`, `registry erasures` and `journal retention`, and what the rest says then."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from tests.erasing import files_with
from tests.integration.command_line import COLUMNS, call, done, found_nodes, rows

NUMBER = "XA-2020-000002"
RULE = "Art. 17(1)(b) GDPR"
BORN = "1991-03-14"
USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("erase")
    found_nodes(place, "XA")
    other = rows("XA", 3, 3).replace("Éloïse Marchand", "Somebody Else")
    (place / "three.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 2)}{other}")
    done("--data", place / "XA", "registry", "import", place / "three.csv")
    return place


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "place")) / "XA"


def test_without_yes_it_only_says_what_would_go(data: Path) -> None:
    erase = ("--data", data, "registry", "erase", NUMBER, "--rule", RULE)
    assert done(*erase) == {"would_erase": [NUMBER]}
    assert done(*erase, "--holder") == {"would_erase": ["XA-2020-000001", NUMBER]}
    assert done("--data", data, "registry", "show", NUMBER)["number"] == NUMBER


def test_an_erased_credential_is_gone_and_the_journal_says_why(data: Path) -> None:
    code = done(
        *("--data", data, "share", "create", NUMBER, "--purpose", "employment"),
        *("--fields", "title", "--days", "30"),
    )
    assert len(code) > 1
    export = data / "before.bin"
    shutil.copyfile(data / "node.db", export)
    said = done(
        *("--data", data, "registry", "erase", NUMBER, "--rule", RULE),
        *("--as", "officer", "--yes"),
    )
    assert said["statements"] == {"registry statements": 1, "share code and watch statements": 1}
    assert (said["requested"], said["wiped"]) == ({}, True)
    assert said["still_in"] == [str(export)]
    export.unlink()
    assert files_with(data, [NUMBER.encode()]) == {}
    assert files_with(data, ["Éloïse Marchand".encode()]) == {}
    other = done("--data", data, "registry", "show", NUMBER[:-1] + "1")
    assert other["holder_name"] == "Éloïse Marchand"  # another credential of the holder

    assert call("--data", data, "registry", "show", NUMBER, "--json").content["code"] == "unknown"
    assert call("--data", data, "share", "list", NUMBER, "--json").content["code"] == "unknown"
    assert done("--data", data, "journal", "verify")["size"] >= 6
    shown = done("--data", data, "journal", "show", "--from", "0")["entries"]
    erased = [entry for entry in shown if "erased_at" in entry]
    assert [(entry["rule"], entry["authority"]) for entry in erased] == [
        (RULE, f"officer {USER}")
    ] * 2
    assert f"under {RULE}" in call("--data", data, "journal", "tail").out
    found = done(
        *("--data", data, "journal", "find", "--kind", "erasure", "--for", "a test", "--content")
    )
    assert [entry["content"]["body"]["kind"] for entry in found["entries"]] == [14, 15]
    assert done("--data", data, "registry", "erasures") == {"waiting": []}
    again = call("--data", data, "registry", "erase", NUMBER, "--rule", RULE, "--yes", "--json")
    assert (again.status, again.content["code"]) == (3, "unknown")
    assert "erased" in again.content["reason"]


def test_a_whole_holder_leaves_no_name_and_no_birth_date(data: Path) -> None:
    done(
        *("--data", data, "registry", "erase", "XA-2020-000003", "--rule", RULE),
        *("--as", "officer", "--yes"),
    )
    done("--data", data, "registry", "erase", NUMBER, "--rule", RULE, "--holder", "--yes")
    gone = [b"XA-2020-00000", "Éloïse Marchand".encode(), b"Somebody Else", BORN.encode()]
    assert files_with(data, gone) == {}
    assert done("--data", data, "journal", "verify")["size"] >= 6


@pytest.mark.parametrize(
    ("rule", "role", "option"),
    [(f"decision on {NUMBER.lower()}", "officer", "--rule"), (RULE, f"for {NUMBER}", "--as")],
)
def test_what_is_erased_may_not_be_named_in_what_stays(
    data: Path, rule: str, role: str, option: str
) -> None:
    erase = ("--data", data, "registry", "erase", NUMBER, "--rule", rule, "--as", role)
    said = call(*erase, "--yes", "--json")
    assert (said.status, said.content["code"]) == (2, "malformed")
    assert option in said.content["reason"]
    assert NUMBER not in said.content["reason"]
    assert done("--data", data, "registry", "show", NUMBER)["number"] == NUMBER


def test_a_holder_may_not_be_named_in_the_rule(data: Path) -> None:
    erase = ("--data", data, "registry", "erase", "XA-2020-000003", "--yes", "--json")
    said = call(*erase, "--rule", "asked for by SOMEBODY ELSE 3")
    assert (said.status, said.content["code"]) == (2, "malformed")


def test_a_rule_has_to_be_given_and_to_be_short(data: Path) -> None:
    erase = ("--data", data, "registry", "erase", NUMBER, "--yes", "--json")
    assert call(*erase).status == 2
    refused = call(*erase, "--rule", "x" * 301)
    assert (refused.status, refused.content["code"]) == (2, "malformed")
    assert done("--data", data, "registry", "show", NUMBER)["number"] == NUMBER


def test_retention_says_what_it_did_under_which_law(data: Path) -> None:
    assert done("--data", data, "journal", "retention") == {"dry_run": False, "applied": []}
    settings = data / "symbolon.toml"
    settings.write_text(
        settings.read_text() + '\n[retention.answer]\nyears = 1\nreference = "Archives Act 12"\n'
    )
    applied = done("--data", data, "journal", "retention", "--dry-run")["applied"]
    assert [(one["kind"], one["reference"], one["statements"]) for one in applied] == [
        ("answers", "Archives Act 12", 0)
    ]
    assert "Archives Act 12" in call("--data", data, "journal", "retention").out


def test_only_an_officer_erases_where_officers_are_named(data: Path) -> None:
    settings = data / "symbolon.toml"
    settings.write_text(settings.read_text() + '\n[roles]\nofficer = ["somebody else"]\n')
    erase = ("--data", data, "registry", "erase", NUMBER, "--rule", RULE, "--yes", "--json")
    for role in ("officer", "registrar"):
        refused = call(*erase, "--as", role)
        assert (refused.status, refused.content["code"]) == (3, "untrusted")
    assert done("--data", data, "registry", "show", NUMBER)["number"] == NUMBER
