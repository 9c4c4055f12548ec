"""Paths of tiles and entry bundles, against the examples and rules of C2SP tlog-tiles."""

import pytest

from node.errors import Code, Refusal
from node.model.tiles import (
    ENTRIES,
    TilePath,
    covered_width,
    edge_paths,
    parse_bundle,
    render_bundle,
)

# "entry 0", "entry 1" and an empty entry.
GOLDEN = bytes.fromhex("0007656e74727920300007656e74727920310000")


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("tile/0/000", TilePath(0, 0)),
        ("tile/0/x001/000", TilePath(0, 1000)),
        ("tile/3/x001/x234/067", TilePath(3, 1_234_067)),
        ("tile/63/999", TilePath(63, 999)),
        ("tile/2/000.p/17", TilePath(2, 0, 17)),
        ("tile/entries/273.p/112", TilePath(ENTRIES, 273, 112)),
        ("tile/entries/x036/x028/x797/x018/x963/967", TilePath(ENTRIES, 2**55 - 1)),
    ],
)
def test_every_path_reads_and_is_written_the_same(path: str, tile: TilePath) -> None:
    assert TilePath.parse(path) == tile
    assert str(tile) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",  # a leading group of nothing
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/X001/000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/017",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/17/",
        "tile/0/000.p/١٧",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "/tile/0/000",
        "tile//000",
        "tile/0/../0/000",
        "tile/entries/000.P/3",
        "tile/Entries/000",
        "tile/0/x036/x028/x797/x018/x963/968",
        "tile/0/" + "x999/" * 7 + "999",
        "tile/0/%30%30%30",
    ],
)
def test_refuses_every_other_spelling_of_a_path(path: str) -> None:
    with pytest.raises(Refusal) as refused:
        TilePath.parse(path)
    assert refused.value.code is Code.MALFORMED


def test_the_edge_is_that_of_the_example_of_70_000_entries() -> None:
    assert [str(path) for path in edge_paths(70_000)] == [
        "tile/entries/273.p/112",
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert [str(path) for path in edge_paths(256)] == ["tile/1/000.p/1"]
    assert edge_paths(0) == []


def test_a_tile_is_covered_as_far_as_whole_subtrees_are() -> None:
    assert [covered_width(70_000, 0, number) for number in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [covered_width(70_000, 1, number) for number in (0, 1, 2)] == [256, 17, 0]
    assert covered_width(70_000, ENTRIES, 273) == 112
    assert covered_width(255, 1, 0) == 0
    assert covered_width(2**63 - 1, 63, 0) == 0


def test_a_bundle_is_the_golden_one() -> None:
    entries = [b"entry 0", b"entry 1", b""]
    assert render_bundle(entries) == GOLDEN
    assert parse_bundle(GOLDEN, 3) == entries


@pytest.mark.parametrize(
    ("data", "width", "said"),
    [
        (GOLDEN, 2, "2 bytes after entry 1"),
        (GOLDEN, 4, "ends within entry 3 of 4"),
        (GOLDEN[:-1], 3, "ends within entry 2 of 3"),
        (GOLDEN[:12], 3, "ends within entry 1 of 3"),
        (b"", 1, "ends within entry 0 of 1"),
        (GOLDEN + b"\0", 3, "1 bytes after entry 2"),
        (b"", 0, "cannot have 0 entries"),
        (b"\0\0" * 257, 257, "cannot have 257 entries"),
    ],
)
def test_refuses_a_bundle_of_other_entries_and_says_where(
    data: bytes, width: int, said: str
) -> None:
    with pytest.raises(Refusal) as refused:
        parse_bundle(data, width)
    assert refused.value.code is Code.MALFORMED
    assert said in refused.value.reason


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(65_536)]])
def test_writes_no_bundle_that_nobody_could_read(entries: list[bytes]) -> None:
    with pytest.raises(Refusal) as refused:
        render_bundle(entries)
    assert refused.value.code is Code.MALFORMED
