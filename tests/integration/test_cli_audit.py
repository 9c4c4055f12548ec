"""`symbolon audit`: replay, reconcile, registry, report and show, on exported journals."""

import json
from pathlib import Path

import pytest

from node.wire.export import SUFFIX, write_records
from tests.integration.command_line import call, run
from tests.journals import Border, every_outcome


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two journals with every outcome, the federation's root beside them."""
    border = every_outcome()
    place = tmp_path_factory.mktemp("away")
    for journal in (border.asking, border.answering):
        with (place / f"{journal.node_id}{SUFFIX}").open("wb") as stream:
            write_records(journal.records(), stream)
    (place / "root.json").write_bytes(border.trust.root)
    return place


def given(place: Path) -> list[str | Path]:
    files: list[str | Path] = sorted(place.glob(f"*{SUFFIX}"))
    return [*files, "--root", place / "root.json"]


def test_replay_tells_the_same_with_any_number_of_processes(place: Path) -> None:
    alone = run("audit", "replay", *given(place), "--processes", "1", "--json")
    together = run("audit", "replay", *given(place), "--processes", "2", "--json")
    assert (alone.status, alone.out) == (together.status, together.out)
    assert (alone.status, alone.content["verdict"]) == (0, "PASS")


def test_reconcile_names_who_may_be_at_fault(place: Path) -> None:
    finished = call("audit", "reconcile", *given(place), "--json")
    assert (finished.status, finished.content["verdict"]) == (4, "INDETERMINATE")
    (finding,) = finished.content["findings"]
    assert finding["check"] == "question-without-answer"
    assert (finding["at_fault"], finding["not_shown"]) == ([], ["XA", "XB"])
    shown = call("audit", "reconcile", *given(place)).out
    assert "both journals tell the same answer" in shown
    assert "[fault not shown: XA, XB]" in shown


def test_reconcile_needs_the_journals_of_two(place: Path) -> None:
    files = given(place)
    for alone in ([files[0]], [files[0], files[0]]):
        finished = call("audit", "reconcile", *alone, *files[2:], "--json")
        assert (finished.status, finished.content["code"]) == (2, "malformed")
        assert "two nodes or more" in finished.content["reason"]


def test_registry_lists_what_is_late_by_the_days_that_are_asked_for(place: Path) -> None:
    look = ("audit", "registry", *given(place), "--check", "late-award", "--json")
    finished = call(*look)
    assert finished.status == 4
    assert len(finished.content["findings"]) == 5
    assert {one["check"] for one in finished.content["findings"]} == {"late-award"}
    assert call(*look, "--late-after-days", "9999").content["findings"] == []


def test_a_check_that_there_is_not_is_named_with_those_that_there_are(place: Path) -> None:
    finished = call("audit", "replay", *given(place), "--check", "nonsense", "--json")
    assert (finished.status, finished.content["code"]) == (2, "malformed")
    assert "both-sides" in finished.content["reason"]


def test_the_work_is_given_to_processes_or_to_a_cluster(place: Path) -> None:
    both = ("--processes", "2", "--dask", "tcp://127.0.0.1:1")
    finished = call("audit", "replay", *given(place), *both, "--json")
    assert (finished.status, finished.content["code"]) == (2, "malformed")


def test_report_writes_one_page_and_one_object_for_their_owner_only(
    place: Path, tmp_path: Path
) -> None:
    html, machines = tmp_path / "report.html", tmp_path / "report.json"
    finished = call("audit", "report", *given(place), "--html", html, "--json", machines)
    assert finished.status == 4
    content = json.loads(machines.read_bytes())
    assert content["verdict"] == "INDETERMINATE"
    page = html.read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for finding in content["findings"]:
        assert finding["commands"]
    for file in (html, machines):
        assert file.stat().st_mode & 0o777 == 0o600
        assert f"written: {file}" in finished.out


def test_the_commands_of_a_report_show_its_findings_again(place: Path, tmp_path: Path) -> None:
    import shlex

    machines = tmp_path / "report.json"
    call("audit", "report", *given(place), "--json", machines)
    findings = json.loads(machines.read_bytes())["findings"]
    for finding in (findings[0], findings[-1]):
        again, *shown = finding["commands"]
        listed = call(*shlex.split(again)[1:], "--json").content["findings"]
        wanted = {name: value for name, value in finding.items() if name != "commands"}
        assert wanted in listed
        for command in shown:
            (entry,) = call(*shlex.split(command)[1:], "--json").content["entries"]
            assert "content" in entry


def test_report_says_that_it_has_nowhere_to_go(place: Path) -> None:
    finished = call("audit", "report", *given(place))
    assert finished.status == 2
    assert "--html" in finished.err


def test_show_tells_entries_of_a_file_and_their_content_only_if_asked(place: Path) -> None:
    file = place / f"XB{SUFFIX}"
    finished = call("audit", "show", file, "--from", "1", "--limit", "2", "--json")
    assert [one["index"] for one in finished.content["entries"]] == [1, 2]
    assert "Marchand" not in finished.out
    assert "Marchand" not in call("audit", "show", file, "--from", "1", "--limit", "1").out
    content = call("audit", "show", file, "--from", "1", "--limit", "1", "--content").out
    assert "Marchand" in content


def test_a_fault_that_is_shown_ends_with_status_one(tmp_path: Path) -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    border.step(100)
    border.conclude(asked, border.answer(asked))
    for journal in (border.asking, border.answering):
        with (tmp_path / f"{journal.node_id}{SUFFIX}").open("wb") as stream:
            write_records(journal.records(), stream)
    (tmp_path / "root.json").write_bytes(border.trust.root)
    finished = call("audit", "reconcile", *given(tmp_path), "--check", "deadline")
    assert finished.status == 1
    assert "[shown to be at fault: XB]" in finished.out
