"""Erasing at a peer's request. The order of the checks is that of answering.

1. bounds of the parcel (the codec refuses what breaks them): MALFORMED
2. the TLS peer is a node of the trust list, and equals the speaker: UNAUTHENTICATED, UNTRUSTED
3. checkpoint signatures and inclusion, before the statement is parsed: UNAUTHENTICATED
4. no fork of the peer's journal is known: UNTRUSTED
5. parse strictly: MALFORMED
6. audience is me; it was not said in the future: UNTRUSTED, STALE
7. already acknowledged: the same sealed statement again, byte for byte
8. each exchange is one that this node asked of that very peer; one that is not is unknown. One
   that waits for its answer holds the request up: BUSY
9. what a law makes this node keep is kept; of the rest go query, conclusion and the answer's copy
10. journal it: one Erasure for each kind, then the acknowledgement; only then reply
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

from node.errors import Code, Refusal
from node.flows.answer import SAID_AFTER_MAX_US, caller
from node.flows.erase import erasures_of
from node.flows.erasure_ports import Erasures, ReceivedRequest
from node.flows.ports import Clock, Draft, Ledger, Trust
from node.flows.seals import SealChecker
from node.model.retention import HeldExchange, Retention, acknowledgement
from node.model.statement import Body, ErasureRequest, Statement
from node.model.trust import Node, TrustView
from node.wire.codec import decode_statement, encode_statement
from node.wire.erasures import RULE_LENGTH_MAX
from node.wire.parcel import Item, Refused


class Acknowledging:
    """The side that is asked to erase."""

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        node: str,
        ledger: Ledger,
        erasures: Erasures,
        trust: Trust,
        clock: Clock,
        retentions: Collection[Retention],
    ) -> None:
        """Take the parts, and what this node has to keep."""
        self._node = node
        self._ledger = ledger
        self._erasures = erasures
        self._trust = trust
        self._clock = clock
        self._retentions = retentions
        self._seals = SealChecker()

    async def erase(self, pin: bytes, items: Sequence[Item]) -> list[Item]:
        """Erase what a peer asks for, item by item and in order.

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
        replies: list[Item] = []
        for item in items:
            try:
                received = self._receive(item, peer, trust, now)
                replies.append(await self._acknowledge(received, now))
            except Refusal as refusal:
                replies.append(Refused(refusal.code, refusal.reason, refusal.retry_after_s))
        await self._erasures.truncate_log()
        return replies

    def _receive(self, item: Item, peer: Node, trust: TrustView, now: int) -> ReceivedRequest:
        if isinstance(item, Refused):
            raise Refusal(Code.MALFORMED, "parcel: a refusal is no request")
        counterpart = self._seals.check(item, peer, trust, now)  # 3
        statement = decode_statement(item.statement)  # 5
        request = statement.body
        if statement.speaker != peer.id:  # 2
            raise Refusal(Code.UNTRUSTED, f"speaker: is {statement.speaker}, but {peer.id} sent it")
        if not isinstance(request, ErasureRequest):
            raise Refusal(Code.MALFORMED, "statement.body: is no request for erasure")
        if request.audience != self._node:  # 6
            raise Refusal(
                Code.UNTRUSTED, f"erasure_request.audience: is {request.audience}, not this node"
            )
        if statement.said_at > now + SAID_AFTER_MAX_US:
            raise Refusal(Code.STALE, "said_at: lies in the future")
        return ReceivedRequest(counterpart, statement.said_at, request)

    async def _acknowledge(self, received: ReceivedRequest, now: int) -> Item:
        counterpart, request = received.counterpart, received.request
        peer = counterpart.peer
        trust = self._trust.view().reference
        rule = f"request of {peer}: {request.rule}"[:RULE_LENGTH_MAX]

        def say(held: Sequence[HeldExchange]) -> list[Draft]:
            body, going = acknowledgement(counterpart.commitment, held, self._retentions, now)  # 9
            entries: dict[int, list[int]] = defaultdict(list)
            for one in going:
                for kind, position in one.entries.items():
                    entries[kind].append(position)
            by_kind = {kind: sorted(positions) for kind, positions in entries.items()}

            def draft(said: Body, **beside: object) -> Draft:
                statement = encode_statement(Statement(self._node, now, trust, said))
                return Draft(said, statement, **beside)  # type: ignore[arg-type]

            return [
                *map(draft, erasures_of(by_kind, rule, peer)),
                draft(body, counterpart=counterpart, asked_at=received.said_at),
            ]

        return await self._erasures.acknowledge(received, say)  # 7, 8, 10
