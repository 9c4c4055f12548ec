"""Examining one part of a journal by itself: all that needs nothing from other parts.

1. each statement reads strictly, is its owner's, and names a trust list in force
2. a peer's statement beside an entry has a seal that holds
3. an answer and the query beside it belong together; a query names an agreement in force
4. checkpoints carry the node's signatures

What compares entries that stand apart is left as slips, or as what `Spine` follows in order.
"""

from array import array
from collections import Counter
from typing import Final, TypeVar

from node.audit.absences import Absences
from node.audit.accreditation import check_award
from node.audit.archive import Archive, Views
from node.audit.case_slips import RESTS_ON, TOLD, case_slips
from node.audit.examined import UNREADABLE, Aim, Examined, Given
from node.audit.exchange import (
    Answered,
    Asked,
    Concluded,
    disclosure_faults,
    freshness_faults,
    membership_faults,
    pairing_faults,
    party_faults,
)
from node.audit.findings import Check, Findings, Place
from node.audit.own_checkpoints import OwnCheckpoints
from node.audit.parts import Adoption, Part
from node.audit.seals import Seals
from node.audit.series import Series
from node.audit.slips import (
    Address,
    AnswerSlip,
    AwardSlip,
    ConclusionSlip,
    GivenUpSlip,
    HoldsSlip,
    Kind,
    QuerySlip,
    SaysSlip,
    ShownSlip,
    SignsSlip,
    Slip,
    ToldSlip,
    UseSlip,
    Written,
    event_slip,
    place_key,
    text_key,
)
from node.errors import Refusal
from node.model.decide import spends_consent
from node.model.merkle import leaf_hash
from node.model.note import Checkpoint
from node.model.notice_bodies import NoticeTaken, StatusNotice
from node.model.seal import commitment
from node.model.statement import (
    Answer,
    Body,
    Conclusion,
    CredentialRegistered,
    ErasureRequest,
    NoAnswer,
    Query,
    Statement,
    TrustAdopted,
)
from node.model.tiles import split_hashes
from node.model.trust import TrustBundle, TrustView
from node.wire.codec import decode_statement
from node.wire.export import Commitments, CounterpartRecord, Entry, Header, OwnCheckpoint

_HOUR_US: Final = 60 * 60 * 1_000_000
_Kind = TypeVar("_Kind", bound=Body)


def examine(given: Given, views: Views, seals: Seals, part: Part) -> Examined:
    """Examine one part."""
    return _Examination(given, views, seals, part).run()


class _Examination:
    def __init__(self, given: Given, views: Views, seals: Seals, part: Part) -> None:
        header = given.headers[part.journal]
        self._given = given
        self._compared = given.compared
        self._kinds = given.kinds
        self._part = part
        self._node = header.node
        self._origin = header.origin
        self._seals = seals
        self._findings = findings = Findings()
        self._archive = Archive(part.journal, header, views, part.adoptions, findings)
        self._written = Written(given.piles)
        self._shown: set[tuple[str, int, bytes]] = set()
        self._waiting: Entry | None = None
        self._counterpart: CounterpartRecord | None = None
        self._in_order = True
        self._out = Examined(
            part.journal,
            findings,
            part.size_before,
            array("q"),
            array("Q"),
            bytearray(),
            [],
            Series(),
            Counter(),
            self._written.by_pile,
            [],
        )
        self._absences = Absences(header, self._out, self._leave)
        self._checkpoints = OwnCheckpoints(part, header, self._archive, seals, self._out)

    def run(self) -> Examined:
        try:
            for record in self._part.records():
                match record:
                    case Entry():
                        self._settle()
                        self._waiting = record
                    case Commitments():
                        self._settle()
                        self._checkpoints.lose_time()
                        self._take(record)
                    case CounterpartRecord():
                        self._attach(record)
                    case OwnCheckpoint():
                        self._settle()
                        self._check(record)
                    case TrustBundle():
                        self._misplaced("a trust list comes after the first entry")
                    case Header():
                        self._misplaced("there is a second header in the file")
        except Refusal as refusal:
            self._out.broken = refusal.reason
        self._settle()
        self._checkpoints.finish()
        return self._out

    def _misplaced(self, sentence: str) -> None:
        self._findings.failed(Check.FORMAT, Place(self._origin), sentence)

    def _place(self, index: int) -> Place:
        return Place(self._origin, index)

    @property
    def _ordinal(self) -> int:
        """Which entry of the journal is the last one taken, counted as they stand."""
        return self._part.entries_before + len(self._out.said_at) - 1

    def _leave(self, kind: Kind, key: bytes, slip: Slip, rank: int = 0) -> None:
        """Leave a slip, if what the audit is after needs it."""
        if kind in self._kinds:
            address = Address(kind, key, rank, self._part.journal, self._ordinal)
            self._written.add(address, slip)

    def _check(self, record: OwnCheckpoint) -> None:
        checkpoint = self._checkpoints.check(record)
        if checkpoint is not None and self._node in self._compared:
            key = place_key(self._node, checkpoint.size)
            self._leave(Kind.SIZE, key, SignsSlip(checkpoint.root))

    # --- every entry -----------------------------------------------------------------------

    def _attach(self, record: CounterpartRecord) -> None:
        waiting = self._waiting
        if waiting is None or waiting.index != record.index or self._counterpart is not None:
            self._findings.failed(
                Check.ENTRY_ORDER,
                self._place(record.index),
                "a peer's statement does not stand beside the entry that rests on it",
            )
            return
        self._counterpart = record

    def _settle(self) -> None:
        """Examine the entry that waited for a peer's statement beside it."""
        entry, counterpart = self._waiting, self._counterpart
        if entry is None:
            return
        self._waiting = self._counterpart = None
        out = self._out
        self._check_index(entry.index)
        stands_for = commitment(entry.statement, entry.salt)
        out.leaves += leaf_hash(stands_for)
        out.indices.append(entry.index)
        try:
            statement = decode_statement(entry.statement)  # 1
        except Refusal as refusal:
            out.said_at.append(UNREADABLE)
            self._findings.failed(Check.STATEMENT, self._place(entry.index), refusal.reason)
            return
        out.said_at.append(statement.said_at)
        self._findings.passed(Check.STATEMENT)
        trust = self._check_header(entry.index, statement)
        self._absences.have(entry.index, statement.body)
        match statement.body:
            case Answer() as answer:
                self._says(entry.index, stands_for)
                answered = Answered.of(entry.index, stands_for, statement, answer)
                self._follow_answer(answered, answer, trust, counterpart)
            case Query() as query:
                self._says(entry.index, stands_for)
                self._follow_query(
                    Asked.of(entry.index, stands_for, statement, query), query, trust
                )
            case Conclusion() as conclusion:
                concluded = Concluded.of(entry.index, statement, conclusion)
                self._follow_conclusion(concluded, trust, counterpart)
            case NoAnswer() as no_answer:
                out.series.count(statement.said_at, self._node, f"no answer: {no_answer.code}")
                slip = GivenUpSlip(entry.index, statement.said_at, no_answer.code)
                self._leave(Kind.EXCHANGE, no_answer.query, slip)
            case TrustAdopted() as adopting:
                out.adoptions.append(Adoption.of(statement, adopting.trust))
            case body if isinstance(body, TOLD):
                self._says(entry.index, stands_for)
                rests_on = RESTS_ON.get(type(body))
                beside = rests_on and self._read_counterpart(counterpart, *rests_on, trust)
                self._follow_told(entry.index, stands_for, statement, beside)
            case _:
                self._follow_notice(entry.index, stands_for, statement.body, counterpart, trust)
                self._follow_event(entry.index, statement.said_at, statement.body, trust)

    def _follow_notice(
        self,
        index: int,
        own: bytes,
        body: Body,
        counterpart: CounterpartRecord | None,
        trust: TrustView | None,
    ) -> None:
        if isinstance(body, StatusNotice):
            self._says(index, own)
        if not isinstance(body, NoticeTaken):
            return
        read = self._read_counterpart(counterpart, StatusNotice, Check.NOTICE_SEAL, trust)
        if read is None:
            return
        (_, stands_for, _), notice, _ = read
        same = NoticeTaken(stands_for, notice.watch, notice.register_id, notice.outcome)
        faults = [] if same == body else ["takes another notice than the one beside it"]
        if notice.audience != self._node:
            faults.append(f"the notice is to {notice.audience}")
        self._findings.judge(Check.PARTIES, self._place(index), faults)

    def _take(self, run: Commitments) -> None:
        """Take entries whose statements are not in the file."""
        self._check_index(run.start, run.end - run.start)
        for index, stands_for in enumerate(split_hashes(run.commitments), run.start):
            self._out.leaves += leaf_hash(stands_for)
            self._out.indices.append(index)
            self._out.said_at.append(UNREADABLE)
            self._says(index, stands_for)
            self._absences.miss(index, stands_for)

    def _check_index(self, index: int, count: int = 1) -> None:
        findings, out = self._findings, self._out
        self._in_order = index >= out.size
        if index == out.size:
            findings.passed(Check.ENTRY_ORDER, count)
        elif index > out.size:
            findings.failed(
                Check.ENTRY_ORDER,
                self._place(out.size),
                f"entries {out.size} to {index - 1} are missing",
            )
        else:
            findings.failed(
                Check.ENTRY_ORDER,
                self._place(index),
                f"stands again or too late, after {out.size - 1}",
            )
        out.size = max(out.size, index + count)

    def _check_header(self, index: int, statement: Statement) -> TrustView | None:
        if statement.speaker == self._node:
            self._findings.passed(Check.SPEAKER)
        else:
            self._findings.failed(
                Check.SPEAKER,
                self._place(index),
                f"is said by {statement.speaker} in the journal of {self._node}",
            )
        trust = self._archive.follow(index, statement)
        self._checkpoints.follow(trust, statement.said_at)
        return trust

    def _says(self, index: int, stands_for: bytes) -> None:
        if self._node in self._compared:
            self._leave(Kind.POSITION, place_key(self._node, index), SaysSlip(stands_for))

    # --- peers' statements -----------------------------------------------------------------

    def _read_counterpart(
        self,
        record: CounterpartRecord | None,
        kind: type[_Kind],
        check: Check,
        trust: TrustView | None,
    ) -> tuple[tuple[int, bytes, Statement], _Kind, bool] | None:
        """Check the seal of a peer's statement and read it; None where it cannot be read.

        Returns its index, its commitment and the statement; its body; whether its seal holds.
        """
        if record is None:
            return None
        findings, place, sealed = self._findings, self._place(record.index), record.sealed
        holds = False
        if trust is None:
            findings.undetermined(check, place, "there is no trust list with the peer's keys")
        else:
            try:
                stands_for, checkpoint = self._seals.check(
                    trust, trust.node(record.peer), sealed, self._out.said_at[-1]
                )
            except Refusal as refusal:
                findings.failed(check, place, f"{record.peer}[{sealed.index}]: {refusal.reason}")
            else:
                holds = True
                findings.passed(check)
                self._holds(record, stands_for, checkpoint)
        try:
            statement = decode_statement(sealed.statement)
        except Refusal as refusal:
            findings.failed(
                Check.STATEMENT, place, f"{record.peer}[{sealed.index}]: {refusal.reason}"
            )
            return None
        body = statement.body
        if not isinstance(body, kind) or statement.speaker != record.peer:
            findings.failed(
                Check.PARTIES,
                place,
                f"rests on {record.peer}[{sealed.index}], which is no {kind.__name__.lower()} "
                f"said by {record.peer}",
            )
            return None
        stands_for = commitment(sealed.statement, sealed.salt)
        return (sealed.index, stands_for, statement), body, holds

    def _holds(self, record: CounterpartRecord, stands_for: bytes, checkpoint: Checkpoint) -> None:
        """Leave for the peer's journal what this one holds of it."""
        peer = record.peer
        if peer not in self._compared:
            return
        self._leave(
            Kind.POSITION,
            place_key(peer, record.sealed.index),
            HoldsSlip(record.index, stands_for),
            rank=1,
        )
        shown = peer, checkpoint.size, checkpoint.root
        if shown not in self._shown:
            self._shown.add(shown)
            slip = ShownSlip(record.index, checkpoint.root)
            self._leave(Kind.SIZE, place_key(peer, checkpoint.size), slip, rank=1)

    # --- erasures --------------------------------------------------------------------------

    def _follow_told(
        self,
        index: int,
        own: bytes,
        said: Statement,
        found: tuple[tuple[int, bytes, Statement], Body, bool] | None,
    ) -> None:
        """Take what a peer demonstrably asked this node to erase, so that the peer knows of it."""
        for key, step in case_slips(index, own, said, found):
            self._leave(Kind.CASE, key, step)
        if found is None:
            return
        (_index, _commitment, statement), body, holds = found
        if holds and isinstance(body, ErasureRequest) and body.audience == self._node:
            for exchange in body.exchanges:
                slip = ToldSlip(statement.speaker, received=True)
                self._leave(Kind.EXCHANGE, exchange.query, slip)

    # --- exchanges -------------------------------------------------------------------------

    def _follow_answer(
        self,
        answered: Answered,
        answer: Answer,
        trust: TrustView | None,
        counterpart: CounterpartRecord | None,
    ) -> None:
        findings, place = self._findings, self._place(answered.index)
        self._out.answers += 1
        rule = 0 if answer.rule is None else answer.rule.value
        outcome = answer.outcome.name if answer.rule is None else f"refused: {answer.rule.name}"
        self._out.series.count(answered.said_at, self._node, f"answer: {outcome.lower()}")
        read = self._read_counterpart(counterpart, Query, Check.QUERY_SEAL, trust)
        if read is None:
            findings.undetermined(
                Check.RECOMPUTED, place, "the query is not in the file, so nothing can be decided"
            )
            if spends_consent(answer) and self._out.unattributed is None:
                self._out.unattributed = self._ordinal
            self._leave(
                Kind.EXCHANGE, answered.query, AnswerSlip(answered, rule, None, sealed=False)
            )
            return
        said, query, holds = read
        asked = Asked.of(*said, query)
        self._leave(Kind.EXCHANGE, answered.query, AnswerSlip(answered, rule, asked, holds))
        faults = [*party_faults(asked, answered)]
        if trust is not None:
            faults += membership_faults(trust, asked.speaker, answered.said_at)
        findings.judge(Check.PARTIES, place, faults)
        findings.judge(Check.ANSWERS_QUERY, place, pairing_faults(asked, answered))
        findings.judge(Check.TIMES, place, freshness_faults(asked, answered))
        findings.judge(Check.DISCLOSURE, place, disclosure_faults(asked, answered))
        agreement = None
        if trust is None:
            findings.undetermined(
                Check.RECOMPUTED, place, "the trust list that it was decided under is not here"
            )
        else:
            agreement = trust.agreement_named(
                self._node, asked.speaker, query.agreement, answered.said_at
            )
        if not self._in_order:
            findings.undetermined(Check.RECOMPUTED, place, "the entries before it are not in order")
            return
        slip = UseSlip(
            answered.index,
            answered.said_at,
            asked.commitment,
            query,
            answer,
            agreement,
            None if trust is None else trust.reference,
        )
        self._leave(Kind.SHARE_CODE, query.selector.code_digest, slip)

    def _follow_query(self, asked: Asked, query: Query, trust: TrustView | None) -> None:
        self._out.series.count(asked.said_at, self._node, "asked")
        self._leave(Kind.EXCHANGE, asked.commitment, QuerySlip(asked))
        place = self._place(asked.index)
        if trust is None:
            self._findings.undetermined(
                Check.AGREEMENT, place, "the trust list that it was asked under is not here"
            )
            return
        agreement = trust.agreement_named(
            self._node, asked.audience, query.agreement, asked.said_at
        )
        faults = membership_faults(trust, asked.audience, asked.said_at)
        if faults:
            pass
        elif agreement is None:
            faults.append(f"names an agreement that was not in force with {asked.audience}")
        elif query.purpose not in agreement.purposes:
            faults.append("names an agreement that does not cover the purpose")
        self._findings.judge(Check.AGREEMENT, place, faults)

    def _follow_conclusion(
        self,
        concluded: Concluded,
        trust: TrustView | None,
        counterpart: CounterpartRecord | None,
    ) -> None:
        self._out.conclusions += 1
        read = self._read_counterpart(counterpart, Answer, Check.ANSWER_SEAL, trust)
        held = None if read is None else Answered.of(*read[0], read[1])
        slip = ConclusionSlip(concluded, held, read is not None and read[2])
        self._leave(Kind.EXCHANGE, concluded.query, slip)

    # --- registry --------------------------------------------------------------------------

    def _follow_event(self, index: int, said_at: int, event: Body, trust: TrustView | None) -> None:
        left = event_slip(index, said_at, event)
        if left is None:  # it says nothing of the registry
            return
        if not self._in_order:
            self._findings.undetermined(
                Check.REGISTRY, self._place(index), "the entries before it are not in order"
            )
            return
        self._leave(*left)
        if isinstance(event, CredentialRegistered) and Aim.REGISTRY in self._given.aims:
            credential = event.credential
            self._out.registered[said_at // _HOUR_US] += 1
            self._leave(Kind.ISSUER, text_key(credential.issuer), AwardSlip(index, said_at))
            check_award(
                self._findings,
                self._place(index),
                self._node,
                credential=credential,
                said_at=said_at,
                trust=trust,
                list_at=self._archive.at,
            )
