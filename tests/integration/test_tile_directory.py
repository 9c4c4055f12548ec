"""A journal's static directory: any reader can check it, and no accident harms what it shows.

Checked by `walk`, which knows the definition and none of the node's code.
"""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.errors import Code, Refusal
from node.store import tile_directory
from tests.tiles import Steps, TiledJournal, in_process_of_its_own, journal_of, walk

SMALL = 300  # one full tile and a partial one, and a level above
MORE = 259  # from 300 to 559: fills the second tile, and begins a third


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[TiledJournal]:
    with journal_of(tmp_path / "node.db", SMALL) as made:
        yield made


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "tiles"


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


# --- what is written -----------------------------------------------------------------------


@pytest.mark.parametrize("entries", [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_536, 70_000])
def test_a_stranger_can_check_what_is_exported(
    entries: int, tmp_path: Path, directory: Path
) -> None:
    with journal_of(tmp_path / "node.db", entries) as journal:
        journal.export(directory)
    assert walk(directory).size == entries
    assert not (directory / tile_directory.UNFINISHED).exists()


def test_holds_exactly_the_files_of_a_tree_of_that_size(
    journal: TiledJournal, directory: Path
) -> None:
    done = journal.export(directory)
    assert sorted(files(directory)) == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ]
    assert (done.size, done.size_before, done.files) == (SMALL, 0, 5)


def test_goes_on_from_any_size_to_any_other(tmp_path: Path, directory: Path) -> None:
    sizes = [0, 1, 3, 255, 256, 256, 258, 511, 770, 66_000, 66_001]
    with journal_of(tmp_path / "node.db", 0) as journal:
        before = 0
        for size in sizes:
            if size > before:
                journal.extend(size - before)
            done = journal.export(directory)
            assert (done.size, done.size_before) == (size, before)
            assert walk(directory).size == size
            before = size


def test_writes_only_what_is_new_and_changes_nothing_else(
    journal: TiledJournal, directory: Path
) -> None:
    journal.export(directory)
    before = files(directory)
    times = {name: (directory / name).stat().st_mtime_ns for name in before}
    journal.extend(MORE)
    done = journal.export(directory)
    assert done.files == 5  # two bundles, two tiles of level 0, the partial one above: and no more
    kept = {name for name in before if name != "checkpoint"}
    assert {name: (directory / name).stat().st_mtime_ns for name in kept} == {
        name: times[name] for name in kept
    }
    assert journal.export(directory).files == 0


def test_covers_no_entry_that_is_not_signed_yet(journal: TiledJournal, directory: Path) -> None:
    journal.extend(7, sign=False)
    assert journal.export(directory).size == SMALL
    assert walk(directory).size == SMALL


def test_several_journals_have_room_under_one_directory(
    journal: TiledJournal, directory: Path
) -> None:
    journal.export(directory, "xa/journal")
    assert walk(directory / "xa" / "journal").size == SMALL
    for prefix in ("/etc", "../up", "a/../b", "a//b", "a/", ".hidden", "a b"):
        with pytest.raises(Refusal) as refused:
            journal.export(directory, prefix)
        assert refused.value.code is Code.MALFORMED


# --- what is refused -----------------------------------------------------------------------


def refused(journal: TiledJournal, directory: Path) -> Refusal:
    """Export what has to be refused; nothing may change."""
    before = files(directory)
    with pytest.raises(Refusal) as caught:
        journal.export(directory)
    assert files(directory) == before
    return caught.value


def test_never_replaces_a_larger_tree(
    journal: TiledJournal, tmp_path: Path, directory: Path
) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"")
    copy.unlink()
    journal.extend(5)
    journal.export(directory)
    with journal_of(copy, SMALL) as older:
        refusal = refused(older, directory)
    assert refusal.code is Code.CONFLICT
    assert "restored from an old copy" in refusal.reason


def test_never_replaces_another_history(
    journal: TiledJournal, tmp_path: Path, directory: Path
) -> None:
    journal.export(directory)
    with journal_of(tmp_path / "other.db", SMALL + 1, seed=2) as forked:
        refusal = refused(forked, directory)
    assert refusal.code is Code.CONFLICT
    assert "another history" in refusal.reason


def test_never_replaces_another_journal(journal: TiledJournal, directory: Path) -> None:
    journal.export(directory)
    checkpoint = directory / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"xa.", b"xb.", 1))
    assert "holds the journal xb." in refused(journal, directory).reason


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\n\n\n", bytes(100_000)])
def test_refuses_a_directory_whose_checkpoint_is_damaged(
    content: bytes, journal: TiledJournal, directory: Path
) -> None:
    journal.export(directory)
    (directory / "checkpoint").write_bytes(content)
    assert refused(journal, directory).code is Code.CONFLICT


def test_refuses_a_directory_of_other_things(journal: TiledJournal, directory: Path) -> None:
    directory.mkdir()
    (directory / "index.html").write_text("Welcome")
    assert "index.html" in refused(journal, directory).reason


@pytest.mark.parametrize("name", ["tile/0/001.p/44", "tile/1/000.p/1"])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_publishes_nothing_on_top_of_a_damaged_edge(
    name: str, damage: str, journal: TiledJournal, directory: Path
) -> None:
    journal.export(directory)
    path = directory / name
    content = path.read_bytes()
    match damage:
        case "flip":
            path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        case "cut":
            path.write_bytes(content[:-1])
        case _:
            path.unlink()
    journal.extend(1)
    checkpoint = (directory / "checkpoint").read_bytes()
    with pytest.raises(Refusal) as caught:
        journal.export(directory)
    assert caught.value.code is Code.DEFECT
    assert (directory / "checkpoint").read_bytes() == checkpoint


def test_publishes_nothing_of_a_damaged_database(journal: TiledJournal, directory: Path) -> None:
    journal.database.write_now(
        lambda connection: connection.exec_driver_sql(
            "UPDATE bundle SET commitments = zeroblob(length(commitments)) WHERE number = 0"
        )
    )
    with pytest.raises(Refusal) as caught:
        journal.export(directory)
    assert caught.value.code is Code.DEFECT
    assert not (directory / "checkpoint").exists()


def test_two_exports_do_not_write_one_directory(journal: TiledJournal, directory: Path) -> None:
    directory.mkdir()
    with ExitStack() as stack:
        stack.enter_context(tile_directory._locked(directory))
        assert "another export" in refused(journal, directory).reason
    assert journal.export(directory).size == SMALL


# --- accidents -----------------------------------------------------------------------------


def steps_of(journal: TiledJournal, directory: Path, patch: pytest.MonkeyPatch) -> int:
    """Return how many steps an export takes."""
    with patch.context() as patched:
        steps = Steps()
        patched.setattr(tile_directory, "os", steps)
        journal.export(directory)
    return steps.done


def shows_what_it_did(directory: Path, sizes: set[int]) -> None:
    """Whatever happened, the directory shows one of these trees, whole; 0 for none."""
    shown = walk(directory).size if (directory / "checkpoint").exists() else 0
    assert shown in sizes


@pytest.mark.parametrize("how", ["failed", "persisted"])
def test_an_export_that_fails_at_any_step_is_made_up_for(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal_of(tmp_path / "node.db", SMALL) as journal:
        first = steps_of(journal, tmp_path / "first", monkeypatch)
        assert first > 40
        for step in range(first):
            _fails_then_succeeds(journal, tmp_path / f"{step}", step, how, monkeypatch)
        journal.extend(MORE)
        second = steps_of(journal, tmp_path / "first", monkeypatch)
        for step in range(second):
            _fails_then_succeeds(journal, tmp_path / f"{step}", step, how, monkeypatch)


def _fails_then_succeeds(
    journal: TiledJournal, directory: Path, step: int, how: str, patch: pytest.MonkeyPatch
) -> None:
    before = walk(directory).size if directory.exists() else 0
    with patch.context() as patched:
        patched.setattr(tile_directory, "os", Steps(step, how))
        with pytest.raises(OSError, match="Input/output error"):
            journal.export(directory)
    done = journal.tiles
    with done.snapshot() as public:
        size = public.checkpoint.size
    shows_what_it_did(directory, {before, size})
    assert journal.export(directory).size == size
    assert walk(directory).size == size


def test_an_export_that_is_killed_at_any_step_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "node.db"
    with journal_of(database, SMALL) as journal:
        for goal in (SMALL, SMALL + MORE):
            if goal > SMALL:
                journal.extend(MORE)
            steps = steps_of(journal, tmp_path / "first", monkeypatch)
            for step in range(steps):
                directory = tmp_path / f"{step}"
                before = walk(directory).size if directory.exists() else 0
                process_id = in_process_of_its_own(directory, database, exiting_at=step)
                assert os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1]) == 9
                shows_what_it_did(directory, {before, goal})
                journal.export(directory)
                assert walk(directory).size == goal
                assert not (directory / tile_directory.UNFINISHED).exists()


def test_an_export_that_is_killed_at_any_moment_is_made_up_for(tmp_path: Path) -> None:
    choice = random.Random(20_261_123)
    database, directory = tmp_path / "node.db", tmp_path / "tiles"
    killed = 0
    with journal_of(database, 15_000) as journal:
        sizes = {0, 15_000}
        for _ in range(8):
            process_id = in_process_of_its_own(directory, database)
            signal.sigtimedwait({signal.SIGCHLD}, choice.uniform(0.0, 0.05))
            os.kill(process_id, signal.SIGKILL)
            killed += os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1]) == -signal.SIGKILL
            shows_what_it_did(directory, sizes)
            journal.extend(choice.randrange(5_000, 15_000))
            with journal.tiles.snapshot() as public:
                sizes.add(public.checkpoint.size)
        done = journal.export(directory)
        assert walk(directory).size == done.size
    assert killed
