"""The journal on disk: statements in, at most one signed checkpoint a transaction.

Within the write transaction of its caller:

1. `open`: read the head; where another process moved it, forget the tree in memory
2. `extend`: salt, commit and hash the statements into the tree
3. `close`: write tiles and commitments, move the head by compare-and-swap, sign it if something is
   to travel
4. after the caller's commit, `seals`: what may now leave the node

The signing key signs only what extends the head that this transaction holds. Where the
transaction fails, the tree is forgotten and read again; a signature made meanwhile has been seen
by nobody.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ClauseElement, Connection, Row, Table, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite spells it the same

from node.errors import Code, Refusal
from node.model.merkle import EMPTY_ROOT, HASH_SIZE_BYTES, TILE_WIDTH, Tile, Tree, leaf_hash
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint
from node.model.seal import SALT_SIZE_BYTES, Sealed, commitment
from node.model.tiles import split_hashes
from node.store import schema
from node.store.database import insert_rows, run
from node.store.erased import gone
from node.store.vault import open_statements

_BUNDLES_AT_ONCE: Final = 64
_HELD_RETRY_AFTER_S: Final = 5.0
_BUNDLE_SIZE_BYTES: Final = TILE_WIDTH * HASH_SIZE_BYTES


class Placed(NamedTuple):
    """A statement in the journal."""

    position: int
    salt: bytes
    commitment: bytes


class Journal:
    """One append-only journal; not thread-safe, lives in the writing thread."""

    def __init__(
        self,
        origin: str,
        signers: Callable[[], Sequence[Ed25519Signer | Mldsa44Signer]],
        clock: Callable[[], int],
        randomness: Callable[[int], bytes],
    ) -> None:
        """Take the journal's name, a clock in microseconds and a source of salts.

        `signers` returns the keys that sign now; they may be renewed while the journal is open.
        """
        self._origin = origin
        self._signers = signers
        self._clock = clock
        self._randomness = randomness
        self._tree: Tree | None = None
        self._tiles: dict[tuple[int, int], Tile] = {}
        self._bundle = bytearray()  # commitments from the last full bundle on
        self._size = 0
        self._reading: Connection | None = None
        self._held, self._held_for_good = "", False

    @property
    def held(self) -> str:
        """Why nothing is signed; empty where it is."""
        return self._held

    def hold(self, reason: str, *, for_good: bool) -> None:
        """Sign nothing from now on, and where it is `for_good` write nothing either."""
        if not self._held_for_good:
            self._held, self._held_for_good = reason, for_good

    def release(self) -> None:
        """Sign again, unless it is held for good."""
        if not self._held_for_good:
            self._held = ""

    @property
    def size(self) -> int:
        """How many statements it holds, those of the open transaction included."""
        return self._size

    def open(self, connection: Connection) -> None:
        """Begin in a write transaction.

        Raises:
            Refusal: STALE while the journal is held for good.
        """
        if self._held_for_good:
            raise Refusal(Code.STALE, self._held)
        self._reading = connection
        head = run(connection, _HEAD).fetchone()
        if head is None:
            raise Refusal(Code.DEFECT, "there is no journal here; 'symbolon init' makes one")
        size, root = head
        self._tiles = {}
        if self._tree is None or self._tree.size != size:
            self._tree = Tree(size, self._read_tile)
            if self._tree.root() != root:
                raise Refusal(
                    Code.DEFECT, f"the journal's tiles do not add up to its head at {size}"
                )
            self._bundle = bytearray(_bundle_at(connection, size))
        self._size = self._before = size

    def extend(self, statements: Sequence[bytes]) -> list[Placed]:
        """Append statements to the tree of the open transaction."""
        tree = self._open_tree()
        randomness = self._randomness(SALT_SIZE_BYTES * len(statements))
        salts = [
            randomness[at : at + SALT_SIZE_BYTES]
            for at in range(0, len(randomness), SALT_SIZE_BYTES)
        ]
        entries = list(map(commitment, statements, salts))
        for tile in tree.extend(list(map(leaf_hash, entries))):
            self._tiles[tile.level, tile.number] = tile
        self._bundle += b"".join(entries)
        positions = range(self._size, tree.size)
        self._size = tree.size
        return list(map(Placed, positions, salts, entries))

    def close(self, connection: Connection, *, sign: bool) -> bytes:
        """Write what `extend` changed and move the head.

        Signs it too where a statement is about to leave the node, and returns the checkpoint;
        what stays is covered by the next one, or by `sign_head`.
        """
        tree = self._open_tree()
        root = tree.root()
        for tile in self._tiles.values():
            run(connection, _WRITE_TILE, level=tile.level, number=tile.number, hashes=tile.hashes)
        self._write_bundles(connection)
        moved = run(
            connection, _MOVE_HEAD, expected=self._before, new_size=tree.size, new_root=root
        )
        if moved.rowcount != 1:
            raise Refusal(Code.CONFLICT, "the journal was moved by another process")
        return self._sign(connection, tree.size, root) if sign else b""

    def _write_bundles(self, connection: Connection) -> None:
        number = self._before // TILE_WIDTH
        for at in range(0, len(self._bundle), _BUNDLE_SIZE_BYTES):
            commitments = bytes(self._bundle[at : at + _BUNDLE_SIZE_BYTES])
            run(connection, _WRITE_BUNDLE, number=number, commitments=commitments)
            number += 1
        kept = self._size % TILE_WIDTH * HASH_SIZE_BYTES
        del self._bundle[: len(self._bundle) - kept]

    def sign_head(self, connection: Connection) -> None:
        """Sign the head where statements were journalled since the newest checkpoint."""
        self.open(connection)
        signed = connection.execute(_NEWEST).scalar_one()
        if signed < self._size:
            self._sign(connection, self._size, self._open_tree().root())

    def _sign(self, connection: Connection, size: int, root: bytes) -> bytes:
        if self._held:
            raise Refusal(Code.STALE, self._held, retry_after_s=_HELD_RETRY_AFTER_S)
        note = sign_checkpoint(
            Checkpoint(self._origin, size, root), self._signers(), self._clock() // 1_000_000
        )
        insert_rows(connection, schema.checkpoint, [(size, note)])
        return note

    def seals(
        self, placed: Sequence[Placed], statements: Sequence[bytes], note: bytes
    ) -> list[Sealed]:
        """Return the seals of all statements of the batch just committed."""
        paths = self._open_tree().paths(placed[0].position)
        return [
            Sealed(statement, place.salt, place.position, path, note)
            for place, statement, path in zip(placed, statements, paths, strict=True)
        ]

    def seal_again(self, connection: Connection, position: int) -> Sealed:
        """Return the same seal as ever of an old statement: that of its own batch.

        Raises:
            Refusal: UNKNOWN where there is no such statement, ERASED where it is gone.
        """
        self._reading = connection
        return _sealed(connection, position, lambda _size: self._open_tree())

    def forget(self) -> None:
        """Forget the tree in memory: the next `open` reads it from disk."""
        self._tree = None

    def _open_tree(self) -> Tree:
        if self._tree is None:
            raise Refusal(Code.DEFECT, "the journal is not open")
        return self._tree

    def _read_tile(self, level: int, number: int) -> bytes:
        if self._reading is None:
            raise Refusal(Code.DEFECT, "the journal is not open")
        return read_tile(self._reading, level, number)


def read_tile(connection: Connection, level: int, number: int) -> bytes:
    """Return the stored hashes of a tile; empty where there is none."""
    row = connection.execute(_TILE, {"at_level": level, "at_number": number}).one_or_none()
    return b"" if row is None else bytes(row.hashes)


def read_bundle(connection: Connection, number: int) -> bytes:
    """Return the stored commitments of an entry bundle, joined; empty where there are none."""
    row = connection.execute(_BUNDLE, {"at_number": number}).one_or_none()
    return b"" if row is None else bytes(row.commitments)


def _bundle_at(connection: Connection, size: int) -> bytes:
    """Return the commitments of the bundle that a journal of this size has begun.

    Raises:
        Refusal: DEFECT where they are not all there.
    """
    number, width = divmod(size, TILE_WIDTH)
    size_bytes = width * HASH_SIZE_BYTES
    commitments = read_bundle(connection, number)[:size_bytes] if width else b""
    if len(commitments) != size_bytes:
        raise Refusal(Code.DEFECT, f"the journal's commitments end before its head at {size}")
    return commitments


def stored_commitments(connection: Connection) -> Generator[bytes]:
    """Yield the commitments of all entries, as they are kept beside them."""
    with connection.execute(_BUNDLES, execution_options={"yield_per": _BUNDLES_AT_ONCE}) as stream:
        for row in stream:
            yield from split_hashes(row.commitments)


def stored_tree(connection: Connection, size: int) -> Tree:
    """Return the tree of a size over the stored tiles, readable while the snapshot lasts."""
    return Tree(size, lambda level, number: read_tile(connection, level, number))


def sealed_at(
    connection: Connection, position: int, trees: dict[int, Tree] | None = None
) -> Sealed:
    """Return the seal of a statement from a snapshot, without a journal at hand.

    `trees` keeps the trees that were opened, by size, for the next call on this snapshot.

    Raises:
        Refusal: UNKNOWN where there is no such statement, ERASED where it is gone.
    """
    opened = {} if trees is None else trees

    def tree(size: int) -> Tree:
        if size not in opened:
            opened[size] = stored_tree(connection, size)
        return opened[size]

    return _sealed(connection, position, tree)


def _sealed(connection: Connection, position: int, tree: Callable[[int], Tree]) -> Sealed:
    row = connection.execute(_ENTRY, {"at": position}).one_or_none()
    note = connection.execute(_CHECKPOINT_OVER, {"at": position}).one_or_none()
    if row is None or note is None:
        raise Refusal(Code.UNKNOWN, f"the journal holds no statement at {position}")
    salt, statement = _opened(connection, row)
    path = tree(note.size).path(position, note.size)
    return Sealed(statement, salt, position, path, note.note)


def statement_at(connection: Connection, position: int) -> bytes:
    """Return a statement that must be there.

    Raises:
        Refusal: ERASED where it is gone.
    """
    return _opened(connection, connection.execute(_ENTRY, {"at": position}).one())[1]


def _opened(connection: Connection, row: Row[Any]) -> tuple[bytes, bytes]:
    stored = (row.position, row.key, row.salt, row.statement)
    salt, statement = open_statements(connection, "entry", [stored])[0]
    if salt is None or statement is None:
        raise gone(connection, row.position)
    return salt, statement


def create(connection: Connection, node: str, origin: str, note: bytes) -> None:
    """Write the head of a new, empty journal and its first checkpoint."""
    insert_rows(connection, schema.head, [(1, node, origin, 0, EMPTY_ROOT, 0)])
    insert_rows(connection, schema.checkpoint, [(0, note)])


def _upsert(table: Table, column: str) -> ClauseElement:
    fresh = insert(table)
    return fresh.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={column: fresh.excluded[column]}
    )


_HEAD: Final = select(schema.head.c.size, schema.head.c.root)
_MOVE_HEAD: Final = (
    update(schema.head)
    .where(schema.head.c.id == 1, schema.head.c.size == bindparam("expected"))
    .values(size=bindparam("new_size"), root=bindparam("new_root"))
)
_ENTRY: Final = select(schema.entry).where(schema.entry.c.position == bindparam("at"))
_CHECKPOINT_OVER: Final = (
    select(schema.checkpoint)
    .where(schema.checkpoint.c.size > bindparam("at"))
    .order_by(schema.checkpoint.c.size)
    .limit(1)
)
_NEWEST: Final = select(func.max(schema.checkpoint.c.size))
_TILE: Final = select(schema.tile.c.hashes).where(
    schema.tile.c.level == bindparam("at_level"), schema.tile.c.number == bindparam("at_number")
)
_WRITE_TILE: Final = _upsert(schema.tile, "hashes")
_BUNDLE: Final = select(schema.bundle.c.commitments).where(
    schema.bundle.c.number == bindparam("at_number")
)
_BUNDLES: Final = select(schema.bundle.c.commitments).order_by(schema.bundle.c.number)
_WRITE_BUNDLE: Final = _upsert(schema.bundle, "commitments")
