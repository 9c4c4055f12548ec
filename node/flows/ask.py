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
from collections.abc import Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
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

SENT_TOGETHER_MAX: Final = 512
_TRANSIENT: Final = frozenset({Code.BUSY, Code.STALE, Code.PEER_SILENT, Code.DEFECT})
_CLOCK_TOLERANCE_US: Final = 60 * 1_000_000


class Inquiry(Struct, frozen=True):
    """What an employer wants to know, every field already read."""

    share_code: ShareCode
    birth_date: date
    purpose: Purpose
    wanted: tuple[Field, ...]


class Asking:
    """The asking side of the exchange.

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
        allowance: Allowance,
    ) -> None:
        """Take the parts; `answer_within_us` is the deadline that queries carry."""
        self._node = node
        self._ledger = ledger
        self._peers = peers
        self._trust = trust
        self._clock = clock
        self._randomness = randomness
        self._answer_within_us = answer_within_us
        self._quotas = Quotas(allowance)
        self._seals = SealChecker()
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
        query = self._compose(employer, inquiry, agreement, now)  # 3
        statement = self._say(query, now)
        recorded = (await self._ledger.append([Draft(query, statement, key_id=employer.key_id)]))[0]
        if recorded.sealed is None:  # 4
            raise Refusal(Code.DEFECT, "the ledger recorded a query without its seal")
        question = OpenQuestion(query, now, recorded.commitment, recorded.sealed, employer.key_id)
        try:
            return await self._deliver(question)
        except Refusal as refusal:
            # It is journalled: whoever asked must learn its id, or would ask anew.
            if refusal.code not in {Code.STALE, Code.BUSY}:
                raise
            return _verification(question)

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

    async def _send_to_peer(self, waiting: Sequence[OpenQuestion]) -> list[BaseException]:
        """Send one peer's questions in turns, so that a silent peer holds up nobody else's."""
        failures: list[BaseException] = []
        for start in range(0, len(waiting), SENT_TOGETHER_MAX):
            some = waiting[start : start + SENT_TOGETHER_MAX]
            sent = await asyncio.gather(*map(self._send_again, some), return_exceptions=True)
            failures += (result for result in sent if isinstance(result, BaseException))
        return failures

    async def _send_again(self, question: OpenQuestion) -> None:
        if self._clock() >= question.query.answer_by:
            await self._give_up(question, Code.PEER_SILENT)
            return
        try:
            await self._deliver(question)
        except Refusal as refusal:
            self.tally["refusal", refusal.code.value] += 1

    def _agreement(self, inquiry: Inquiry, trust: TrustView, now: int) -> Agreement:
        audience = inquiry.share_code.node
        if audience == self._node:
            raise Refusal(
                Code.MALFORMED,
                f"share_code: is one of this node, {audience}; its own registry shows it",
            )
        trust.node(audience)
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

    def _compose(
        self, employer: Employer, inquiry: Inquiry, agreement: Agreement, now: int
    ) -> Query:
        code = inquiry.share_code
        return Query(
            audience=code.node,
            nonce=self._randomness(NONCE_SIZE_BYTES),
            purpose=inquiry.purpose,
            selector=ShareCodeSelector(code.digest, code.holder_proof(inquiry.birth_date)),
            wanted=inquiry.wanted,
            requester=employer.requester,
            answer_by=now + self._answer_within_us,
            agreement=agreement.reference,
        )

    def _say(self, body: Body, now: int) -> bytes:
        trust = self._trust.view().reference
        return encode_statement(Statement(self._node, now, trust, body))

    async def _deliver(self, question: OpenQuestion) -> Verification:
        self._in_flight.add(question.commitment)
        try:
            return await self._settle(question, await self._send(question))
        finally:
            self._in_flight.discard(question.commitment)

    async def _send(self, question: OpenQuestion) -> Item | FalseReply:
        try:
            return await self._peers.exchange(question.query.audience, question.sealed)  # 5
        except FalseReply as false:
            return false
        except Refusal as refusal:
            return Refused(refusal.code, refusal.reason, refusal.retry_after_s)

    async def _settle(self, question: OpenQuestion, item: Item | FalseReply) -> Verification:
        if isinstance(item, FalseReply):
            return await self._keep_evidence(question, item.content, item)
        if isinstance(item, Refused):
            if item.code in _TRANSIENT:
                self.tally["open", ""] += 1
                return _verification(question)
            return await self._give_up(question, item.code)
        try:
            answer, counterpart = self._check(question, item)  # 6
        except Refusal as refusal:
            if refusal.code is Code.STALE:
                self.tally["open", ""] += 1
                return _verification(question)
            content = encode_parcel([item]).SerializeToString()
            return await self._keep_evidence(question, content, refusal)
        return await self._conclude(question, answer, counterpart)

    def _check(self, question: OpenQuestion, item: Sealed) -> tuple[Answer, Counterpart]:
        query = question.query
        trust = self._trust.view()
        counterpart = self._seals.check(item, trust.node(query.audience), trust, self._clock())
        if query.audience in self._ledger.forked_peers():
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
        if statement.said_at > self._clock() + _CLOCK_TOLERANCE_US:
            # Its clock or ours is ahead; the same answer will do once we are there.
            raise Refusal(Code.STALE, "answer: was said in the future")
        wanted = query.wanted
        for disclosure in answer.disclosed:
            if disclosure.field not in wanted:
                raise Refusal(Code.MALFORMED, "answer.disclosed: shows what was not asked")
        return answer, counterpart

    async def _conclude(
        self, question: OpenQuestion, answer: Answer, counterpart: Counterpart
    ) -> Verification:
        now = self._clock()
        conclusion = Conclusion(question.commitment, counterpart.commitment, answer.outcome)
        ended = await self._end(question, conclusion, now, counterpart=counterpart)  # 7
        if ended is not None:
            return ended
        self.tally["outcome", answer.outcome.name.lower()] += 1
        return _verification(question, answer, now)  # 8

    async def _give_up(self, question: OpenQuestion, code: Code) -> Verification:
        ended = await self._end(question, NoAnswer(question.commitment, code), self._clock())
        if ended is not None:
            return ended
        self.tally["no_answer", code.value] += 1
        return _verification(question, no_answer=code.value)

    async def _keep_evidence(
        self, question: OpenQuestion, content: bytes, refusal: Refusal
    ) -> Verification:
        peer = question.query.audience
        body = NoAnswer(question.commitment, Code.PEER_FALSE)
        evidence = Evidence(peer, "false_answer", content)
        ended = await self._end(question, body, self._clock(), evidence=evidence)
        if ended is not None:
            return ended
        self.tally["no_answer", Code.PEER_FALSE.value] += 1
        raise Refusal(
            Code.PEER_FALSE,
            f"the answer of {peer} failed its checks and is kept as evidence: {refusal.reason}",
        )

    async def _end(
        self,
        question: OpenQuestion,
        body: Conclusion | NoAnswer,
        now: int,
        *,
        counterpart: Counterpart | None = None,
        evidence: Evidence | None = None,
    ) -> Verification | None:
        """Journal how a question ends; returns how it had ended where another sending was first."""
        position = question.sealed.index
        statement = self._say(body, now)
        draft = Draft(body, statement, counterpart, settles=position, evidence=evidence)
        try:
            await self._ledger.append([draft])
        except Refusal as refusal:
            if refusal.code is not Code.CONFLICT:
                raise
            wanted = verification_id(position, question.commitment)
            ended = await self._ledger.verification(wanted, question.key_id)
            if ended is None:
                raise
            return ended
        return None


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
