"""Merkle trees: hashes, proofs and their verification, and a growing tree kept as tiles.

Sources: RFC 6962 §2.1 and RFC 9162 §2.1 (hashes and proofs), C2SP tlog-tiles (storage by tiles).

A *path* is `bytes`: 32-byte hashes one after another, leaf side first, at most 63 of them. A
*node* is named by its height (0 for leaves) and its position from the left at that height. A
node is *whole* when all 2^height leaves below it exist; whole nodes never change again.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from typing import Final, NamedTuple

from node.errors import Code, Refusal

HASH_SIZE_BYTES: Final = 32
PATH_HASHES_MAX: Final = 63
_PROVED_MAX: Final = 16_384
SIZE_MAX: Final = 2**63 - 1
"""Largest tree size: sizes and indices fit a signed 64-bit integer everywhere."""

EMPTY_ROOT: Final = sha256(b"").digest()
"""Root of the tree without leaves (RFC 6962 §2.1)."""

TILE_WIDTH: Final = 256
_TILE_HEIGHT: Final = 8  # one tile spans eight heights: 2^8 == TILE_WIDTH
_TILE_LEVELS: Final = 8  # levels 0..7 hold every tree up to SIZE_MAX
_RECENT_TILES: Final = 4  # full tiles kept at each level: the paths of ~1000 recent leaves
_OLD_TILES_MAX: Final = 64  # full tiles read back and kept expanded, about 37 kB each
_VIEWS_MAX: Final = 8


def leaf_hash(entry: bytes) -> bytes:
    """Hash a journal entry as a leaf; 0x00 keeps a leaf from passing as an inner node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two child hashes, 32 bytes each, as their parent."""
    return sha256(b"\x01" + left + right).digest()


def _path_size_bytes(index: int, size: int) -> int:
    """Return how long the inclusion path of `index` is in the tree of `size`; it has no choice."""
    # Up to where the leaf meets the right edge there is a sibling at every height; along the
    # edge only where a subtree hangs to the left, once for every set bit.
    below_edge = (index ^ (size - 1)).bit_length()
    return HASH_SIZE_BYTES * (below_edge + (index >> below_edge).bit_count())


def _require_tree(size: int, root: bytes) -> None:
    if not 1 <= size <= SIZE_MAX:
        reason = f"tree size {size} is outside 1..2^63-1: no proof is defined for it"
        raise Refusal(Code.MALFORMED, reason)
    if len(root) != HASH_SIZE_BYTES:
        reason = f"root hash has {len(root)} bytes: send the 32 bytes of a SHA-256"
        raise Refusal(Code.MALFORMED, reason)


def _require_path(index: int, size: int, leaf: bytes, path: bytes) -> None:
    if not 0 <= index < size:
        reason = f"leaf index {index} is outside the tree of size {size}"
        raise Refusal(Code.MALFORMED, reason)
    if len(leaf) != HASH_SIZE_BYTES:
        reason = f"leaf hash has {len(leaf)} bytes: send the 32 bytes of a SHA-256"
        raise Refusal(Code.MALFORMED, reason)
    expected = _path_size_bytes(index, size)
    if len(path) != expected:
        reason = f"inclusion path has {len(path)} bytes: {index} of {size} needs {expected}"
        raise Refusal(Code.MALFORMED, reason)


def _inclusion_failed(index: int, size: int) -> Refusal:
    reason = f"inclusion path of index {index} does not lead to the root of size {size}"
    return Refusal(Code.UNAUTHENTICATED, reason)


def verify_inclusion(index: int, size: int, leaf: bytes, path: bytes, root: bytes) -> None:
    """Verify that `leaf` is the leaf hash at `index` in the tree of `size` with `root`.

    Source: RFC 9162 §2.1.3.2.

    Raises:
        Refusal: MALFORMED when a length or bound is wrong (the length of a path follows from
            index and size); UNAUTHENTICATED when the path leads to another root.
    """
    _require_tree(size, root)
    _require_path(index, size, leaf, path)
    value, node, edge = leaf, index, size - 1
    for at in range(0, len(path), HASH_SIZE_BYTES):
        sibling = path[at : at + HASH_SIZE_BYTES]
        if node & 1 or node == edge:
            value = sha256(b"\x01" + sibling + value).digest()
            # On the right edge: climb over the heights where nothing hangs to the left.
            while not node & 1:
                node >>= 1
                edge >>= 1
        else:
            value = sha256(b"\x01" + value + sibling).digest()
        node >>= 1
        edge >>= 1
    if value != root:
        raise _inclusion_failed(index, size)


class InclusionChecker:
    """Verifies many leaves of one tree, accepting and refusing exactly what verify_inclusion does.

    A node once proved, together with the rest of its path, needs no second proof: of a batch of
    neighbouring leaves each costs about two hashes. Memory is bounded: past some thousand nodes all
    are forgotten and proved anew. Not thread-safe.
    """

    __slots__ = ("_last", "_proved", "_root", "_size", "_top")

    def __init__(self, size: int, root: bytes) -> None:
        """Check leaves against the tree of `size` with `root`.

        Raises:
            Refusal: MALFORMED when the size is outside 1..2^63-1 or the root is not 32 bytes.
        """
        _require_tree(size, root)
        self._size = size
        self._root = root
        # A bit above every index makes `index | top`, shifted right by the height, a number
        # that names a node uniquely over all heights; the root is 1.
        self._top = 1 << (size - 1).bit_length()
        self._last = size - 1 | self._top
        self._proved: dict[int, tuple[bytes, bytes]] = {}

    def check(self, index: int, leaf: bytes, path: bytes) -> None:
        """Verify one leaf hash at `index` by its inclusion path.

        Raises:
            Refusal: as verify_inclusion does.
        """
        _require_path(index, self._size, leaf, path)
        value, node, edge = leaf, index | self._top, self._last
        proved = self._proved
        fresh: dict[int, tuple[bytes, bytes]] = {}
        for at in range(0, len(path), HASH_SIZE_BYTES):
            known = proved.get(node)
            # How many hashes remain depends on the node alone, so a common ending of that
            # length is the identical rest of the path.
            if known is not None and known[0] == value and known[1].endswith(path[at:]):
                break
            fresh[node] = (value, path)
            sibling = path[at : at + HASH_SIZE_BYTES]
            if node & 1 or node == edge:
                value = sha256(b"\x01" + sibling + value).digest()
                while not node & 1:
                    node >>= 1
                    edge >>= 1
            else:
                value = sha256(b"\x01" + value + sibling).digest()
            node >>= 1
            edge >>= 1
        else:
            if value != self._root:
                raise _inclusion_failed(index, self._size)
        if len(proved) > _PROVED_MAX:
            proved.clear()
        proved.update(fresh)


def verify_consistency(
    first: int, second: int, path: bytes, first_root: bytes, second_root: bytes
) -> None:
    """Verify that the tree of size `first` is a prefix of the tree of size `second`.

    Size 0 is refused: every tree extends the empty one, so there is nothing to prove, and what
    to make of it is the caller's case. Source: RFC 9162 §2.1.4.2.

    Raises:
        Refusal: MALFORMED when a length or bound is wrong; UNAUTHENTICATED when the path does
            not lead to both roots.
    """
    _require_tree(first, first_root)
    _require_tree(second, second_root)
    if first > second:
        reason = f"first size {first} is larger than second size {second}: swap them"
        raise Refusal(Code.MALFORMED, reason)
    # The proof starts from the largest whole node that ends the first tree.
    height = (first & -first).bit_length() - 1
    node, edge = (first - 1) >> height, (second - 1) >> height
    at = HASH_SIZE_BYTES if node else 0
    expected = at + _path_size_bytes(node, edge + 1) if first < second else 0
    if len(path) != expected or expected > HASH_SIZE_BYTES * PATH_HASHES_MAX:
        reason = f"consistency path has {len(path)} bytes: {first} to {second} needs {expected}"
        raise Refusal(Code.MALFORMED, reason)
    old = new = path[:at] if first < second and at else first_root
    for start in range(at, len(path), HASH_SIZE_BYTES):
        sibling = path[start : start + HASH_SIZE_BYTES]
        if node & 1 or node == edge:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1:
                node >>= 1
                edge >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        edge >>= 1
    if old != first_root or new != second_root:
        reason = f"consistency path from size {first} does not lead to both roots"
        raise Refusal(Code.UNAUTHENTICATED, reason)


class Tile(NamedTuple):
    """A run of up to 256 neighbouring whole nodes, as stored and served (C2SP tlog-tiles).

    Entry i of tile `number` at `level` is the root of the 256^level leaves from
    (number * 256 + i) * 256^level on.
    """

    level: int
    number: int
    hashes: bytes
    """32 bytes (one entry) to 8,192 bytes (a full tile)."""


class _View:
    """The tree as it was at one size: its right edge, and the path last asked for.

    `edge[height]` is the hash of the node that is not whole at that height, empty where all
    are whole. Every path of one size shares this; neighbours also share most of `siblings`.
    """

    __slots__ = ("edge", "height", "index", "siblings", "size")

    def __init__(self, size: int, edge: list[bytes]) -> None:
        self.size = size
        self.edge = edge
        self.height = len(edge) - 1
        self.index = -1
        self.siblings = [b""] * self.height


class Tree:
    """An append-only Merkle tree in memory over storage by tiles.

    Kept in memory are the nodes of the last few full tiles of each level and of the latest
    batch, and a bounded number of older tiles, read back when an old leaf is asked for. There
    is no rollback: when the transaction that stores the tiles fails, discard the tree and build
    a new one. Not thread-safe.
    """

    def __init__(self, size: int, read_tile: Callable[[int, int], bytes]) -> None:
        """Open the tree of `size`, reading the right edge: at most one tile for each level.

        The caller compares root() with the signed checkpoint: storage is not trusted.

        Args:
            size: Number of leaves stored.
            read_tile: Given a level and a tile number, returns at least as many of its hashes
                as the tree of `size` has there; what it raises passes through.

        Raises:
            Refusal: MALFORMED when the size is out of range; DEFECT when a tile is too short.
        """
        if not 0 <= size <= SIZE_MAX:
            raise Refusal(Code.MALFORMED, f"tree size {size} is outside 0..2^63-1")
        self._size = size
        self._read_tile = read_tile
        # By height: the whole nodes kept, and the position of the first of them.
        self._rows: list[list[bytes]] = [[] for _ in range(_TILE_LEVELS * _TILE_HEIGHT)]
        self._starts = [0] * (_TILE_LEVELS * _TILE_HEIGHT)
        self._old_tiles: dict[tuple[int, int], list[list[bytes]]] = {}
        self._views: dict[int, _View] = {}
        for level in range(_TILE_LEVELS):
            number, width = divmod(size >> level * _TILE_HEIGHT, TILE_WIDTH)
            rows = self._expand(level, number, width)
            for height, row in enumerate(rows, level * _TILE_HEIGHT):
                self._rows[height] = row
                self._starts[height] = number * TILE_WIDTH >> height % _TILE_HEIGHT

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def extend(self, leaves: Sequence[bytes]) -> list[Tile]:
        """Append leaf hashes and return each tile that changed, once, as it is now.

        Tiles come level by level, left to right; full tiles are complete, the last of each
        level has its present width.

        Raises:
            Refusal: MALFORMED when a leaf hash is not 32 bytes; the tree is then unchanged.
        """
        if not {HASH_SIZE_BYTES}.issuperset(map(len, leaves)):
            raise Refusal(Code.MALFORMED, "a leaf hash is not 32 bytes: hash entries first")
        if self._size + len(leaves) > SIZE_MAX:
            raise Refusal(Code.MALFORMED, "the tree would exceed 2^63-1 leaves")
        before = self._size
        self._size = before + len(leaves)
        fresh = list(leaves)
        for height in count():
            if not fresh:
                break
            row = self._rows[height]
            row += fresh
            unpaired = before >> height & 1
            fresh = _parents(row[len(row) - len(fresh) - unpaired :])
        tiles = self._tiles_since(before)
        self._forget(before)
        return tiles

    def root(self, size: int | None = None) -> bytes:
        """Return the root now, or as it was at an earlier size.

        Raises:
            Refusal: UNKNOWN when the tree has never had that size.
        """
        if (self._size if size is None else size) == 0:
            return EMPTY_ROOT
        view = self._view(size)
        return view.edge[view.height] or self._whole(view.height, 0)

    def path(self, index: int, size: int | None = None) -> bytes:
        """Return the inclusion path of a leaf now, or as it was at an earlier size.

        Asking for neighbours in turn is cheap: they share the upper part of their paths.

        Raises:
            Refusal: UNKNOWN when there is no such leaf at that size.
        """
        view = self._view(size)
        if not 0 <= index < view.size:
            reason = f"there is no leaf {index} in the tree of size {view.size}"
            raise Refusal(Code.UNKNOWN, reason)
        return b"".join(self._siblings(view, index))

    def paths(self, start: int) -> list[bytes]:
        """Return the inclusion paths of all leaves from `start` on, now.

        Neighbours share all but the lowest part of their paths, which is built once for each pair.

        Raises:
            Refusal: UNKNOWN when there is no such leaf.
        """
        view = self._view(None)
        if not 0 <= start < view.size:
            raise Refusal(Code.UNKNOWN, f"there is no leaf {start} in the tree of {view.size}")
        size, last = view.size, view.size - 1
        above = [b""]
        for height in reversed(range(view.height)):
            first, whole = start >> height, size >> height
            # One sibling more at either end makes whole pairs of them.
            siblings = [
                self._whole(height, position)
                if position < whole
                else (view.edge[height] if position == whole else b"")
                for position in range(first & ~1, (last >> height | 1) + 1)
            ]
            odd = first & 1
            above = [
                siblings[at ^ 1] + above[at >> 1]
                for at in range(odd, odd + (last >> height) - first + 1)
            ]
        return above

    def consistency(self, first: int, second: int | None = None) -> bytes:
        """Return the proof that the tree of size `first` is a prefix of a later one.

        It is empty from size 0, which needs no proof, and between equal sizes.

        Raises:
            Refusal: UNKNOWN when the tree has never had one of the sizes, or first > second.
        """
        later = self._size if second is None else second
        if not 0 <= first <= later <= self._size:
            reason = f"there is no proof from size {first} to {later}: the tree has {self._size}"
            raise Refusal(Code.UNKNOWN, reason)
        if first in (0, later):
            return b""
        height = (first & -first).bit_length() - 1
        node = (first - 1) >> height
        start = self._whole(height, node) if node else b""
        return start + b"".join(self._siblings(self._view(later), first - 1)[height:])

    def _view(self, size: int | None) -> _View:
        """Return the tree as it was at a size (now by default), building its right edge once."""
        if size is None:
            size = self._size
        view = self._views.get(size)
        if view is not None:
            return view
        if not 1 <= size <= self._size:
            reason = f"there is no tree of size {size}: the tree has {self._size} leaves"
            raise Refusal(Code.UNKNOWN, reason)
        edge, value = [], b""
        for height in range((size - 1).bit_length()):
            edge.append(value)
            whole = size >> height
            if whole & 1:
                left = self._whole(height, whole - 1)
                value = node_hash(left, value) if value else left
        edge.append(value)
        if len(self._views) >= _VIEWS_MAX:
            del self._views[next(iter(self._views))]
        view = self._views[size] = _View(size, edge)
        return view

    def _siblings(self, view: _View, index: int) -> list[bytes]:
        """Return the siblings from the leaf up, by height, empty where there is none.

        The list belongs to the view and is overwritten by the next call.
        """
        size, edge, siblings = view.size, view.edge, view.siblings
        rows, starts = self._rows, self._starts
        # Above the height where the two indices meet, the path is the one of the last call.
        differing = view.height if view.index < 0 else (index ^ view.index).bit_length()
        view.index = -1  # should reading a tile fail half-way, nothing of this is trusted again
        for height in range(differing):
            position = (index >> height) ^ 1
            whole = size >> height
            if position < whole:
                at = position - starts[height]
                siblings[height] = rows[height][at] if at >= 0 else self._whole(height, position)
            else:
                siblings[height] = edge[height] if position == whole else b""
        view.index = index
        return siblings

    def _whole(self, height: int, position: int) -> bytes:
        """Return the hash of a whole node, from memory or from its tile."""
        at = position - self._starts[height]
        if at >= 0:
            return self._rows[height][at]
        level, row = divmod(height, _TILE_HEIGHT)
        number, at = divmod(position, TILE_WIDTH >> row)
        # Taken out and put back last, so that the first of the dict is the least recently used.
        rows = self._old_tiles.pop((level, number), None)
        if rows is None:
            rows = self._expand(level, number, TILE_WIDTH)
            if len(self._old_tiles) >= _OLD_TILES_MAX:
                del self._old_tiles[next(iter(self._old_tiles))]
        self._old_tiles[level, number] = rows
        return rows[row][at]

    def _expand(self, level: int, number: int, width: int) -> list[list[bytes]]:
        """Read the first `width` hashes of a tile and return its nodes, by height in the tile."""
        size_bytes = width * HASH_SIZE_BYTES
        data = self._read_tile(level, number)[:size_bytes] if width else b""
        if len(data) != size_bytes:
            reason = f"tile {number} of level {level} has {len(data)} bytes of {size_bytes}"
            raise Refusal(Code.DEFECT, reason)
        starts = range(0, size_bytes, HASH_SIZE_BYTES)
        rows = [[data[at : at + HASH_SIZE_BYTES] for at in starts]]
        while len(rows) < _TILE_HEIGHT:
            rows.append(_parents(rows[-1]))
        return rows

    def _tiles_since(self, before: int) -> list[Tile]:
        tiles = []
        for level in range(_TILE_LEVELS):
            height = level * _TILE_HEIGHT
            old, new = before >> height, self._size >> height
            if old == new:
                break
            row, start = self._rows[height], self._starts[height]
            for number in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
                at = number * TILE_WIDTH - start
                tiles.append(Tile(level, number, b"".join(row[at : at + TILE_WIDTH])))
        return tiles

    def _forget(self, before: int) -> None:
        """Drop nodes left of the recent tiles, but none of the batch appended after `before`."""
        for level in range(_TILE_LEVELS):
            shift = (level + 1) * _TILE_HEIGHT
            keep = min(before >> shift, (self._size >> shift) - _RECENT_TILES)
            if keep * TILE_WIDTH <= self._starts[level * _TILE_HEIGHT]:
                continue
            for row in range(_TILE_HEIGHT):
                height = level * _TILE_HEIGHT + row
                start = keep * TILE_WIDTH >> row
                del self._rows[height][: start - self._starts[height]]
                self._starts[height] = start


def _parents(nodes: list[bytes]) -> list[bytes]:
    """Hash neighbours in pairs; an odd one at the end waits for its sibling."""
    pairs = zip(nodes[::2], nodes[1::2], strict=False)
    return [sha256(b"\x01" + left + right).digest() for left, right in pairs]
