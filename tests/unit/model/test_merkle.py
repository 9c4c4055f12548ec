"""Merkle proofs and the growing tree, against a reference written straight from RFC 6962."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, ParamSpec

import pytest

from node.errors import Code, Refusal
from node.model.merkle import (
    EMPTY_ROOT,
    SIZE_MAX,
    InclusionChecker,
    Tile,
    Tree,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

P = ParamSpec("P")
VECTORS = Path(__file__).parents[2] / "vectors"


def vector(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return loaded


# The reference: the recursive definitions of RFC 6962 §2.1, on lists of leaf hashes.


def split_point(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def reference_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split_point(len(leaves))
    return sha256(b"\x01" + reference_root(leaves[:k]) + reference_root(leaves[k:])).digest()


def reference_path(index: int, leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return b""
    k = split_point(len(leaves))
    if index < k:
        return reference_path(index, leaves[:k]) + reference_root(leaves[k:])
    return reference_path(index - k, leaves[k:]) + reference_root(leaves[:k])


def reference_consistency(first: int, leaves: list[bytes], *, known: bool = True) -> bytes:
    if first == len(leaves):
        return b"" if known else reference_root(leaves)
    k = split_point(len(leaves))
    if first <= k:
        return reference_consistency(first, leaves[:k], known=known) + reference_root(leaves[k:])
    right = reference_consistency(first - k, leaves[k:], known=False)
    return right + reference_root(leaves[:k])


def entry_leaves(size: int) -> list[bytes]:
    return [leaf_hash(b"entry %d" % index) for index in range(size)]


class Tiles(dict[tuple[int, int], bytes]):
    """Tiles as a database would keep them, counting what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []

    def read(self, level: int, number: int) -> bytes:
        self.reads.append((level, number))
        return self[level, number]

    def put(self, tiles: list[Tile]) -> None:
        for tile in tiles:
            self[tile.level, tile.number] = tile.hashes


def grown(size: int, batch: int = 1000) -> tuple[Tree, Tiles, list[bytes]]:
    tiles, leaves = Tiles(), entry_leaves(size)
    tree = Tree(0, tiles.read)
    for at in range(0, size, batch):
        tiles.put(tree.extend(leaves[at : at + batch]))
    return tree, tiles, leaves


def refused(code: Code, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    with pytest.raises(Refusal) as caught:
        call(*args, **kwargs)
    assert caught.value.code is code


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# Hashes and frozen vectors


def test_hashes_leaves_and_nodes_under_different_prefixes() -> None:
    assert leaf_hash(b"a") == sha256(b"\x00a").digest()
    assert node_hash(b"l" * 32, b"r" * 32) == sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()


def test_hashes_the_three_entries_of_the_frozen_journal() -> None:
    frozen = vector("journal_of_three.json")
    tree = Tree(0, Tiles().read)
    leaves = [leaf_hash(entry.encode()) for entry in frozen["entries"]]
    tree.extend(leaves)
    assert [leaf.hex() for leaf in leaves] == frozen["leaves"]
    assert tree.root().hex() == frozen["root"]


@pytest.mark.parametrize("batch", [1, 7, 256, 300])
def test_has_the_frozen_root_at_each_size(batch: int) -> None:
    tree, _, _ = grown(260, batch)
    roots = vector("merkle_roots.json")["roots"]
    assert {size: tree.root(int(size)).hex() for size in roots} == roots


def test_the_empty_tree_has_the_hash_of_nothing_as_its_root() -> None:
    assert Tree(0, Tiles().read).root() == EMPTY_ROOT == sha256(b"").digest()


# Every proof of every small tree


@pytest.mark.parametrize("size", range(1, 66))
def test_every_inclusion_path_of_a_small_tree_is_the_reference_and_verifies(size: int) -> None:
    tree, _, leaves = grown(65)
    root = reference_root(leaves[:size])
    checker = InclusionChecker(size, root)
    assert tree.root(size) == root
    for index in range(size):
        path = reference_path(index, leaves[:size])
        assert tree.path(index, size) == path
        verify_inclusion(index, size, leaves[index], path, root)
        checker.check(index, leaves[index], path)


@pytest.mark.parametrize("second", range(1, 66))
def test_every_consistency_path_of_a_small_tree_is_the_reference_and_verifies(second: int) -> None:
    tree, _, leaves = grown(65)
    root = reference_root(leaves[:second])
    for first in range(1, second + 1):
        path = reference_consistency(first, leaves[:second])
        assert tree.consistency(first, second) == path
        verify_consistency(first, second, path, reference_root(leaves[:first]), root)


@pytest.mark.parametrize("size", range(1, 34))
def test_refuses_a_leaf_at_any_other_index_or_size(size: int) -> None:
    tree, _, leaves = grown(33)
    root = tree.root(size)
    for index in range(size):
        path = tree.path(index, size)
        for other in range(size):
            if other != index:
                with pytest.raises(Refusal):
                    verify_inclusion(other, size, leaves[index], path, root)
        for other_size in range(1, 34):
            if other_size != size:
                with pytest.raises(Refusal):
                    verify_inclusion(index, other_size, leaves[index], path, tree.root(other_size))


@pytest.mark.parametrize("second", range(2, 18))
def test_refuses_consistency_with_any_flipped_bit(second: int) -> None:
    tree, _, _ = grown(17)
    for first in range(1, second):
        path = tree.consistency(first, second)
        old, new = tree.root(first), tree.root(second)
        for bit in range(0, len(path) * 8, 7):
            changed = flipped(path, bit)
            with pytest.raises(Refusal, match="both roots"):
                verify_consistency(first, second, changed, old, new)
        for changed in (flipped(old, 3), flipped(old, 255)):
            with pytest.raises(Refusal, match="both roots"):
                verify_consistency(first, second, path, changed, new)
        with pytest.raises(Refusal, match="both roots"):
            verify_consistency(first, second, path, old, flipped(new, 9))


# Bounds and lengths


@pytest.mark.parametrize(
    ("index", "size", "leaf_bytes", "path_bytes", "root_bytes"),
    [
        (0, 0, 32, 0, 32),
        (0, -1, 32, 0, 32),
        (0, SIZE_MAX + 1, 32, 63 * 32, 32),
        (-1, 3, 32, 64, 32),
        (3, 3, 32, 64, 32),
        (1, 3, 31, 64, 32),
        (1, 3, 33, 64, 32),
        (1, 3, 32, 64, 31),
        (1, 3, 32, 64, 0),
        (1, 3, 32, 63, 32),
        (1, 3, 32, 32, 32),
        (1, 3, 32, 96, 32),
        (2, 3, 32, 64, 32),
        (0, 1, 32, 32, 32),
    ],
)
def test_refuses_wrong_bounds_and_lengths_as_malformed(
    index: int, size: int, leaf_bytes: int, path_bytes: int, root_bytes: int
) -> None:
    leaf, path, root = bytes(leaf_bytes), bytes(path_bytes), bytes(root_bytes)
    refused(Code.MALFORMED, verify_inclusion, index, size, leaf, path, root)
    with pytest.raises(Refusal) as caught:
        InclusionChecker(size, root).check(index, leaf, path)
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize(
    ("first", "second", "path_bytes", "first_bytes", "second_bytes"),
    [
        (0, 3, 0, 32, 32),
        (3, 0, 0, 32, 32),
        (4, 3, 0, 32, 32),
        (2, SIZE_MAX + 1, 62 * 32, 32, 32),
        (1, 3, 63, 32, 32),
        (1, 3, 0, 32, 32),
        (1, 3, 96, 32, 32),
        (3, 3, 32, 32, 32),
        (1, 3, 64, 31, 32),
        (1, 3, 64, 32, 33),
        (1, SIZE_MAX, 64 * 32, 32, 32),
    ],
)
def test_refuses_consistency_with_wrong_bounds_and_lengths_as_malformed(
    first: int, second: int, path_bytes: int, first_bytes: int, second_bytes: int
) -> None:
    arguments = bytes(path_bytes), bytes(first_bytes), bytes(second_bytes)
    refused(Code.MALFORMED, verify_consistency, first, second, *arguments)


def test_refuses_two_roots_of_one_size() -> None:
    one, other = bytes(32), bytes([1]) * 32
    refused(Code.UNAUTHENTICATED, verify_consistency, 5, 5, b"", one, other)
    verify_consistency(5, 5, b"", one, one)


def test_the_largest_tree_has_paths_of_63_hashes() -> None:
    leaf, path = bytes(32), bytes(63 * 32)
    value = leaf
    for _ in range(63):
        value = node_hash(value, bytes(32))
    verify_inclusion(0, SIZE_MAX, leaf, path, value)


# The checker remembers, and is not fooled by what it remembers


def test_refuses_a_wrong_path_after_the_right_one_was_proved() -> None:
    tree, _, leaves = grown(200)
    checker = InclusionChecker(200, tree.root())
    for index in range(200):
        checker.check(index, leaves[index], tree.path(index))
    for index in (0, 1, 127, 128, 191, 198, 199):
        path = tree.path(index)
        for bit in range(0, len(path) * 8, 13):
            with pytest.raises(Refusal, match="does not lead"):
                checker.check(index, leaves[index], flipped(path, bit))
        with pytest.raises(Refusal, match="does not lead"):
            checker.check(index, flipped(leaves[index], 0), path)
        with pytest.raises(Refusal):
            checker.check(index ^ 1, leaves[index], path)
        checker.check(index, leaves[index], path)


def test_a_refused_path_leaves_nothing_behind_that_would_help_it_later() -> None:
    tree, _, leaves = grown(64)
    checker = InclusionChecker(64, tree.root())
    forged = flipped(tree.path(5), 8 * 40)
    for _ in range(2):
        refused(Code.UNAUTHENTICATED, checker.check, 5, leaves[5], forged)
    checker.check(5, leaves[5], tree.path(5))


def test_neighbouring_leaves_cost_the_checker_about_two_entries_each() -> None:
    tree, _, leaves = grown(4096)
    checker = InclusionChecker(4096, tree.root())
    for index in range(1024, 2048):
        checker.check(index, leaves[index], tree.path(index))
    assert len(checker._proved) <= 2 * 1024 + 12


# The growing tree and its tiles


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 513, 70_000])
@pytest.mark.parametrize("batch", [64, 1000, 70_000])
def test_stored_tiles_are_those_of_the_specification(size: int, batch: int) -> None:
    _, tiles, leaves = grown(size, batch)
    expected, row, level = {}, leaves, 0
    while row:
        for number in range(-(-len(row) // 256)):
            expected[level, number] = b"".join(row[number * 256 : number * 256 + 256])
        whole = range(0, len(row) - 255, 256)
        row, level = [reference_root(row[at : at + 256]) for at in whole], level + 1
    assert tiles == expected


def test_returns_each_changed_tile_once_with_its_present_width() -> None:
    tree, _, leaves = grown(250)
    more = entry_leaves(520)[250:]
    widths = [(t.level, t.number, len(t.hashes) // 32) for t in tree.extend(more)]
    assert widths == [(0, 0, 256), (0, 1, 256), (0, 2, 8), (1, 0, 2)]
    assert tree.extend([]) == []
    assert tree.size == 520
    assert tree.root() == reference_root(leaves + more)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_536, 65_537, 70_000])
def test_a_reopened_tree_reads_only_the_right_edge_and_grows_on(size: int) -> None:
    tree, tiles, leaves = grown(70_000)
    reopened = Tree(size, tiles.read)
    assert len(tiles.reads) <= 3
    assert reopened.root() == tree.root(size)
    first = set(tiles.reads)
    assert first == {
        (level, size >> 8 * level + 8) for level in range(3) if (size >> 8 * level) % 256
    }
    for at in range(size, 70_000, 4096):
        for tile in reopened.extend(leaves[at : at + 4096]):
            assert tiles[tile.level, tile.number].startswith(tile.hashes)
    assert reopened.root() == tree.root()


def test_a_path_of_an_old_leaf_reads_one_tile_for_eight_levels() -> None:
    tree, tiles, leaves = grown(70_000)
    reopened = Tree(70_000, tiles.read)
    tiles.reads.clear()
    path = reopened.path(300)
    assert tiles.reads == [(0, 1), (1, 0)]
    verify_inclusion(300, 70_000, leaves[300], path, tree.root())
    reopened.path(301)
    reopened.path(511)
    assert len(tiles.reads) == 2


def test_recent_leaves_and_the_whole_latest_batch_need_no_reading() -> None:
    tree, tiles, leaves = grown(70_000, 64)
    for index in [*range(69_000, 70_000), 69_500, 69_000]:
        verify_inclusion(index, 70_000, leaves[index], tree.path(index), tree.root())
    tree.extend(leaves[:4096])
    for index in [*range(70_000, 74_096), 70_000, 74_095]:
        tree.path(index)
    assert tiles.reads == []


def test_memory_stays_bounded_while_the_tree_grows() -> None:
    tree, tiles, leaves = grown(300_000, 4096)
    for index in range(0, 300_000, 256):
        tree.path(index)
    for size in range(1000, 2000):
        tree.root(size)
    assert sum(map(len, tree._rows)) < 2 * (4096 + 4 * 3 * 256 + 256 * 3)
    assert len(tree._old_tiles) <= 64
    assert len(tree._views) <= 8
    tiles.reads.clear()
    verify_inclusion(7, 300_000, leaves[7], tree.path(7), tree.root())
    assert len(tiles.reads) <= 2


def test_what_read_tile_raises_passes_through_and_spoils_nothing() -> None:
    tree, tiles, leaves = grown(70_000)
    broken = {"tile": (1, 0)}

    def read(level: int, number: int) -> bytes:
        if (level, number) == broken.get("tile"):
            message = "disk on fire"
            raise OSError(message)
        return tiles[level, number]

    reopened = Tree(70_000, read)
    reopened.path(69_999)
    with pytest.raises(OSError, match="disk on fire"):
        reopened.path(300)
    verify_inclusion(69_998, 70_000, leaves[69_998], reopened.path(69_998), tree.root())
    broken.clear()
    for index in (300, 301, 69_999):
        verify_inclusion(index, 70_000, leaves[index], reopened.path(index), tree.root())


def test_refuses_a_stored_tile_that_is_too_short() -> None:
    _, tiles, _ = grown(300)
    tiles[0, 1] = tiles[0, 1][:-1]
    refused(Code.DEFECT, Tree, 300, tiles.read)


def test_a_stored_tile_may_be_wider_than_the_tree() -> None:
    tree, tiles, _ = grown(300)
    assert Tree(290, tiles.read).root() == tree.root(290)


def test_refuses_leaves_that_are_not_hashes_and_stays_as_it_was() -> None:
    tree, _, leaves = grown(10)
    refused(Code.MALFORMED, tree.extend, [leaves[0], b"short"])
    assert tree.size == 10
    assert tree.root() == reference_root(leaves)


def test_refuses_what_the_tree_has_never_had_as_unknown() -> None:
    tree, _, _ = grown(10)
    for size in (-1, 11):
        refused(Code.UNKNOWN, tree.root, size)
    for index, size in ((10, 10), (-1, 10), (5, 5), (0, 11), (0, 0)):
        refused(Code.UNKNOWN, tree.path, index, size)
    for first, second in ((5, 11), (11, 11), (-1, 10), (5, 4)):
        refused(Code.UNKNOWN, tree.consistency, first, second)
    refused(Code.UNKNOWN, Tree(0, Tiles().read).path, 0)
    refused(Code.MALFORMED, Tree, -1, Tiles().read)
    refused(Code.MALFORMED, Tree, SIZE_MAX + 1, Tiles().read)


def test_nothing_needs_proving_from_the_empty_tree_or_to_itself() -> None:
    tree, _, _ = grown(10)
    assert tree.consistency(0) == tree.consistency(10) == tree.consistency(0, 0) == b""
