"""Whatever is changed in a directory of tiles is found, with its place, and breaks nothing."""

import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from node.audit.findings import Check, Report, Verdict
from node.audit.tiles import signed_by_all, verify_tiles
from node.model.note import Ed25519Signer
from node.model.tiles import TilePath
from tests.tiles import KEYS, ORIGIN, SIGNERS, journal_of

TINY = 5  # three files, and every byte of them
SMALL = 300  # full tiles and bundles too, and a level above
OPENING = signed_by_all(KEYS)
OPENING_TINY = signed_by_all(KEYS[:1])
STEP = 53  # bytes between two that are changed where there are too many for all


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tiles")
    with journal_of(place / "tiny.db", TINY, signers=SIGNERS[:1]) as journal:
        journal.export(place / "tiny")
    with journal_of(place / "node.db", SMALL) as journal:
        journal.export(place / "small")
        journal.extend(SMALL)
        journal.export(place / "small-and-more")
    return place


@pytest.fixture
def tiny(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "tiny", tmp_path / "tiny"))


@pytest.fixture
def small(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "small", tmp_path / "small"))


def files(directory: Path) -> list[str]:
    return sorted(
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    )


def places(report: Report) -> set[str]:
    return {one.place.journal for one in report.findings if one.verdict is Verdict.FAIL}


def verify(directory: Path) -> Report:
    opening = OPENING_TINY if directory.name == "tiny" else OPENING
    return verify_tiles(directory, opening).report


# --- what is right -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny", "small", "small-and-more"])
def test_what_was_exported_passes_every_check(name: str, made: Path) -> None:
    report = verify(made / name)
    assert (report.verdict, report.findings) == (Verdict.PASS, ())
    assert {one.check for one in report.checks} >= {
        Check.FORMAT,
        Check.CHECKPOINT_SIGNATURE,
        Check.CHECKPOINT_ROOT,
    }


def test_tells_how_far_it_is_and_what_it_read(made: Path) -> None:
    told: list[int] = []
    checked = verify_tiles(made / "small", OPENING, told.append)
    assert told[-1] == SMALL
    assert checked.checkpoint is not None
    assert (checked.checkpoint.origin, checked.checkpoint.size) == (ORIGIN, SMALL)


def test_partial_tiles_of_earlier_checkpoints_may_stay(made: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(made / "small", tmp_path / "kept"))
    shutil.copytree(made / "small-and-more", directory, dirs_exist_ok=True)
    assert "tile/0/001.p/44" in files(directory)
    assert verify(directory).verdict is Verdict.PASS
    path = directory / "tile" / "0" / "001.p" / "44"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert places(verify(directory)) == {"tile/0/001.p/44"}


# --- every byte ----------------------------------------------------------------------------


def _changes(content: bytes, step: int) -> Iterator[bytes]:
    """Yield a file with one byte flipped, removed, inserted or exchanged; and cut there."""
    for at in range(0, len(content), step):
        for bit in (1, 128):
            yield content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
        yield content[:at] + content[at + 1 :]
        yield content[:at] + b"\0" + content[at:]
        yield content[:at]
        exchanged = content[:at] + content[at : at + 2][::-1] + content[at + 2 :]
        if exchanged != content:
            yield exchanged
    yield content + b"\0"


def _every_change_is_found(directory: Path, step: int) -> int:
    made = 0
    for name in files(directory):
        path = directory / name
        content = path.read_bytes()
        for changed in _changes(content, step):
            path.write_bytes(changed)
            report = verify(directory)
            assert report.verdict is Verdict.FAIL, (name, changed)
            assert name in places(report), (name, places(report))
            made += 1
        path.write_bytes(content)
    assert verify(directory).verdict is Verdict.PASS
    return made


def test_every_changed_byte_of_a_tiny_directory_is_found_at_its_place(tiny: Path) -> None:
    sizes = [(tiny / name).stat().st_size for name in files(tiny)]
    assert _every_change_is_found(tiny, 1) > 5 * sum(sizes)


def test_changed_bytes_all_over_a_larger_directory_are_found_at_their_place(small: Path) -> None:
    assert _every_change_is_found(small, STEP) > 1_000


@pytest.mark.parametrize("at", [0, 7, 255, 256, 299])
def test_names_the_entry_that_is_another_one(at: int, small: Path) -> None:
    number, place = divmod(at, 256)
    name = str(TilePath.parse(f"tile/entries/{number:03}" + ("" if number == 0 else ".p/44")))
    content = bytearray((small / name).read_bytes())
    content[34 * place + 10] ^= 1
    (small / name).write_bytes(content)
    report = verify(small)
    assert [(one.place.journal, one.place.index) for one in report.findings] == [(name, place)]
    assert f"entry {at} of the journal" in report.findings[0].sentence


# --- every file ----------------------------------------------------------------------------


def test_every_missing_file_is_found(small: Path) -> None:
    for name in files(small):
        content = (small / name).read_bytes()
        (small / name).unlink()
        report = verify(small)
        assert report.verdict is Verdict.FAIL
        assert name in places(report)
        (small / name).write_bytes(content)


def test_any_two_files_exchanged_are_found(small: Path) -> None:
    for one, other in combinations(files(small), 2):
        first, second = (small / one).read_bytes(), (small / other).read_bytes()
        (small / one).write_bytes(second)
        (small / other).write_bytes(first)
        report = verify(small)
        assert report.verdict is Verdict.FAIL
        assert {one, other} & places(report)
        (small / one).write_bytes(first)
        (small / other).write_bytes(second)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("index.html", Verdict.FAIL),
        ("tile/0/0", Verdict.FAIL),
        ("tile/0/000.p/x", Verdict.FAIL),
        ("tile/entries/000.gz", Verdict.FAIL),
        ("tile/0/000.p/7", Verdict.FAIL),  # covered, and not the beginning of the tile
        ("tile/0/001.p/45", Verdict.INDETERMINATE),  # beyond the checkpoint
        ("tile/9/000", Verdict.INDETERMINATE),
        (".unfinished/3", Verdict.INDETERMINATE),
    ],
)
def test_a_file_that_does_not_belong_is_found(name: str, verdict: Verdict, small: Path) -> None:
    path = small / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"what is this")
    report = verify(small)
    assert report.verdict is verdict
    assert [one.place.journal for one in report.findings] == [name]


def test_a_directory_or_a_pipe_in_the_place_of_a_file_breaks_nothing(small: Path) -> None:
    (small / "tile" / "0" / "000").unlink()
    (small / "tile" / "0" / "000").mkdir()
    assert "tile/0/000" in places(verify(small))
    (small / "checkpoint").unlink()
    (small / "checkpoint").mkdir()
    assert places(verify(small)) == {"checkpoint"}


def test_entries_and_hashes_changed_together_are_found(small: Path) -> None:
    import hashlib

    bundle, tile = small / "tile" / "entries" / "000", small / "tile" / "0" / "000"
    entries, hashes = bytearray(bundle.read_bytes()), bytearray(tile.read_bytes())
    entries[2:34] = bytes(32)
    hashes[:32] = hashlib.sha256(b"\0" + bytes(32)).digest()
    bundle.write_bytes(entries)
    tile.write_bytes(hashes)
    report = verify(small)
    assert {"checkpoint", "tile/1/000.p/1"} <= places(report)


# --- signatures and sizes ------------------------------------------------------------------


def test_without_a_key_nothing_is_said_of_the_signature(small: Path) -> None:
    report = verify_tiles(small, None).report
    assert report.verdict is Verdict.INDETERMINATE
    assert [one.check for one in report.findings] == [Check.CHECKPOINT_SIGNATURE]


def test_a_key_that_has_not_signed_fails_the_checkpoint(small: Path) -> None:
    other = Ed25519Signer(ORIGIN, bytes(32)).verifier
    report = verify_tiles(small, signed_by_all([*KEYS, other])).report
    assert places(report) == {"checkpoint"}


def test_nobody_is_made_to_count_up_to_a_size_that_is_a_lie(small: Path) -> None:
    checkpoint = small / "checkpoint"
    content = checkpoint.read_bytes().replace(b"\n300\n", b"\n9223372036854775807\n")
    checkpoint.write_bytes(content)
    report = verify(small)
    assert report.verdict is Verdict.FAIL
    assert "checkpoint" in places(report)
