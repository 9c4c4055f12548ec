"""The ledger on SQL: group commit for what is said, look-ups for what is known."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select, update

from node.errors import Code, Refusal
from node.flows.ports import (
    AdoptedList,
    Draft,
    Exchanged,
    Judge,
    OpenQuestion,
    Question,
    Recorded,
    Verification,
    verification_id,
)
from node.model.credential import Credential
from node.model.decide import Consent
from node.model.history import Event
from node.model.merkle import Tree, leaf_hash
from node.model.note import Checkpoint
from node.model.seal import Sealed, commitment
from node.model.statement import Answer, Grant, NoAnswer, Query, TrustReference
from node.store import schema
from node.store.cases import SqlCases
from node.store.database import Database, rows_in
from node.store.documents import SqlDocuments
from node.store.erased import gone, require_erasures
from node.store.erasure import SqlErasures
from node.store.evidence import FORK
from node.store.export import between, records
from node.store.group_commit import GroupCommit
from node.store.heads import SqlHeads
from node.store.holders import SqlHolders
from node.store.journal import (
    Journal,
    read_tile,
    sealed_at,
    statement_at,
    stored_commitments,
    stored_tree,
)
from node.store.notices import SqlNotices
from node.store.registry_rows import consent_of, credential_at, history_of
from node.store.trust_files import decode_bundle
from node.store.vault import open_statements
from node.wire.codec import INDEX_MAX, decode_statement
from node.wire.export import Record

_CHUNK: Final = 500
_OPEN_MAX: Final = 4096


class SqlLedger:
    """The port `Ledger` on one database; the contracts are there."""

    def __init__(self, database: Database, journal: Journal, clock: Callable[[], int]) -> None:
        """Take the parts; `open` before use."""
        self._database = database
        self._clock = clock
        self._commits = GroupCommit(database, journal, clock)
        self.heads = SqlHeads(database, self._commits, journal, clock)
        self.erasures = SqlErasures(database, self._commits, clock)
        self.cases = SqlCases(database, self._commits, clock)
        self.holders = SqlHolders(database)
        self.documents = SqlDocuments(database)
        self.notices = SqlNotices(database, self._commits)
        self.is_open = False

    async def open(self, node: str, origin: str) -> None:
        """Check whose journal it is and learn which peers' journals are known to be forked.

        Raises:
            Refusal: CONFLICT where it is another node's.
        """
        head = await self._database.read(lambda connection: connection.execute(_HEAD).one())
        if (head.node, head.origin) != (node, origin):
            raise Refusal(
                Code.CONFLICT,
                f"the journal is {head.origin} of node {head.node}, the settings say {origin} "
                f"of {node}",
            )
        self._commits.forked = await self._database.read(_forked_journals)
        self.is_open = True

    async def close(self) -> None:
        """Wait for what is being written, and leave nothing unsigned."""
        await self._commits.drain()
        if not self.is_open:  # perhaps another node's journal: not ours to sign
            return
        with suppress(Refusal):  # a disk that refuses: the next start signs
            await self.sign_head()

    def append(self, drafts: Sequence[Draft]) -> Awaitable[Sequence[Recorded]]:
        """Journal statements together, all or none."""
        return self._commits.append(drafts)

    async def append_many(
        self, drafts: Iterable[Draft], progress: Callable[[int], None] | None = None
    ) -> int:
        """Journal any number of statements in one transaction."""
        return await self._commits.append_many(drafts, progress)

    async def answer(
        self, questions: Sequence[Question], judge: Judge
    ) -> Sequence[Sealed | Refusal]:
        """Answer questions in journal order, each exactly once."""
        return await self._commits.answer(questions, judge)

    def forked_journals(self) -> frozenset[str]:
        """Return the origins of the peers' journals that are known to be forked."""
        return self._commits.forked

    async def open_questions(self, excluding: Collection[bytes] = ()) -> Sequence[OpenQuestion]:
        """Return every question that is neither concluded nor given up."""
        return await self._database.read(lambda connection: _open_questions(connection, excluding))

    async def verification(self, wanted: str, key_id: str) -> Verification | None:
        """Return a question by its id, where that API key asked it."""
        return await self._database.read(
            lambda connection: _verification(connection, wanted, key_id)
        )

    async def sign_head(self) -> None:
        """Sign the newest statements too, where no checkpoint covers them yet."""
        if await self._database.read(_unsigned):
            await self._commits.sign_head()

    async def exchanged(self, wanted: str, key_id: str) -> Exchanged | None:
        """Return a concluded exchange for its receipt, where that API key asked it."""
        await self.sign_head()
        return await self._database.read(lambda connection: _exchanged(connection, wanted, key_id))

    async def credential(self, number: str) -> Credential | None:
        """Return a credential by the authority's own key, as it is now."""
        now = self._clock()
        return await self._database.read(lambda connection: credential_at(connection, number, now))

    async def history(self, number: str) -> Sequence[Event]:
        """Return every event of a credential, in the order of the journal."""
        return await self._database.read(lambda connection: history_of(connection, number))

    async def known_numbers(self, numbers: Sequence[str]) -> set[str]:
        """Return which of these credential numbers the registry holds."""

        def work(connection: Connection) -> set[str]:
            rows = rows_in(connection, _NUMBERS, schema.credential.c.number, numbers)
            return {number for (number,) in rows}

        return await self._database.read(work)

    async def consent(self, code_digest: bytes) -> Consent | None:
        """Return a share code's consent by its digest."""

        def work(connection: Connection) -> Consent | None:
            row = connection.execute(_CONSENT, {"of": code_digest}).one_or_none()
            return None if row is None else consent_of(row)

        return await self._database.read(work)

    async def consents(self, credential: str) -> Sequence[Consent]:
        """Return the consents of all share codes of a credential, oldest first."""

        def work(connection: Connection) -> list[Consent]:
            rows = connection.execute(_CONSENTS, {"of": credential})
            return [consent_of(row) for row in rows]

        return await self._database.read(work)

    async def lapsed_consents(self, now: int, limit: int) -> Sequence[bytes]:
        """Return digests of share codes past their expiry that no statement has ended yet."""

        def work(connection: Connection) -> list[bytes]:
            rows = connection.execute(_LAPSED, {"now": now, "most": limit})
            return list(rows.scalars())

        return await self._database.read(work)

    async def adopted(self) -> TrustReference | None:
        """Return which trust list was adopted last."""

        def work(connection: Connection) -> TrustReference | None:
            row = connection.execute(_ADOPTED_LAST).one_or_none()
            return None if row is None else TrustReference(row.version, row.digest)

        return await self._database.read(work)

    async def adopted_list(self) -> AdoptedList | None:
        """Return the trust list adopted last, from the archive."""
        return await self._database.read(_adopted_list)

    async def check(self) -> int:
        """Recompute the tree of the whole journal; returns its size."""
        return await self._database.read(_check)

    async def heights(self) -> tuple[int, int]:
        """Return the journal's size and the number of open questions."""

        def work(connection: Connection) -> tuple[int, int]:
            size = connection.execute(_HEAD).one().size
            return size, connection.execute(_OPEN_COUNT).scalar_one()

        return await self._database.read(work)

    async def try_writing(self) -> None:
        """Change a bit that means nothing, the whole way to the disk.

        A bit, because a value written over itself is not written at all.

        Raises:
            Refusal: STALE where the disk refuses to write.
        """
        await self._database.write(lambda connection: connection.execute(_TOUCH))

    async def checkpoint(self) -> bytes:
        """Return the signed checkpoint of the whole journal as it is now."""
        return await self.heads.own_checkpoint()

    async def between(self, since: int | None, until: int | None) -> tuple[int, int]:
        """Return the positions of what was said at or after a time and before another.

        Half-open; None leaves a side open. Microseconds UTC.
        """
        return await self._database.read(lambda connection: between(connection, since, until))

    def records(self, grant: Grant | None = None, access: int = 0) -> Iterator[Record]:
        """Yield the journal as an export holds it, from one snapshot, in this thread.

        Call `sign_head` first: statements without a checkpoint prove nothing.

        Args:
            grant: what of it; None for all.
            access: the entry that journals the grant.
        """
        with self._database.snapshot() as connection:
            yield from records(connection, grant, access)


def _unsigned(connection: Connection) -> bool:
    size: int = connection.execute(_HEAD).one().size
    signed: int = connection.execute(_NEWEST_SIZE).scalar_one()
    return signed < size


def _forked_journals(connection: Connection) -> frozenset[str]:
    return frozenset(connection.execute(_FORKED).scalars())


def _open_questions(connection: Connection, excluding: Collection[bytes]) -> list[OpenQuestion]:
    trees: dict[int, Tree] = {}
    found: list[OpenQuestion] = []
    for row in connection.execute(_OPEN):
        if row.commitment in excluding:
            continue
        sealed = sealed_at(connection, row.position, trees)
        statement = decode_statement(sealed.statement)
        if not isinstance(statement.body, Query):
            raise Refusal(Code.DEFECT, f"the journal's entry {row.position} is no query")
        found.append(
            OpenQuestion(statement.body, statement.said_at, row.commitment, sealed, row.key_id)
        )
        if len(found) == _OPEN_MAX:
            break
    return found


def _question(connection: Connection, wanted: str, key_id: str) -> Row[Any] | None:
    try:
        position = int.from_bytes(bytes.fromhex(wanted)[:8], "big")
    except ValueError:
        return None
    if position > INDEX_MAX:
        return None
    row = connection.execute(_QUESTION, {"of": position}).one_or_none()
    if row is None or row.key_id != key_id:
        return None
    return row if verification_id(row.position, row.commitment) == wanted else None


def _verification(connection: Connection, wanted: str, key_id: str) -> Verification | None:
    row = _question(connection, wanted, key_id)
    if row is None:
        return None
    asked = decode_statement(statement_at(connection, row.position))
    if not isinstance(asked.body, Query):
        raise Refusal(Code.DEFECT, f"the journal's entry {row.position} is no query")
    answer, answered_at, no_answer = None, None, None
    if row.settled is not None:
        settled = decode_statement(statement_at(connection, row.settled))
        if isinstance(settled.body, NoAnswer):
            no_answer = settled.body.code.value
        else:
            answered_at = settled.said_at
            counterpart = connection.execute(_COUNTERPART, {"at": row.settled}).one()
            _, statement = _counterpart(connection, counterpart)
            body = decode_statement(statement).body
            answer = body if isinstance(body, Answer) else None
    return Verification(
        id=wanted,
        key_id=key_id,
        peer=asked.body.audience,
        query=asked.body,
        asked_at=asked.said_at,
        answer=answer,
        answered_at=answered_at,
        no_answer=no_answer,
    )


def _exchanged(connection: Connection, wanted: str, key_id: str) -> Exchanged | None:
    row = _question(connection, wanted, key_id)
    if row is None or row.settled is None:
        return None
    counterpart = connection.execute(_COUNTERPART, {"at": row.settled}).one_or_none()
    if counterpart is None:
        return None
    conclusion = sealed_at(connection, row.settled)  # refuses where it was erased, its answer too
    query = sealed_at(connection, row.position)
    salt, answer = _counterpart(connection, counterpart)
    said = (query.statement, answer, conclusion.statement)
    named = {decode_statement(statement).trust.digest for statement in said}
    blobs = connection.execute(_TRUST_LISTS, {"of": sorted(named)}).scalars()
    return Exchanged(
        query=query,
        answer=Sealed(
            answer,
            salt,
            counterpart.peer_index,
            counterpart.path,
            counterpart.note,
        ),
        conclusion=conclusion,
        trust=tuple(map(decode_bundle, blobs)),
    )


def _adopted_list(connection: Connection) -> AdoptedList | None:
    row = connection.execute(_ADOPTED_LAST).one_or_none()
    if row is None:
        return None
    return AdoptedList(
        TrustReference(row.version, row.digest),
        decode_statement(statement_at(connection, row.adopted)).said_at,
        decode_bundle(connection.execute(_TRUST_LISTS, {"of": [row.digest]}).scalar_one()),
    )


def _counterpart(connection: Connection, row: Row[Any]) -> tuple[bytes, bytes]:
    """Return salt and statement of what an entry rests on."""
    stored = (row.position, row.key, row.salt, row.statement)
    salt, statement = open_statements(connection, "counterpart", [stored])[0]
    if salt is None or statement is None:
        raise gone(connection, row.position)
    return salt, statement


def _check(connection: Connection) -> int:
    """Rebuild the tree from the statements alone and hold it against head and tiles."""
    head = connection.execute(_HEAD).one()
    tree = stored_tree(connection, 0)
    with closing(stored_commitments(connection)) as kept:
        _rebuild(connection, tree, kept)
    if (tree.size, tree.root()) != (head.size, head.root):
        raise Refusal(
            Code.DEFECT,
            f"journal: its {tree.size} entries do not add up to the head of size {head.size}",
        )
    note = connection.execute(_NEWEST_CHECKPOINT).scalar_one()
    signed = Checkpoint.parse(note.rpartition(b"\n\n")[0] + b"\n")
    if signed.size > tree.size or tree.root(signed.size) != signed.root:
        raise Refusal(
            Code.DEFECT, f"journal: its entries are not those of the checkpoint at {signed.size}"
        )
    return tree.size


def _rebuild(connection: Connection, tree: Tree, kept: Iterator[bytes]) -> None:
    """Extend a tree by all statements, and hold commitments and tiles against it."""
    stream = connection.execute(_ENTRIES, execution_options={"yield_per": _CHUNK})
    for rows in stream.partitions():
        for offset, row in enumerate(rows):
            if row.position != tree.size + offset:
                raise Refusal(Code.DEFECT, f"journal: entry {tree.size + offset} is missing")
        require_erasures(connection, rows)
        beside = list(islice(kept, len(rows)))
        stored = [(row.position, row.key, row.salt, row.statement) for row in rows]
        entries = [
            kept_one if statement is None or salt is None else commitment(statement, salt)
            for (salt, statement), kept_one in zip(
                open_statements(connection, "entry", stored), beside, strict=False
            )
        ]
        if len(beside) != len(rows) or beside != entries:
            raise Refusal(
                Code.DEFECT,
                f"journal: the commitments from {tree.size} on do not match its entries",
            )
        tiles = tree.extend(list(map(leaf_hash, entries)))
        for tile in tiles:
            if not read_tile(connection, tile.level, tile.number).startswith(tile.hashes):
                raise Refusal(
                    Code.DEFECT,
                    f"journal: tile {tile.level}/{tile.number} does not match its entries",
                )


_same_checkpoint = (schema.counterpart.c.origin == schema.peer_checkpoint.c.origin) & (
    schema.counterpart.c.size == schema.peer_checkpoint.c.size
)
_HEAD: Final = select(schema.head)
_ENTRIES: Final = select(schema.entry).order_by(schema.entry.c.position)
_COUNTERPART: Final = (
    select(schema.counterpart, schema.peer_checkpoint.c.note)
    .select_from(schema.counterpart.outerjoin(schema.peer_checkpoint, _same_checkpoint))
    .where(schema.counterpart.c.position == bindparam("at"))
)
_NEWEST_CHECKPOINT: Final = (
    select(schema.checkpoint.c.note).order_by(schema.checkpoint.c.size.desc()).limit(1)
)
_NEWEST_SIZE: Final = select(func.max(schema.checkpoint.c.size))
_OPEN: Final = (
    select(schema.question)
    .where(schema.question.c.settled.is_(None))
    .order_by(schema.question.c.position)
)
_OPEN_COUNT: Final = (
    select(func.count()).select_from(schema.question).where(schema.question.c.settled.is_(None))
)
_TOUCH: Final = update(schema.head).values(touched=1 - schema.head.c.touched)
_QUESTION: Final = select(schema.question).where(schema.question.c.position == bindparam("of"))
_NUMBERS: Final = select(schema.credential.c.number)
_CONSENT: Final = select(schema.consent).where(schema.consent.c.code_digest == bindparam("of"))
_CONSENTS: Final = (
    select(schema.consent)
    .where(schema.consent.c.credential == bindparam("of"))
    .order_by(schema.consent.c.position)
)
_LAPSED: Final = (
    select(schema.consent.c.code_digest)
    .where(schema.consent.c.ended == 0, schema.consent.c.expires_at <= bindparam("now"))
    .order_by(schema.consent.c.expires_at)
    .limit(bindparam("most"))
)
_FORKED: Final = select(schema.evidence.c.origin).where(schema.evidence.c.kind == FORK).distinct()
_TRUST_LISTS: Final = (
    select(schema.trust_list.c.bundle)
    .where(schema.trust_list.c.digest.in_(bindparam("of", expanding=True)))
    .order_by(schema.trust_list.c.adopted)
)
_ADOPTED_LAST: Final = (
    select(schema.trust_list.c.version, schema.trust_list.c.digest, schema.trust_list.c.adopted)
    .order_by(schema.trust_list.c.adopted.desc())
    .limit(1)
)
