"""Following: hearing from other nodes what holders let this node's employers follow.

add
  1. the consent is named by its 32 hex digits, its node is a peer
  2. keep who follows, and where notices are to be posted, with a secret that signs them

tend (again and again)
  1. which peers somebody follows something at: one stream to each, opened again where it broke,
     after a while that doubles from one second to thirty
  2. from the position after the last notice that was taken, as the journal has it

hear (each batch that comes)
  1. seal and speaker as of an answer; no fork of the peer's journal is known
  2. it is a notice, to this node; a batch that fails is kept as evidence, and ends the stream
  3. journal that it was taken, with the peer's statement beside it; what was taken before is left
     out in the same transaction, so nothing is ever taken twice
  4. wake whoever waits
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog

from node.errors import Code, Refusal
from node.flows.notice_ports import Follower, FollowPeers, HeardNotice, NoticeBooks
from node.flows.ports import Clock, Counterpart, Draft, Employer, Ledger, Randomness, Trust
from node.flows.post_notices import checked_url, new_secret
from node.flows.seals import SealChecker
from node.model.holder_bodies import WATCH_SIZE_BYTES
from node.model.notice_bodies import NoticeTaken, StatusNotice
from node.model.statement import Statement
from node.model.trust import Node
from node.wire.codec import decode_statement, encode_statement
from node.wire.parcel import Item, Refused, encode_parcel

HEARD_AT_ONCE: Final = 100
FOLLOWED_MAX: Final = 10_000
_EVIDENCE_MAX_BYTES: Final = 64 * 1024
_ID_SIZE_BYTES: Final = 12
_AGAIN_US: Final = 1_000_000
_AGAIN_MAX_US: Final = 30_000_000
_UNKNOWN: Final = "no watch of this API key has this id"
_log = structlog.get_logger()


class Following:
    """What this node's employers follow at its peers.

    Attributes:
        tally: how often what happened: taken, and every code that a stream ended with.
    """

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        node: str,
        ledger: Ledger,
        books: NoticeBooks,
        peers: FollowPeers,
        trust: Trust,
        clock: Clock,
        randomness: Randomness,
        public: bool = True,
    ) -> None:
        """Take the parts, and whether notices are posted to the public internet only."""
        self._node = node
        self._ledger = ledger
        self._books = books
        self._peers = peers
        self._trust = trust
        self._clock = clock
        self._randomness = randomness
        self._public = public
        self._let_go = False
        self._seals = SealChecker()
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, tuple[int, int]] = {}
        self._bell = asyncio.Event()
        self.tally: Counter[str] = Counter()

    # --- who follows -----------------------------------------------------------------------

    async def add(self, employer: Employer, peer: str, watch: str, url: str = "") -> Follower:
        """Follow what a holder lets an employer follow at a peer.

        Args:
            employer: the register id is the one that the holder named.
            peer: node id of the credential's node.
            watch: 32 hex digits, as the holder was given them.
            url: where notices are posted; empty: nowhere.

        Raises:
            Refusal: MALFORMED where that is no watch or the node is this one, UNKNOWN where it is
                none, CONFLICT where it is followed already, BUSY beyond 10,000.
        """
        try:
            named = bytes.fromhex(watch)
        except ValueError:
            named = b""
        if len(named) != WATCH_SIZE_BYTES or len(watch) != 2 * WATCH_SIZE_BYTES:
            raise Refusal(Code.MALFORMED, "watch: must be the 32 hex digits of a holder's consent")
        if peer == self._node:
            raise Refusal(Code.MALFORMED, "node: must be another node than this one")
        if url:
            checked_url(url, public=self._public)
        self._trust.view().node(peer)
        held = await self._books.followers(employer.key_id)
        if any((one.peer, one.watch) == (peer, named) for one in held):
            raise Refusal(Code.CONFLICT, "watch: this API key follows it already")
        if len(held) >= FOLLOWED_MAX:
            raise Refusal(Code.BUSY, f"watch: an API key follows at most {FOLLOWED_MAX}")
        register_id = employer.requester.register_id
        follower = Follower(
            self._randomness(_ID_SIZE_BYTES).hex(),
            employer.key_id,
            register_id,
            peer,
            named,
            self._clock(),
            url,
            new_secret(self._randomness) if url else "",
        )
        await self._books.add(follower)
        await self.tend()
        return follower

    async def list(self, employer: Employer) -> Sequence[Follower]:
        """Return what an employer follows, oldest first."""
        return await self._books.followers(employer.key_id)

    async def remove(self, employer: Employer, follower_id: str) -> None:
        """Follow something no more.

        Raises:
            Refusal: UNKNOWN where the employer does not.
        """
        await self._books.remove((await self.find(employer, follower_id)).id)

    async def find(self, employer: Employer, follower_id: str) -> Follower:
        """Return what an employer follows, by its id.

        Raises:
            Refusal: UNKNOWN where the employer does not.
        """
        for one in await self._books.followers(employer.key_id):
            if one.id == follower_id:
                return one
        raise Refusal(Code.UNKNOWN, _UNKNOWN)

    async def heard(
        self, follower: Follower, after: int, wait_s: float = 0.0
    ) -> Sequence[HeardNotice]:
        """Return what was told after a position, waiting for the first where there is nothing."""
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    bell = self._bell
                    found = await self._books.heard(follower, after, HEARD_AT_ONCE)
                    if found or self._let_go:
                        return found
                    await bell.wait()
        except TimeoutError:
            return await self._books.heard(follower, after, HEARD_AT_ONCE)

    def let_go(self) -> None:
        """Let go of whoever waits, for good."""
        self._let_go = True
        self._bell.set()

    # --- the streams -----------------------------------------------------------------------

    async def tend(self) -> int:
        """Open the streams that are missing; returns how many are open."""
        now = self._clock()
        wanted = await self._books.followed_peers()  # 1
        for peer in self._streams.keys() - set(wanted):
            self._streams[peer].cancel()
        for peer in wanted:
            if peer not in self._streams and self._again.get(peer, (0, 0))[0] <= now:
                self._streams[peer] = asyncio.create_task(self._follow(peer))
        return len(self._streams)

    async def close(self) -> None:
        """End every stream."""
        streams = list(self._streams.values())
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    async def _follow(self, peer: str) -> None:
        try:
            start = await self._books.taken_until(self._trust.view().node(peer).origin)  # 2
            async for batch in self._peers.follow(peer, start):
                await self._hear(peer, batch)
                self._again.pop(peer, None)
        except Refusal as refusal:
            self._broken(peer, refusal.code)
        except Exception:  # noqa: BLE001 - no failure of a stream may end the others
            _log.exception("follow_failed", peer=peer)
            self._broken(peer, Code.DEFECT)
        finally:
            self._streams.pop(peer, None)

    def _broken(self, peer: str, code: Code) -> None:
        tries = self._again.get(peer, (0, 0))[1]
        wait_us = min(_AGAIN_US << min(tries, 16), _AGAIN_MAX_US)
        spread = int.from_bytes(self._randomness(2)) / 0xFFFF  # so that not all come back at once
        self._again[peer] = self._clock() + round(wait_us * (0.5 + spread / 2)), tries + 1
        self.tally[code.value] += 1
        _log.info("follow_waits", peer=peer, code=code.value)

    async def _hear(self, peer: str, batch: Sequence[Item]) -> None:
        now, trust = self._clock(), self._trust.view()
        trust.require_fresh(now)
        node = trust.member(peer, now)
        if node.origin in self._ledger.forked_journals():
            raise Refusal(Code.UNTRUSTED, f"the journal of {peer} is forked")
        try:
            drafts = [self._check(node, item, now) for item in batch]
        except Refusal:  # whichever: a notice that fails its checks is false
            content = encode_parcel(batch).SerializeToString()[:_EVIDENCE_MAX_BYTES]
            await self._books.keep_false(peer, node.origin, content, now)
            raise
        recorded = await self._books.take(drafts)  # 3
        self.tally["taken"] += len(recorded)
        self._bell.set()  # 4
        self._bell = asyncio.Event()

    def _check(self, peer: Node, item: Item, now: int) -> Draft:
        trust = self._trust.view()
        if isinstance(item, Refused):
            raise Refusal(Code.PEER_FALSE, "a refusal came in place of a notice")
        counterpart: Counterpart = self._seals.check(item, peer, trust, now)  # 1
        said = decode_statement(item.statement)
        notice = said.body
        if said.speaker != peer.id:
            raise Refusal(Code.PEER_FALSE, f"speaker: is {said.speaker}, but {peer.id} sent it")
        if not isinstance(notice, StatusNotice) or notice.audience != self._node:  # 2
            raise Refusal(Code.PEER_FALSE, "statement: is no notice to this node")
        taken = NoticeTaken(
            counterpart.commitment, notice.watch, notice.register_id, notice.outcome
        )
        statement = Statement(self._node, now, trust.reference, taken)
        return Draft(taken, encode_statement(statement), counterpart)
