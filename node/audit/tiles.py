"""Verifying a directory of tiles, as any web server may hand it out: nothing in it is believed.

1. the checkpoint reads strictly, is of the journal that is expected, and its signatures hold
2. every bundle and every tile that a tree of this size has is there, whole, and is what the
   entries below it make; the root is the checkpoint's
3. nothing else is there

Where entries and hashes contradict each other, the root says which of them are those that were
signed, and the other file is the one that is reported. Memory does not grow with the journal.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from node.audit.findings import Check, Findings, Place, Report
from node.errors import Code, Refusal
from node.model.bounds import exactly
from node.model.merkle import HASH_SIZE_BYTES, TILE_WIDTH, Tree, leaf_hash
from node.model.note import NOTE_SIZE_MAX_BYTES, Checkpoint, VerifierKey, open_checkpoint
from node.model.tiles import ENTRIES, TilePath, covered_width, parse_bundle, split_hashes

CHECKPOINT_FILE: Final = "checkpoint"
_UNFINISHED: Final = ".unfinished"
_FILE_SIZE_MAX_BYTES: Final = TILE_WIDTH * (2 + 65_535)
_TOLD_EVERY: Final = 64

Progress = Callable[[int], None]
"""Told how many entries are checked so far."""


Opening = Callable[[bytes], object]
"""Opens the signatures of a checkpoint; refuses where they do not hold."""


class CheckedTiles(Struct, frozen=True):
    """What came of it, and the checkpoint in the directory where it can be read."""

    report: Report
    checkpoint: Checkpoint | None


def verify_tiles(
    directory: Path,
    opening: Opening | None,
    progress: Progress = lambda _entries: None,
) -> CheckedTiles:
    """Verify a directory of tiles.

    Args:
        directory: holds `checkpoint` and `tile`.
        opening: opens the signatures, or refuses; without it they are INDETERMINATE.
        progress: told now and then.
    """
    findings = Findings()
    checkpoint = _check_checkpoint(directory, opening, findings)
    if checkpoint is not None:
        _check_tree(directory, checkpoint, findings, progress)
        _check_others(directory, checkpoint.size, findings)
    return CheckedTiles(findings.report(), checkpoint)


def _check_checkpoint(
    directory: Path, opening: Opening | None, findings: Findings
) -> Checkpoint | None:
    place = Place(CHECKPOINT_FILE)
    try:
        note, checkpoint = read_checkpoint(directory)
    except Refusal as refusal:
        findings.failed(Check.FORMAT, place, refusal.reason)
        return None
    findings.passed(Check.FORMAT)
    if opening is None:
        reason = "no key of the journal is given to check its signatures with"
        findings.undetermined(Check.CHECKPOINT_SIGNATURE, place, reason)
        return checkpoint
    try:
        opening(note)
    except Refusal as refusal:
        findings.failed(Check.CHECKPOINT_SIGNATURE, place, refusal.reason)
    else:
        findings.passed(Check.CHECKPOINT_SIGNATURE)
    return checkpoint


def read_checkpoint(directory: Path) -> tuple[bytes, Checkpoint]:
    """Return the signed note in a directory of tiles, and what it says; nothing is verified.

    Raises:
        Refusal: UNKNOWN where there is none, MALFORMED where it is none.
    """
    note = _read(directory / CHECKPOINT_FILE, NOTE_SIZE_MAX_BYTES)
    return note, Checkpoint.parse(note.rpartition(b"\n\n")[0] + b"\n")


def signed_by_all(keys: Sequence[VerifierKey]) -> Opening:
    """Return what opens a checkpoint of the journal that these keys name: each must have signed."""

    def opening(note: bytes) -> None:
        opened = open_checkpoint(note, keys[0].name, keys)
        for key in keys:
            if key not in opened.signed_by:
                raise Refusal(Code.UNAUTHENTICATED, f"lacks a signature of kind {key.kind.name}")

    return opening


# --- the tree ------------------------------------------------------------------------------


class _Walk:
    """One walk over entries and tiles, from the first to the last.

    The tree is grown from the entries or, `by_hashes`, from the tiles of level 0; from the other
    where a file does not read.
    """

    def __init__(self, directory: Path, size: int, *, by_hashes: bool, progress: Progress) -> None:
        self.findings = Findings()
        self._directory = directory
        self._size = size
        self._by_hashes = by_hashes
        self._progress = progress
        self._tree = Tree(0, _no_tile)
        self._edge: dict[int, tuple[int, bytes]] = {}
        self._unknown = 0

    def run(self) -> bytes | None:
        """Walk; returns the root, or None where entries are missing on both sides."""
        for number in range(-(-self._size // TILE_WIDTH)):
            if not self._take(number):  # a size may be any: nobody is made to count up to it
                self._unknown += 1
                break
            if number % _TOLD_EVERY == 0:
                self._progress(self._tree.size)
        for level, (number, hashes) in self._edge.items():
            self._compare(level, number, hashes)
        self._progress(self._size)
        return None if self._unknown else self._tree.root()

    def _take(self, number: int) -> bool:
        """Follow one bundle and its tile; tells whether either is there."""
        width = covered_width(self._size, 0, number)
        bundle, tile = TilePath(ENTRIES, number, width), TilePath(0, number, width)
        if not any((self._directory / str(path)).exists() for path in (bundle, tile)):
            reason = f"is missing, and so is {tile}; nothing after them was looked at"
            self.findings.failed(Check.FORMAT, Place(str(bundle)), reason)
            return False
        entries = self._leaves(bundle)
        hashes = self._hashes(tile)
        if entries is not None and hashes is not None and entries != hashes:
            at = next(
                place
                for place, (one, other) in enumerate(zip(entries, hashes, strict=True))
                if one != other
            )
            wrong, right, what = (
                (bundle, tile, "entry") if self._by_hashes else (tile, bundle, "hash")
            )
            self.findings.failed(
                Check.TILES,
                Place(str(wrong), at),
                f"{what} {number * TILE_WIDTH + at} of the journal is not the one of {right}",
            )
        preferred = (hashes, entries) if self._by_hashes else (entries, hashes)
        leaves = next((some for some in preferred if some is not None), None)
        if leaves is None:
            self._unknown += 1
            leaves = [bytes(HASH_SIZE_BYTES)] * width
        for grown in self._tree.extend(leaves):
            if not grown.level:
                continue
            if len(grown.hashes) == TILE_WIDTH * HASH_SIZE_BYTES:
                self._edge.pop(grown.level, None)
                self._compare(grown.level, grown.number, grown.hashes)
            else:
                self._edge[grown.level] = (grown.number, grown.hashes)
        return True

    def _leaves(self, path: TilePath) -> list[bytes] | None:
        try:
            entries = _commitments(_read(self._directory / str(path)), path.width)
        except Refusal as refusal:
            self.findings.failed(Check.FORMAT, Place(str(path)), refusal.reason)
            return None
        self.findings.passed(Check.FORMAT)
        return list(map(leaf_hash, entries))

    def _hashes(self, path: TilePath) -> list[bytes] | None:
        try:
            content = exactly(
                _read(self._directory / str(path)), "tile", path.width * HASH_SIZE_BYTES
            )
        except Refusal as refusal:
            self.findings.failed(Check.FORMAT, Place(str(path)), refusal.reason)
            return None
        self.findings.passed(Check.FORMAT)
        return split_hashes(content)

    def _compare(self, level: int, number: int, due: bytes) -> None:
        if self._unknown:  # what is due is not known
            return
        path = TilePath(level, number, len(due) // HASH_SIZE_BYTES)
        found = self._hashes(path)
        if found is None:
            return
        wrong = [
            at
            for at, (one, other) in enumerate(zip(found, split_hashes(due), strict=True))
            if one != other
        ]
        for at in wrong:
            below = TilePath(level - 1, number * TILE_WIDTH + at)
            self.findings.failed(
                Check.TILES, Place(str(path), at), f"is not the hash of what {below} makes"
            )
        if not wrong:
            self.findings.passed(Check.TILES)


def _commitments(bundle: bytes, width: int) -> list[bytes]:
    entries = parse_bundle(bundle, width)
    for at, entry in enumerate(entries):
        exactly(entry, f"entry {at}", HASH_SIZE_BYTES)
    return entries


def _check_tree(
    directory: Path, checkpoint: Checkpoint, findings: Findings, progress: Progress
) -> None:
    walks = []
    for by_hashes in (False, True):
        walk = _Walk(directory, checkpoint.size, by_hashes=by_hashes, progress=progress)
        walks.append(walk)
        if walk.run() == checkpoint.root:
            findings.passed(Check.CHECKPOINT_ROOT)
            findings.merge(walk.findings)
            return
    findings.merge(walks[0].findings)
    findings.failed(
        Check.CHECKPOINT_ROOT,
        Place(CHECKPOINT_FILE),
        f"neither the entries nor the hashes make the root that was signed for {checkpoint.size}",
    )


def _no_tile(level: int, number: int) -> bytes:
    raise Refusal(Code.DEFECT, f"tile {number} of level {level} was never made")


# --- what else is there --------------------------------------------------------------------


def _check_others(directory: Path, size: int, findings: Findings) -> None:
    """Judge every file that is not one of the tree's own."""
    for path in _below(directory):
        name = path.relative_to(directory).as_posix()
        if name == CHECKPOINT_FILE:
            continue
        place = Place(name)
        if name.split("/")[0] == _UNFINISHED:
            reason = "is what an export left that was cut off; the next one takes it away"
            findings.undetermined(Check.NOTHING_ELSE, place, reason)
            continue
        try:
            tile = TilePath.parse(name)
        except Refusal:
            findings.failed(Check.NOTHING_ELSE, place, "is no file of a tile directory")
            continue
        width = covered_width(size, tile.level, tile.number)
        if width < tile.width:
            reason = "the checkpoint does not cover it: an export was cut off, or it was put there"
            findings.undetermined(Check.NOTHING_ELSE, place, reason)
        elif width > tile.width:  # of an earlier checkpoint
            faults = _prefix_faults(directory, tile, tile._replace(width=width))
            findings.judge(Check.TILES, place, faults)


def _prefix_faults(directory: Path, earlier: TilePath, now: TilePath) -> Iterator[str]:
    try:
        content, whole = _read(directory / str(earlier)), _read(directory / str(now))
        entries = earlier.width * HASH_SIZE_BYTES
        size_bytes = entries + 2 * earlier.width if earlier.level == ENTRIES else entries
    except Refusal as refusal:
        yield refusal.reason
        return
    if content != whole[:size_bytes]:
        yield f"is not the beginning of {now}"


def _below(directory: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        else:
            yield path


def _read(path: Path, size_max_bytes: int = _FILE_SIZE_MAX_BYTES) -> bytes:
    """Read a regular file.

    Raises:
        Refusal: UNKNOWN where it is missing, MALFORMED where it is none or too large.
    """
    try:
        if path.exists() and not path.is_file():
            raise Refusal(Code.MALFORMED, "is no regular file")
        with path.open("rb") as stream:
            content = stream.read(size_max_bytes + 1)
    except FileNotFoundError:
        raise Refusal(Code.UNKNOWN, "is missing") from None
    except OSError as error:
        raise Refusal(Code.MALFORMED, f"cannot be read ({error.strerror})") from None
    if len(content) > size_max_bytes:
        raise Refusal(Code.MALFORMED, f"has more than {size_max_bytes} bytes")
    return content
