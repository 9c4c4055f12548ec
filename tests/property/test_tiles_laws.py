"""Laws of tile paths and entry bundles: what reads is written the same, and the other way round."""

from hypothesis import given
from hypothesis import strategies as st

from node.errors import Code, Refusal
from node.model.tiles import ENTRIES, TilePath, covered_width, parse_bundle, render_bundle

tiles = st.builds(
    TilePath, st.integers(ENTRIES, 63), st.integers(0, 2**55 - 1), st.integers(1, 256)
)
entry_lists = st.lists(st.binary(max_size=70), min_size=1, max_size=20)
nearly_paths = st.from_regex(
    r"tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,3}[0-9]{3}(\.p/[0-9]{1,3})?", fullmatch=True
)


def written_again(path: str) -> str:
    try:
        return str(TilePath.parse(path))
    except Refusal as refusal:
        assert refusal.code is Code.MALFORMED  # noqa: PT017 - the other outcome is fine too
        return path


@given(tiles)
def test_a_tile_goes_through_its_path_and_back(tile: TilePath) -> None:
    assert TilePath.parse(str(tile)) == tile


@given(st.text() | nearly_paths)
def test_whatever_reads_as_a_path_is_its_only_spelling(path: str) -> None:
    assert written_again(path) == path


@given(entry_lists)
def test_entries_go_through_a_bundle_and_back(entries: list[bytes]) -> None:
    assert parse_bundle(render_bundle(entries), len(entries)) == entries


@given(
    entry_lists.map(render_bundle) | st.binary(max_size=60),
    st.integers(1, 20),
    st.integers(0, 60),
    st.binary(max_size=2),
)
def test_whatever_reads_as_a_bundle_is_its_only_encoding(
    data: bytes, width: int, at: int, instead: bytes
) -> None:
    changed = data[:at] + instead + data[at + 1 :]
    try:
        entries = parse_bundle(changed, width)
    except Refusal as refusal:
        assert refusal.code is Code.MALFORMED  # noqa: PT017 - the other outcome is fine too
    else:
        assert (render_bundle(entries), len(entries)) == (changed, width)


@given(st.integers(0, 2**63 - 1), st.integers(0, 7))
def test_the_tiles_of_a_level_cover_its_whole_subtrees_exactly(size: int, level: int) -> None:
    whole = size >> 8 * level
    last = whole // 256
    assert covered_width(size, level, last) == whole % 256
    assert covered_width(size, level, last + 1) == 0
    assert last == 0 or covered_width(size, level, last - 1) == 256
