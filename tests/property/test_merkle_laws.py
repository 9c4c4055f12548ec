"""Laws of Merkle trees: proofs verify, and no flipped bit does."""

from hypothesis import given
from hypothesis import strategies as st

from node.errors import Code, Refusal
from node.model.merkle import (
    InclusionChecker,
    Tree,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(b"%d" % index) for index in range(1500)]
Tiles = dict[tuple[int, int], bytes]


def grow(tree: Tree, tiles: Tiles, until: int) -> None:
    for tile in tree.extend(LEAVES[tree.size : until]):
        tiles[tile.level, tile.number] = tile.hashes


def whole_tree() -> Tree:
    tiles: Tiles = {}
    tree = Tree(0, lambda level, number: tiles[level, number])
    grow(tree, tiles, len(LEAVES))
    return tree


TREE = whole_tree()


def outcome_of_verify(index: int, size: int, leaf: bytes, path: bytes, root: bytes) -> Code | None:
    try:
        verify_inclusion(index, size, leaf, path, root)
    except Refusal as refusal:
        return refusal.code
    return None


def outcome_of_check(
    checker: InclusionChecker, index: int, leaf: bytes, path: bytes
) -> Code | None:
    try:
        checker.check(index, leaf, path)
    except Refusal as refusal:
        return refusal.code
    return None


@given(st.lists(st.integers(0, len(LEAVES)), max_size=12).map(sorted))
def test_a_tree_grown_in_any_batches_and_reopened_at_any_time_is_the_same(stops: list[int]) -> None:
    tiles: Tiles = {}

    def read(level: int, number: int) -> bytes:
        return tiles[level, number]

    tree = Tree(0, read)
    for stop in stops:
        grow(tree, tiles, stop)
        assert tree.root() == TREE.root(stop)
        if stop % 2:
            tree = Tree(stop, read)
    for stop in stops:
        assert tree.root(stop) == TREE.root(stop)
        if stop:
            assert tree.path(stop // 2) == TREE.path(stop // 2, tree.size)
            assert tree.path(stop // 2, stop) == TREE.path(stop // 2, stop)
            last = stops[-1]
            assert tree.paths(stop - 1) == [TREE.path(at, last) for at in range(stop - 1, last)]
            assert tree.consistency(stop) == TREE.consistency(stop, tree.size)


@given(st.data())
def test_asking_for_paths_in_any_order_gives_the_same_paths(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, len(LEAVES)), min_size=1, max_size=12))
    for size in sizes:
        index = data.draw(st.integers(0, size - 1))
        verify_inclusion(index, size, LEAVES[index], TREE.path(index, size), TREE.root(size))
        first = data.draw(st.integers(1, size))
        path = TREE.consistency(first, size)
        verify_consistency(first, size, path, TREE.root(first), TREE.root(size))


@given(st.integers(1, len(LEAVES)), st.data())
def test_the_checker_agrees_with_verify_inclusion_whatever_is_flipped(
    size: int, data: st.DataObject
) -> None:
    root = TREE.root(size)
    checker = InclusionChecker(size, root)
    near = data.draw(st.integers(0, size - 1))
    indices = st.one_of(
        st.integers(0, size - 1), st.integers(max(0, near - 8), min(size - 1, near + 8))
    )
    for _ in range(data.draw(st.integers(1, 30))):
        index = data.draw(indices)
        claimed = data.draw(st.sampled_from([index, index, index, index ^ 1, index ^ 8, -1, size]))
        leaf = bytearray(LEAVES[index])
        path = bytearray(TREE.path(index, size))
        damage = data.draw(st.sampled_from(["none", "none", "leaf", "path", "cut", "longer"]))
        if damage == "leaf":
            leaf[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        elif damage == "path" and path:
            path[data.draw(st.integers(0, len(path) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        elif damage == "cut":
            del path[data.draw(st.integers(0, len(path))) :]
        elif damage == "longer":
            path += bytes(32)
        expected = outcome_of_verify(claimed, size, bytes(leaf), bytes(path), root)
        assert outcome_of_check(checker, claimed, bytes(leaf), bytes(path)) == expected
        if damage == "none" and claimed == index:
            assert expected is None
        elif damage == "leaf" or claimed != index:
            assert expected is not None


@given(st.integers(2, len(LEAVES)), st.data())
def test_no_flipped_bit_of_a_consistency_proof_verifies(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second - 1))
    proof = [TREE.consistency(first, second), TREE.root(first), TREE.root(second)]
    part = data.draw(st.integers(0, 2))
    changed = bytearray(proof[part])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    proof[part] = bytes(changed)
    path, first_root, second_root = proof
    try:
        verify_consistency(first, second, path, first_root, second_root)
    except Refusal as refusal:
        assert refusal.code is Code.UNAUTHENTICATED  # noqa: PT017 - the else says it must raise
    else:
        message = "a flipped bit verified"
        raise AssertionError(message)
