"""What the journal holds about somebody, and letting go of it (port `Erasures`).

What a record consists of is found by searching: first without holding anybody up, then, within
the transaction that erases, only what was said since.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    select,
    update,
)

from node.errors import Code, Refusal
from node.flows.erasure_ports import Due, HeldRecord, OpenRequest, ReceivedRequest
from node.flows.ports import Draft, Evidence, Recorded
from node.model.holder_bodies import WatchGiven
from node.model.retention import (
    ANSWER,
    CONSENT_EVENT,
    CONTEST,
    ERASABLE,
    QUERY,
    REGISTRY_EVENT,
    HeldExchange,
    code_of,
)
from node.model.seal import Sealed, commitment
from node.model.statement import (
    ConsentGiven,
    ErasureRequest,
    Query,
    SharedExchange,
)
from node.store import schema
from node.store.database import Database, rows_in
from node.store.erased import OpenedRow, open_rows
from node.store.evidence import keep_evidence, opened_evidence
from node.store.group_commit import GroupCommit
from node.store.journal import sealed_at, stored_tree
from node.store.key_choice import unneeded_keys
from node.store.registry_rows import credential_at, numbers_of_holder
from node.store.vault import open_statements, vault_of
from node.wire.codec import decode_statement

FALSE_ACKNOWLEDGEMENT: Final = "false_acknowledgement"
_FALSE_KEPT_MAX: Final = 16
_ROWS_AT_ONCE: Final = 500
_DAY_US: Final = 86_400 * 1_000_000
_STEPS_BACK_MAX_US: Final = 60 * 1_000_000


class SqlErasures:
    """The port `Erasures` on one database; the contracts are there."""

    def __init__(self, database: Database, commits: GroupCommit, clock: Callable[[], int]) -> None:
        """Take the parts of a ledger."""
        self._database = database
        self._commits = commits
        self._clock = clock

    async def numbers_of_holder(self, number: str) -> Sequence[str]:
        """Return the numbers of all credentials of the holder of one."""

        def work(connection: Connection) -> list[str]:
            return numbers_of_holder(connection, number)

        numbers = await self._database.read(work)
        if not numbers:
            raise _unknown()
        return numbers

    async def erase_records(
        self, numbers: Sequence[str], say: Callable[[HeldRecord], Sequence[Draft]]
    ) -> Sequence[Recorded]:
        """Journal what `say` makes of all that is held about some credentials."""

        def search(connection: Connection) -> tuple[int, _Found]:
            return connection.execute(_SIZE).scalar_one(), _find(connection, numbers, 0)

        size, found = await self._database.read(search)

        def compose(connection: Connection) -> Sequence[Draft]:
            if len(rows_in(connection, _NUMBERS, schema.credential.c.number, numbers)) != len(
                set(numbers)
            ):
                raise _unknown()
            found.update(_find(connection, numbers, size))
            return say(found.left(connection))

        return await self._commits.compose(compose)

    async def traces_of(self, numbers: Sequence[str]) -> Sequence[bytes]:
        """Return bytes that only what is held about some credentials has."""

        def work(connection: Connection) -> list[bytes]:
            of_numbers = {"of": list(numbers)}
            codes = connection.execute(_CODES, of_numbers).all()
            found = [part for row in codes for part in (row.code_digest, row.holder_proof)]
            going = {row.id: row.wrapped for row in connection.execute(_GOING, of_numbers)}
            found += going.values()
            found += (
                holder for holder, key in connection.execute(_HOLDERS, of_numbers) if key in going
            )
            return [number.encode() for number in numbers] + found

        return await self._database.read(work)

    async def names_of(self, numbers: Sequence[str]) -> Collection[str]:
        """Return the names of the holders of some credentials, as they are now."""
        now = self._clock()

        def work(connection: Connection) -> set[str]:
            held = (credential_at(connection, number, now) for number in numbers)
            return {credential.holder_name for credential in held if credential is not None}

        return await self._database.read(work)

    async def acknowledge(
        self, received: ReceivedRequest, say: Callable[[Sequence[HeldExchange]], Sequence[Draft]]
    ) -> Sealed:
        """Answer a peer's request exactly once."""
        request, peer = received.request, received.counterpart.peer
        key = {"said_at": received.said_at, "of": received.counterpart.commitment}

        def compose(connection: Connection) -> Sequence[Draft]:
            if connection.execute(_ANSWERED, key).first() is not None:
                return []
            return say([_held(connection, shared, peer) for shared in request.exchanges])

        recorded = await self._commits.compose(compose)
        if recorded and recorded[-1].sealed is not None:
            return recorded[-1].sealed

        def again(connection: Connection) -> Sealed:
            return sealed_at(connection, connection.execute(_ANSWERED, key).scalar_one())

        return await self._database.read(again)

    async def open_requests(self) -> Sequence[OpenRequest]:
        """Return every request of this node that is not concluded, oldest first."""

        def work(connection: Connection) -> list[OpenRequest]:
            return [_open_request(connection, row) for row in connection.execute(_OPEN_REQUESTS)]

        return await self._database.read(work)

    async def tried(self, position: int, next_at: int, told: str) -> None:
        """Note that a request was sent in vain."""
        values = {"at": position, "again_at": next_at, "came_back": told}
        await self._database.write(lambda connection: connection.execute(_TRIED, values))

    async def keep_false(self, peer: str, origin: str, content: bytes) -> None:
        """Keep a false acknowledgement as evidence, once."""

        def work(connection: Connection) -> None:
            rows = connection.execute(_FALSE_KEPT, {"of": peer}).all()
            kept = [opened_evidence(connection, row) for row in rows]
            if content not in kept and len(kept) < _FALSE_KEPT_MAX:
                evidence = Evidence(peer, origin, FALSE_ACKNOWLEDGEMENT, content)
                keep_evidence(connection, evidence, self._clock())

        await self._database.write(work)

    async def due(self, kind: int, before: int, start: int, limit: int) -> Due:
        """Return entries of a kind from a position on that were said before a time."""
        return await self._database.read(
            lambda connection: _due(connection, kind, before, start, limit)
        )

    async def wipe(self, traces: Sequence[bytes] = (), since: int | None = None) -> bool:
        """Take what was erased out of the database's log and free space too."""
        left = await self._database.read(lambda connection: connection.execute(_UNWIPED).all())
        if not left:
            return True
        await self._destroy_keys(())
        if not await self._database.truncate_log():
            return False
        thorough = [row.by for row in left if row.thorough]
        unknown = [by for by in thorough if since is None or by < since]
        if unknown or (thorough and await self._database.holds_any(traces)):
            await self._database.rewrite()
            if not await self._database.truncate_log():
                return False
        last = {"last": left[-1].by}
        await self._database.write(lambda connection: connection.execute(_WIPED, last))
        return True

    async def _destroy_keys(self, kinds: Collection[int]) -> None:
        """Destroy keys that nothing needs: of holders, and of past days of some kinds."""
        yesterday = self._clock() // _DAY_US - 1
        keys = await self._database.read(
            lambda connection: unneeded_keys(connection, kinds, yesterday)
        )
        if keys:
            await self._database.write(
                lambda connection: vault_of(connection).destroy(connection, keys)
            )

    async def truncate_log(self) -> None:
        """Take what was erased out of the database's log, where nobody is in the way."""
        left = await self._database.read(lambda connection: connection.execute(_UNWIPED).all())
        if left:
            await self._destroy_keys(ERASABLE)
        if left and await self._database.truncate_log():
            last = {"last": left[-1].by}
            await self._database.write(lambda connection: connection.execute(_TRUNCATED, last))


class _Found:
    """Positions by kind, and exchanges by peer, as they are found; not a value."""

    def __init__(self) -> None:
        self._entries: dict[int, set[int]] = defaultdict(set)
        self._shared: dict[str, dict[int, SharedExchange]] = defaultdict(dict)

    def add(self, kind: int, position: int) -> None:
        self._entries[kind].add(position)

    def add_exchange(self, peer: str, shared: SharedExchange) -> None:
        self._shared[peer][shared.query_index] = shared

    def update(self, other: "_Found") -> None:
        for kind, positions in other._entries.items():  # noqa: SLF001 - its own kind
            self._entries[kind] |= positions
        for peer, shared in other._shared.items():  # noqa: SLF001
            self._shared[peer] |= shared

    def left(self, connection: Connection) -> HeldRecord:
        """Return what of it has not been erased meanwhile."""
        entries = {}
        for kind, positions in self._entries.items():
            erased = {
                position
                for (position,) in rows_in(connection, _ERASED, schema.erased.c.position, positions)
            }
            if positions - erased:
                entries[kind] = sorted(positions - erased)
        answers = set(entries.get(ANSWER, ()))
        shared = {
            peer: [one for _, one in sorted(found.items()) if one.answer_index in answers]
            for peer, found in self._shared.items()
        }
        return HeldRecord(entries, {peer: some for peer, some in shared.items() if some})


def _find(connection: Connection, numbers: Sequence[str], first: int) -> _Found:
    """Find everything from a position on that is about some credentials."""
    found = _Found()
    of_numbers = {"of": list(numbers)}
    _add_events(found, connection, of_numbers)
    codes = []
    for digest, _proof, position in connection.execute(_CODES, of_numbers):
        codes.append(bytes(digest))
        found.add(CONSENT_EVENT, position)
    keys = set(connection.execute(_KEYS, of_numbers).scalars())
    going = {row.id for row in connection.execute(_GOING, of_numbers)}
    sealed = {"keys": list(keys), "first": first}
    stream = connection.execute(_SEALED, sealed, execution_options={"yield_per": _ROWS_AT_ONCE})
    for rows in stream.partitions():
        of = {row.position: row for row in rows}
        for opened in open_rows(connection, rows):
            row = of[opened.position]
            if row.key in going or _is_of(opened, codes):
                found.add(row.kind, row.position)
                if row.kind == ANSWER:
                    found.add_exchange(row.peer, _shared(row.peer_index, opened))
    return found


def _is_of(opened: OpenedRow, codes: Collection[bytes]) -> bool:
    """Tell whether a share code event, or what an answer rests on, is of one of some codes."""
    if code_of(decode_statement(opened.statement).body) in codes:
        return True
    query = None if opened.peer_statement is None else decode_statement(opened.peer_statement).body
    return isinstance(query, Query) and query.selector.code_digest in codes


def _add_events(found: _Found, connection: Connection, of_numbers: dict[str, list[str]]) -> None:
    """Add what is known by where it stands: registry events, watches, complaints."""
    for events in (_REGISTERED, _EVENTS):
        for position in connection.execute(events, of_numbers).scalars():
            found.add(REGISTRY_EVENT, position)
    for position, ended in connection.execute(_WATCHES, of_numbers):
        found.add(CONSENT_EVENT, position)
        if ended is not None:
            found.add(CONSENT_EVENT, ended)
    for position in connection.execute(_CONTESTS, of_numbers).scalars():
        found.add(CONTEST, position)


def _shared(peer_index: int, opened: OpenedRow) -> SharedExchange:
    if opened.peer_statement is None or opened.peer_salt is None:
        raise Refusal(Code.DEFECT, f"the journal's answer {opened.position} rests on nothing")
    return SharedExchange(
        peer_index,
        commitment(opened.peer_statement, opened.peer_salt),
        opened.position,
        commitment(opened.statement, opened.salt),
    )


def _held(connection: Connection, shared: SharedExchange, peer: str) -> HeldExchange:
    """Return what this node, which asked the query, has of an exchange with a peer.

    Raises:
        Refusal: BUSY where it still waits for the answer.
    """
    unknown = HeldExchange(shared)
    question = connection.execute(_QUESTION, {"at": shared.query_index}).one_or_none()
    if question is None or question.commitment != shared.query:
        return unknown
    if question.settled is None:
        raise Refusal(Code.BUSY, "a question of these is still open; ask again later", 60.0)
    entries, said_at = {}, {}
    for position in (shared.query_index, question.settled):
        row = connection.execute(_HELD, {"at": position}).one()
        opened = open_rows(connection, [row])
        if not opened:
            continue
        statement = decode_statement(opened[0].statement)
        if isinstance(statement.body, Query) and statement.body.audience != peer:
            return unknown
        peer_statement, peer_salt = opened[0].peer_statement, opened[0].peer_salt
        if (
            peer_statement is not None
            and peer_salt is not None
            and (row.peer != peer or commitment(peer_statement, peer_salt) != shared.answer)
        ):
            return unknown
        entries[row.kind], said_at[row.kind] = position, statement.said_at
    return HeldExchange(shared, entries, said_at, erased=not entries)


def _open_request(connection: Connection, row: Row[Any]) -> OpenRequest:
    # Under the newest checkpoint: of the one that it was said under, the keys may be retired.
    newest = connection.execute(_NEWEST_CHECKPOINT).one()
    path = stored_tree(connection, newest.size).path(row.position, newest.size)
    sealed = replace(sealed_at(connection, row.position), path=path, checkpoint=newest.note)
    statement = decode_statement(sealed.statement)
    if not isinstance(statement.body, ErasureRequest):
        raise Refusal(Code.DEFECT, f"the journal's entry {row.position} is no erasure request")
    return OpenRequest(
        row.position,
        row.commitment,
        statement.body,
        statement.said_at,
        sealed,
        row.tries,
        row.next_at,
        row.told,
    )


def _due(connection: Connection, kind: int, before: int, start: int, limit: int) -> Due:
    rows = connection.execute(_OLDEST, {"kind": kind, "first": start, "most": limit}).all()
    found = []
    over = len(rows) < limit
    stored = [(row.position, row.key, row.salt, row.statement) for row in rows]
    opened = open_statements(connection, "entry", stored)
    for row, (_, said) in zip(rows, opened, strict=True):
        statement = decode_statement(said or b"")
        if statement.said_at >= before + _STEPS_BACK_MAX_US:
            over = True
            break
        if statement.said_at < before and not _is_open(connection, kind, row.position, statement):
            found.append(row.position)
    return Due(found, None if over or not rows else rows[-1].position + 1)


def _is_open(connection: Connection, kind: int, position: int, statement: Any) -> bool:  # noqa: ANN401
    if kind == QUERY:
        return connection.execute(_QUESTION, {"at": position}).one().settled is None
    if isinstance(statement.body, ConsentGiven):
        return connection.execute(_RUNNING, {"at": position}).first() is not None
    if isinstance(statement.body, WatchGiven):
        return connection.execute(_RUNNING_WATCH, {"at": position}).first() is not None
    return False


def _unknown() -> Refusal:
    return Refusal(
        Code.UNKNOWN,
        "number: the registry holds no such credential; of one that was erased not even the "
        "number is left",
    )


_entry, _counterpart = schema.entry.c, schema.counterpart.c
_among: Final[BindParameter[Any]] = bindparam("of", expanding=True)
_SIZE: Final = select(schema.head.c.size)
_NUMBERS: Final = select(schema.credential.c.number)
_ERASED: Final = select(schema.erased.c.position)
_KEYS: Final = select(schema.credential.c.key).where(schema.credential.c.number.in_(_among))
_GOING: Final = (
    select(schema.holder_key.c.id, schema.holder_key.c.wrapped)
    .join_from(
        schema.credential, schema.holder_key, schema.credential.c.key == schema.holder_key.c.id
    )
    .where(schema.credential.c.number.in_(_among))
    .group_by(schema.holder_key.c.id, schema.holder_key.c.wrapped, schema.holder_key.c.credentials)
    .having(func.count() == schema.holder_key.c.credentials)
)
"""Keys that go with these credentials: no other credential has them."""
_HOLDERS: Final = select(schema.credential.c.holder, schema.credential.c.key).where(
    schema.credential.c.number.in_(_among)
)
_CODES: Final = select(
    schema.consent.c.code_digest, schema.consent.c.holder_proof, schema.consent.c.position
).where(schema.consent.c.credential.in_(_among))
_WATCHES: Final = select(schema.watch.c.position, schema.watch.c.ended).where(
    schema.watch.c.credential.in_(_among)
)
_CONTESTS: Final = select(schema.contest.c.position).where(schema.contest.c.credential.in_(_among))
_REGISTERED: Final = select(schema.credential.c.registered).where(
    schema.credential.c.number.in_(_among)
)
_EVENTS: Final = select(schema.registry_event.c.position).where(
    schema.registry_event.c.number.in_(_among)
)
_WITH_COUNTERPART: Final[Select[*tuple[Any, ...]]] = select(
    _entry.position,
    _entry.kind,
    _entry.key,
    _entry.salt,
    _entry.statement,
    _counterpart.key.label("peer_key"),
    _counterpart.salt.label("peer_salt"),
    _counterpart.statement.label("peer_statement"),
    _counterpart.peer,
    _counterpart.peer_index,
).select_from(schema.entry.outerjoin(schema.counterpart, _counterpart.position == _entry.position))
_SEALED: Final = _WITH_COUNTERPART.where(
    _entry.key.in_(bindparam("keys", expanding=True)),
    _entry.position >= bindparam("first"),
    _entry.statement.is_not(None),
)
_HELD: Final = _WITH_COUNTERPART.where(_entry.position == bindparam("at"))
_QUESTION: Final = select(schema.question).where(schema.question.c.position == bindparam("at"))
_ANSWERED: Final = select(schema.answered.c.position).where(
    schema.answered.c.said_at == bindparam("said_at"),
    schema.answered.c.commitment == bindparam("of"),
)
_NEWEST_CHECKPOINT: Final = (
    select(schema.checkpoint).order_by(schema.checkpoint.c.size.desc()).limit(1)
)
_OPEN_REQUESTS: Final = (
    select(schema.erasure_request)
    .where(schema.erasure_request.c.settled.is_(None))
    .order_by(schema.erasure_request.c.position)
)
_TRIED: Final = (
    update(schema.erasure_request)
    .where(schema.erasure_request.c.position == bindparam("at"))
    .values(
        tries=schema.erasure_request.c.tries + 1,
        next_at=bindparam("again_at"),
        told=bindparam("came_back"),
    )
)
_FALSE_KEPT: Final = select(schema.evidence).where(
    schema.evidence.c.kind == FALSE_ACKNOWLEDGEMENT, schema.evidence.c.peer == bindparam("of")
)
_OLDEST: Final = (
    select(schema.entry)
    .where(
        _entry.kind == bindparam("kind"),
        _entry.position >= bindparam("first"),
        _entry.statement.is_not(None),
    )
    .order_by(_entry.position)
    .limit(bindparam("most"))
)
_RUNNING: Final = select(schema.consent.c.position).where(
    schema.consent.c.position == bindparam("at"), schema.consent.c.ended == 0
)
_RUNNING_WATCH: Final = select(schema.watch.c.position).where(
    schema.watch.c.position == bindparam("at"), schema.watch.c.ended.is_(None)
)
_UNWIPED: Final = select(schema.unwiped).order_by(schema.unwiped.c.by)
_TRUNCATED: Final = delete(schema.unwiped).where(
    schema.unwiped.c.by <= bindparam("last"), schema.unwiped.c.thorough == 0
)
_WIPED: Final = delete(schema.unwiped).where(schema.unwiped.c.by <= bindparam("last"))
