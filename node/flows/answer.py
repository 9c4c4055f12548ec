"""Answering another country's node. The order of the checks is the security property.

1. bounds of the parcel (the codec refuses what breaks them): MALFORMED
2. the TLS peer is a node of the trust list, and equals the speaker: UNAUTHENTICATED, UNTRUSTED
3. checkpoint signatures and inclusion, before the statement is parsed: UNAUTHENTICATED
4. no fork of the peer's journal is known, and this checkpoint makes none: UNTRUSTED
5. parse strictly: MALFORMED
6. audience is me, speaker is not me: UNTRUSTED; said within five minutes, unless this query is
   already answered: STALE (an agreement or purpose that is missing is a sealed REFUSED, in 9)
7. already answered: the same sealed answer again, byte for byte
8. quotas per peer, per requester and per share code: BUSY
9. registry and consents in one snapshot; decide; a spent use is counted in the same transaction
10. journal it; only then reply

Checks 1 to 4 stand for the whole parcel except for inclusion, the others for each item.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from node.errors import Code, Refusal
from node.flows.ports import Clock, Draft, Judge, Ledger, Question, Trust
from node.flows.quotas import Quotas
from node.flows.seals import SealChecker
from node.model.decide import Facts, decide
from node.model.quota import Allowance
from node.model.seal import Sealed
from node.model.statement import Outcome, Query, Statement
from node.model.trust import Node, TrustView
from node.wire.codec import STATEMENT_SIZE_MAX_BYTES, decode_statement, encode_statement
from node.wire.parcel import PARCEL_SIZE_MAX_BYTES, Item, Refused

SAID_BEFORE_MAX_US: Final = 5 * 60 * 1_000_000
SAID_AFTER_MAX_US: Final = 60 * 1_000_000
PROBE_TOKENS: Final = 20.0
"""A NOT_CONFIRMED costs this much more: guessing selectors runs dry soon."""
_ITEM_OVERHEAD_BYTES: Final = 128
_REPLIES_MAX_BYTES: Final = PARCEL_SIZE_MAX_BYTES - 512 * 1024


class Answering:
    """The answering side of the exchange.

    Attributes:
        tally: how often what happened: ("outcome", name), ("refusal", code).
    """

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        node: str,
        ledger: Ledger,
        trust: Trust,
        clock: Clock,
        peer_allowance: Allowance,
        requester_allowance: Allowance,
        guess_allowance: Allowance,
    ) -> None:
        """Take the parts and the quotas of a peer, of a requester behind it and of one share code.

        The last bounds how often a code may be tried in vain, whoever tries and whether or not it
        exists: at 20 and then one in ten minutes, 36,500 birth dates take most of a year.
        """
        self._node = node
        self._ledger = ledger
        self._trust = trust
        self._clock = clock
        self._peer_quotas = Quotas(peer_allowance)
        self._requester_quotas = Quotas(requester_allowance)
        self._guesses = Quotas(guess_allowance)
        self._seals = SealChecker()
        self.tally: Counter[tuple[str, str]] = Counter()

    async def exchange(self, pin: bytes, items: Sequence[Item]) -> list[Item]:
        """Answer a parcel of queries, item by item and in order.

        Args:
            pin: SHA-256 of the SubjectPublicKeyInfo that the peer proved over TLS.
            items: what the parcel holds, within its bounds (1).

        Raises:
            Refusal: for the whole parcel.
        """
        now = self._clock()
        trust = self._trust.view()
        trust.require_fresh(now)
        peer = caller(pin, trust, self._node, now)  # 2
        if peer.origin in self._ledger.forked_journals():  # 4
            raise Refusal(Code.UNTRUSTED, f"the journal of {peer.id} is forked")
        replies: list[Item | Refusal | None] = [None] * len(items)
        questions: list[Question] = []
        places: list[int] = []
        for place, item in enumerate(items):
            try:
                questions.append(self._receive(item, peer, trust, now))
                places.append(place)
            except Refusal as refusal:
                replies[place] = refusal
        decided: dict[bytes, Outcome] = {}
        judge = self._judge(peer, trust, now, decided)
        answered = await self._ledger.answer(questions, judge)  # 7, 10
        for place, question, reply in zip(places, questions, answered, strict=True):
            replies[place] = reply
            # What was decided counts once it is journalled, however often it had to be decided.
            outcome = decided.pop(question.counterpart.commitment, None)
            if outcome is not None and isinstance(reply, Sealed):
                self.tally["outcome", outcome.name.lower()] += 1
        return self._fitting(replies)

    def _receive(self, item: Item, peer: Node, trust: TrustView, now: int) -> Question:
        if isinstance(item, Refused):
            raise Refusal(Code.MALFORMED, "parcel: a refusal is no question")
        counterpart = self._seals.check(item, peer, trust, now)  # 3
        statement = decode_statement(item.statement)  # 5
        query = statement.body
        if statement.speaker != peer.id:  # 2
            raise Refusal(Code.UNTRUSTED, f"speaker: is {statement.speaker}, but {peer.id} sent it")
        if not isinstance(query, Query):
            raise Refusal(Code.MALFORMED, "statement.body: only a query can be answered")
        if query.audience != self._node:  # 6
            raise Refusal(Code.UNTRUSTED, f"query.audience: is {query.audience}, not this node")
        return Question(counterpart, statement.said_at, query)

    def _judge(
        self, peer: Node, trust: TrustView, now: int, decided: dict[bytes, Outcome]
    ) -> Judge:
        issuers = trust.books.get(trust.node(self._node).country)

        def judge(question: Question, facts: Facts) -> Draft:
            query, commitment = question.query, question.counterpart.commitment
            if not -SAID_AFTER_MAX_US <= now - question.said_at <= SAID_BEFORE_MAX_US:  # 6
                raise Refusal(
                    Code.STALE, "said_at: must lie within five minutes before and one after now"
                )
            if now > query.answer_by + SAID_AFTER_MAX_US:
                raise Refusal(Code.STALE, "query.answer_by: has passed, nobody waits any more")
            # Where the transaction has to be taken apart, we are asked again: charge once.
            again = commitment in decided
            requester = f"{peer.id} {query.requester.register_id}"
            if not again:  # 8
                self._peer_quotas.take(peer.id, now)
                self._requester_quotas.take(requester, now)
            self._guesses.require(query.selector.code_digest, now)
            agreement = trust.agreement_named(self._node, peer.id, query.agreement, now)
            answer = decide(query, commitment, facts, agreement, now, issuers=issuers)  # 9
            if answer.outcome is Outcome.NOT_CONFIRMED and not again:
                self._requester_quotas.charge(requester, PROBE_TOKENS, now)
                self._guesses.charge(query.selector.code_digest, 1.0, now)
            decided[commitment] = answer.outcome
            statement = encode_statement(Statement(self._node, now, trust.reference, answer))
            if len(statement) > STATEMENT_SIZE_MAX_BYTES:
                raise Refusal(Code.DEFECT, "the answer is longer than a statement can be")
            return Draft(answer, statement, question.counterpart, asked_at=question.said_at)

        return judge

    def _fitting(self, replies: Sequence[Item | Refusal | None]) -> list[Item]:
        """Return what fits one parcel; the rest is journalled and told when asked again."""
        told: list[Item] = []
        notes: set[bytes] = set()
        size_bytes = 0
        for reply in map(self._told, replies):
            if isinstance(reply, Sealed):
                size_bytes += len(reply.statement) + len(reply.path) + _ITEM_OVERHEAD_BYTES
                if reply.checkpoint not in notes:
                    notes.add(reply.checkpoint)
                    size_bytes += len(reply.checkpoint) + _ITEM_OVERHEAD_BYTES
            if isinstance(reply, Sealed) and size_bytes > _REPLIES_MAX_BYTES:
                told.append(Refused(Code.BUSY, "the parcel is full; ask for the rest again", 0.1))
            else:
                told.append(reply)
        return told

    def _told(self, reply: Item | Refusal | None) -> Item:
        if isinstance(reply, Refusal):
            self.tally["refusal", reply.code.value] += 1
            return Refused(reply.code, reply.reason, reply.retry_after_s)
        if reply is None:
            raise Refusal(Code.DEFECT, "an item was left without a reply")
        return reply


def caller(pin: bytes, trust: TrustView, own: str, now: int) -> Node:
    """Return which peer it is that proved a TLS key to this node, `own`.

    Raises:
        Refusal: UNAUTHENTICATED where the key is of no peer or is not current, UNTRUSTED where
            either node is no member now.
    """
    node_id = trust.node_by_pin.get(pin)
    if node_id is None or node_id == own:
        raise Refusal(Code.UNAUTHENTICATED, "the TLS certificate is of no peer node")
    trust.member(own, now)
    node = trust.member(node_id, now)
    if not node.accepts(pin, now):
        raise Refusal(Code.UNAUTHENTICATED, f"the TLS certificate of {node_id} is not current")
    return node
