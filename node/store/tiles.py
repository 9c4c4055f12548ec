"""The public side of a journal: tiles and entry bundles, as far as a signed checkpoint covers them.

A tile's row holds it up to the right edge, signed or not; what is given out ends where the newest
checkpoint does. Commitments are kept by themselves, 256 in a row, beside the statements that they
stand for: so a bundle is one row, and stays when a statement and its salt have been erased.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES, TILE_WIDTH
from node.model.note import Checkpoint
from node.model.tiles import ENTRIES, TilePath, covered_width, render_bundle, split_hashes
from node.store import schema
from node.store.database import Database
from node.store.journal import read_bundle, read_tile, stored_tree

_ROWS_AT_ONCE: Final = 64


class SqlTiles:
    """Reads tiles and bundles; the signed size is remembered, since it only grows."""

    def __init__(self, database: Database) -> None:
        """Read from a node's database."""
        self._database = database
        self._signed = 0

    async def read(self, path: TilePath) -> bytes:
        """Return a tile or bundle as it is served.

        Raises:
            Refusal: UNKNOWN where no signed checkpoint covers all of it.
        """
        return await self._database.read(lambda connection: self._read(connection, path))

    def _read(self, connection: Connection, path: TilePath) -> bytes:
        if covered_width(self._signed, path.level, path.number) < path.width:
            self._signed = connection.execute(_NEWEST_SIZE).scalar_one()
            if covered_width(self._signed, path.level, path.number) < path.width:
                raise Refusal(Code.UNKNOWN, "no signed checkpoint covers this tile")
        size_bytes = path.width * HASH_SIZE_BYTES
        is_bundle = path.level == ENTRIES
        if is_bundle:
            content = read_bundle(connection, path.number)[:size_bytes]
        else:
            content = read_tile(connection, path.level, path.number)[:size_bytes]
        if len(content) != size_bytes:
            raise Refusal(
                Code.DEFECT, f"{path} has {len(content)} bytes of {size_bytes} in the database"
            )
        return render_bundle(split_hashes(content)) if is_bundle else content

    @contextmanager
    def snapshot(self) -> Iterator["PublicJournal"]:
        """Hold one consistent snapshot of the public journal open, in this thread.

        Call the ledger's `sign_head` first, to have the newest entries in it.
        """
        with self._database.snapshot() as connection:
            yield PublicJournal(connection)


class PublicJournal:
    """What a journal shows to everybody: its newest checkpoint, and the entries under it."""

    def __init__(self, connection: Connection) -> None:
        """Read from a snapshot."""
        self._connection = connection
        self.note: bytes = connection.execute(_NEWEST_NOTE).scalar_one()
        """The newest checkpoint, as a signed note."""
        self.checkpoint = Checkpoint.parse(self.note.rpartition(b"\n\n")[0] + b"\n")

    def root(self, size: int) -> bytes:
        """Return the root that the tree had at an earlier size.

        Raises:
            Refusal: UNKNOWN where it never had that size, DEFECT where a tile is missing.
        """
        return stored_tree(self._connection, self.checkpoint.size).root(size)

    def entries(self, first: int) -> Iterator[list[bytes]]:
        """Yield the commitments from index `first` up to the checkpoint, some thousand at a time.

        Every list but the last ends with a full bundle.

        Raises:
            Refusal: DEFECT where some are missing.
        """
        size = self.checkpoint.size
        stream = self._connection.execute(
            _BUNDLES,
            {"first": first // TILE_WIDTH, "last": (size - 1) // TILE_WIDTH},
            execution_options={"yield_per": _ROWS_AT_ONCE},
        )
        skip_bytes = first % TILE_WIDTH * HASH_SIZE_BYTES
        at = first
        for rows in stream.partitions():
            content = b"".join([row.commitments for row in rows])[skip_bytes:]
            skip_bytes = 0
            entries = split_hashes(content[: (size - at) * HASH_SIZE_BYTES])
            at += len(entries)
            yield entries
        if at < size:
            raise Refusal(Code.DEFECT, f"the journal's commitments end at {at}, before {size}")


_NEWEST_SIZE: Final = select(func.max(schema.checkpoint.c.size))
_NEWEST_NOTE: Final = (
    select(schema.checkpoint.c.note).order_by(schema.checkpoint.c.size.desc()).limit(1)
)
_BUNDLES: Final = (
    select(schema.bundle.c.commitments)
    .where(
        schema.bundle.c.number >= bindparam("first"), schema.bundle.c.number <= bindparam("last")
    )
    .order_by(schema.bundle.c.number)
)
