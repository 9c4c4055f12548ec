"""Asking another country's node about a credential.

1. the requester is known (the door authenticated it), within its quota, every field valid
2. find the answering node from the share code's prefix, through the trust list
3. compose the query, relying on the agreement in force
4. journal it; from here on it exists
5. send it; where the peer is silent it stays open and the same bytes are sent again until
   `answer_by`, across restarts; then a NoAnswer is journalled
6. check the answer: seal, speaker, that it answers this query, times; a failing one is kept
   as evidence
7. journal one Conclusion (recognition will speak here too)
8. give the employer the outcome
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.coalesce import Coalescer
from node.flows.ports import (
    Clock,
    Counterpart,
    Draft,
    Employer,
    Evidence,
    FalseReply,
    Ledger,
    OpenQuestion,
    Peers,
    Randomness,
    Recorded,
    Trust,
    Verification,
    verification_id,
)
from node.flows.quotas import Quotas
from node.flows.seals import SealChecker
from node.model.credential import Field
from node.model.quota import Allowance
from node.model.seal import Sealed
from node.model.share_code import ShareCode
from node.model.statement import (
    NONCE_SIZE_BYTES,
    AgreementReference,
    Answer,
    Body,
    Conclusion,
    NoAnswer,
    Purpose,
    Query,
    ShareCodeSelector,
    Statement,
)
from node.model.trust import Agreement, TrustView
from node.wire.codec import decode_statement, encode_statement
from node.wire.parcel import Item, Refused, encode_parcel

PARCEL_ITEMS_MAX: Final = 256
"""Half the protocol's bound: while the peer works on one parcel, we work on another."""
_WAITING_MAX: Final = 16_384
_TRANSIENT: Final = frozenset({Code.BUSY, Code.STALE, Code.PEER_SILENT, Code.DEFECT})
_CLOCK_TOLERANCE_US: Final = 60 * 1_000_000


class Inquiry(Struct, frozen=True):
    """What an employer wants to know, every field already read."""

    share_code: ShareCode
    birth_date: date
    purpose: Purpose
    wanted: tuple[Field, ...]


class _Waiting(Struct, frozen=True, gc=False):
    """An inquiry that may be asked, waiting for the next parcel to its audience."""

    employer: Employer
    inquiry: Inquiry
    agreement: AgreementReference


_Told = Verification | Exception


class _Ending(Struct, frozen=True, gc=False):
    """How a question ends: what is about to be journalled, told its asker, and counted."""

    question: OpenQuestion
    draft: Draft
    told: Verification | Refusal
    counted: tuple[str, str]


class Asking:
    """The asking side of the exchange; what waits for one peer walks through it together.

    Attributes:
        tally: how often what happened: ("outcome", name), ("refusal", code), ("open", "").
    """

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        node: str,
        ledger: Ledger,
        peers: Peers,
        trust: Trust,
        clock: Clock,
        randomness: Randomness,
        answer_within_us: int,
        parcels_in_flight: int,
        allowance: Allowance,
    ) -> None:
        """Take the parts; `answer_within_us` is the deadline that queries carry.

        `parcels_in_flight` is how many parcels for one peer may be under way at once.
        """
        self._node = node
        self._ledger = ledger
        self._peers = peers
        self._trust = trust
        self._clock = clock
        self._randomness = randomness
        self._answer_within_us = answer_within_us
        self._parcels_in_flight = parcels_in_flight
        self._quotas = Quotas(allowance)
        self._seals = SealChecker()
        self._parcels: dict[str, Coalescer[_Waiting, Verification]] = {}
        self._in_flight: set[bytes] = set()
        self.tally: Counter[tuple[str, str]] = Counter()

    async def ask(self, employer: Employer, inquiry: Inquiry) -> Verification:
        """Ask, and return what came of it; an open verification where the peer is silent.

        Raises:
            Refusal: MALFORMED, UNKNOWN (no such node), UNTRUSTED (no agreement covers it), BUSY
                or STALE before anything was asked; PEER_FALSE where the answer failed its checks.
        """
        now = self._clock()
        trust = self._trust.view()
        trust.require_fresh(now)
        self._quotas.take(employer.key_id, now)  # 1
        agreement = self._agreement(inquiry, trust, now)  # 2
        waiting = _Waiting(employer, inquiry, agreement.reference)
        return await self._parcel(inquiry.share_code.node).submit(waiting)

    async def send_open(self) -> int:
        """Send every open question again, or give up those past their deadline; returns how many.

        For the schedule and for the start of a node. One question's failure stops no other.
        """
        found = await self._ledger.open_questions(frozenset(self._in_flight))
        by_peer: dict[str, list[OpenQuestion]] = {}
        for question in found:
            if question.commitment not in self._in_flight:
                by_peer.setdefault(question.query.audience, []).append(question)
        sent = await asyncio.gather(*map(self._send_to_peer, by_peer.values()))
        failures = [failure for some in sent for failure in some]
        if failures:
            raise failures[0]
        return sum(map(len, by_peer.values()))

    async def _send_to_peer(self, waiting: Sequence[OpenQuestion]) -> list[Exception]:
        """Send one peer's questions in turns, so that a silent peer holds up nobody else's."""
        failures: list[Exception] = []
        for start in range(0, len(waiting), PARCEL_ITEMS_MAX):
            some = waiting[start : start + PARCEL_ITEMS_MAX]
            now = self._clock()
            late = [question for question in some if now >= question.query.answer_by]
            due = [question for question in some if now < question.query.answer_by]
            given_up = [self._no_answer(one, Code.PEER_SILENT, now) for one in late]
            try:
                told = await self._end(given_up)
                if due:
                    told += await self._deliver(due)
            except Exception as error:  # noqa: BLE001 - raised once all others had their turn
                failures.append(error)
                continue
            for failure in told:
                if isinstance(failure, Refusal):
                    self.tally["refusal", failure.code.value] += 1
                elif isinstance(failure, Exception):
                    failures.append(failure)
        return failures

    def _agreement(self, inquiry: Inquiry, trust: TrustView, now: int) -> Agreement:
        audience = inquiry.share_code.node
        if audience == self._node:
            raise Refusal(
                Code.MALFORMED,
                f"share_code: is one of this node, {audience}; its own registry shows it",
            )
        trust.member(self._node, now)
        trust.member(audience, now)
        agreement = trust.agreement_for(self._node, audience, inquiry.purpose, now)
        if agreement is None:
            raise Refusal(
                Code.UNTRUSTED, f"no agreement is in force between {self._node} and {audience}"
            )
        if inquiry.purpose not in agreement.purposes:
            raise Refusal(
                Code.UNTRUSTED,
                f"purpose: the agreement {agreement.id} does not cover "
                f"{inquiry.purpose.name.lower()}",
            )
        return agreement

    def _parcel(self, audience: str) -> Coalescer[_Waiting, Verification]:
        parcel = self._parcels.get(audience)
        if parcel is None:
            parcel = self._parcels[audience] = Coalescer(
                self._ask_together,
                batch_max=PARCEL_ITEMS_MAX,
                waiting_max=_WAITING_MAX,
                in_flight_max=self._parcels_in_flight,
                clock=self._clock,
            )
        return parcel

    async def _ask_together(self, waiting: list[_Waiting]) -> Sequence[_Told]:
        """Ask one peer what waits for it: one commit, one parcel, one commit."""
        now = self._clock()
        queries = self._compose(waiting, now)  # 3
        drafts = [
            Draft(query, self._say(query, now), key_id=one.employer.key_id)
            for one, query in zip(waiting, queries, strict=True)
        ]
        recorded = await self._ledger.append(drafts)  # 4
        return await self._deliver(
            [
                _question(query, now, record, one.employer.key_id)
                for one, query, record in zip(waiting, queries, recorded, strict=True)
            ]
        )

    def _compose(self, waiting: Sequence[_Waiting], now: int) -> list[Query]:
        randomness = self._randomness(NONCE_SIZE_BYTES * len(waiting))
        queries = []
        for number, one in enumerate(waiting):
            inquiry = one.inquiry
            code = inquiry.share_code
            start = number * NONCE_SIZE_BYTES
            query = Query(
                audience=code.node,
                nonce=randomness[start : start + NONCE_SIZE_BYTES],
                purpose=inquiry.purpose,
                selector=ShareCodeSelector(code.digest, code.holder_proof(inquiry.birth_date)),
                wanted=inquiry.wanted,
                requester=one.employer.requester,
                answer_by=now + self._answer_within_us,
                agreement=one.agreement,
            )
            queries.append(query)
        return queries

    def _say(self, body: Body, now: int) -> bytes:
        trust = self._trust.view().reference
        return encode_statement(Statement(self._node, now, trust, body))

    async def _deliver(self, questions: Sequence[OpenQuestion]) -> list[_Told]:
        """Send questions to one peer, and end those that it answered or refused for good."""
        commitments = [question.commitment for question in questions]
        self._in_flight.update(commitments)
        try:
            items = await self._send(questions)  # 5
            now = self._clock()
            judged = [
                self._judge(question, item, now)
                for question, item in zip(questions, items, strict=True)
            ]
            return await self._end(judged)
        finally:
            self._in_flight.difference_update(commitments)

    async def _send(self, questions: Sequence[OpenQuestion]) -> Sequence[Item | FalseReply]:
        audience = questions[0].query.audience
        try:
            return await self._peers.exchange(audience, [one.sealed for one in questions])
        except FalseReply as false:
            return [false] * len(questions)
        except Refusal as refusal:
            refused = Refused(refusal.code, refusal.reason, refusal.retry_after_s)
            return [refused] * len(questions)

    def _judge(
        self, question: OpenQuestion, item: Item | FalseReply, now: int
    ) -> _Ending | Verification:
        """Tell how a question ends by what came back; an open verification where it does not."""
        if isinstance(item, FalseReply):
            return self._false(question, item.content, item, now)
        if isinstance(item, Refused):
            if item.code in _TRANSIENT:
                return self._left_open(question)
            return self._no_answer(question, item.code, now)
        try:
            answer, counterpart = self._check(question, item, now)  # 6
        except Refusal as refusal:
            if refusal.code is Code.STALE:
                return self._left_open(question)
            content = encode_parcel([item]).SerializeToString()
            return self._false(question, content, refusal, now)
        body = Conclusion(question.commitment, counterpart.commitment, answer.outcome)
        draft = Draft(body, self._say(body, now), counterpart, settles=question.sealed.index)
        told = _verification(question, answer, now)
        return _Ending(question, draft, told, ("outcome", answer.outcome.name.lower()))

    def _left_open(self, question: OpenQuestion) -> Verification:
        self.tally["open", ""] += 1
        return _verification(question)

    def _no_answer(self, question: OpenQuestion, code: Code, now: int) -> _Ending:
        body = NoAnswer(question.commitment, code)
        draft = Draft(body, self._say(body, now), settles=question.sealed.index)
        told = _verification(question, no_answer=code.value)
        return _Ending(question, draft, told, ("no_answer", code.value))

    def _false(self, question: OpenQuestion, content: bytes, refusal: Refusal, now: int) -> _Ending:
        peer, code = question.query.audience, Code.PEER_FALSE
        body = NoAnswer(question.commitment, code)
        node = self._trust.view().nodes.get(peer)
        evidence = Evidence(peer, "" if node is None else node.origin, "false_answer", content)
        draft = Draft(body, self._say(body, now), settles=question.sealed.index, evidence=evidence)
        told = Refusal(
            code,
            f"the answer of {peer} failed its checks and is kept as evidence: {refusal.reason}",
        )
        return _Ending(question, draft, told, ("no_answer", code.value))

    async def _end(self, judged: Sequence[_Ending | Verification]) -> list[_Told]:
        """Journal how questions end, together; returns what each asker is told."""
        endings = [one for one in judged if isinstance(one, _Ending)]
        ended: Iterator[_Told] = iter(())
        if endings:
            try:
                await self._ledger.append([ending.draft for ending in endings])  # 7
            except Exception:  # noqa: BLE001 - one spoiled it for all: each by itself
                ended = iter(await asyncio.gather(*map(self._end_alone, endings)))
            else:
                for ending in endings:
                    self.tally[ending.counted] += 1
                ended = iter([ending.told for ending in endings])
        return [next(ended) if isinstance(one, _Ending) else one for one in judged]  # 8

    async def _end_alone(self, ending: _Ending) -> _Told:
        question = ending.question
        try:
            await self._ledger.append([ending.draft])
        except Refusal as refusal:
            if refusal.code in {Code.STALE, Code.BUSY}:
                # It is journalled: whoever asked must learn its id, or would ask anew.
                return _verification(question)
            if refusal.code is not Code.CONFLICT:
                return refusal
            # Another sending was first.
            wanted = verification_id(question.sealed.index, question.commitment)
            return await self._ledger.verification(wanted, question.key_id) or refusal
        except Exception as error:  # noqa: BLE001 - reaches its own asker, and no other
            return error
        self.tally[ending.counted] += 1
        return ending.told

    def _check(self, question: OpenQuestion, item: Sealed, now: int) -> tuple[Answer, Counterpart]:
        query = question.query
        trust = self._trust.view()
        counterpart = self._seals.check(item, trust.node(query.audience), trust, now)
        if counterpart.origin in self._ledger.forked_journals():
            raise Refusal(Code.UNTRUSTED, "the peer's journal is forked")
        statement = decode_statement(item.statement)
        answer = statement.body
        if statement.speaker != query.audience or not isinstance(answer, Answer):
            raise Refusal(Code.MALFORMED, "answer: is no answer of the node that was asked")
        if answer.query != question.commitment:
            raise Refusal(Code.MALFORMED, "answer.query: answers another query")
        if answer.registry_position != item.index or answer.evaluated_at != statement.said_at:
            raise Refusal(Code.MALFORMED, "answer: its position or time is not its own")
        if (
            statement.trust.version == trust.reference.version
            and statement.trust != trust.reference
        ):
            raise Refusal(Code.MALFORMED, "answer.trust: is another list of the version in force")
        earliest = question.asked_at - _CLOCK_TOLERANCE_US
        latest = query.answer_by + _CLOCK_TOLERANCE_US
        if not earliest <= statement.said_at <= latest:
            raise Refusal(Code.MALFORMED, "answer: was not said between the query and its deadline")
        if statement.said_at > now + _CLOCK_TOLERANCE_US:
            # Its clock or ours is ahead; the same answer will do once we are there.
            raise Refusal(Code.STALE, "answer: was said in the future")
        wanted = query.wanted
        for disclosure in answer.disclosed:
            if disclosure.field not in wanted:
                raise Refusal(Code.MALFORMED, "answer.disclosed: shows what was not asked")
        return answer, counterpart


def _question(query: Query, asked_at: int, recorded: Recorded, key_id: str) -> OpenQuestion:
    if recorded.sealed is None:
        raise Refusal(Code.DEFECT, "the ledger recorded a query without its seal")
    return OpenQuestion(query, asked_at, recorded.commitment, recorded.sealed, key_id)


def _verification(
    question: OpenQuestion,
    answer: Answer | None = None,
    answered_at: int | None = None,
    no_answer: str | None = None,
) -> Verification:
    return Verification(
        id=verification_id(question.sealed.index, question.commitment),
        key_id=question.key_id,
        peer=question.query.audience,
        query=question.query,
        asked_at=question.asked_at,
        answer=answer,
        answered_at=answered_at,
        no_answer=no_answer,
    )
