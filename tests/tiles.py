"""Journals that are all tiles, and a checker of tile directories that shares no code with the node.

TiledJournal   a journal on disk whose statements nobody keeps: as many entries as a test wants
walk           checks a directory by RFC 6962 and C2SP tlog-tiles, with hashlib and nothing else
"""

import base64
import gc
import hashlib
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from node.model.merkle import EMPTY_ROOT
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint
from node.store import schema
from node.store.database import Database
from node.store.journal import Journal, create
from node.store.tile_directory import TilesExported, export_tiles
from node.store.tiles import SqlTiles
from tests.federation import journal_signers, origin

ORIGIN = origin("XA")
SIGNERS = journal_signers("XA")
KEYS = [signer.verifier for signer in SIGNERS]
_AT_ONCE = 16_384


class TiledJournal:
    """A journal of XA's without statements, for what needs many entries or quick ones."""

    def __init__(
        self,
        path: Path,
        seed: int = 1,
        signers: Sequence[Ed25519Signer | Mldsa44Signer] = SIGNERS,
    ) -> None:
        fresh = not path.exists()
        self.database = Database(f"sqlite:///{path}")
        self.journal = Journal(
            ORIGIN, lambda: signers, lambda: 1_000_000, random.Random(seed).randbytes
        )
        self.tiles = SqlTiles(self.database)
        if fresh:
            note = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), signers, 1)
            self.database.write_now(schema.metadata.create_all)
            self.database.write_now(lambda connection: create(connection, "XA", ORIGIN, note))

    def extend(self, count: int, *, sign: bool = True) -> None:
        """Append entries, and sign a checkpoint over them."""
        for start in range(0, count, _AT_ONCE):
            some = min(_AT_ONCE, count - start)
            last = start + some == count
            self.append([b"statement"] * some, sign=sign and last)

    def append(self, statements: list[bytes], *, sign: bool) -> None:
        """Append statements in one transaction; where it fails, as a node does."""

        def work(connection: Connection) -> None:
            self.journal.open(connection)
            self.journal.extend(statements)
            self.journal.close(connection, sign=sign)

        try:
            self.database.write_now(work)
        except BaseException:
            self.journal.forget()
            raise

    def export(self, directory: Path, prefix: str = "") -> TilesExported:
        with self.tiles.snapshot() as public:
            return export_tiles(public, directory, prefix)

    def close(self) -> None:
        self.database.close()


@contextmanager
def journal_of(
    path: Path,
    entries: int,
    seed: int = 1,
    signers: Sequence[Ed25519Signer | Mldsa44Signer] = SIGNERS,
) -> Iterator[TiledJournal]:
    """Make or open a journal, append entries, and close it in the end."""
    journal = TiledJournal(path, seed, signers)
    try:
        if entries:
            journal.extend(entries)
        yield journal
    finally:
        journal.close()


def in_process_of_its_own(directory: Path, database: Path, *, exiting_at: int | None = None) -> int:
    """Export in a fork of this process; returns its process id.

    `exiting_at` ends it at that step, without a chance to tidy up.
    """
    from node.store import tile_directory

    process_id = os.fork()
    if process_id:
        return process_id
    gc.disable()  # what belongs to threads that are not in the copy must not be taken apart in it
    try:
        if exiting_at is not None:
            tile_directory.os = Steps(exiting_at, "killed")  # type: ignore[assignment, attr-defined]
        journal = TiledJournal(database)
        journal.export(directory)
    finally:
        os._exit(0)


class Steps:
    """Stands for the module `os`, and lets one step of an export fail.

    failed      it was not done
    persisted   it was done, and failed all the same
    killed      the process ends there
    """

    COUNTED = frozenset({"mkdir", "open", "write", "fsync", "close", "replace"})

    def __init__(self, at: int | None = None, how: str = "failed") -> None:
        self.done = 0
        self._at = at
        self._how = how

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        if name not in self.COUNTED:
            return real

        def step(*arguments: object, **named: object) -> object:
            number = self.done
            self.done += 1
            if number != self._at:
                return real(*arguments, **named)
            if self._how == "killed":
                os._exit(9)
            if self._how == "persisted" or name == "close":  # what is not closed stays open
                real(*arguments, **named)
            raise OSError(5, "Input/output error")

        return step


# --- the checker: no line of it knows the node ----------------------------------------------


class Walked(NamedTuple):
    """What stands in a directory: its size, its root, its entries."""

    size: int
    root: bytes
    entries: list[bytes]


def walk(directory: Path) -> Walked:
    """Check every file that a tree of the checkpoint's size must have, from the definition.

    Raises:
        AssertionError: where one is missing or is another.
    """
    origin_line, size_line, root_line = (directory / "checkpoint").read_text().split("\n")[:3]
    assert origin_line == ORIGIN
    size, root = int(size_line), base64.b64decode(root_line)
    entries: list[bytes] = []
    for number in range((size + 255) // 256):
        width = min(256, size - number * 256)
        bundle = (directory / _name("entries", number, width)).read_bytes()
        for _ in range(width):
            length = bundle[0] * 256 + bundle[1]
            entries.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
        assert bundle == b"", f"bundle {number} goes on"
    level, hashes = 0, [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
    assert _root(hashes) == root
    while hashes:
        for number in range((len(hashes) + 255) // 256):
            some = hashes[number * 256 : number * 256 + 256]
            tile = (directory / _name(str(level), number, len(some))).read_bytes()
            assert tile == b"".join(some), f"tile {level}/{number}"
        whole = len(hashes) // 256
        hashes = [_root(hashes[at * 256 : at * 256 + 256]) for at in range(whole)]
        level += 1
    return Walked(size, root, entries)


def _root(hashes: list[bytes]) -> bytes:
    """Return MTH of leaf hashes (RFC 6962, 2.1)."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\1" + _root(hashes[:k]) + _root(hashes[k:])).digest()


def _name(level: str, number: int, width: int) -> str:
    digits = str(number)
    digits = "0" * (-len(digits) % 3) + digits
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < 256 else "")
