"""Status notices, said and taken, and who follows (port `NoticeBooks`)."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    exists,
    func,
    select,
    union,
    update,
)

from node.errors import Code, Refusal
from node.flows.notice_ports import Follower, HeardNotice
from node.flows.ports import Draft, Evidence, Recorded
from node.model.bounds import by_value
from node.model.history import phase_at
from node.model.merkle import Tree
from node.model.notice import WatchFacts
from node.model.notice_bodies import StatusNotice
from node.model.seal import Sealed
from node.model.statement import Outcome
from node.store import schema
from node.store.database import Database, insert_rows, rows_in
from node.store.evidence import keep_evidence, opened_evidence
from node.store.group_commit import GroupCommit
from node.store.journal import sealed_at, stored_tree
from node.store.registry_rows import held_credentials, watch_of
from node.store.vault import open_statements
from node.wire.codec import decode_statement

FALSE_NOTICE: Final = "false_notice"
_FALSE_KEPT_MAX: Final = 16
_OUTCOMES: Final = by_value(Outcome)


class SqlNotices:
    """The port `NoticeBooks` on one database; the contracts are there."""

    def __init__(self, database: Database, commits: GroupCommit) -> None:
        """Take the parts of a ledger."""
        self._database = database
        self._commits = commits

    # --- said ---

    async def size(self) -> int:
        """Return the journal's size."""
        return await self._database.read(
            lambda connection: int(connection.execute(_SIZE).scalar_one())
        )

    async def stirred(self, since: int, now: int) -> Sequence[bytes]:
        """Return watches that were given, or whose credential changed, since then, in order."""

        def work(connection: Connection) -> list[bytes]:
            if not since:
                return list(connection.execute(_ALL_OPEN, {"now": now}).scalars())
            rows = [
                (row.position, row.watch) for row in connection.execute(_STIRRED, {"since": since})
            ]
            return [watch for _, watch in sorted(rows)]

        return await self._database.read(work)

    async def tell(
        self, watches: Sequence[bytes], say: Callable[[WatchFacts, int], Draft | None], now: int
    ) -> Sequence[Recorded]:
        """Journal what `say` makes of watches as they are, in one transaction."""

        def compose(connection: Connection) -> list[Draft]:
            rows = rows_in(connection, _WATCHED, schema.watch.c.watch, watches)
            in_order = sorted(rows, key=lambda row: int(row[1]))  # by their positions
            drafts = [say(_facts(connection, row, now), now) for row in in_order]
            return [draft for draft in drafts if draft is not None]

        return await self._commits.compose(compose)

    async def notices(self, audience: str, start: int, now: int, limit: int) -> Sequence[Sealed]:
        """Return own notices to a node at or after a position, whose consent is open still."""
        values = {"to": audience, "start": start, "now": now, "most": limit}

        def work(connection: Connection) -> list[Sealed]:
            positions = connection.execute(_NOTICES, values).scalars().all()
            if not positions:
                return []
            newest = connection.execute(_NEWEST_CHECKPOINT).one()
            tree = stored_tree(connection, newest.size)
            return [_sealed(connection, at, tree, newest) for at in positions]

        return await self._database.read(work)

    # --- taken ---

    async def taken_until(self, origin: str) -> int:
        """Return the position after the last notice of a peer's journal that was taken."""
        return await self._database.read(lambda connection: _taken_until(connection, origin))

    async def take(self, drafts: Sequence[Draft]) -> Sequence[Recorded]:
        """Journal notices; those taken before are left out, whoever took them."""

        def compose(connection: Connection) -> list[Draft]:
            ends: dict[str, int] = {}
            fresh = []
            for draft in drafts:
                held = draft.counterpart
                if held is None:
                    raise Refusal(Code.DEFECT, "a notice is taken with what the peer said, or not")
                if held.origin not in ends:
                    ends[held.origin] = _taken_until(connection, held.origin)
                if held.sealed.index >= ends[held.origin]:
                    ends[held.origin] = held.sealed.index + 1
                    fresh.append(draft)
            return fresh

        return await self._commits.compose(compose)

    async def keep_false(self, peer: str, origin: str, content: bytes, now: int) -> None:
        """Keep what came in place of notices as evidence, once, and so many of a peer."""

        def work(connection: Connection) -> None:
            rows = connection.execute(_FALSE_KEPT, {"of": peer}).all()
            kept = [opened_evidence(connection, row) for row in rows]
            if content not in kept and len(kept) < _FALSE_KEPT_MAX:
                keep_evidence(connection, Evidence(peer, origin, FALSE_NOTICE, content), now)

        await self._database.write(work)

    async def heard(self, follower: Follower, after: int, limit: int) -> Sequence[HeardNotice]:
        """Return what was taken for a follower after a position of this journal, in order."""
        return await self._database.read(
            lambda connection: _heard(connection, follower, after, limit)
        )

    # --- who follows ---

    async def add(self, follower: Follower) -> None:
        """Keep a follower."""
        row = (
            *(follower.id, follower.key_id, follower.register_id, follower.peer, follower.watch),
            *(follower.created_at, follower.url, follower.secret),
            *(follower.told, follower.tries, follower.next_at, int(follower.dead)),
        )
        await self._database.write(
            lambda connection: insert_rows(connection, schema.follower, [row])
        )

    async def followers(self, key_id: str | None = None) -> Sequence[Follower]:
        """Return the followers of an API key, or all, oldest first."""
        query = _FOLLOWERS if key_id is None else _FOLLOWERS.where(_follower.key_id == key_id)
        return await self._database.read(
            lambda connection: [_follower_of(row) for row in connection.execute(query)]
        )

    async def remove(self, follower_id: str) -> None:
        """Forget a follower."""
        await self._database.write(
            lambda connection: connection.execute(_REMOVE, {"of": follower_id})
        )

    async def followed_peers(self) -> Sequence[str]:
        """Return the peers that somebody follows something at."""
        return await self._database.read(
            lambda connection: list(connection.execute(_PEERS).scalars())
        )

    async def due(self, now: int, limit: int) -> Sequence[tuple[Follower, HeardNotice]]:
        """Return for each follower with a url the next notice to post, where its time has come."""

        def work(connection: Connection) -> list[tuple[Follower, HeardNotice]]:
            waiting = map(_follower_of, connection.execute(_DUE, {"now": now, "most": limit}))
            return [(one, _heard(connection, one, one.told, 1)[0]) for one in waiting]

        return await self._database.read(work)

    async def posted(self, follower: Follower) -> None:
        """Keep how far posting to a follower has come."""
        values = {
            "of": follower.id,
            "until": follower.told,
            "tried": follower.tries,
            "again_at": follower.next_at,
            "given_up": int(follower.dead),
        }
        await self._database.write(lambda connection: connection.execute(_POSTED, values))


def _facts(connection: Connection, row: Sequence[Any], now: int) -> WatchFacts:
    watch = watch_of(row[:_WATCH_WIDTH])
    told = connection.execute(_TOLD, {"of": watch.given.watch}).scalar_one_or_none()
    credential, held = None, row[_WATCH_WIDTH:]
    if held[0] is not None:
        ((credential, later),) = held_credentials(connection, [held])
        phase = phase_at(later, now)
        credential = credential if phase is None else phase.credential
    return WatchFacts(watch, credential, None if told is None else _OUTCOMES[told])


def _sealed(connection: Connection, position: int, tree: Tree, newest: Row[Any]) -> Sealed:
    path = tree.path(position, newest.size)
    return replace(sealed_at(connection, position), path=path, checkpoint=newest.note)


def _taken_until(connection: Connection, origin: str) -> int:
    last = connection.execute(_LAST_TAKEN, {"of": origin}).scalar_one_or_none()
    return 0 if last is None else last + 1


def _heard(connection: Connection, follower: Follower, after: int, limit: int) -> list[HeardNotice]:
    values = {
        "of": follower.watch,
        "at": follower.peer,
        "whose": follower.register_id,
        "after": after,
        "most": limit,
    }
    found = []
    rows = [tuple(row) for row in connection.execute(_HEARD, values)]
    opened = open_statements(connection, "counterpart", rows)
    for (position, *_), (_, said) in zip(rows, opened, strict=True):
        if said is None:  # erased
            continue
        statement = decode_statement(said)
        notice = statement.body
        if isinstance(notice, StatusNotice):
            outcome = notice.outcome.name.lower()
            found.append(HeardNotice(position, statement.said_at, outcome, notice.expires_at))
    return found


def _follower_of(row: Row[*tuple[Any, ...]]) -> Follower:
    columns: list[Any] = [*row]
    columns[-1] = bool(columns[-1])
    return Follower(*columns)


_watch, _notice, _taken = schema.watch.c, schema.notice.c, schema.notice_taken.c
_follower = schema.follower.c
_WATCH_WIDTH: Final = len(schema.watch.c)
_SIZE: Final = select(schema.head.c.size)
_NEWEST_CHECKPOINT: Final = (
    select(schema.checkpoint).order_by(schema.checkpoint.c.size.desc()).limit(1)
)
_ALL_OPEN: Final = (
    select(_watch.watch)
    .where(_watch.ended.is_(None), _watch.expires_at > bindparam("now"))
    .order_by(_watch.position)
)
# Those that have ended are not left out: that would have SQLite look through all that are open.
_STIRRED: Final = union(
    select(_watch.watch, _watch.position).where(_watch.position >= bindparam("since")),
    select(_watch.watch, _watch.position).where(
        _watch.credential.in_(
            select(schema.registry_event.c.number).where(
                schema.registry_event.c.position >= bindparam("since")
            )
        )
    ),
)
_WATCHED: Final = select(schema.watch, schema.credential).outerjoin(
    schema.credential, _watch.credential == schema.credential.c.number
)
_TOLD: Final = (
    select(_notice.outcome)
    .where(_notice.watch == bindparam("of"))
    .order_by(_notice.position.desc())
    .limit(1)
)
_NOTICES: Final = (
    select(_notice.position)
    .join(schema.watch, _watch.watch == _notice.watch)
    .where(
        _notice.audience == bindparam("to"),
        _notice.position >= bindparam("start"),
        _watch.ended.is_(None),
        _watch.expires_at > bindparam("now"),
    )
    .order_by(_notice.position)
    .limit(bindparam("most"))
)
_FALSE_KEPT: Final = select(schema.evidence).where(
    schema.evidence.c.kind == FALSE_NOTICE, schema.evidence.c.peer == bindparam("of")
)
_LAST_TAKEN: Final = select(func.max(_taken.peer_index)).where(_taken.origin == bindparam("of"))
_HEARD: Final = (
    select(
        _taken.position,
        schema.counterpart.c.key,
        schema.counterpart.c.salt,
        schema.counterpart.c.statement,
    )
    .join(schema.counterpart, schema.counterpart.c.position == _taken.position)
    .where(
        _taken.watch == bindparam("of"),
        _taken.peer == bindparam("at"),
        _taken.register_id == bindparam("whose"),
        _taken.position > bindparam("after"),
        schema.counterpart.c.statement.is_not(None),
    )
    .order_by(_taken.position)
    .limit(bindparam("most"))
)
_FOLLOWERS: Final = select(schema.follower).order_by(_follower.created_at, _follower.id)
_REMOVE: Final = delete(schema.follower).where(_follower.id == bindparam("of"))
_PEERS: Final = select(_follower.peer).distinct().order_by(_follower.peer)
_DUE: Final = (
    select(schema.follower)
    .where(
        _follower.url != "",
        _follower.dead == 0,
        _follower.next_at <= bindparam("now"),
        exists().where(
            _taken.watch == _follower.watch,
            _taken.peer == _follower.peer,
            _taken.register_id == _follower.register_id,
            _taken.position > _follower.told,
        ),
    )
    .order_by(_follower.next_at)
    .limit(bindparam("most"))
)
_POSTED: Final = (
    update(schema.follower)
    .where(_follower.id == bindparam("of"))
    .values(
        told=bindparam("until"),
        tries=bindparam("tried"),
        next_at=bindparam("again_at"),
        dead=bindparam("given_up"),
    )
)
