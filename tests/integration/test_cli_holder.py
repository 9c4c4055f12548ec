"""`holder` and `share watch` as people run them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.integration.command_line import (
    BIRTH_DATE,
    COLUMNS,
    call,
    done,
    found_nodes,
    rows,
    run,
    serving,
)

NUMBER = "XA-2020-000001"
_EMPLOYER = ("--name", "Harbour Steel", "--register-id", "4711", "--sector", "C25")


class Served(Struct, frozen=True):
    """XA and XB, running; XB's employer has asked about XA's first credential; a token's file."""

    place: Path
    door: tuple[str | Path, ...]
    given: dict[str, Any]

    @property
    def data(self) -> Path:
        return self.place / "XA"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("served")
    found_nodes(place, "XA", "XB")
    xa, xb = ("--data", place / "XA"), ("--data", place / "XB")
    (place / "some.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 2)}")
    done(*xa, "registry", "import", place / "some.csv")
    code = done(*xa, "share", "create", NUMBER, "--purpose", "employment")["share_code"]
    done(*xb, "key", "create", *_EMPLOYER, "--out", place / "employer.key")
    token = place / "token.txt"
    given = done(*xa, "holder", "token", NUMBER, "--out", token, stdin=f"{BIRTH_DATE}\n")
    question = json.dumps({"share_code": code, "birth_date": BIRTH_DATE})
    with serving(place / "XA") as ready, serving(place / "XB") as asking:
        url = f"http://127.0.0.1:{asking['http_port']}"
        door = ("--node-url", url, "--key-file", place / "employer.key")
        asked = run("ask", *door, "--request", "-", "--json", stdin=question)
        assert asked.content["outcome"] == "confirmed", asked
        home = f"http://127.0.0.1:{ready['http_port']}"
        yield Served(place, ("--node-url", home, "--token-file", token), given)


def test_a_holder_sees_credentials_codes_and_who_asked(served: Served) -> None:
    numbers = [one["number"] for one in _seen(served, "credentials")["credentials"]]
    assert numbers == [NUMBER, "XA-2020-000002"] == served.given["credentials"]
    (code,) = _seen(served, "codes")["share_codes"]
    assert (code["state"], code["uses_spent"]) == ("used_up", 1)
    (access,) = _seen(served, "accesses")["accesses"]
    assert (access["asked_by"], access["node"]) == ("Harbour Steel", "XB")


@pytest.mark.parametrize("command", ["credentials", "codes", "watches", "accesses"])
def test_what_a_holder_sees_is_written_for_people_too(served: Served, command: str) -> None:
    shown = call("holder", command, *served.door)
    assert shown.status == 0, shown
    expected = {"accesses": "Harbour Steel (4711, XB)", "watches": "", "codes": "used up"}
    assert expected.get(command, "Éloïse Marchand") in shown.out


def test_a_record_is_taken_away_and_checked_offline(served: Served, tmp_path: Path) -> None:
    record, root = tmp_path / "record.json", served.place / "root.json"
    done("holder", "export", record, *served.door)
    checked = done("holder", "verify", record, "--root", root)
    assert (checked["verdict"], checked["facts"]["accesses"]) == ("PASS", 1)
    again = call("holder", "export", record, *served.door, "--json")
    assert (again.status, again.content["code"]) == (3, "conflict")
    record.write_text(record.read_text().replace("Harbour Steel", "Somebody Else"))
    forged = call("holder", "verify", record, "--root", root, "--json")
    assert (forged.status, forged.content["verdict"]) == (1, "FAIL")


def test_a_complaint_reaches_the_authority(served: Served) -> None:
    said = ("--complaint", "wrong_content", "--text", "My name is spelt otherwise")
    raised = done("holder", "contest", NUMBER, *served.door, *said)
    (found,) = done("--data", served.data, "holder", "contests")["contests"]
    assert (found["index"], found["text"]) == (raised["index"], "My name is spelt otherwise")
    shown = call("--data", served.data, "holder", "contests")
    assert "wrong content" in shown.out


def test_a_watch_is_given_listed_and_taken_back(served: Served) -> None:
    own = ("--data", served.data, "share")
    who = ("--node", "XB", "--name", "Harbour Steel", "--register-id", "4711", "--days", "30")
    given = done(*own, "watch", NUMBER, *who)
    assert _seen(served, "watches")["watches"] == done(*own, "watches", NUMBER)["watches"]
    done(*own, "unwatch", NUMBER, "--id", given["id"][:12])
    (after,) = done(*own, "watches", NUMBER)["watches"]
    assert (after["id"], after["state"]) == (given["id"], "revoked")
    again = call(*own, "unwatch", NUMBER, "--id", given["id"][:12], "--json")
    assert (again.status, again.content["code"]) == (3, "conflict")


def test_the_date_of_birth_is_never_an_argument_and_has_to_be_right(served: Served) -> None:
    own = ("--data", served.data, "holder", "token", NUMBER, "--json")
    wrong = call(*own, stdin="1991-03-15\n")
    assert (wrong.status, wrong.content["code"]) == (3, "unknown")
    none = call(*own, stdin="yesterday\n")
    assert (none.status, none.content["code"]) == (2, "malformed")
    assert "1991" not in wrong.out + wrong.err


def test_a_revoked_token_opens_nothing_any_more(served: Served, tmp_path: Path) -> None:
    own = ("--data", served.data, "holder")
    token = tmp_path / "token.txt"
    given = done(*own, "token", NUMBER, "--only", "--out", token, stdin=BIRTH_DATE)
    assert token.stat().st_mode & 0o777 == 0o600
    assert given["id"] in [one["id"] for one in done(*own, "tokens")["tokens"]]
    done(*own, "revoke-token", given["id"])
    door = ("--node-url", served.door[1], "--token-file", token)
    refused = call("holder", "credentials", *door, "--json")
    assert (refused.status, refused.content["code"]) == (3, "unauthenticated")


def test_what_holders_said_is_audited_like_everything_else(served: Served, tmp_path: Path) -> None:
    journal, own = tmp_path / "xa.symbolon-journal", ("--data", served.data)
    done(*own, "journal", "export-all", journal, "--for", "Audit 2026")
    report = call("audit", "replay", journal, "--root", served.place / "root.json", "--json")
    assert report.content["verdict"] == "PASS", report
    found = done(*own, "journal", "find", "--credential", NUMBER, "--for", "Complaint 1")
    kinds = {one["kind"] for one in found["entries"]}
    assert {"WatchGiven", "WatchEnded", "ContestRaised"} <= kinds


def test_a_journal_replays_after_a_holders_words_were_erased(
    served: Served, tmp_path: Path
) -> None:
    own, number = ("--data", served.data), "XA-2020-000002"
    who = ("--node", "XB", "--name", "Harbour Steel", "--register-id", "4711")
    given = done(*own, "share", "watch", number, *who)
    done(*own, "share", "unwatch", number, "--id", given["id"])
    said = ("--complaint", "not_mine", "--text", "I was never there")
    done("holder", "contest", number, *served.door, *said)
    erased = done(*own, "registry", "erase", number, "--rule", "Art. 17 GDPR", "--yes")
    assert erased["statements"]["complaints"] == 1
    assert erased["statements"]["share code and watch statements"] == 2
    journal = tmp_path / "xa.symbolon-journal"
    done(*own, "journal", "export-all", journal, "--for", "Audit 2026")
    report = call("audit", "replay", journal, "--root", served.place / "root.json", "--json")
    assert report.content["verdict"] == "PASS", report
    assert number not in str(_seen(served, "credentials"))


def _seen(served: Served, command: str) -> dict[str, Any]:
    return done("holder", command, *served.door)
