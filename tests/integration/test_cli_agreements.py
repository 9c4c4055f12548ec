"""`symbolon agreement`: what is wrong, what it says, what changes, whom it would affect."""

import json
from pathlib import Path

import pytest

from tests.integration.command_line import COLUMNS, call, done, rows
from tests.spoilt_agreements import SAMPLES, route, rule, sample

_SAMPLE = SAMPLES / "sample-general-system.json"
_NAME = "Éloïse Marchand"


def written(place: Path, content: object, name: str = "draft.json") -> Path:
    """Write a draft and return its path."""
    path = place / name
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_samples_have_nothing_to_mend() -> None:
    found = done("agreement", "lint", SAMPLES)
    assert found == {"errors": 0, "warnings": 0, "notes": 0, "findings": []}


def test_lint_names_file_field_and_the_way_out_and_ends_with_one(tmp_path: Path) -> None:
    text = sample("general-system")
    rule(text, 0, 1)["least"] = 3
    draft = written(tmp_path, text, "sample-general-system.json")
    shown = call("agreement", "lint", draft, "--json")
    assert shown.status == 1
    (found,) = shown.content["findings"]
    assert found["file"] == str(draft)
    assert found["field"] == "recognition.routes[0].occupations[0].rules[1]"
    assert "contradict each other" in found["sentence"]
    assert "contradict each other" in call("agreement", "lint", draft).out


def test_lint_tells_of_a_file_that_cannot_be_read_and_goes_on(tmp_path: Path) -> None:
    written(tmp_path, {"id": "x"}, "a.json")
    (tmp_path / "b.json").write_bytes(b"\xff")
    written(tmp_path, sample("crafts"), "sample-crafts.json")
    shown = call("agreement", "lint", tmp_path, "--json")
    assert shown.status == 1
    assert {Path(one["file"]).name for one in shown.content["findings"]} == {"a.json", "b.json"}


def test_explain_says_an_agreement_in_the_readers_language() -> None:
    english = call("agreement", "explain", _SAMPLE).out
    assert "Level, at least: EQF 4. (Article 13(3))" in english
    assert "sample: binds nobody" in english
    found = done("agreement", "explain", _SAMPLE, "--language", "ar")
    assert (found["language"], found["direction"]) == ("ar", "rtl")
    assert len(found["lines"]) == len(english.strip().splitlines())
    arabic = call("agreement", "explain", _SAMPLE, "--language", "ar").out
    assert all(line.startswith("\u200f") for line in arabic.strip("\n").splitlines())


def test_refuses_a_language_that_is_not_shipped() -> None:
    shown = call("agreement", "explain", _SAMPLE, "--language", "de")
    assert shown.status == 3
    assert "not shipped" in shown.err


def test_diff_says_what_changes_for_whom(tmp_path: Path) -> None:
    text = sample("general-system")
    route(text)["clocks"]["decide"]["count"] = 2
    draft = written(tmp_path, text)
    (sentence,) = done("agreement", "diff", _SAMPLE, draft)["changes"]
    assert sentence.endswith("has for decision 2 months, before: 3 months.")
    assert call("agreement", "diff", _SAMPLE, _SAMPLE).out == "Nothing is different.\n"


def test_simulate_counts_and_names_nobody(tmp_path: Path) -> None:
    registry = tmp_path / "registry.csv"
    text = f"{COLUMNS}\n{rows('XA', 1, 40)}{rows('XA', 41, 60, 'revoked')}XA-2020-9,broken\n"
    registry.write_text(text, "utf-8")
    command = ("agreement", "simulate", _SAMPLE, registry, "--host", "XB")
    found = done(*command)
    assert (found["credentials"], found["rows_left_out"]) == (60, 1)
    assert found["outcomes"] == {"individual_assessment": 40, "refused": 20}
    issuer = {"route": "general", "rule": "issuer", "clause": "Article 11(2)"}
    assert {**issuer, "not_met": 0, "unknown": 60} in found["rules"]
    shown = call(*command, "--language", "fr").out
    assert "Non reconnu" in shown
    for told in (shown, json.dumps(found, ensure_ascii=False)):
        assert _NAME not in told
        assert "XA-2020" not in told


def test_simulate_withholds_counts_that_could_name_somebody(tmp_path: Path) -> None:
    registry = tmp_path / "registry.csv"
    registry.write_text(f"{COLUMNS}\n{rows('XA', 1, 40)}{rows('XA', 41, 43, 'revoked')}", "utf-8")
    found = done("agreement", "simulate", _SAMPLE, registry, "--host", "XB", "--empty-handed")
    assert found["outcomes"] == {"individual_assessment": None, "refused": None}
    standing = [one for one in found["rules"] if one["rule"] == "standing"]
    assert standing
    assert all(one["not_met"] is None for one in standing)


def test_simulate_knows_who_was_accredited_from_the_issuers_file(tmp_path: Path) -> None:
    issuers = {
        "issuers": [
            {
                "id": "lycee",
                "name": rows("XA", 1, 1).split(",")[3],
                "accredited": [
                    {
                        "isco08": ["72"],
                        "levels_eqf": [4],
                        "award_types": ["full_qualification"],
                        "from": "2010-01-01",
                        "by": "Ministry",
                    }
                ],
            }
        ]
    }
    registry = tmp_path / "registry.csv"
    registry.write_text(f"{COLUMNS}\n{rows('XA', 1, 40)}", "utf-8")
    found = done(
        *("agreement", "simulate", _SAMPLE, registry, "--host", "XB"),
        *("--issuers", written(tmp_path, issuers, "issuers.json")),
    )
    assert "issuer" not in {one["rule"] for one in found["rules"] if one["route"] == "general"}


@pytest.mark.parametrize("name", ["lint", "explain", "diff", "simulate"])
def test_every_command_says_how_it_is_used(name: str) -> None:
    assert f"symbolon agreement {name}" in " ".join(call("agreement", name, "--help").out.split())
