"""Replaying one journal, entry by entry.

1. the tree grows from the entries, and every checkpoint has its root and valid signatures
2. each statement reads strictly, is its owner's, in order of time, and names a trust list in
   force
3. a peer's statement beside an entry has a seal that holds
4. the registry follows its events; every answer is decided again from what came before it
5. every query is settled once; every conclusion rests on the answer beside it

Memory does not grow with the journal, apart from the registry, the queries still open and one
commitment for each answer.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from node.audit.archive import Archive
from node.audit.both_sides import BothSides
from node.audit.exchange import (
    Answered,
    Asked,
    conclusion_faults,
    deadline_faults,
    disclosure_faults,
    freshness_faults,
    membership_faults,
    pairing_faults,
    party_faults,
)
from node.audit.findings import Check, Findings, JournalSummary, Place
from node.audit.growth import Growth, Signing
from node.audit.seals import Seals
from node.errors import Refusal
from node.model.decide import decide, spends_consent
from node.model.registry import RegistryState
from node.model.seal import commitment
from node.model.statement import (
    Answer,
    Body,
    Conclusion,
    ConsentEnded,
    ConsentGiven,
    NoAnswer,
    Outcome,
    Query,
    Statement,
    StatusChanged,
)
from node.model.trust import TrustBundle, TrustView
from node.wire.codec import decode_statement
from node.wire.export import CounterpartRecord, Entry, Header, OwnCheckpoint, Record

Progress = Callable[[str, int], None]
"""Told a journal's origin and how many of its entries are done, now and then."""

BACKWARDS_MAX_US: Final = 60 * 1_000_000
"""How far a node's clock may step back between entries."""

OPEN_AFTER_DEADLINE_MAX_US: Final = 10 * 60 * 1_000_000
"""How long after its deadline a query may still be open."""

_PROGRESS_STEP: Final = 4096
_Kind = TypeVar("_Kind", bound=Body)


class JournalReplay:
    """Replays one journal; not a value: it follows the records."""

    def __init__(  # noqa: PLR0913 - what one replay shares with the others, by name
        self,
        header: Header,
        *,
        roots: Sequence[bytes],
        findings: Findings,
        seals: Seals,
        both_sides: BothSides,
        progress: Progress,
    ) -> None:
        """Begin with a journal's header."""
        self._node = header.node
        self._origin = header.origin
        self._findings = findings
        self._seals = seals
        self._both_sides = both_sides
        self._progress = progress
        self._archive = Archive(header.origin, roots, findings)
        self._growth = Growth(header.origin, findings, seals)
        self._registry = RegistryState()
        self._open: dict[bytes, Asked] = {}
        self._answered: dict[bytes, int] = {}
        self._conclusions = 0
        self._unattributed_uses = 0
        self._waiting: Entry | None = None
        self._counterpart: CounterpartRecord | None = None
        self._latest = 0
        self._signing: Signing | None = None
        self._owner_checked: TrustView | None = None

    def take(self, record: Record) -> None:
        """Follow one record after the header."""
        match record:
            case Entry():
                self._settle()
                self._waiting = record
            case CounterpartRecord():
                self._attach(record)
            case OwnCheckpoint():
                self._settle()
                checkpoint = self._growth.check(record, self._signing)
                if checkpoint is not None:
                    self._both_sides.signs(self._node, checkpoint)
            case TrustBundle():
                self._archive.enclose(record)
            case Header():
                self._findings.failed(
                    Check.FORMAT, Place(self._origin), "there is a second header in the file"
                )

    def finish(self) -> JournalSummary:
        """Check what only the end shows, and return what the journal held."""
        self._settle()
        growth = self._growth
        growth.finish(self._signing)
        for asked in self._open.values():
            if self._latest > asked.query.answer_by + OPEN_AFTER_DEADLINE_MAX_US:
                self._findings.failed(
                    Check.SETTLED,
                    self._place(asked.index),
                    "the query was neither concluded nor given up, long after its deadline",
                )
            else:
                self._findings.undetermined(
                    Check.SETTLED, self._place(asked.index), "the query was still open at the end"
                )
        self._progress(self._origin, growth.entries)
        self._both_sides.ends(self._node, self._origin, growth.size)
        return JournalSummary(
            self._node,
            self._origin,
            growth.entries,
            growth.covered,
            len(self._answered),
            self._conclusions,
        )

    def _place(self, index: int) -> Place:
        return Place(self._origin, index)

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
        """Follow the entry that waited for a peer's statement beside it."""
        entry, counterpart = self._waiting, self._counterpart
        if entry is None:
            return
        self._waiting = self._counterpart = None
        stands_for = commitment(entry.statement, entry.salt)
        self._growth.add(entry.index, stands_for)  # 1
        if self._growth.entries % _PROGRESS_STEP == 0:
            self._progress(self._origin, self._growth.entries)
        try:
            statement = decode_statement(entry.statement)  # 2
        except Refusal as refusal:
            self._findings.failed(Check.STATEMENT, self._place(entry.index), refusal.reason)
            return
        self._findings.passed(Check.STATEMENT)
        trust = self._check_header(entry.index, statement)
        match statement.body:
            case Answer() as answer:  # 4
                self._both_sides.says(self._node, self._place(entry.index), stands_for)
                answered = Answered(statement, answer, stands_for, entry.index)
                self._follow_answer(answered, trust, counterpart)
            case Query() as query:  # 5
                self._both_sides.says(self._node, self._place(entry.index), stands_for)
                self._follow_query(Asked(statement, query, stands_for, entry.index), trust)
            case Conclusion() as conclusion:
                self._follow_conclusion(entry.index, statement, conclusion, trust, counterpart)
            case NoAnswer() as no_answer:
                self._close(entry.index, no_answer.query)
            case event:
                self._follow_event(entry.index, event)

    def _check_header(self, index: int, statement: Statement) -> TrustView | None:
        findings, said_at = self._findings, statement.said_at
        if statement.speaker == self._node:
            findings.passed(Check.SPEAKER)
        else:
            findings.failed(
                Check.SPEAKER,
                self._place(index),
                f"is said by {statement.speaker} in the journal of {self._node}",
            )
        if said_at >= self._latest - BACKWARDS_MAX_US:
            findings.passed(Check.TIME_ORDER)
            self._latest = max(self._latest, said_at)
        else:
            findings.failed(
                Check.TIME_ORDER,
                self._place(index),
                f"was said {(self._latest - said_at) // 1_000_000} s before an earlier entry",
            )
        trust = self._archive.follow(index, statement)
        if trust is not None:
            self._check_owner(trust, index)
            owner = trust.nodes.get(self._node)
            self._signing = None if owner is None else Signing(trust, owner, said_at)
        elif self._signing is not None:
            self._signing = self._signing._replace(at=said_at)
        return trust

    def _check_owner(self, trust: TrustView, index: int) -> None:
        if trust is self._owner_checked:
            return
        self._owner_checked = trust
        owner = trust.nodes.get(self._node)
        named = f"trust list version {trust.reference.version}"
        faults = []
        if owner is None:
            faults.append(f"{named} does not know {self._node}")
        elif owner.origin != self._origin:
            faults.append(f"{named} gives {self._node} the journal {owner.origin}")
        self._findings.judge(Check.OWNER, self._place(index), faults)

    # --- peers' statements -----------------------------------------------------------------

    def _read_counterpart(
        self,
        record: CounterpartRecord | None,
        kind: type[_Kind],
        check: Check,
        trust: TrustView | None,
        said_at: int,
    ) -> tuple[Statement, _Kind, bytes, int] | None:
        """Check the seal of a peer's statement and read it; None where it cannot be read."""
        if record is None:
            return None
        findings, place, sealed = self._findings, self._place(record.index), record.sealed
        if trust is None:
            findings.undetermined(check, place, "there is no trust list with the peer's keys")
        else:
            try:
                held = self._seals.check(trust, trust.node(record.peer), sealed, said_at)
            except Refusal as refusal:
                findings.failed(check, place, f"{record.peer}[{sealed.index}]: {refusal.reason}")
            else:
                findings.passed(check)
                self._both_sides.holds(place, record.peer, sealed.index, *held)
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
        return statement, body, commitment(sealed.statement, sealed.salt), sealed.index

    # --- answering -------------------------------------------------------------------------

    def _follow_answer(
        self, answered: Answered, trust: TrustView | None, counterpart: CounterpartRecord | None
    ) -> None:
        findings, place = self._findings, self._place(answered.index)
        earlier = self._answered.setdefault(answered.answer.query, answered.index)
        if earlier == answered.index:
            findings.passed(Check.ANSWERED_ONCE)
        else:
            findings.failed(
                Check.ANSWERED_ONCE, place, f"answers again what entry {earlier} answered"
            )
        said_at = answered.statement.said_at
        read = self._read_counterpart(counterpart, Query, Check.QUERY_SEAL, trust, said_at)
        if read is None:
            findings.undetermined(
                Check.RECOMPUTED, place, "the query is not in the file, so nothing can be decided"
            )
            self._unattributed_uses += spends_consent(answered.answer)
            return
        asked = Asked(*read)
        faults = [*party_faults(asked, answered)]
        if trust is not None:
            faults += membership_faults(trust, asked.statement.speaker, said_at)
        findings.judge(Check.PARTIES, place, faults)
        findings.judge(Check.ANSWERS_QUERY, place, pairing_faults(asked, answered))
        findings.judge(Check.TIMES, place, freshness_faults(asked, answered))
        findings.judge(Check.DISCLOSURE, place, disclosure_faults(asked, answered))
        if trust is None:
            findings.undetermined(
                Check.RECOMPUTED, place, "the trust list that it was decided under is not here"
            )
        elif answered.index < self._registry.position:
            findings.undetermined(Check.RECOMPUTED, place, "the entries before it are not in order")
        else:
            self._recompute(asked, answered, trust)
            self._registry.apply(answered.index, answered.answer, asked.query)

    def _recompute(self, asked: Asked, answered: Answered, trust: TrustView) -> None:
        answer = answered.answer
        now = answered.statement.said_at
        agreement = trust.agreement_named(
            self._node, asked.statement.speaker, asked.query.agreement, now
        )
        facts = self._registry.facts(asked.query.selector, answered.index)
        due = decide(asked.query, asked.commitment, facts, agreement, now)
        if due == answer:
            self._findings.passed(Check.RECOMPUTED)
            return
        place = self._place(answered.index)
        if due.outcome is answer.outcome:
            differing = ", ".join(
                name
                for name in due.__struct_fields__
                if getattr(due, name) != getattr(answer, name)
            )
            self._findings.failed(
                Check.RECOMPUTED, place, f"the registry gives another {differing}"
            )
            return
        sentence = f"says {answer.outcome.name}, but the registry gives {due.outcome.name}"
        if self._unattributed_uses and answer.outcome is Outcome.NOT_CONFIRMED:
            self._findings.undetermined(
                Check.RECOMPUTED,
                place,
                f"{sentence}, unless answers whose query is not here had spent the share code",
            )
        else:
            self._findings.failed(Check.RECOMPUTED, place, sentence)

    # --- asking ----------------------------------------------------------------------------

    def _follow_query(self, asked: Asked, trust: TrustView | None) -> None:
        self._open[asked.commitment] = asked
        place, query = self._place(asked.index), asked.query
        if trust is None:
            self._findings.undetermined(
                Check.AGREEMENT, place, "the trust list that it was asked under is not here"
            )
            return
        agreement = trust.agreement_named(
            self._node, query.audience, query.agreement, asked.statement.said_at
        )
        faults = membership_faults(trust, query.audience, asked.statement.said_at)
        if faults:
            pass
        elif agreement is None:
            faults.append(f"names an agreement that was not in force with {query.audience}")
        elif query.purpose not in agreement.purposes:
            faults.append("names an agreement that does not cover the purpose")
        self._findings.judge(Check.AGREEMENT, place, faults)

    def _follow_conclusion(
        self,
        index: int,
        statement: Statement,
        conclusion: Conclusion,
        trust: TrustView | None,
        counterpart: CounterpartRecord | None,
    ) -> None:
        findings, place = self._findings, self._place(index)
        self._conclusions += 1
        asked = self._close(index, conclusion.query)
        read = self._read_counterpart(
            counterpart, Answer, Check.ANSWER_SEAL, trust, statement.said_at
        )
        if read is None:
            findings.undetermined(
                Check.CONCLUSION, place, "the answer that it rests on is not in the file"
            )
            return
        if asked is None:
            findings.undetermined(
                Check.CONCLUSION, place, "there is no open query to compare it with"
            )
            return
        answered = Answered(*read)
        findings.judge(Check.PARTIES, place, party_faults(asked, answered))
        findings.judge(Check.ANSWERS_QUERY, place, pairing_faults(asked, answered))
        findings.judge(Check.TIMES, place, deadline_faults(asked, answered))
        findings.judge(Check.DISCLOSURE, place, disclosure_faults(asked, answered))
        faults = conclusion_faults(asked, answered, statement, conclusion)
        findings.judge(Check.CONCLUSION, place, faults)

    def _close(self, index: int, query: bytes) -> Asked | None:
        asked = self._open.pop(query, None)
        if asked is None:
            self._findings.failed(
                Check.SETTLED,
                self._place(index),
                "settles a query that this journal never asked, or had settled before",
            )
        else:
            self._findings.passed(Check.SETTLED)
        return asked

    # --- registry --------------------------------------------------------------------------

    def _follow_event(self, index: int, event: Body) -> None:
        place, registry = self._place(index), self._registry
        if index < registry.position:
            self._findings.undetermined(
                Check.REGISTRY, place, "the entries before it are not in order"
            )
            return
        faults = []
        match event:
            case StatusChanged() if event.number not in registry.credentials:
                faults.append("changes the status of a credential that is not in the registry")
            case ConsentGiven() if event.code_digest in registry.consents:
                faults.append("gives a share code that was given before")
            case ConsentEnded():
                consent = registry.consents.get(event.code_digest)
                if consent is None or consent.ended:
                    faults.append("ends a share code that was never given, or had ended")
        self._findings.judge(Check.REGISTRY, place, faults)
        registry.apply(index, event)
