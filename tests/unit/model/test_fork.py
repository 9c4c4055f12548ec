"""Forks: which two heads contradict each other, and what shows it."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import pytest

from node.errors import Code, Refusal
from node.model.fork import Fork, head_of, implied_root, proof_size, require_contradiction
from node.model.merkle import Tile, Tree, leaf_hash
from node.model.note import Checkpoint, Ed25519Signer, sign_checkpoint

ORIGIN = "xa.example/journal"
SIGNER = Ed25519Signer(ORIGIN, sha256(b"xa").digest())
SIZES = 40


def tree_of(entries: Sequence[bytes]) -> Tree:
    tiles: dict[tuple[int, int], Tile] = {}
    tree = Tree(0, lambda level, number: tiles[level, number].hashes)
    for tile in tree.extend([leaf_hash(entry) for entry in entries]):
        tiles[tile.level, tile.number] = tile
    return tree


HONEST = tree_of([b"entry %d" % n for n in range(SIZES)])
OTHER = tree_of([b"entry %d" % n if n < 5 else b"other %d" % n for n in range(SIZES)])


def head(tree: Tree, size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, tree.root(size))


def refused(code: Code, call: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        call()
    assert caught.value.code is code


@pytest.mark.parametrize("second", range(3, SIZES + 1))
def test_a_path_to_a_later_head_fixes_the_root_of_every_earlier_size(second: int) -> None:
    for first in range(1, second):
        start = proof_size(first, second)
        if start is None:
            assert first & (first - 1) == 0
            assert first in {1, second - 1}
            continue
        path = HONEST.consistency(start, second)
        assert implied_root(first, head(HONEST, second), path) == HONEST.root(first)


@pytest.mark.parametrize("second", range(8, SIZES + 1))
def test_heads_of_two_histories_contradict_each_other_past_where_they_part(second: int) -> None:
    for first in range(2, second):
        start = proof_size(first, second)
        if start is None:
            continue
        path = OTHER.consistency(start, second)
        heads = head(HONEST, first), head(OTHER, second)
        if first <= 5:
            with pytest.raises(Refusal) as caught:
                require_contradiction(*heads, path)
            assert caught.value.code is Code.UNAUTHENTICATED
        else:
            require_contradiction(*heads, path)


def test_two_roots_of_one_size_contradict_each_other() -> None:
    require_contradiction(head(HONEST, 9), head(OTHER, 9), b"")
    refused(
        Code.UNAUTHENTICATED,
        lambda: require_contradiction(head(HONEST, 9), head(HONEST, 9), b""),
    )


def test_heads_of_two_journals_never_contradict_each_other() -> None:
    other = Checkpoint("xb.example/journal", 9, OTHER.root(9))
    refused(Code.MALFORMED, lambda: require_contradiction(head(HONEST, 9), other, b""))


@pytest.mark.parametrize("first", [2, 3, 6, 7, 8, 12, 16, 17])
def test_no_other_path_makes_a_contradiction_of_an_honest_journal(first: int) -> None:
    second = head(HONEST, 21)
    start = proof_size(first, 21)
    assert start is not None
    path = HONEST.consistency(start, 21)
    wrong = [
        path[:-32],
        path + bytes(32),
        path[:-1],
        b"",
        path[32:],
        bytes(32) + path[32:],
        path[32:64] + path[:32] + path[64:],
        HONEST.consistency(start + 1, 21),
        OTHER.consistency(start, 21) + bytes(32),
    ]
    for changed in wrong:
        if changed == path:
            continue
        with pytest.raises(Refusal):
            require_contradiction(head(HONEST, first), second, changed)
    for bit in range(len(path) * 8):
        flipped = bytearray(path)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Refusal):
            require_contradiction(head(HONEST, first), second, bytes(flipped))


@pytest.mark.parametrize("path", [b"", bytes(32), bytes(range(64))])
def test_a_fork_reads_back_as_it_was_written(path: bytes) -> None:
    one, other = (sign_checkpoint(head(tree, 9), [SIGNER], 0) for tree in (HONEST, OTHER))
    fork = Fork(one, other, path)
    assert Fork.parse(fork.render()) == fork
    assert fork.heads() == (head(HONEST, 9), head(OTHER, 9))
    assert head_of(one) == head(HONEST, 9)


def test_a_changed_byte_of_a_fork_is_refused_or_is_its_own_spelling() -> None:
    one, other = (sign_checkpoint(head(tree, 9), [SIGNER], 0) for tree in (HONEST, OTHER))
    data = Fork(one, other, bytes(range(64))).render()
    for at in range(len(data)):
        for changed in (data[:at], data[:at] + b"\n" + data[at:], data[:at] + data[at + 1 :]):
            try:
                fork = Fork.parse(changed)
            except Refusal as refusal:
                assert refusal.code is Code.MALFORMED  # noqa: PT017 - the other outcome is fine too
            else:
                assert fork.render() == changed
