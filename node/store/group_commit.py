"""Group commit of statements and what follows from them.

Jobs that wait together share one transaction, one fsync and one checkpoint. In a batch, answers
come first in journal order, so each is decided on the registry exactly as of its own index; then
everything else. A batch that fails is taken apart, so that one wrong job harms no other.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, update

from node.errors import Code, Refusal
from node.flows.coalesce import Coalescer
from node.flows.ports import Counterpart, Draft, Evidence, Judge, Question, Recorded
from node.model.case_bodies import CaseReceived, CaseStep
from node.model.credential import LAST_WITHOUT_DETAILS
from node.model.decide import Facts, spends_consent
from node.model.fork import Fork
from node.model.holder_bodies import RecordExported
from node.model.notice_bodies import StatusNotice
from node.model.seal import Sealed
from node.model.statement import Answer, ErasureAcknowledged, ErasureRequest, Query
from node.store import schema
from node.store.database import Database, insert_rows, rows_with
from node.store.evidence import FORK, keep_evidence
from node.store.journal import Journal, Placed
from node.store.projection import project, spend
from node.store.registry_rows import Held, held_by_code

_BATCH_MAX: Final = 1024
_BATCH_STATEMENTS_MAX: Final = 4096
_WAITING_MAX: Final = 16_384
_NOTHING_HELD: Final[Held] = (None, None, (), None)
_CHUNK: Final = 2_000
_TRAVELLING: Final = frozenset(
    {
        Query,
        Answer,
        ErasureRequest,
        ErasureAcknowledged,
        RecordExported,
        CaseStep,
        CaseReceived,
        StatusNotice,
    }
)
_Result = TypeVar("_Result")
_log = structlog.get_logger()


class _Append(Struct, gc=False):
    drafts: Sequence[Draft]


class _Answer(Struct, gc=False):
    questions: Sequence[Question]
    judge: Judge


_Job = _Append | _Answer
_Outcome = list[Any] | BaseException


class GroupCommit:
    """Runs jobs in the writing thread, each batch in one transaction."""

    def __init__(self, database: Database, journal: Journal, clock: Callable[[], int]) -> None:
        """Take the database and the journal, which is used in the writing thread only."""
        self._database = database
        self._journal = journal
        self._clock = clock
        self._jobs: Coalescer[_Job, Any] = Coalescer(
            self._run,
            batch_max=_BATCH_MAX,
            waiting_max=_WAITING_MAX,
            weigh=_statements_of,
            weight_max=_BATCH_STATEMENTS_MAX,
        )
        self.forked: frozenset[str] = frozenset()

    def append(self, drafts: Sequence[Draft]) -> Awaitable[Sequence[Recorded]]:
        """Journal statements together with whatever else waits (port `Ledger`)."""
        return self._jobs.submit(_Append(drafts))

    async def answer(
        self, questions: Sequence[Question], judge: Judge
    ) -> Sequence[Sealed | Refusal]:
        """Answer questions, each exactly once (port `Ledger`)."""
        if not questions:
            return []
        answers: list[Sealed | Refusal] = await self._jobs.submit(_Answer(questions, judge))
        return answers

    async def compose(self, compose: Callable[[Connection], Sequence[Draft]]) -> Sequence[Recorded]:
        """Journal what `compose` makes of the tables as they are, in one transaction of its own.

        What it raises undoes everything.
        """
        outcome = await self._database.in_writer(self._compose, compose)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def append_many(
        self, drafts: Iterable[Draft], progress: Callable[[int], None] | None
    ) -> int:
        """Journal any number of statements in one transaction (port `Ledger`)."""
        return await self._database.in_writer(self._append_many, drafts, progress)

    async def sign_head(self) -> None:
        """Sign what was journalled since the newest checkpoint, if anything was."""
        await self._database.in_writer(self._transact, self._journal.sign_head)

    async def drain(self) -> None:
        """Wait until every job is done."""
        await self._jobs.drain()

    async def _run(self, jobs: list[_Job]) -> list[_Outcome]:
        return await self._database.in_writer(self._commit, jobs)

    # --- in the writing thread ---

    def _append_many(self, drafts: Iterable[Draft], progress: Callable[[int], None] | None) -> int:
        def work(connection: Connection) -> int:
            self._journal.open(connection)
            written = 0
            remaining = iter(drafts)
            while chunk := list(islice(remaining, _CHUNK)):
                placed = self._journal.extend([draft.statement for draft in chunk])
                project(connection, chunk, placed, self._clock())
                written += len(chunk)
                if progress is not None:
                    progress(written)
            if written:
                self._journal.close(connection, sign=True)
            return written

        return self._transact(work)

    def _compose(self, compose: Callable[[Connection], Sequence[Draft]]) -> _Outcome:
        batch = self._transact(
            lambda connection: self._batch(connection, [_Append(compose(connection))])
        )
        self.forked |= batch.forked
        return batch.outcomes(self._journal)[0]

    def _commit(self, jobs: list[_Job]) -> list[_Outcome]:
        try:
            batch = self._transact(lambda connection: self._batch(connection, jobs))
        except Refusal as refusal:
            if len(jobs) == 1 or refusal.code is Code.STALE:
                return [refusal] * len(jobs)
        except Exception as error:  # noqa: BLE001 - reaches its own job's caller, and no other
            if len(jobs) == 1:
                return [error]
        else:
            self.forked |= batch.forked
            return batch.outcomes(self._journal)
        # One job spoiled it for all: each by itself.
        return [outcome for job in jobs for outcome in self._commit([job])]

    def _transact(self, work: Callable[[Connection], _Result]) -> _Result:
        try:
            return self._database.write_now(work)
        except BaseException:
            self._journal.forget()
            raise

    def _batch(self, connection: Connection, jobs: Sequence[_Job]) -> "_Batch":
        self._journal.open(connection)
        batch = _Batch(jobs)
        forked, unseen = self._observe(connection, batch.counterparts())
        batch.forked = self.forked | forked  # origins
        batch.decide(connection, self._journal)
        batch.gather()
        if batch.drafts:
            batch.placed = self._journal.extend([draft.statement for draft in batch.drafts])
            project(connection, batch.drafts, batch.placed, self._clock(), batch.keys)
            fresh = batch.rested_on(unseen, self._clock())
            insert_rows(connection, schema.peer_checkpoint, fresh)
            spend(connection, batch.uses_spent)
            batch.note = self._journal.close(connection, sign=batch.travels)
        return batch

    def _observe(
        self, connection: Connection, counterparts: Iterable[Counterpart]
    ) -> tuple[frozenset[str], set[tuple[str, int]]]:
        """Hold the peers' checkpoints against those kept before.

        Returns the journals of which two contradict each other, and which checkpoints are new.
        """
        seen: dict[tuple[str, int], Counterpart] = {}
        contradicting: dict[str, tuple[str, Fork]] = {}
        for counterpart in counterparts:
            first = seen.setdefault((counterpart.origin, counterpart.size), counterpart)
            if first.root != counterpart.root:
                fork = Fork(first.sealed.checkpoint, counterpart.sealed.checkpoint)
                contradicting[counterpart.origin] = (counterpart.peer, fork)
        if not seen:
            return frozenset(), set()
        known = {}
        for origin, size, _peer, root, note, _seen_at, proved in rows_with(
            connection,
            (schema.peer_checkpoint.c.origin, schema.peer_checkpoint.c.size),
            seen.keys(),
        ):
            known[origin, size] = root, note
            if proved > 1:  # now something rests on it: it is not thinned out
                connection.execute(_RESTED_ON, {"of": origin, "at": size})
        for key, counterpart in seen.items():
            root, note = known.get(key, (counterpart.root, b""))
            if root != counterpart.root:
                fork = Fork(note, counterpart.sealed.checkpoint)
                contradicting[counterpart.origin] = (counterpart.peer, fork)
        for origin, (peer, fork) in contradicting.items():
            self._keep_fork(connection, peer, origin, fork)
        return frozenset(contradicting), seen.keys() - known.keys()

    async def keep_fork(self, peer: str, origin: str, fork: Fork) -> None:
        """Keep what shows that a journal is forked; from then on it is trusted no more."""

        def work(connection: Connection) -> None:
            self._keep_fork(connection, peer, origin, fork)

        def keep() -> None:
            self._database.write_now(work)
            self.forked |= {origin}

        await self._database.in_writer(keep)

    def _keep_fork(self, connection: Connection, peer: str, origin: str, fork: Fork) -> None:
        if origin in self.forked:
            return
        keep_evidence(connection, Evidence(peer, origin, FORK, fork.render()), self._clock())
        _log.error("journal_forked", peer=peer, origin=origin)


class _Batch:
    """One transaction's work: jobs in, drafts in journal order, outcomes out."""

    def __init__(self, jobs: Sequence[_Job]) -> None:
        self._outcomes: list[_Outcome] = [[]] * len(jobs)
        self._asked: list[tuple[int, _Answer]] = []
        self._said: list[tuple[int, _Append]] = []
        for number, job in enumerate(jobs):
            if isinstance(job, _Answer):
                self._asked.append((number, job))
            else:
                self._said.append((number, job))
        self._decided: list[tuple[int, list[int | Sealed | Refusal]]] = []
        self._gathered: list[tuple[int, range]] = []
        self.drafts: list[Draft] = []
        self.placed: list[Placed] = []
        self.uses_spent: dict[bytes, int] = {}
        self.keys: dict[int, int] = {}
        self.forked: frozenset[str] = frozenset()
        self.note = b""

    @property
    def travels(self) -> bool:
        """Whether a statement of this batch is about to leave the node."""
        return any(type(draft.body) in _TRAVELLING for draft in self.drafts)

    def counterparts(self) -> list[Counterpart]:
        """Return all statements of peers that this batch rests on."""
        found = [question.counterpart for _, job in self._asked for question in job.questions]
        found += [
            draft.counterpart
            for _, job in self._said
            for draft in job.drafts
            if draft.counterpart is not None
        ]
        return found

    def rested_on(self, unseen: set[tuple[str, int]], now: int) -> list[tuple[Any, ...]]:
        """Return the rows of the new checkpoints that a statement of ours rests on."""
        rows: dict[tuple[str, int], tuple[Any, ...]] = {}
        for draft in self.drafts:
            held = draft.counterpart
            if held is not None and (held.origin, held.size) in unseen:
                note = held.sealed.checkpoint
                row = (held.origin, held.size, held.peer, held.root, note, now, 0)
                rows.setdefault((held.origin, held.size), row)
        return list(rows.values())

    def decide(self, connection: Connection, journal: Journal) -> None:
        """Decide every question that was not answered before, in order."""
        questions = [question for _, job in self._asked for question in job.questions]
        if not questions:
            return
        answered = _answered(connection, questions)
        held = held_by_code(
            connection,
            {question.query.selector.code_digest for question in questions},
            details=any(one.query.wanted[-1] > LAST_WITHOUT_DETAILS for one in questions),
        )
        decided: dict[bytes, int] = {}
        for number, job in self._asked:
            results: list[int | Sealed | Refusal] = []
            self._decided.append((number, results))
            for question in job.questions:
                commitment = question.counterpart.commitment
                if question.counterpart.origin in self.forked:
                    results.append(_forked(question.counterpart.origin))
                elif commitment in decided:
                    results.append(decided[commitment])
                elif commitment in answered:
                    results.append(_again(journal, connection, answered[commitment]))
                else:
                    result = self._judge(question, job.judge, held, journal.size)
                    results.append(result)
                    if isinstance(result, int):
                        decided[commitment] = result

    def _judge(
        self,
        question: Question,
        judge: Judge,
        held: dict[bytes, Held],
        size: int,
    ) -> int | Refusal:
        digest = question.query.selector.code_digest
        consent, credential, later, key = held.get(digest, _NOTHING_HELD)
        position = size + len(self.drafts)
        try:
            draft = judge(question, Facts(consent, credential, position, later))
        except Refusal as refusal:
            return refusal
        if draft.asked_at != question.said_at:
            # The answer would be filed where a second asking does not look for it.
            raise Refusal(Code.DEFECT, "an answer's draft lacks the time of its query")
        if isinstance(draft.body, Answer) and spends_consent(draft.body) and consent is not None:
            spent = consent.uses_spent + 1
            self.uses_spent[digest] = spent
            held[digest] = (replace(consent, uses_spent=spent), credential, later, key)
        if key is not None:
            self.keys[len(self.drafts)] = key
        self.drafts.append(draft)
        return len(self.drafts) - 1

    def gather(self) -> None:
        """Take the statements of every append job, after the answers."""
        for number, job in self._said:
            if self.forked:
                origins = {draft.counterpart.origin for draft in job.drafts if draft.counterpart}
                false = origins & self.forked
                if false:
                    self._outcomes[number] = _forked(min(false))
                    continue
            start = len(self.drafts)
            self.drafts += job.drafts
            self._gathered.append((number, range(start, len(self.drafts))))

    def outcomes(self, journal: Journal) -> list[_Outcome]:
        """Return each job's results, sealed, once the transaction is committed."""
        statements = [draft.statement for draft in self.drafts]
        seals = journal.seals(self.placed, statements, self.note) if self.note else []
        for number, results in self._decided:
            self._outcomes[number] = [
                seals[result] if isinstance(result, int) else result for result in results
            ]
        for number, places in self._gathered:
            self._outcomes[number] = [self._recorded(seals, place) for place in places]
        return self._outcomes

    def _recorded(self, seals: Sequence[Sealed], number: int) -> Recorded:
        placed = self.placed[number]
        sealed = seals[number] if type(self.drafts[number].body) in _TRAVELLING else None
        return Recorded(placed.position, placed.commitment, sealed)


def _again(journal: Journal, connection: Connection, position: int) -> Sealed | Refusal:
    """Return the same answer as ever, or that it was erased; never another one."""
    try:
        return journal.seal_again(connection, position)
    except Refusal as refusal:
        if refusal.code is not Code.ERASED:
            raise
        return refusal


def _statements_of(job: _Job) -> int:
    return len(job.questions) if isinstance(job, _Answer) else len(job.drafts)


def _forked(origin: str) -> Refusal:
    return Refusal(
        Code.UNTRUSTED, f"the journal {origin} is forked: two of its checkpoints contradict"
    )


def _answered(connection: Connection, questions: Iterable[Question]) -> dict[bytes, int]:
    pairs = {(question.said_at, question.counterpart.commitment) for question in questions}
    answered = schema.answered.c
    rows = rows_with(connection, (answered.said_at, answered.commitment), pairs)
    return {commitment: position for _said_at, commitment, position in rows}


_RESTED_ON: Final = (
    update(schema.peer_checkpoint)
    .where(
        schema.peer_checkpoint.c.origin == bindparam("of"),
        schema.peer_checkpoint.c.size == bindparam("at"),
    )
    .values(proved=1)
)
