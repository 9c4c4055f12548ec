"""The command line on files of every form, good and bad, each with a clear result."""

import asyncio
import csv
import json
import shutil
import stat
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from node import assembly, settings
from node.errors import Code, Refusal
from node.model.statement import Person
from node.store import import_directory
from node.store.import_directory import ImportDirectory
from node.store.import_files import FileImports, ImportOrder
from node.store.import_staging import DiskStaging
from node.wire.import_report import disarmed, rearmed
from tests.integration.command_line import COLUMNS, Finished, call, done, found_nodes, rows
from tests.world import FakeClock

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imports"


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("founded")
    found_nodes(place, "XA")
    return place


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "place")) / "XA"


def _import(data: Path, name: str | Path, *options: str | Path) -> Finished:
    return call("--data", data, "registry", "import", FIXTURES / name, *options, "--json")


def _faults(data: Path, name: str, *options: str | Path) -> list[tuple[int, str, str]]:
    said = _import(data, name, *options).content
    return [(one["row"], one["field"], one["reason"]) for one in said["rejected"]]


def _shown(data: Path, number: str) -> dict[str, Any]:
    return done("--data", data, "registry", "show", number)


def _write(path: Path, content: str) -> Path:
    path.write_text(f"{COLUMNS}\n{content}")
    return path


# --- encodings and forms -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["utf-8-bom.csv", "utf-16.csv"])
def test_unicode_is_recognised_by_its_bytes(data: Path, name: str) -> None:
    assert _import(data, name).content["accepted"] == 1
    assert _shown(data, "XA-1")["holder_name"] == "Éloïse Marchand"


def test_another_encoding_is_proposed_and_never_guessed(data: Path) -> None:
    refused = _import(data, "windows-1252.csv")
    assert refused.status == 2
    assert "the text is not UTF-8" in refused.content["reason"]
    assert "windows-1252" in refused.content["reason"]
    assert _import(data, "windows-1252.csv", "--encoding", "windows-1252").status == 0
    assert _shown(data, "XA-1")["holder_name"] == "Éloïse Marchand"


def test_the_likeliest_encoding_is_taken_where_that_is_wanted(data: Path) -> None:
    assert _import(data, "windows-1252.csv", "--encoding", "detect").content["accepted"] == 1


def test_a_damaged_file_is_not_taken_for_one_in_another_encoding(data: Path) -> None:
    reason = _import(data, "damaged-utf-8.csv").content["reason"]
    assert reason.startswith("line 2: the text is not UTF-8 (byte 0xc9); export the file again")


def test_a_file_that_is_not_in_the_encoding_said_is_refused(data: Path) -> None:
    reason = _import(data, "utf-8-bom.csv", "--encoding", "ascii").content["reason"]
    assert reason == "line 1, or soon after: the text is not in that encoding"
    assert (
        "must be one that is known"
        in (_import(data, "utf-8-bom.csv", "--encoding", "klingon").content["reason"])
    )


def test_a_mapping_reads_columns_dates_constants_and_codes(data: Path, tmp_path: Path) -> None:
    mapping = ("--mapping", FIXTURES / "another-form.toml")
    report = tmp_path / "rejected.csv"
    finished = _import(data, "another-form.csv", *mapping, "--keep-good", "--report", report)
    assert finished.status == 1, finished
    ((row, field, reason),) = [
        (one["row"], one["field"], one["reason"]) for one in finished.content["rejected"]
    ]
    assert (row, field) == (3, "birth_date")
    assert "must be a date" in reason
    shown = _shown(data, "XA-1")
    assert (shown["birth_date"], shown["awarded_on"]) == ("1991-03-14", "2019-06-28")
    assert (shown["holder_name"], shown["status"]) == ("Éloïse Müller", "active")
    with report.open(encoding="utf-8", newline="") as opened:
        (rejected,) = csv.DictReader(opened)
    assert (rejected["Nr"], rejected["geboren"], rejected["Notiz"]) == ("XA-2", "3/14/91", "y")
    report.write_text(report.read_text("utf-8").replace("3/14/91", "14.03.1991"), "utf-8")
    again = _import(data, report, *mapping, "--encoding", "utf-8", "--delimiter", "comma")
    assert again.content["accepted"] == 1
    assert _shown(data, "XA-2")["holder_name"] == "Jürgen O"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("colums = 1", "colums"),
        ('[columns]\nname = "Name"', "is no column"),
        ('[columns]\ntitle = "T"\n[constants]\ntitle = "x"', "both a column and a constant"),
        ('[columns]\ntitle = "T"\nissuer = "T"', "named twice"),
        ('date_formats = ["%d.%m.%y"]', "%Y"),
        ('delimiter = "x"', "comma, semicolon, tab or bar"),
        ("[columns", "mapping: "),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(
    data: Path, tmp_path: Path, content: str, told: str
) -> None:
    (tmp_path / "m.toml").write_text(content)
    refused = _import(data, "utf-16.csv", "--mapping", tmp_path / "m.toml")
    assert refused.status == 2
    assert told in refused.content["reason"]


def test_a_day_that_is_two_days_in_the_declared_forms_is_rejected(
    data: Path, tmp_path: Path
) -> None:
    (tmp_path / "m.toml").write_text('date_formats = ["%d/%m/%Y", "%m/%d/%Y"]')
    content = rows("XA", 1, 1).replace("1991-03-14", "03/04/1991")
    file = _write(tmp_path / "days.csv", content.replace("2019-06-28", "06/28/2019"))
    said = _import(data, file, "--mapping", tmp_path / "m.toml").content
    assert [one["field"] for one in said["rejected"]] == ["birth_date"]


def test_json_lines_are_read_with_a_mapping_too(data: Path, tmp_path: Path) -> None:
    _import(data, "utf-16.csv")
    shown = _shown(data, "XA-1")
    values = {**shown, "number": "XA-7", "Name": shown["holder_name"]}
    del values["holder_name"]
    (tmp_path / "more.jsonl").write_text(json.dumps(values) + "\n\n")
    (tmp_path / "m.toml").write_text('[columns]\nholder_name = "Name"')
    file = tmp_path / "more.jsonl"
    assert _import(data, file, "--mapping", tmp_path / "m.toml").content["accepted"] == 1
    assert _shown(data, "XA-7")["holder_name"] == "Éloïse Marchand"


# --- bad input -----------------------------------------------------------------------------


def test_a_nul_in_a_name_rejects_its_row_only(data: Path) -> None:
    ((row, field, reason),) = _faults(data, "embedded-nul.csv", "--keep-good")
    assert (row, field) == (2, "holder_name")
    assert "control" in reason
    assert _shown(data, "XA-2")["status"] == "active"


def test_a_gigantic_field_rejects_its_row_only(data: Path, tmp_path: Path) -> None:
    report = tmp_path / "rejected.csv"
    ((row, field, reason),) = _faults(data, "gigantic-field.csv", "--keep-good", "--report", report)
    assert (row, field) == (2, "row")
    assert "longer than" in reason
    assert report.stat().st_size < 1_000


def test_impossible_dates_are_told_by_their_field(data: Path) -> None:
    told = [(row, field) for row, field, _ in _faults(data, "impossible-dates.csv")]
    assert told == [(2, "birth_date"), (3, "awarded_on"), (4, "awarded_on")]


def test_two_rows_that_contradict_hold_the_file_back_in_any_case(data: Path) -> None:
    finished = _import(data, "contradicting.csv", "--keep-good")
    assert finished.status == 2
    said = finished.content
    assert (said["written"], said["contradictory"], said["accepted"]) == (False, 1, 2)
    assert said["rejected"] == [
        {
            "row": 4,
            "field": "number",
            "reason": "stands in row 2 already, which says something else of it",
        }
    ]
    words = call(
        "--data", data, "registry", "import", FIXTURES / "contradicting.csv", "--keep-good"
    )
    assert "contradict each other" in words.out


def test_unknown_codes_are_told_by_their_field(data: Path) -> None:
    told = [(row, field) for row, field, _ in _faults(data, "unknown-codes.csv")]
    assert told == [(2, "isco08"), (3, "language"), (4, "award_type")]


def test_names_of_one_letter_and_from_right_to_left_are_names(data: Path) -> None:
    turned = "holds a character that turns the direction of other writing"
    assert _faults(data, "names.csv", "--keep-good") == [(5, "holder_name", turned)]
    names = [_shown(data, f"XA-{number}")["holder_name"] for number in (1, 2, 3)]
    assert names == ["محمد علي", "O", "דוד"]


def test_no_birth_date_is_a_missing_field(data: Path) -> None:
    assert _faults(data, "no-birth-date.csv") == [(2, "birth_date", "is missing")]


def test_formulas_are_disarmed_in_the_report_and_come_back_as_they_were(
    data: Path, tmp_path: Path
) -> None:
    report = tmp_path / "rejected.csv"
    _import(data, "formula.csv", "--report", report)
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    with report.open(encoding="utf-8", newline="") as opened:
        first, second = csv.DictReader(opened)
    assert first["holder_name"] == "'=HYPERLINK(0)"
    assert (second["title"], second["isco08"]) == ("'s-Soudeur", "'+1")
    mended = report.read_text("utf-8").replace("welder", "7212").replace("'+1", "7212")
    report.write_text(mended, "utf-8")
    assert _import(data, report).content["accepted"] == 2
    assert _shown(data, "XA-1")["holder_name"] == "=HYPERLINK(0)"
    assert _shown(data, "XA-2")["title"] == "'s-Soudeur"


@pytest.mark.parametrize("cell", ["", "x", "=1", "'=1", "''=1", "'s-", "-1", "\t=", "＝1"])
def test_disarming_a_cell_can_be_undone(cell: str) -> None:
    assert rearmed(disarmed(cell)) == cell
    assert disarmed(cell)[:1] not in {"=", "-", "+", "@", "\t", "＝"}


# --- dry runs, amendments, what was cut off ------------------------------------------------


def test_a_dry_run_tells_everything_and_writes_nothing(data: Path) -> None:
    said = _import(data, "utf-16.csv", "--dry-run").content
    assert (said["dry_run"], said["accepted"], said["written"]) == (True, 1, False)
    assert call("--data", data, "registry", "show", "XA-1").status == 3
    words = call("--data", data, "registry", "import", FIXTURES / "utf-16.csv", "--dry-run")
    assert words.status == 0
    assert "a dry run" in words.out


def test_changed_rows_amend_with_a_reason_and_history_is_kept(data: Path, tmp_path: Path) -> None:
    file = _write(tmp_path / "rows.csv", rows("XA", 1, 3))
    assert _import(data, file).content["accepted"] == 3
    content = file.read_text().replace(
        "XA-2020-000002,Éloïse Marchand", "XA-2020-000002,Éloïse Kerr"
    )
    file.write_text(content)
    assert [one["row"] for one in _import(data, file).content["rejected"]] == [3]
    said = _import(data, file, "--reason", "Name by marriage").content
    assert (said["accepted"], said["amended"], said["unchanged"]) == (0, 1, 2)
    events = done("--data", data, "registry", "history", "XA-2020-000002")["events"]
    assert [event["event"] for event in events] == ["registered", "amended"]
    assert (events[1]["reason"], events[1]["changed"]) == ("Name by marriage", ["holder_name"])
    again = _import(data, file, "--reason", "Name by marriage").content
    assert (again["amended"], again["unchanged"]) == (0, 3)


def test_no_import_changes_a_status(data: Path, tmp_path: Path) -> None:
    file = _write(tmp_path / "rows.csv", rows("XA", 1, 1))
    _import(data, file)
    _write(file, rows("XA", 1, 1, status="revoked"))
    said = _import(data, file, "--reason", "Correction").content
    assert said["rejected"] == [
        {"row": 2, "field": "status", "reason": "is active in the registry; no import changes that"}
    ]


async def test_an_import_that_was_cut_off_goes_on_where_it_stood(
    data: Path, tmp_path: Path
) -> None:
    file = _write(tmp_path / "many.csv", rows("XA", 1, 5_000))
    order = ImportOrder(Person("me", "registrar"), resume=True)
    stages: list[tuple[str, int]] = []

    def cut(stage: str, count: int) -> None:
        stages.append((stage, count))
        if count == 4_000:
            raise KeyboardInterrupt

    async with assembly.opened_node(data, settings.load(data)) as opened:
        await assembly.adopt_or_restore_list(opened)
        with file.open("rb") as stream, pytest.raises(KeyboardInterrupt):
            await opened.imports.bring_in(file.name, stream, order, cut)
        assert await opened.ledger.credential("XA-2020-000001") is None
        (left,) = (data / "imports").iterdir()
        assert stat.S_IMODE(left.stat().st_mode) == 0o600
        with file.open("rb") as stream:
            report = await opened.imports.bring_in(
                file.name, stream, order, lambda stage, count: stages.append((stage, count))
            )
        assert (report.accepted, report.unchanged, report.written) == (5_000, 0, True)
        assert [count for stage, count in stages if stage == "checked"] == [2_000, 4_000, 5_000]
        assert list((data / "imports").iterdir()) == []
        assert await opened.ledger.check() == 5_001


def test_a_file_that_is_being_imported_is_not_imported_twice(tmp_path: Path) -> None:
    staged = tmp_path / "x.staged"
    one = DiskStaging(staged, resume=False)
    with pytest.raises(Refusal, match="being imported already") as refusal:
        DiskStaging(staged, resume=True)
    assert refusal.value.code is Code.CONFLICT
    one.close(keep=False)
    assert not staged.exists()


# --- a directory ---------------------------------------------------------------------------


class _Watched:
    """A directory that a node watches, and the time that it thinks it is."""

    def __init__(self, opened: assembly.OpenedNode, directory: Path) -> None:
        self.clock = FakeClock()
        self.directory = directory
        directory.mkdir()
        order = ImportOrder(Person("symbolon", "operator"))
        imports: FileImports = opened.imports
        self._watched = ImportDirectory(
            imports, directory, order, self.clock, unchanged_us=10_000_000
        )

    async def look(self, after_s: int) -> list[str]:
        self.clock.now += after_s * 1_000_000
        await self._watched.look()
        return sorted(
            "/".join((file.parent.name, file.name.partition("-")[2]))
            for file in self.directory.glob("*/*")
        )


async def test_complete_files_are_taken_from_a_directory(data: Path, tmp_path: Path) -> None:
    async with assembly.opened_node(data, settings.load(data)) as opened:
        await assembly.adopt_or_restore_list(opened)
        watched = _Watched(opened, tmp_path / "incoming")
        growing = _write(tmp_path / "incoming" / "a.csv", rows("XA", 1, 1))
        _write(tmp_path / "incoming" / "b.csv.part", rows("XA", 7, 7))
        assert await watched.look(0) == []
        _write(growing, rows("XA", 1, 2))
        assert await watched.look(11) == []
        assert await watched.look(11) == ["done/a.csv"]
        assert await opened.ledger.credential("XA-2020-000007") is None
        (event,) = await opened.registry.history("XA-2020-000002")
        assert event.body.by == Person("symbolon", "operator")
        (tmp_path / "incoming" / "b.csv.part").rename(tmp_path / "incoming" / "b.csv")
        await watched.look(0)
        assert "done/b.csv" in await watched.look(11)


async def test_files_that_are_wrong_are_put_aside_with_what_is_wrong(
    data: Path, tmp_path: Path
) -> None:
    async with assembly.opened_node(data, settings.load(data)) as opened:
        await assembly.adopt_or_restore_list(opened)
        watched = _Watched(opened, tmp_path / "incoming")
        shutil.copy(FIXTURES / "no-birth-date.csv", watched.directory)
        shutil.copy(FIXTURES / "damaged-utf-8.csv", watched.directory)
        await watched.look(0)
        assert await watched.look(11) == [
            "rejected/damaged-utf-8.csv",
            "rejected/damaged-utf-8.csv.reason.txt",
            "rejected/no-birth-date.csv",
            "rejected/no-birth-date.csv.rejected.csv",
        ]
        (told,) = (watched.directory / "rejected").glob("*.reason.txt")
        assert told.read_text().startswith("line 2: the text is not UTF-8")
        assert stat.S_IMODE(told.stat().st_mode) == 0o600


async def test_a_running_node_takes_files_from_its_directory(data: Path) -> None:
    with (data / "symbolon.toml").open("a") as file:
        file.write('\n[import]\ndirectory = "incoming"\nmapping = "m.toml"\nunchanged_s = 0.01\n')
    toml = (data / "symbolon.toml").read_text()
    section = "[schedule]\n"
    named = f"{section}import_files_s = 0.05\n"
    toml = toml.replace(section, named) if section in toml else f"{toml}\n{named}"
    (data / "symbolon.toml").write_text(toml)
    shutil.copy(FIXTURES / "another-form.toml", data / "m.toml")
    content = (FIXTURES / "another-form.csv").read_bytes().replace(b"3/14/91", b"14.03.1991")
    (data / "incoming").mkdir()
    (data / "incoming" / "a.csv").write_bytes(content)
    imported = asyncio.Event()
    with patch.object(import_directory, "_log") as log:
        log.info.side_effect = lambda *_, **__: imported.set()
        async with assembly.running_node(data, settings.load(data)) as running:
            await asyncio.wait_for(imported.wait(), 30)
            (event,) = await running.opened.registry.history("XA-2")
    assert event.body.by == Person("symbolon", "operator")
    assert list((data / "incoming" / "done").glob("*-a.csv"))


def test_a_directory_that_is_never_ready_refuses_to_start(data: Path) -> None:
    with (data / "symbolon.toml").open("a") as file:
        file.write('\n[import]\ndirectory = "incoming"\nunchanged_s = 0\n')
    assert (
        "import.unchanged_s"
        in call("--data", data, "journal", "verify", "--json").content["reason"]
    )
