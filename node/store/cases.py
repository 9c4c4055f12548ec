"""The cases of a node: steps as the journal has them, texts and documents beside it."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from node.errors import Code, Refusal
from node.flows.case_ports import (
    HeldCase,
    HeldPart,
    HeldStep,
    OpenStep,
    Sayings,
    SharedSubject,
    WantedPart,
)
from node.flows.ports import Evidence, Recorded, verification_id
from node.model.bounds import INDEX_MAX
from node.model.case_bodies import CasePart, CaseStep, Subject, SubjectKind
from node.model.cases import Taken
from node.model.retention import ANSWER, CONCLUSION
from node.model.seal import Sealed, commitment
from node.model.statement import Query
from node.store import schema
from node.store.database import Database
from node.store.erased import OpenedRow, gone, open_rows
from node.store.evidence import keep_evidence, opened_evidence
from node.store.group_commit import GroupCommit
from node.store.journal import sealed_at, statement_at, stored_tree
from node.store.vault import open_statements
from node.wire.codec import decode_statement

FALSE_RECEIPT: Final = "false_case_receipt"
_FALSE_KEPT_MAX: Final = 16
_AT_ONCE: Final = 256
_KINDS: Final = {SubjectKind.ANSWER: ANSWER, SubjectKind.CONCLUSION: CONCLUSION}


class SqlCases:
    """The port `CaseBooks` on one database; the contracts are there."""

    def __init__(self, database: Database, commits: GroupCommit, clock: Callable[[], int]) -> None:
        """Take the parts of a ledger."""
        self._database = database
        self._commits = commits
        self._clock = clock

    async def held(self, case: bytes) -> HeldCase | None:
        """Return a case."""
        return await self._database.read(lambda connection: _held(connection, case))

    async def all(self, key_id: str | None = None) -> Sequence[HeldCase]:
        """Return every case, or those of an API key, oldest first."""

        def work(connection: Connection) -> list[HeldCase]:
            wanted = _CASES if key_id is None else _CASES.where(_file.key_id == key_id)
            ids = connection.execute(wanted).scalars().all()
            found = [_held(connection, bytes(case)) for case in ids]
            return [one for one in found if one is not None]

        return await self._database.read(work)

    async def record(
        self, case: bytes, say: Callable[[HeldCase | None], Sayings]
    ) -> Sequence[Recorded]:
        """Write what `say` makes of a case as it is, in one transaction."""

        def compose(connection: Connection) -> Sequence[Any]:
            sayings = say(_held(connection, case))
            _keep(connection, case, sayings, self._clock())
            return sayings.drafts

        return await self._commits.compose(compose)

    async def sealed(self, position: int) -> Sealed:
        """Return an own statement with its seal, under the newest checkpoint."""
        return await self._database.read(lambda connection: _sealed_now(connection, position))

    async def open_steps(self) -> Sequence[OpenStep]:
        """Return own steps that the other node has not received, oldest first."""

        def work(connection: Connection) -> list[OpenStep]:
            found = []
            for row in connection.execute(_OPEN, {"most": _AT_ONCE}):
                sealed = _sealed_now(connection, row.position)
                step = decode_statement(sealed.statement).body
                if isinstance(step, CaseStep):
                    found.append(
                        OpenStep(
                            row.position,
                            bytes(row.commitment),
                            step,
                            sealed,
                            row.tries,
                            row.next_at,
                        )
                    )
            return found

        return await self._database.read(work)

    async def tried(self, position: int, next_at: int, told: str) -> None:
        """Note that a step was sent in vain."""
        values = {"at": position, "again_at": next_at, "came_back": told}
        await self._database.write(lambda connection: connection.execute(_TRIED, values))

    async def keep_false(self, peer: str, origin: str, content: bytes) -> None:
        """Keep a false receipt as evidence, once, and so many of a peer."""

        def work(connection: Connection) -> None:
            rows = connection.execute(_FALSE_KEPT, {"of": peer}).all()
            kept = [opened_evidence(connection, row) for row in rows]
            if content not in kept and len(kept) < _FALSE_KEPT_MAX:
                keep_evidence(
                    connection, Evidence(peer, origin, FALSE_RECEIPT, content), self._clock()
                )

        await self._database.write(work)

    async def wanted_parts(self, now: int) -> Sequence[WantedPart]:
        """Return documents that have not come and whose time to be asked for has."""

        def work(connection: Connection) -> list[WantedPart]:
            rows = connection.execute(_WANTED, {"now": now, "most": _AT_ONCE})
            return [
                WantedPart(bytes(row.case_id), row.peer, row.secret, _part_of(row), row.tries)
                for row in rows
            ]

        return await self._database.read(work)

    async def asked_in_vain(self, case: bytes, digest: bytes, next_at: int) -> None:
        """Note that a document did not come: when again."""
        values = {"of": case, "which": digest, "again_at": next_at}
        await self._database.write(lambda connection: connection.execute(_ASKED, values))

    async def keep_part(self, case: bytes, digest: bytes, salt: bytes, content: bytes) -> None:
        """Keep a document that came, unless the case's documents are erased by now."""
        values = {"of": case, "which": digest, "its_salt": salt, "its_content": content}
        await self._database.write(lambda connection: connection.execute(_CAME, values))

    async def part(self, case: bytes, digest: bytes) -> tuple[HeldPart, bytes, bytes] | None:
        """Return a document with its salt and content."""

        def work(connection: Connection) -> tuple[HeldPart, bytes, bytes] | None:
            row = connection.execute(_PART, {"of": case, "which": digest}).first()
            if row is None:
                return None
            held = HeldPart(_part_of(row), bool(row.own), row.content is not None)
            return held, bytes(row.salt or b""), bytes(row.content or b"")

        return await self._database.read(work)

    async def subject_of(self, verification: str, key_id: str | None) -> SharedSubject:
        """Return the answered exchange behind a verification id."""
        return await self._database.read(
            lambda connection: _subject_of(connection, verification, key_id)
        )

    async def shared(self, subject: Subject, peer: str) -> bool:
        """Tell whether an own entry is the subject: of its kind, exchanged with that peer."""

        def work(connection: Connection) -> bool:
            row = connection.execute(_EXCHANGED, {"at": subject.position}).one_or_none()
            if row is None or row.kind != _KINDS.get(subject.kind) or row.peer != peer:
                return False
            held = open_rows(connection, [row])
            return bool(held) and _commitment(held[0]) == subject.commitment

        return await self._database.read(work)

    async def wipe(self) -> None:
        """Take what was erased out of the database's log, where nobody is in the way."""
        left = await self._database.read(
            lambda connection: list(connection.execute(_UNWIPED).scalars())
        )
        if left and await self._database.truncate_log():
            last = {"last": left[-1]}
            await self._database.write(lambda connection: connection.execute(_WIPED, last))


def _keep(connection: Connection, case: bytes, sayings: Sayings, now: int) -> None:
    """Write what belongs to a case beside the journal."""
    file = sayings.file
    if file is not None:
        row = {
            "case_id": case,
            "peer": file.peer,
            "key_id": file.key_id,
            "secret": file.secret,
            "recipient": file.recipient,
        }
        connection.execute(insert(schema.case_file), [row])
    for given in sayings.given:
        values = {**_row(case, given.part), "own": 1, "salt": given.salt, "content": given.content}
        connection.execute(insert(schema.case_part), [{**values, "next_at": None}])
    for part in sayings.named:
        values = {**_row(case, part), "own": 0, "salt": None, "content": None, "next_at": now}
        connection.execute(insert(schema.case_part), [values])
    if sayings.recipient:
        connection.execute(_RECIPIENT, {"of": case, "known": sayings.recipient})
    if sayings.erase:
        connection.execute(_EMPTY_PARTS, {"of": case})
        connection.execute(_FORGET_SECRET, {"of": case})
        size = connection.execute(_SIZE).scalar_one()
        connection.execute(insert(schema.unwiped), [{"by": size, "thorough": 0}])


def _row(case: bytes, part: CasePart) -> dict[str, Any]:
    return {
        "case_id": case,
        "digest": part.digest,
        "size_bytes": part.size_bytes,
        "word": part.word,
        "tries": 0,
    }


def _part_of(row: Row[*tuple[Any, ...]]) -> CasePart:
    return CasePart(bytes(row.digest), row.size_bytes, row.word)


def _held(connection: Connection, case: bytes) -> HeldCase | None:
    file = connection.execute(_FILE, {"of": case}).one_or_none()
    if file is None:
        return None
    steps = connection.execute(_STEPS, {"of": case})
    parts = connection.execute(_PARTS, {"of": case})
    return HeldCase(
        case=case,
        peer=file.peer,
        key_id=file.key_id,
        secret=file.secret,
        recipient=file.recipient,
        steps=tuple(_step(connection, row) for row in steps),
        parts=tuple(HeldPart(_part_of(row), bool(row.own), bool(row.here)) for row in parts),
    )


def _step(connection: Connection, row: Row[Any]) -> HeldStep:
    if row.own:
        table, stored = "entry", (row.position, row.key, row.salt, row.statement)
    else:
        table = "counterpart"
        stored = (row.position, row.peer_key, row.peer_salt, row.peer_statement)
    said = open_statements(connection, table, [stored])[0][1]
    if said is None:
        raise gone(connection, row.position)
    statement = decode_statement(said)
    if not isinstance(statement.body, CaseStep):
        raise Refusal(Code.DEFECT, f"the journal's entry {row.position} is of no step of a case")
    return HeldStep(
        position=row.position,
        own=bool(row.own),
        number=row.number,
        commitment=bytes(row.commitment),
        taken=Taken(statement.speaker, statement.said_at, statement.body),
        settled=row.settled is not None,
        tries=row.tries,
        told=row.told,
    )


def _sealed_now(connection: Connection, position: int) -> Sealed:
    # Under the newest checkpoint: of the one that it was said under, the keys may be retired.
    newest = connection.execute(_NEWEST_CHECKPOINT).one()
    path = stored_tree(connection, newest.size).path(position, newest.size)
    return replace(sealed_at(connection, position), path=path, checkpoint=newest.note)


def _subject_of(connection: Connection, wanted: str, key_id: str | None) -> SharedSubject:
    unknown = Refusal(Code.UNKNOWN, "verification: none that was answered has this id")
    try:
        position = int.from_bytes(bytes.fromhex(wanted)[:8], "big")
    except ValueError:
        raise unknown from None
    if position > INDEX_MAX:
        raise unknown
    row = connection.execute(_QUESTION, {"at": position}).one_or_none()
    if row is None or verification_id(row.position, row.commitment) != wanted:
        raise unknown
    if key_id not in {None, row.key_id} or row.settled is None:
        raise unknown
    settled = connection.execute(_EXCHANGED, {"at": row.settled}).one()
    query = decode_statement(statement_at(connection, position)).body
    held = open_rows(connection, [settled])
    if not held or held[0].peer_statement is None or held[0].peer_salt is None:
        raise gone(connection, row.settled)
    answer = commitment(held[0].peer_statement, held[0].peer_salt)
    if settled.kind != CONCLUSION or not isinstance(query, Query):
        raise unknown
    return SharedSubject(
        query.audience,
        query.agreement.id,
        query.agreement.version,
        Subject(SubjectKind.ANSWER, answer, settled.peer_index),
        Subject(SubjectKind.CONCLUSION, _commitment(held[0]), row.settled),
    )


def _commitment(row: OpenedRow) -> bytes:
    return commitment(row.statement, row.salt)


_entry, _beside = schema.entry.c, schema.counterpart.c
_file, _steps, _part = schema.case_file.c, schema.case_step.c, schema.case_part.c
_FILE: Final = select(schema.case_file).where(_file.case_id == bindparam("of"))
_CASES: Final = (
    select(_file.case_id)
    .join(schema.case_step, _steps.case_id == _file.case_id)
    .group_by(_file.case_id)
    .order_by(func.min(_steps.position))
)
_STEPS: Final = (
    select(
        schema.case_step,
        _entry.key,
        _entry.salt,
        _entry.statement,
        _beside.key.label("peer_key"),
        _beside.salt.label("peer_salt"),
        _beside.statement.label("peer_statement"),
    )
    .select_from(
        schema.case_step.join(schema.entry, _entry.position == _steps.position).outerjoin(
            schema.counterpart, _beside.position == _steps.position
        )
    )
    .where(_steps.case_id == bindparam("of"))
    .order_by(_steps.position)
)
_PARTS: Final = (
    select(
        _part.digest,
        _part.size_bytes,
        _part.word,
        _part.own,
        _part.content.is_not(None).label("here"),
    )
    .where(_part.case_id == bindparam("of"))
    .order_by(_part.id)
)
_PART: Final = select(schema.case_part).where(
    _part.case_id == bindparam("of"), _part.digest == bindparam("which")
)
_OPEN: Final = (
    select(schema.case_step)
    .where(_steps.settled.is_(None))
    .order_by(_steps.position)
    .limit(bindparam("most"))
)
_TRIED: Final = (
    update(schema.case_step)
    .where(_steps.position == bindparam("at"))
    .values(tries=_steps.tries + 1, next_at=bindparam("again_at"), told=bindparam("came_back"))
)
_FALSE_KEPT: Final = select(schema.evidence).where(
    schema.evidence.c.kind == FALSE_RECEIPT, schema.evidence.c.peer == bindparam("of")
)
_WANTED: Final = (
    select(
        _part.case_id,
        _part.digest,
        _part.size_bytes,
        _part.word,
        _part.tries,
        _file.peer,
        _file.secret,
    )
    .select_from(schema.case_part.join(schema.case_file, _file.case_id == _part.case_id))
    .where(_part.content.is_(None), _part.next_at <= bindparam("now"))
    .order_by(_part.next_at)
    .limit(bindparam("most"))
)
_ASKED: Final = (
    update(schema.case_part)
    .where(
        _part.case_id == bindparam("of"),
        _part.digest == bindparam("which"),
        _part.next_at.is_not(None),
    )
    .values(tries=_part.tries + 1, next_at=bindparam("again_at"))
)
_CAME: Final = (
    update(schema.case_part)
    .where(
        _part.case_id == bindparam("of"),
        _part.digest == bindparam("which"),
        _part.next_at.is_not(None),
    )
    .values(salt=bindparam("its_salt"), content=bindparam("its_content"), next_at=None)
)
_RECIPIENT: Final = (
    update(schema.case_file)
    .where(_file.case_id == bindparam("of"), _file.recipient == "")
    .values(recipient=bindparam("known"))
)
_EMPTY_PARTS: Final = (
    update(schema.case_part)
    .where(_part.case_id == bindparam("of"))
    .values(salt=None, content=None, next_at=None)
)
_FORGET_SECRET: Final = (
    update(schema.case_file).where(_file.case_id == bindparam("of")).values(secret="")
)
_SIZE: Final = select(schema.head.c.size)
_NEWEST_CHECKPOINT: Final = (
    select(schema.checkpoint).order_by(schema.checkpoint.c.size.desc()).limit(1)
)
_QUESTION: Final = select(schema.question).where(schema.question.c.position == bindparam("at"))
_EXCHANGED: Final = (
    select(
        _entry.position,
        _entry.kind,
        _entry.key,
        _entry.salt,
        _entry.statement,
        _beside.key.label("peer_key"),
        _beside.salt.label("peer_salt"),
        _beside.statement.label("peer_statement"),
        _beside.peer,
        _beside.peer_index,
    )
    .select_from(schema.entry.join(schema.counterpart, _beside.position == _entry.position))
    .where(_entry.position == bindparam("at"))
)
_UNWIPED: Final = (
    select(schema.unwiped.c.by).where(schema.unwiped.c.thorough == 0).order_by(schema.unwiped.c.by)
)
_WIPED: Final = delete(schema.unwiped).where(
    schema.unwiped.c.by <= bindparam("last"), schema.unwiped.c.thorough == 0
)
