"""Heads of journals on SQL: peers' as this node has seen them, the own as peers cosigned them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite spells it the same

from node.errors import Code, Refusal
from node.flows.witness_ports import (
    CosignedCheckpoint,
    HeadJudge,
    KnownHeads,
    SeenHead,
    WitnessedHead,
)
from node.model.cosignature import with_cosignatures
from node.model.fork import Fork
from node.store import schema
from node.store.database import Database, rows_with
from node.store.evidence import opened_evidence
from node.store.group_commit import GroupCommit
from node.store.journal import Journal, stored_tree

_HOUR_US: Final = 3_600 * 1_000_000
_SIZES_LOOKED_AT: Final = 64


class KeptEvidence(NamedTuple):
    """What is kept of a peer's fault; `seen_at` in microseconds UTC."""

    number: int
    peer: str
    origin: str
    kind: str
    seen_at: int
    content: bytes


class SqlHeads:
    """The port `Heads` on one database; the contracts are there."""

    def __init__(
        self, database: Database, commits: GroupCommit, journal: Journal, clock: Callable[[], int]
    ) -> None:
        """Take the parts of the ledger beside which it stands."""
        self._database = database
        self._commits = commits
        self._journal = journal
        self._clock = clock
        self._thinned_out = 0
        self._bare_thinned_out: dict[str, int] = {}

    # --- of peers ---

    async def advance(self, origin: str, size: int, judge: HeadJudge) -> WitnessedHead:
        """Replace the cosigned head of a journal by what `judge` makes of it."""
        now = self._clock()
        hour = now // _HOUR_US

        def work(connection: Connection) -> WitnessedHead:
            head = judge(_known(connection, origin, size))
            seen = head.seen
            values = (head.peer, seen.size, seen.root, seen.note, head.cosignatures)
            changed = dict(zip(_HEAD_COLUMNS, (*values, head.cosigned_at), strict=True))
            fresh = insert(schema.peer_head).values(origin=origin, **changed)
            connection.execute(fresh.on_conflict_do_update(index_elements=["origin"], set_=changed))
            connection.execute(
                insert(schema.peer_checkpoint)
                .values(
                    origin=origin,
                    size=seen.size,
                    peer=head.peer,
                    root=seen.root,
                    note=seen.note,
                    seen_at=now,
                    proved=2,
                )
                .on_conflict_do_nothing()
            )
            if self._bare_thinned_out.get(origin, 0) < hour:
                passed = {"of": origin, "this_hour": hour * _HOUR_US}
                connection.execute(_THIN_OUT_BARE, passed)
                connection.execute(_KEEP_BARE, passed)
            return head

        head = await self._database.write(work)
        self._bare_thinned_out[origin] = hour
        return head

    async def cosigned(self, origin: str) -> WitnessedHead | None:
        """Return the newest head of a peer's journal that this node cosigned."""
        return await self._database.read(lambda connection: _cosigned(connection, origin))

    async def largest(self, origin: str) -> bytes:
        """Return the note of the largest head of a peer's journal seen; empty for none."""

        def work(connection: Connection) -> bytes:
            row = connection.execute(_LARGEST, {"of": origin}).one_or_none()
            return b"" if row is None else bytes(row.note)

        return await self._database.read(work)

    async def unproved(self, origin: str, limit: int) -> Sequence[SeenHead]:
        """Return checkpoints of a peer's that came with statements and were not proved yet."""

        def work(connection: Connection) -> list[SeenHead]:
            rows = connection.execute(_UNPROVED, {"of": origin, "most": limit})
            return [SeenHead(row.size, row.root, row.note) for row in rows]

        return await self._database.read(work)

    async def proved(self, origin: str, sizes: Collection[int]) -> None:
        """Note that these checkpoints are prefixes of the cosigned head."""
        if sizes:
            values = {"of": origin, "sizes": list(sizes)}
            await self._database.write(lambda connection: connection.execute(_PROVED, values))

    async def keep_fork(self, peer: str, origin: str, fork: Fork) -> None:
        """Keep what shows that a journal is forked; from then on it is trusted no more."""
        await self._commits.keep_fork(peer, origin, fork)

    async def evidence(self) -> Sequence[KeptEvidence]:
        """Return what is kept of peers' faults, oldest first."""

        def work(connection: Connection) -> list[KeptEvidence]:
            return [
                KeptEvidence(
                    row.id,
                    row.peer,
                    row.origin,
                    row.kind,
                    row.seen_at,
                    opened_evidence(connection, row),
                )
                for row in connection.execute(_EVIDENCE).all()
            ]

        return await self._database.read(work)

    def forked_journals(self) -> frozenset[str]:
        """Return the origins of the journals that are known to be forked."""
        return self._commits.forked

    # --- of the own journal ---

    async def own_checkpoint(self) -> bytes:
        """Return the signed checkpoint of the own journal as it is now."""
        if await self._database.read(_is_unsigned):
            await self._commits.sign_head()
        return await self.newest_signed()

    async def newest_signed(self) -> bytes:
        """Return the newest checkpoint of the own journal that is signed already."""
        return await self._database.read(
            lambda connection: bytes(connection.execute(_NEWEST).scalar_one())
        )

    async def own_consistency(self, first: int, second: int) -> bytes:
        """Return the proof that an own tree is a prefix of a later one."""
        return (await self.own_consistencies([first], second))[0]

    async def own_consistencies(self, firsts: Sequence[int], second: int) -> list[bytes]:
        """Return the proofs from several sizes to a later one.

        Raises:
            Refusal: UNKNOWN where the journal has never had one of the sizes.
        """

        def work(connection: Connection) -> list[bytes]:
            tree = stored_tree(connection, _size(connection))
            return [tree.consistency(first, second) for first in firsts]

        return await self._database.read(work)

    async def own_root(self, size: int) -> bytes | None:
        """Return the root that the own tree of a size has; None where it is not that large."""

        def work(connection: Connection) -> bytes | None:
            own = _size(connection)
            return None if size > own else stored_tree(connection, own).root(size)

        return await self._database.read(work)

    async def keep_cosignatures(self, size: int, witness: str, lines: bytes, now: int) -> None:
        """Keep a peer's cosignatures of the own checkpoint of a size."""
        hour = now // _HOUR_US

        def work(connection: Connection) -> None:
            changed = {"lines": lines, "hour": hour}
            fresh = insert(schema.cosignature).values(size=size, witness=witness, **changed)
            connection.execute(
                fresh.on_conflict_do_update(index_elements=["size", "witness"], set_=changed)
            )
            if self._thinned_out < hour:
                connection.execute(_THIN_OUT, {"this_hour": hour})

        await self._database.write(work)
        self._thinned_out = hour

    async def cosigned_over(self, index: int, wanted: int) -> tuple[CosignedCheckpoint, bytes]:
        """Return a cosigned own checkpoint over an entry, and the entry's path under it."""

        def work(connection: Connection) -> tuple[CosignedCheckpoint, bytes]:
            found = _cosigned_over(connection, index, wanted)
            tree = stored_tree(connection, _size(connection))
            return found, tree.path(index, found.size)

        return await self._database.read(work)

    async def cosigned_size(self, wanted: int) -> int:
        """Return the size of the newest own checkpoint with so many witnesses, or 0."""

        def work(connection: Connection) -> int:
            try:
                found = _cosigned_over(connection, -1, wanted)
            except Refusal:
                return 0
            return found.size if found.witnesses >= wanted else 0

        return await self._database.read(work)

    async def later_proof(self, position: int) -> tuple[bytes, bytes] | None:
        """Return path and note kept by `keep_later_proof`."""

        def work(connection: Connection) -> tuple[bytes, bytes] | None:
            row = connection.execute(_LATER_PROOF, {"of": position}).one_or_none()
            return None if row is None else (bytes(row.path), bytes(row.note))

        return await self._database.read(work)

    async def keep_later_proof(self, position: int, path: bytes, note: bytes) -> None:
        """Keep a proof, under a cosigned checkpoint, of what the entry at a position rests on."""
        changed = {"path": path, "note": note}
        fresh = insert(schema.counterpart_proof).values(position=position, **changed)
        kept = fresh.on_conflict_do_update(index_elements=["position"], set_=changed)
        await self._database.write(lambda connection: connection.execute(kept))

    def hold(self, reason: str, *, for_good: bool) -> None:
        """Sign nothing from now on, and where it is `for_good` write nothing either."""
        self._journal.hold(reason, for_good=for_good)

    def release(self) -> None:
        """Sign again, unless it is held for good."""
        self._journal.release()

    @property
    def held(self) -> str:
        """Why nothing is signed; empty where it is."""
        return self._journal.held


def _cosigned(connection: Connection, origin: str) -> WitnessedHead | None:
    row = connection.execute(_COSIGNED, {"of": origin}).one_or_none()
    if row is None:
        return None
    seen = SeenHead(row.size, row.root, row.note)
    return WitnessedHead(row.peer, row.origin, seen, row.cosignatures, row.cosigned_at)


def _known(connection: Connection, origin: str, size: int) -> KnownHeads:
    checkpoint = schema.peer_checkpoint.c
    rows = rows_with(connection, (checkpoint.origin, checkpoint.size), [(origin, size)])
    alike = None
    if rows:
        _origin, _size_alike, _peer, root, note, _seen_at, _proved = rows[0]
        alike = SeenHead(size, root, note)
    largest = connection.execute(_LARGEST, {"of": origin}).one_or_none()
    return KnownHeads(
        _cosigned(connection, origin),
        alike,
        0 if largest is None else largest.size,
        0 if largest is None else largest.seen_at,
    )


def _cosigned_over(connection: Connection, index: int, wanted: int) -> CosignedCheckpoint:
    counts: list[Any] = list(connection.execute(_COSIGNED_SIZES, {"at": index}))
    enough = [row for row in counts if row.witnesses >= wanted]
    if not counts:
        raise Refusal(Code.UNKNOWN, "no witness has cosigned a checkpoint over this entry yet")
    chosen = enough[0] if enough else max(counts, key=lambda row: int(row.witnesses))
    note = connection.execute(_CHECKPOINT, {"of": chosen.size}).scalar_one()
    lines = connection.execute(_LINES, {"of": chosen.size}).scalars()
    whole = with_cosignatures(note, [bytes(one) for one in lines])
    return CosignedCheckpoint(chosen.size, whole, chosen.witnesses)


def _size(connection: Connection) -> int:
    size: int = connection.execute(_SIZE).scalar_one()
    return size


def _is_unsigned(connection: Connection) -> bool:
    signed: int = connection.execute(_SIGNED).scalar_one()
    return signed < _size(connection)


_HEAD_COLUMNS: Final = ("peer", "size", "root", "note", "cosignatures", "cosigned_at")
_SIZE: Final = select(schema.head.c.size)
_SIGNED: Final = select(func.max(schema.checkpoint.c.size))
_NEWEST: Final = select(schema.checkpoint.c.note).order_by(schema.checkpoint.c.size.desc()).limit(1)
_CHECKPOINT: Final = select(schema.checkpoint.c.note).where(
    schema.checkpoint.c.size == bindparam("of")
)
_COSIGNED: Final = select(schema.peer_head).where(schema.peer_head.c.origin == bindparam("of"))
_LARGEST: Final = (
    select(schema.peer_checkpoint)
    .where(schema.peer_checkpoint.c.origin == bindparam("of"))
    .order_by(schema.peer_checkpoint.c.size.desc())
    .limit(1)
)
_UNPROVED: Final = (
    select(schema.peer_checkpoint)
    .where(schema.peer_checkpoint.c.origin == bindparam("of"), schema.peer_checkpoint.c.proved == 0)
    .order_by(schema.peer_checkpoint.c.size)
    .limit(bindparam("most"))
)
_PROVED: Final = (
    update(schema.peer_checkpoint)
    .where(
        schema.peer_checkpoint.c.origin == bindparam("of"),
        schema.peer_checkpoint.c.size.in_(bindparam("sizes", expanding=True)),
    )
    .values(proved=1)
)
_bare: Final = schema.peer_checkpoint.alias("bare")
_THIN_OUT_BARE: Final = delete(schema.peer_checkpoint).where(
    schema.peer_checkpoint.c.origin == bindparam("of"),
    schema.peer_checkpoint.c.proved == literal_column("2"),  # as the index has it
    schema.peer_checkpoint.c.seen_at < bindparam("this_hour"),
    schema.peer_checkpoint.c.size.not_in(
        select(func.max(_bare.c.size))
        .where(
            _bare.c.origin == bindparam("of"),
            _bare.c.proved == literal_column("2"),
            _bare.c.seen_at < bindparam("this_hour"),
        )
        .group_by(_bare.c.seen_at // _HOUR_US)
    ),
)
_KEEP_BARE: Final = (
    update(schema.peer_checkpoint)
    .where(
        schema.peer_checkpoint.c.origin == bindparam("of"),
        schema.peer_checkpoint.c.proved == literal_column("2"),
        schema.peer_checkpoint.c.seen_at < bindparam("this_hour"),
    )
    .values(proved=1)
)
_COSIGNED_SIZES: Final = (
    select(schema.cosignature.c.size, func.count().label("witnesses"))
    .where(schema.cosignature.c.size > bindparam("at"))
    .group_by(schema.cosignature.c.size)
    .order_by(schema.cosignature.c.size.desc())
    .limit(_SIZES_LOOKED_AT)
)
_LINES: Final = (
    select(schema.cosignature.c.lines)
    .where(schema.cosignature.c.size == bindparam("of"))
    .order_by(schema.cosignature.c.witness)
)
_one: Final = schema.cosignature.alias("one")
_best: Final = (
    select(_one.c.size)
    .where(_one.c.hour == schema.cosignature.c.hour)
    .group_by(_one.c.size)
    .order_by(func.count().desc(), _one.c.size.desc())
    .limit(1)
    .correlate(schema.cosignature)
    .scalar_subquery()
)
_THIN_OUT: Final = delete(schema.cosignature).where(
    schema.cosignature.c.hour < bindparam("this_hour"), schema.cosignature.c.size != _best
)
_EVIDENCE: Final = select(schema.evidence).order_by(schema.evidence.c.id)
_LATER_PROOF: Final = select(schema.counterpart_proof).where(
    schema.counterpart_proof.c.position == bindparam("of")
)
