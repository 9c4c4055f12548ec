"""A journal's public side as a static directory, which any web server can hand out.

    checkpoint   tile/0/000   tile/0/001.p/44   tile/entries/000   …   (C2SP tlog-tiles)

1. one export at a time; what an export that was cut off left half-written goes
2. the checkpoint in the directory is one of this journal's own past: never a larger tree, another
   history or another journal
3. from the directory's own edge the tree grows by the entries that are new; every tile and bundle
   is written under another name, brought to the disk and then named
4. the tree that came of it has the root of the signed checkpoint; else nothing is published
5. all directories are on the disk; only then the new checkpoint takes the old one's place

Whatever stands in the directory beyond its checkpoint counts for nothing, so an export may be cut
off anywhere, and the next one does that part again.
"""

import fcntl
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES, TILE_WIDTH, Tree, leaf_hash
from node.model.note import NOTE_SIZE_MAX_BYTES, Checkpoint
from node.model.tiles import ENTRIES, TilePath, covered_width, render_bundle
from node.store.tiles import PublicJournal

CHECKPOINT_FILE: Final = "checkpoint"
UNFINISHED: Final = ".unfinished"
"""Directory of what is being written; gone when an export has ended."""

_WRITERS: Final = 4  # each waits for the disk most of the time
_TOGETHER: Final = 16  # files that a writer takes at a time
_WAITING_MAX: Final = 64
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")

Progress = Callable[[int], None]
"""Told how many entries are written so far."""


class TilesExported(Struct, frozen=True):
    """What one export did.

    Attributes:
        size: of the checkpoint that the directory has now.
        size_before: of the one that it had.
        files: how many tiles and bundles were written.
    """

    size: int
    size_before: int
    files: int


def export_tiles(
    journal: PublicJournal,
    directory: Path,
    prefix: str = "",
    progress: Progress = lambda _entries: None,
) -> TilesExported:
    """Bring a static directory up to date with a journal; what is there already stays.

    Args:
        journal: a snapshot of the journal.
        directory: where it goes; it is made where it is missing.
        prefix: a path below it, so that one web server's directory has room for several journals.
        progress: told now and then.

    Raises:
        Refusal: CONFLICT where the directory has something else than an earlier state of this
            journal, or another export writes there; DEFECT where the node's own database or the
            directory's edge is damaged. The directory still shows then what it showed before.
        OSError: where the disk refuses; as before.
    """
    if prefix and _PREFIX.fullmatch(prefix) is None:
        raise Refusal(Code.MALFORMED, "--prefix: must be names joined by /, like xa/journal")
    place = directory / prefix
    place.mkdir(parents=True, exist_ok=True)
    with _locked(place), _Files(place) as files:  # 1
        before = _require_own_past(journal, place)  # 2
        if before < journal.checkpoint.size:
            _grow(journal, place, before, files, progress)  # 3 and 4
        files.publish(CHECKPOINT_FILE, journal.note)  # 5
        return TilesExported(journal.checkpoint.size, before, files.written)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(Code.CONFLICT, f"another export is writing {place}") from None
        yield
    finally:
        os.close(descriptor)


def _require_own_past(journal: PublicJournal, place: Path) -> int:
    """Return the size of the checkpoint in the directory, 0 where it is still to be filled."""
    path = place / CHECKPOINT_FILE
    if not path.exists():
        others = {one.name for one in place.iterdir()} - {"tile", UNFINISHED}
        if others:
            raise Refusal(
                Code.CONFLICT,
                f"{place} holds {min(others)} and no checkpoint: name an empty directory",
            )
        return 0
    try:
        with path.open("rb") as stream:
            note = stream.read(NOTE_SIZE_MAX_BYTES + 1)
        there = Checkpoint.parse(note.rpartition(b"\n\n")[0] + b"\n")
    except Refusal as refusal:
        raise Refusal(
            Code.CONFLICT, f"{path} is damaged ({refusal.reason}): export to an empty directory"
        ) from None
    ours = journal.checkpoint
    if there.origin != ours.origin:
        raise Refusal(
            Code.CONFLICT,
            f"{place} holds the journal {there.origin}, and this one is {ours.origin}",
        )
    if there.size > ours.size:
        raise Refusal(
            Code.CONFLICT,
            f"{place} holds {there.size} entries of this journal, and the node has {ours.size}: "
            "was the node restored from an old copy? Nothing was changed",
        )
    if journal.root(there.size) != there.root:
        raise Refusal(
            Code.CONFLICT,
            f"{place} holds another history of this journal: its root at size {there.size} is not "
            "the node's. Keep both, and tell the federation; nothing was changed",
        )
    return there.size


def _grow(
    journal: PublicJournal, place: Path, before: int, files: "_Files", progress: Progress
) -> None:
    size = journal.checkpoint.size
    tree = Tree(before, lambda level, number: _edge_tile(place, before, level, number))
    begun = before % TILE_WIDTH  # entries of the last bundle that are there already
    known = _edge_tile(place, before, 0, before // TILE_WIDTH) if begun else b""
    edge: dict[int, tuple[TilePath, bytes]] = {}
    number = before // TILE_WIDTH
    for entries in journal.entries(before - begun):
        leaves = list(map(leaf_hash, entries))
        if b"".join(leaves[:begun]) != known:
            raise _damaged(place, before)
        for tile in tree.extend(leaves[begun:]):
            path = TilePath(tile.level, tile.number, len(tile.hashes) // HASH_SIZE_BYTES)
            if path.is_partial:
                edge[path.level] = (path, tile.hashes)
            else:
                files.write(str(path), tile.hashes)
        for at in range(0, len(entries), TILE_WIDTH):
            some = entries[at : at + TILE_WIDTH]
            files.write(str(TilePath(ENTRIES, number, len(some))), render_bundle(some))
            number += 1
        begun, known = 0, b""
        progress(tree.size - before)
    if tree.root() != journal.checkpoint.root:
        raise _damaged(place, before)
    for path, hashes in edge.values():
        if covered_width(size, path.level, path.number) == path.width:  # not filled up since
            files.write(str(path), hashes)


def _damaged(place: Path, before: int) -> Refusal:
    return Refusal(
        Code.DEFECT,
        f"what {place} has up to {before} and the node's entries after it do not add up to the "
        "signed checkpoint: see 'symbolon journal verify', of the node and of the directory",
    )


def _edge_tile(place: Path, size: int, level: int, number: int) -> bytes:
    path = place / str(TilePath(level, number, covered_width(size, level, number)))
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refusal(
            Code.DEFECT,
            f"{path} cannot be read ({error.strerror}): export to an empty directory",
        ) from None


class _Files:
    """Writes the files of one export, many at a time, and waits for all before it publishes."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._unfinished = place / UNFINISHED
        self._pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="export")
        self._waiting: deque[Future[None]] = deque()
        self._next: list[tuple[str, bytes]] = []
        self._folders = {place}
        self.written = 0

    def __enter__(self) -> Self:
        self._clear()
        self._unfinished.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._clear()

    def write(self, name: str, content: bytes) -> None:
        """Begin to write a file; `publish` waits until it is there."""
        path = self._place / name
        if path.parent not in self._folders:
            self._make(path.parent)
        self._next.append((str(path), content))
        if len(self._next) == _TOGETHER:
            self._hand_over()
        while len(self._waiting) > _WAITING_MAX:
            self._waiting.popleft().result()

    def publish(self, name: str, content: bytes) -> None:
        """Put a file in place when all that was written before is on the disk."""
        self._hand_over()
        while self._waiting:
            self._waiting.popleft().result()
        for folder in sorted(self._folders, reverse=True):
            _sync_folder(folder)
        self._put_all([(f"{self._place}/{name}", content)], self.written)
        _sync_folder(self._place)

    def _hand_over(self) -> None:
        files, self._next = self._next, []
        self._waiting.append(self._pool.submit(self._put_all, files, self.written))
        self.written += len(files)

    def _put_all(self, files: list[tuple[str, bytes]], number: int) -> None:
        """Write files together: the disk is asked to have them when all are on their way."""
        fresh = [f"{self._unfinished}/{number + place}" for place in range(len(files))]
        opened: list[int] = []
        try:
            for name, (_, content) in zip(fresh, files, strict=True):
                opened.append(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
                left = memoryview(content)
                while left:
                    left = left[os.write(opened[-1], left) :]
            for descriptor in opened:
                os.fsync(descriptor)
        finally:
            for descriptor in opened:
                os.close(descriptor)
        for name, (path, _) in zip(fresh, files, strict=True):
            os.replace(name, path)  # noqa: PTH105 - every step is `os`, so a test can fail each

    def _make(self, folder: Path) -> None:
        above = folder.parent
        if above not in self._folders:
            self._make(above)
        if not folder.is_dir():
            os.mkdir(folder)  # noqa: PTH102 - every step is `os`, so a test can fail each
        self._folders.add(folder)

    def _clear(self) -> None:
        if self._unfinished.is_dir():
            for path in self._unfinished.iterdir():
                path.unlink()
            self._unfinished.rmdir()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
