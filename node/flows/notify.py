"""Notices of this node: said where a holder lets somebody follow, streamed to who may hear them.

tell (again and again)
  1. has the journal grown, or has a minute passed: else there is nothing to do
  2. which open consents were given, or had their credential changed, since the last look; once a
     minute all of them, because credentials expire by themselves
  3. in one transaction: where each stands now. What differs from what was told of it last is
     journalled as a notice, while the follower's node is a member with an agreement in force
  4. wake the streams

stream (a peer follows)
  1. the TLS peer is a member, no fork of its journal is known, the trust list has not expired;
     looked at again before everything that is sent
  2. its notices from the position that it names on, whose consent is open now, sealed
  3. when there are no more, sleep until there may be; one stream for each peer, the newest
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from node.errors import Code, Refusal
from node.flows.answer import caller
from node.flows.notice_ports import NoticeBooks
from node.flows.ports import Clock, Draft, Ledger, Trust
from node.model.bounds import INDEX_MAX
from node.model.notice import WatchFacts, notice_due
from node.model.seal import Sealed
from node.model.statement import Purpose, Statement
from node.model.trust import Node, TrustView
from node.wire.codec import encode_statement

AT_ONCE: Final = 256
_ALL_EVERY_US: Final = 60 * 1_000_000
_LOOK_AGAIN_S: Final = 15.0
"""A stream looks by itself, too: another process on the same database may have said something."""


class Notifying:
    """Says notices, and streams them to the peers that follow.

    Attributes:
        tally: how often what happened: said, sent.
    """

    def __init__(
        self, node: str, ledger: Ledger, books: NoticeBooks, trust: Trust, clock: Clock
    ) -> None:
        """Work on a ledger, in the name of a node."""
        self._node = node
        self._ledger = ledger
        self._books = books
        self._trust = trust
        self._clock = clock
        self._seen = 0
        self._all_at = 0
        self._bell = asyncio.Event()
        self._streams: dict[str, object] = {}
        self._closed = False
        self._telling = asyncio.Lock()
        self.tally: Counter[str] = Counter()

    async def tell(self) -> int:
        """Say what has to be told now; returns how many notices that were."""
        async with self._telling:
            now, size = self._clock(), await self._books.size()
            every_one = now >= self._all_at
            if size == self._seen and not every_one:  # 1
                return 0
            trust = self._trust.view()
            trust.require_fresh(now)
            watches = await self._books.stirred(0 if every_one else self._seen, now)  # 2
            said = 0
            for start in range(0, len(watches), AT_ONCE):
                some = watches[start : start + AT_ONCE]
                said += len(await self._books.tell(some, self._say(trust), now))  # 3
            self._seen = size
            if every_one:
                self._all_at = now + _ALL_EVERY_US
            self.tally["said"] += said
            if said:
                self._ring()  # 4
            return said

    async def stream(self, pin: bytes, start: int) -> AsyncGenerator[Sequence[Sealed]]:
        """Yield a peer's notices from a position of the journal on, until nobody listens.

        Args:
            pin: SHA-256 of the SubjectPublicKeyInfo that the peer proved over TLS.
            start: of the first notice that it does not have.

        Raises:
            Refusal: UNAUTHENTICATED, UNTRUSTED, STALE as in the exchange; MALFORMED where the
                position is none.
        """
        if start > INDEX_MAX:
            raise Refusal(Code.MALFORMED, "start: is over 2^62")
        own = object()
        peer = self._listener(pin).id
        self._streams[peer] = own
        self._ring()  # an older stream of the same peer ends
        try:
            while not self._closed and self._streams.get(peer) is own:
                bell = self._bell
                listener = self._listener(pin)  # 1
                found = await self._books.notices(  # 2
                    listener.id, start, self._clock(), AT_ONCE
                )
                if found:
                    start = found[-1].index + 1
                    self.tally["sent"] += len(found)
                    yield found
                    continue
                try:  # 3
                    async with asyncio.timeout(_LOOK_AGAIN_S):
                        await bell.wait()
                except TimeoutError:
                    continue
        finally:
            if self._streams.get(peer) is own:
                del self._streams[peer]

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._ring()

    def _ring(self) -> None:
        self._bell.set()
        self._bell = asyncio.Event()

    def _listener(self, pin: bytes) -> Node:
        now, trust = self._clock(), self._trust.view()
        trust.require_fresh(now)
        peer = caller(pin, trust, self._node, now)
        if peer.origin in self._ledger.forked_journals():
            raise Refusal(Code.UNTRUSTED, f"the journal of {peer.id} is forked")
        return peer

    def _say(self, trust: TrustView) -> "_Saying":
        return _Saying(self._node, trust)


class _Saying:
    """What is said under one trust list; runs in the writing thread."""

    def __init__(self, node: str, trust: TrustView) -> None:
        self._node = node
        self._trust = trust
        self._issuers = trust.books.get(trust.node(node).country)

    def __call__(self, facts: WatchFacts, now: int) -> Draft | None:
        notice = notice_due(facts, self._issuers, now)
        if notice is None or not self._may_hear(notice.audience, now):
            return None
        statement = Statement(self._node, now, self._trust.reference, notice)
        return Draft(notice, encode_statement(statement))

    def _may_hear(self, node: str, now: int) -> bool:
        if node == self._node:
            return False
        try:
            self._trust.member(node, now)
        except Refusal:
            return False
        agreement = self._trust.agreement_for(self._node, node, Purpose.EMPLOYMENT, now)
        return agreement is not None
