"""Holders' tokens, who asked about them, what they let others follow (port `Holders`).

Which answers are about which credential is not written when an answer is given: `access` follows
the journal afterwards, in the background and before anybody reads it.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, literal, select, union_all, update

from node.errors import Code, Refusal
from node.flows.holder_ports import Access, AccessWindow, Contest, Held
from node.model.holder import Watch
from node.model.holder_bodies import ContestRaised
from node.model.statement import BODY_NUMBERS, Answer, Query
from node.store import schema
from node.store.database import Database, insert_rows, rows_in
from node.store.export import between
from node.store.registry_rows import numbers_of_holder, watch_of
from node.store.vault import open_statements
from node.wire.codec import decode_statement, share_code_digest

_ANSWER: Final = BODY_NUMBERS[Answer]
_FOLLOWED_AT_ONCE: Final = 2_000
_FOLLOWED_MAX: Final = 50_000


class SqlHolders:
    """The port `Holders` on one database; the contracts are there."""

    def __init__(self, database: Database) -> None:
        """Work on a node's database."""
        self._database = database

    async def numbers_of_holder(self, number: str) -> Sequence[str]:
        """Return the numbers of all credentials of the holder of one."""
        return await self._database.read(lambda connection: numbers_of_holder(connection, number))

    # --- tokens ---

    async def keep_token(self, digest: bytes, held: Held) -> None:
        """Keep a token by its digest, and forget those that expired."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET, {"now": held.created_at})
            rows = [
                (digest, number, held.id, held.created_at, held.expires_at, None)
                for number in held.credentials
            ]
            insert_rows(connection, schema.holder_token, rows)

        await self._database.write(work)

    async def token(self, digest: bytes, now: int) -> Held | None:
        """Return a token that counts now, by its digest."""

        def work(connection: Connection) -> Held | None:
            found = _tokens(connection.execute(_TOKEN, {"of": digest, "now": now}))
            return found[0] if found else None

        return await self._database.read(work)

    async def tokens(self) -> Sequence[Held]:
        """Return all tokens that are kept, oldest first."""
        return await self._database.read(lambda connection: _tokens(connection.execute(_TOKENS)))

    async def revoke_token(self, token_id: str, now: int) -> bool:
        """Revoke a token; returns whether there was one to revoke."""
        values = {"of": token_id, "now": now}
        return await self._database.write(
            lambda connection: connection.execute(_REVOKE, values).rowcount > 0
        )

    # --- who asked ---

    async def follow(self) -> None:
        """Bring `access` nearer to the journal's end, by so much as disturbs nobody."""
        for _ in range(_FOLLOWED_MAX // _FOLLOWED_AT_ONCE):
            if not await self._follow_some():
                return

    async def accesses(
        self, numbers: Sequence[str], window: AccessWindow
    ) -> tuple[Sequence[Access], bool]:
        """Return accesses to some credentials, the newest first, and whether there are more."""
        while await self._follow_some():
            pass

        def work(connection: Connection) -> list[Access]:
            first, end = between(connection, window.since, window.until)
            if window.before is not None:
                end = min(end, window.before)
            values = {"of": list(numbers), "first": first, "end": end, "most": window.limit + 1}
            return _accesses(connection, connection.execute(_ACCESSES, values).all())

        found = await self._database.read(work)
        return found[: window.limit], len(found) > window.limit

    async def _follow_some(self) -> bool:
        """Follow some answers; returns whether there are more."""
        reach, after, count, digests = await self._database.read(_unfollowed)
        if not count:
            return False

        def work(connection: Connection) -> None:
            if connection.execute(_REACH).scalar_one_or_none() != reach:
                return  # another process was here
            # Here and not before: a credential that was erased meanwhile must not come back.
            codes = {digest for _, digest in digests}
            of_code = dict(rows_in(connection, _CREDENTIALS, schema.consent.c.code_digest, codes))
            known = ((of_code.get(digest), position) for position, digest in digests)
            insert_rows(connection, schema.access, [row for row in known if row[0] is not None])
            if reach is None:
                insert_rows(connection, schema.access_reach, [(0, after)])
            else:
                connection.execute(update(schema.access_reach).values(position=after))

        await self._database.write(work)
        return count == _FOLLOWED_AT_ONCE

    # --- what they let others follow, and what they say is wrong ---

    async def is_about(self, position: int, numbers: Sequence[str]) -> bool:
        """Tell whether an entry is about one of some credentials."""
        while await self._follow_some():
            pass
        values = {"of": list(numbers), "at": position}
        return await self._database.read(
            lambda connection: connection.execute(_IS_ABOUT, values).first() is not None
        )

    async def watches(self, numbers: Sequence[str]) -> Sequence[Watch]:
        """Return the standing consents about some credentials, oldest first."""

        def work(connection: Connection) -> list[Watch]:
            return [watch_of(row) for row in connection.execute(_WATCHES, {"of": list(numbers)})]

        return await self._database.read(work)

    async def lapsed_watches(self, now: int, limit: int) -> Sequence[bytes]:
        """Return watches past their expiry that no statement has ended yet."""
        values = {"now": now, "most": limit}
        return await self._database.read(
            lambda connection: list(connection.execute(_LAPSED, values).scalars())
        )

    async def contests(self, numbers: Sequence[str] | None) -> Sequence[Contest]:
        """Return complaints about some credentials, or all, oldest first; not those erased."""

        def work(connection: Connection) -> list[Contest]:
            if numbers is None:
                rows = connection.execute(_CONTESTS).all()
            else:
                among = _CONTESTS.where(schema.contest.c.credential.in_(_among))
                rows = connection.execute(among, {"of": list(numbers)}).all()
            opened = open_statements(connection, "entry", [tuple(row) for row in rows])
            return [
                _contest(row.position, statement)
                for row, (_, statement) in zip(rows, opened, strict=True)
                if statement is not None
            ]

        return await self._database.read(work)


def _unfollowed(connection: Connection) -> tuple[int | None, int, int, list[tuple[int, bytes]]]:
    """Return how far `access` reaches and will, how many entries that is, and their codes."""
    reach = connection.execute(_REACH).scalar_one_or_none()
    values = {"first": reach or 0, "most": _FOLLOWED_AT_ONCE}
    rows = connection.execute(_RESTING, values).all()
    answers = [tuple(row[:4]) for row in rows if row.kind == _ANSWER]
    opened = open_statements(connection, "counterpart", answers)
    digests = [
        (position, share_code_digest(statement))
        for (position, *_), (_, statement) in zip(answers, opened, strict=True)
        if statement is not None
    ]
    return reach, rows[-1].position + 1 if rows else 0, len(rows), digests


def _tokens(rows: Any) -> list[Held]:  # noqa: ANN401 - rows of a query
    found: dict[bytes, Held] = {}
    for digest, credential, token_id, created_at, expires_at, revoked_at in rows:
        before = found[digest].credentials if digest in found else ()
        found[digest] = Held(token_id, (*before, credential), created_at, expires_at, revoked_at)
    return list(found.values())


def _accesses(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[Access]:
    own = [(row.position, row.key, row.salt, row.statement) for row in rows]
    theirs = [(row.position, row.peer_key, row.peer_salt, row.peer_statement) for row in rows]
    answers = open_statements(connection, "entry", own)
    queries = open_statements(connection, "counterpart", theirs)
    return [
        _access(row, answer, query)
        for row, (_, answer), (_, query) in zip(rows, answers, queries, strict=True)
        if answer is not None and query is not None
    ]


def _access(row: Row[*tuple[Any, ...]], said: bytes, peer_said: bytes) -> Access:
    answered, asked = decode_statement(said), decode_statement(peer_said)
    answer, query = answered.body, asked.body
    if not isinstance(answer, Answer) or not isinstance(query, Query):
        raise Refusal(Code.DEFECT, f"the journal's entry {row.position} is no answer to a query")
    return Access(
        row.position, row.credential, row.peer, query, asked.said_at, answer, answered.said_at
    )


def _contest(position: int, statement: bytes) -> Contest:
    said = decode_statement(statement)
    if not isinstance(said.body, ContestRaised):
        raise Refusal(Code.DEFECT, f"the journal's entry {position} is no complaint")
    body = said.body
    complaint = body.complaint.name.lower()
    return Contest(position, said.said_at, body.credential, body.entry, complaint, body.text)


_among: Final[Any] = bindparam("of", expanding=True)
_token = schema.holder_token.c
_entry, _counterpart = schema.entry.c, schema.counterpart.c
_FORGET: Final = delete(schema.holder_token).where(_token.expires_at <= bindparam("now"))
_TOKEN: Final = (
    select(schema.holder_token)
    .where(
        _token.digest == bindparam("of"),
        _token.expires_at > bindparam("now"),
        _token.revoked_at.is_(None),
    )
    .order_by(_token.credential)
)
_TOKENS: Final = select(schema.holder_token).order_by(_token.created_at, _token.credential)
_REVOKE: Final = (
    update(schema.holder_token)
    .where(
        _token.id == bindparam("of"),
        _token.expires_at > bindparam("now"),
        _token.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
)
_REACH: Final = select(schema.access_reach.c.position)
_RESTING: Final = (
    select(
        _counterpart.position,
        _counterpart.key,
        _counterpart.salt,
        _counterpart.statement,
        _entry.kind,
    )
    .join(schema.entry, _entry.position == _counterpart.position)
    .where(_counterpart.position >= bindparam("first"))
    .order_by(_counterpart.position)
    .limit(bindparam("most"))
)
_CREDENTIALS: Final = select(schema.consent.c.code_digest, schema.consent.c.credential)
_ACCESSES: Final = (
    select(
        schema.access.c.credential,
        schema.access.c.position,
        _entry.key,
        _entry.salt,
        _entry.statement,
        _counterpart.peer,
        _counterpart.key.label("peer_key"),
        _counterpart.salt.label("peer_salt"),
        _counterpart.statement.label("peer_statement"),
    )
    .join(schema.entry, _entry.position == schema.access.c.position)
    .join(schema.counterpart, _counterpart.position == schema.access.c.position)
    .where(
        schema.access.c.credential.in_(_among),
        schema.access.c.position >= bindparam("first"),
        schema.access.c.position < bindparam("end"),
        _entry.statement.is_not(None),
    )
    .order_by(schema.access.c.position.desc())
    .limit(bindparam("most"))
)
_IS_ABOUT: Final = union_all(
    *(
        select(literal(1)).where(credential.in_(_among), position == bindparam("at"))
        for credential, position in (
            (schema.access.c.credential, schema.access.c.position),
            (schema.credential.c.number, schema.credential.c.registered),
            (schema.registry_event.c.number, schema.registry_event.c.position),
            (schema.consent.c.credential, schema.consent.c.position),
            (schema.watch.c.credential, schema.watch.c.position),
        )
    )
)
_WATCHES: Final = (
    select(schema.watch)
    .where(schema.watch.c.credential.in_(_among))
    .order_by(schema.watch.c.position)
)
_LAPSED: Final = (
    select(schema.watch.c.watch)
    .where(schema.watch.c.ended.is_(None), schema.watch.c.expires_at <= bindparam("now"))
    .order_by(schema.watch.c.expires_at)
    .limit(bindparam("most"))
)
_CONTESTS: Final = (
    select(schema.contest.c.position, _entry.key, _entry.salt, _entry.statement)
    .join(schema.entry, _entry.position == schema.contest.c.position)
    .where(_entry.statement.is_not(None))
    .order_by(schema.contest.c.position)
)
