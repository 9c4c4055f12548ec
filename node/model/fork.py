"""Forks: two signed heads of one journal that cannot both be prefixes of one tree.

Two heads of one size contradict each other by their roots. Of different sizes they do by a
consistency path that leads to the later head's root: it also fixes the root that the tree of the
earlier size had, and that is not the one that the earlier head is signed for. So whoever holds
both notes and that path needs nobody's word.

    <one checkpoint as a signed note>
    <empty line>
    <the other one>
    [<empty line>
    <hash in base64> ...]
"""

from binascii import b2a_base64
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.merkle import HASH_SIZE_BYTES, PATH_HASHES_MAX, node_hash
from node.model.note import NOTE_SIZE_MAX_BYTES, Checkpoint, decode_base64, split_note

_SIZE_MAX_BYTES: Final = 2 * NOTE_SIZE_MAX_BYTES + 4096
_PARTS_OF_TWO_NOTES: Final = 4


class Fork(Struct, frozen=True):
    """Two heads of one journal and, where their sizes differ, what shows the contradiction."""

    first: bytes
    """Signed note; of the smaller tree, where they differ in size."""
    second: bytes
    path: bytes = b""
    """Consistency path to the second tree from the size that `proof_size` names."""

    def render(self) -> bytes:
        """Return the one encoding of a fork."""
        starts = range(0, len(self.path), HASH_SIZE_BYTES)
        lines = [b2a_base64(self.path[at : at + HASH_SIZE_BYTES]) for at in starts]
        return b"\n".join((self.first, self.second, *([b"".join(lines)] if lines else [])))

    @classmethod
    def parse(cls, data: bytes) -> "Fork":
        """Read a fork; nothing in it is verified yet.

        Raises:
            Refusal: MALFORMED when render() of the result would not be `data`.
        """
        malformed = Refusal(Code.MALFORMED, "fork: is not two signed checkpoints and a path")
        if len(data) > _SIZE_MAX_BYTES:
            raise Refusal(Code.MALFORMED, f"fork: has more than {_SIZE_MAX_BYTES} bytes")
        parts = data.split(b"\n\n")
        if len(parts) not in {_PARTS_OF_TWO_NOTES, _PARTS_OF_TWO_NOTES + 1}:
            raise malformed
        first, second = (b"\n\n".join(parts[at : at + 2]) for at in (0, 2))
        path = b""
        if len(parts) > _PARTS_OF_TWO_NOTES:
            if not parts[4].endswith(b"\n"):
                raise malformed
            hashes = [decode_base64(line, "fork: a hash") for line in parts[4][:-1].split(b"\n")]
            path = b"".join(hashes)
            second += b"\n"
        fork = cls(first + b"\n", second, path)
        if fork.render() != data or len(path) > PATH_HASHES_MAX * HASH_SIZE_BYTES:
            raise malformed
        return fork

    def heads(self) -> tuple[Checkpoint, Checkpoint]:
        """Return both heads, their signatures unchecked.

        Raises:
            Refusal: MALFORMED where a note is no checkpoint.
        """
        return head_of(self.first), head_of(self.second)


def head_of(note: bytes) -> Checkpoint:
    """Return the checkpoint in a note, its signatures unchecked.

    Raises:
        Refusal: MALFORMED where it is none.
    """
    return Checkpoint.parse(split_note(note)[0])


def require_contradiction(first: Checkpoint, second: Checkpoint, path: bytes) -> None:
    """Check that two heads contradict each other; their signatures are checked elsewhere.

    Raises:
        Refusal: MALFORMED where they are of different journals or a length is wrong;
            UNAUTHENTICATED where they do not, or the path does not lead to the second root.
    """
    if first.origin != second.origin:
        raise Refusal(Code.MALFORMED, "fork: the heads are of different journals")
    if first.size == second.size:
        contradict = first.root != second.root and not path
    else:
        contradict = implied_root(first.size, second, path) != first.root
    if not contradict:
        raise Refusal(Code.UNAUTHENTICATED, "fork: the heads do not contradict each other")


def proof_size(first: int, second: int) -> int | None:
    """Return from which size a consistency path to `second` fixes the root that `first` had.

    A path from a power of two leaves out that very root, because its reader has it; the path from
    the next size holds it. None where no path does.
    """
    if first & (first - 1):
        return first if first < second else None
    return first + 1 if 1 < first < second - 1 else None


def implied_root(first: int, second: Checkpoint, path: bytes) -> bytes:
    """Return the root that the tree of size `first` had, if it grew into the second head's.

    `path` is a consistency path to it from `proof_size(first, second.size)`.

    Raises:
        Refusal: MALFORMED where there is no such path or its length is wrong; UNAUTHENTICATED
            where it does not lead to the second root.
    """
    start = proof_size(first, second.size)
    if start is None or not path or len(path) % HASH_SIZE_BYTES:
        raise Refusal(Code.MALFORMED, f"fork: no such path shows what size {first} was")
    height = (start & -start).bit_length() - 1
    node, edge = (start - 1) >> height, (second.size - 1) >> height
    old = new = path[:HASH_SIZE_BYTES]
    left = b""
    for at in range(HASH_SIZE_BYTES, len(path), HASH_SIZE_BYTES):
        sibling = path[at : at + HASH_SIZE_BYTES]
        if edge == 0:
            raise Refusal(Code.MALFORMED, f"fork: the path from size {start} is too long")
        if node & 1 or node == edge:
            left = sibling
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node >>= 1
                edge >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        edge >>= 1
    if edge or new != second.root:
        reason = f"fork: the path from size {start} does not lead to the second root"
        raise Refusal(Code.UNAUTHENTICATED, reason)
    return old if start == first else left
