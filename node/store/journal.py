"""The journal on disk: statements in, at most one signed checkpoint a transaction.

Within the write transaction of its caller:

1. `open`: read the head; where another process moved it, forget the tree in memory
2. `extend`: salt, commit and hash the statements into the tree
3. `close`: write the tiles, move the head by compare-and-swap, sign it if something will travel
4. after the caller's commit, `seals`: what may now leave the node

The signing key signs only what extends the head that this transaction holds. Where the
transaction fails, the tree is forgotten and read again; a signature made meanwhile has been seen
by nobody.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ClauseElement, Connection, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert

from node.errors import Code, Refusal
from node.model.merkle import EMPTY_ROOT, Tile, Tree, leaf_hash
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint
from node.model.seal import SALT_SIZE_BYTES, Sealed, commitment
from node.store import schema
from node.store.database import insert_rows, run


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
        signers: Sequence[Ed25519Signer | Mldsa44Signer],
        clock: Callable[[], int],
        randomness: Callable[[int], bytes],
    ) -> None:
        """Take the journal's name, its keys, a clock in microseconds and a source of salts."""
        self._origin = origin
        self._signers = signers
        self._clock = clock
        self._randomness = randomness
        self._tree: Tree | None = None
        self._tiles: dict[tuple[int, int], Tile] = {}
        self._size = 0
        self._reading: Connection | None = None

    @property
    def size(self) -> int:
        """How many statements it holds, those of the open transaction included."""
        return self._size

    def open(self, connection: Connection) -> None:
        """Begin in a write transaction."""
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
        moved = run(
            connection, _MOVE_HEAD, expected=self._before, new_size=tree.size, new_root=root
        )
        if moved.rowcount != 1:
            raise Refusal(Code.CONFLICT, "the journal was moved by another process")
        return self._sign(connection, tree.size, root) if sign else b""

    def sign_head(self, connection: Connection) -> None:
        """Sign the head where statements were journalled since the newest checkpoint."""
        self.open(connection)
        signed = connection.execute(_NEWEST).scalar_one()
        if signed < self._size:
            self._sign(connection, self._size, self._open_tree().root())

    def _sign(self, connection: Connection, size: int, root: bytes) -> bytes:
        note = sign_checkpoint(
            Checkpoint(self._origin, size, root), self._signers, self._clock() // 1_000_000
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
            Refusal: UNKNOWN where there is no such statement.
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


def stored_tree(connection: Connection, size: int) -> Tree:
    """Return the tree of a size over the stored tiles, readable while the snapshot lasts."""
    return Tree(size, lambda level, number: read_tile(connection, level, number))


def sealed_at(
    connection: Connection, position: int, trees: dict[int, Tree] | None = None
) -> Sealed:
    """Return the seal of a statement from a snapshot, without a journal at hand.

    `trees` keeps the trees that were opened, by size, for the next call on this snapshot.

    Raises:
        Refusal: UNKNOWN where there is no such statement.
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
    path = tree(note.size).path(position, note.size)
    return Sealed(row.statement, row.salt, position, path, note.note)


def create(connection: Connection, node: str, origin: str, note: bytes) -> None:
    """Write the head of a new, empty journal and its first checkpoint."""
    insert_rows(connection, schema.head, [(1, schema.VERSION, node, origin, 0, EMPTY_ROOT, 0)])
    insert_rows(connection, schema.checkpoint, [(0, note)])


def _upsert_tile() -> ClauseElement:
    fresh = insert(schema.tile)
    return fresh.on_conflict_do_update(
        index_elements=[schema.tile.c.level, schema.tile.c.number],
        set_={"hashes": fresh.excluded.hashes},
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
_WRITE_TILE: Final = _upsert_tile()
