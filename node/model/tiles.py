"""Where a journal's public tiles are, and what stands in them.

Source: C2SP tlog-tiles.

    tile/<level>/<number>[.p/<width>]     256 hashes of 32 bytes, or the first <width> of them
    tile/entries/<number>[.p/<width>]     an entry bundle: 256 entries, or the first <width>

A number is written in groups of three digits, all but the last with an x before them:
1234067 is x001/x234/067. Every path has one spelling, every bundle one encoding.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES, SIZE_MAX, TILE_WIDTH

LEVEL_MAX: Final = 63
ENTRIES: Final = -1
"""Stands for a level: the entries themselves, below the hashes of level 0."""

ENTRY_SIZE_MAX_BYTES: Final = 2**16 - 1
_LENGTH_SIZE_BYTES: Final = 2
_NUMBER_MAX: Final = SIZE_MAX // TILE_WIDTH
_TILE_HEIGHT: Final = 8
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/"
    r"(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


class TilePath(NamedTuple):
    """Names a tile or, at level `ENTRIES`, an entry bundle.

    `width` is how many hashes or entries it has: 256, or fewer for a partial one.
    """

    level: int
    number: int
    width: int = TILE_WIDTH

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a path below a journal's prefix, like tile/0/x001/234.p/17.

        Raises:
            Refusal: MALFORMED when str() of the result would not be `path`.
        """
        # No more groups than the largest number needs, so that nobody makes us read a long one.
        match = _PATH.fullmatch(path)
        if match is not None:
            level = ENTRIES if match["level"] == "entries" else int(match["level"])
            number = int(match["number"].translate(_DIGITS_ONLY))
            found = cls(level, number, int(match["width"] or TILE_WIDTH))
            if level <= LEVEL_MAX and number <= _NUMBER_MAX and str(found) == path:
                return found
        raise Refusal(Code.MALFORMED, "path is none of a tile: see C2SP tlog-tiles")

    @property
    def is_partial(self) -> bool:
        """Whether it holds fewer than 256."""
        return self.width < TILE_WIDTH

    @property
    def height(self) -> int:
        """Height in the tree of the nodes that it holds; that of leaves for entries."""
        return max(self.level, 0) * _TILE_HEIGHT

    def __str__(self) -> str:
        groups = [f"{self.number % 1000:03}"]
        rest = self.number // 1000
        while rest:
            groups.append(f"x{rest % 1000:03}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = f".p/{self.width}" if self.is_partial else ""
        return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


_DIGITS_ONLY: Final = str.maketrans("", "", "x/")


def covered_width(size: int, level: int, number: int) -> int:
    """Return how many hashes or entries of a tile a tree of `size` has, 0 to 256."""
    whole = size >> max(level, 0) * _TILE_HEIGHT
    return min(max(whole - number * TILE_WIDTH, 0), TILE_WIDTH)


def edge_paths(size: int) -> list[TilePath]:
    """Return the partial tiles and the partial bundle of a tree of `size`, entries first."""
    paths = []
    for level in range(ENTRIES, LEVEL_MAX):
        number, width = divmod(size >> max(level, 0) * _TILE_HEIGHT, TILE_WIDTH)
        if width:
            paths.append(TilePath(level, number, width))
        elif not number:
            break
    return paths


def render_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries as a bundle: each after its length, two bytes big-endian.

    Raises:
        Refusal: MALFORMED where there are no or more than 256 entries, or one is too long.
    """
    if not 1 <= len(entries) <= TILE_WIDTH:
        raise Refusal(Code.MALFORMED, f"bundle has {len(entries)} entries, not 1 to {TILE_WIDTH}")
    sizes = set(map(len, entries))
    if max(sizes) > ENTRY_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"bundle: an entry is over {ENTRY_SIZE_MAX_BYTES} bytes")
    if len(sizes) == 1:  # as in a journal, where all are commitments
        length = sizes.pop().to_bytes(_LENGTH_SIZE_BYTES, "big")
        return length + length.join(entries)
    parts = [len(entry).to_bytes(_LENGTH_SIZE_BYTES, "big") + entry for entry in entries]
    return b"".join(parts)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the entries of a bundle that has `width` of them.

    Raises:
        Refusal: MALFORMED, with the entry where it breaks, when render_bundle of the result would
            not be `data`.
    """
    if not 1 <= width <= TILE_WIDTH:
        raise Refusal(Code.MALFORMED, f"bundle cannot have {width} entries")
    entries = []
    at = 0
    for place in range(width):
        start = at + _LENGTH_SIZE_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise Refusal(
                Code.MALFORMED, f"bundle of {len(data)} bytes ends within entry {place} of {width}"
            )
        entries.append(data[start:at])
    if at != len(data):
        raise Refusal(Code.MALFORMED, f"bundle has {len(data) - at} bytes after entry {width - 1}")
    return entries


def split_hashes(data: bytes) -> list[bytes]:
    """Cut joined hashes, or commitments, apart; the last one is shorter where bytes lack."""
    return [data[at : at + HASH_SIZE_BYTES] for at in range(0, len(data), HASH_SIZE_BYTES)]
