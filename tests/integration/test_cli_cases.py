"""`symbolon case`: what officers and people at the counter do in cases."""

from pathlib import Path

import pytest

from tests.integration.command_line import call, done, found_nodes

NUMBER = "XB-2019-000001"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cases")
    found_nodes(place, "XA", "XB")
    (place / "why.txt").write_text("Because Éloïse Marchand says so", "utf-8")
    (place / "letter.pdf").write_bytes(b"%PDF" * 100)
    return place


def _open(place: Path, *further: str) -> str:
    opened = done(
        *("--data", place / "XA", "case", "open", "recognition", "--credential", NUMBER),
        *("--node", "XB", "--here", "--text", place / "why.txt", "--as", "person"),
        *further,
    )
    assert (opened["phase"], opened["decider"], opened["node"]) == ("opened", "XA", "XB")
    case: str = opened["id"]
    return case


def test_the_journal_shows_steps_by_their_kind_and_names_nobody(place: Path) -> None:
    case = _open(place)
    show = ("--data", place / "XA", "journal", "show", "--content", "--for", "a test")
    entries = done(*show)["entries"]
    (step,) = [one for one in entries if one["kind"] == "CaseStep" and case in str(one)]
    assert step["content"]["body"]["kind"] == "opened"
    assert NUMBER not in str(step)
    assert "Marchand" not in str(step)
    find = ("--data", place / "XA", "journal", "find", "--kind", "case_step", "--for", "a test")
    assert done(*find)["entries"]


def test_a_case_goes_from_opened_to_decided_and_over(place: Path) -> None:
    case = _open(place, "--document", f"identity={place / 'letter.pdf'}")
    at = ("--data", place / "XA", "case")
    assert done(*at, "acknowledge", case[:12])["phase"] == "acknowledged"
    assert done(*at, "ask-documents", case, "experience")["phase"] == "documents_asked"
    given = ("--document", f"experience={place / 'letter.pdf'}", "--as", "person")
    assert done(*at, "attach", case, *given)["phase"] == "acknowledged"
    decided = done(
        *(*at, "decide", case, "partly-granted", "--ground", "Article 14(1)"),
        *("--text", place / "why.txt"),
    )
    assert (decided["phase"], decided["ruling"]) == ("decided", "partly_granted")
    assert [one["number"] for one in decided["timeline"]] == [1, 2, 3, 4, 5]
    out = place / "letters"
    written = done(*at, "documents", case, "--out", out)["written"]
    assert len(written) == 5
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert NUMBER in {path.read_bytes().decode("latin-1") for path in out.iterdir()}
    shown = call(*at, "show", case)
    assert "Because Éloïse Marchand says so" in shown.out
    assert "not received yet" in shown.out
    assert "partly granted" in call(*at, "list").out
    refused = call(*at, "erase", case, "--rule", "Article 17", "--json")
    assert refused.content["code"] == "malformed"
    erased = done(*at, "erase", case, "--rule", "Article 17", "--yes")
    assert not any(one["here"] for one in erased["documents"])
    assert "erased" in call(*at, "documents", case).out


def test_a_case_can_be_appealed_or_withdrawn_in_its_time_only(place: Path) -> None:
    at = ("--data", place / "XA", "case")
    case = _open(place)
    appeal = call(*at, "appeal", case, "--text", place / "why.txt", "--json")
    assert (appeal.status, appeal.content["code"]) == (3, "conflict")
    extend = call(*at, "extend", case, "--ground", "Article 1", "--json")
    assert extend.content["code"] == "conflict"
    assert done(*at, "withdraw", case)["phase"] == "withdrawn"
    assert done(*at, "list", "--due") == {"cases": []}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("show", "ffffffff"), "none with this id"),
        (("withdraw", ""), "none with this id"),
        (("open", "quarrel", "--text", "why.txt"), "known are contest, appeal, recognition"),
        (("open", "contest", "--text", "why.txt"), "a verification or about a credential"),
        (("attach", "00", "--document", "letter.pdf"), "no kind=file"),
        (("withdraw", "00", "--as", "king"), "known are person, employer, authority"),
    ],
)
def test_says_what_is_wrong(place: Path, arguments: tuple[str, ...], word: str) -> None:
    given = [str(place / one) if one == "why.txt" else one for one in arguments]
    refused = call("--data", place / "XA", "case", *given, "--json")
    assert refused.status in {2, 3}
    assert word in refused.content["reason"]
