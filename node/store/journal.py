"""The journal on disk: statements in, at most one signed checkpoint a transaction.

Within the write transaction of its caller:

1. `open`: read the head; where another process moved it, forget the tree in memory
2. `extend`: salt, commit and hash the statements into the tree
3. `close`: write the tiles, move the head by compare-and-swap, sign it if something will travel
4. after the caller's commit, `seal`: what may now leave the node

The signing key signs only what extends the head that this transaction holds. Where the
transaction fails, the tree is forgotten and read again; a signature made meanwhile has been seen
by nobody.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from node.errors import Code, Refusal
from node.model.merkle import EMPTY_ROOT, Tile, Tree, leaf_hash
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint
from node.model.seal import SALT_SIZE_BYTES, Sealed, commitment
from node.store import schema
from node.store.database import insert_rows


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
        head = connection.execute(_HEAD).one_or_none()
        if head is None:
            raise Refusal(Code.DEFECT, "there is no journal here; 'symbolon init' makes one")
        self._tiles = {}
        if self._tree is None or self._tree.size != head.size:
            self._tree = Tree(head.size, self._read_tile)
            if self._tree.root() != head.root:
                raise Refusal(
                    Code.DEFECT, f"the journal's tiles do not add up to its head at {head.size}"
                )
        self._size = self._before = head.size

    def extend(self, statements: Sequence[bytes]) -> list[Placed]:
        """Append statements to the tree of the open transaction."""
        tree = self._open_tree()
        randomness = self._randomness(SALT_SIZE_BYTES * len(statements))
        placed: list[Placed] = []
        leaves: list[bytes] = []
        for offset, statement in enumerate(statements):
            salt = randomness[offset * SALT_SIZE_BYTES : (offset + 1) * SALT_SIZE_BYTES]
            entry = commitment(statement, salt)
            placed.append(Placed(self._size + offset, salt, entry))
            leaves.append(leaf_hash(entry))
        for tile in tree.extend(leaves):
            self._tiles[tile.level, tile.number] = tile
        self._size = tree.size
        return placed

    def close(self, connection: Connection, *, sign: bool) -> bytes:
        """Write what `extend` changed and move the head.

        Signs it too where a statement is about to leave the node, and returns the checkpoint;
        what stays is covered by the next one, or by `sign_head`.
        """
        tree = self._open_tree()
        root = tree.root()
        tiles = list(self._tiles.values())
        if tiles:
            connection.execute(
                _DROP_TILE, [{"at_level": tile.level, "at_number": tile.number} for tile in tiles]
            )
        insert_rows(connection, schema.tile, [tuple(tile) for tile in tiles])
        moved = connection.execute(
            _MOVE_HEAD, {"expected": self._before, "new_size": tree.size, "new_root": root}
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

    def seal(self, placed: Placed, statement: bytes, note: bytes) -> Sealed:
        """Return the seal of a statement of the batch just committed."""
        path = self._open_tree().path(placed.position)
        return Sealed(statement, placed.salt, placed.position, path, note)

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


_HEAD: Final = select(schema.head)
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
_DROP_TILE: Final = delete(schema.tile).where(
    schema.tile.c.level == bindparam("at_level"), schema.tile.c.number == bindparam("at_number")
)
