"""Watches: a holder lets one requester follow a credential's status, and takes that back.

give
  1. check who may follow, and until when; the requester's home node is a member
  2. find the credential
  3. journal the consent

revoke, end_lapsed
  1. find watches that have not ended
  2. journal their end; from then on nothing more is told
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from node.errors import Code, Refusal
from node.flows.holder_ports import Holders
from node.flows.ports import Clock, Draft, Ledger, Randomness, Recorded, Trust
from node.flows.share import UNKNOWN_CREDENTIAL, VALID_DAYS_MAX
from node.model.bounds import number as bounded
from node.model.holder import Watch
from node.model.holder_bodies import WATCH_SIZE_BYTES, Watcher, WatchGiven
from node.model.statement import Body, ConsentEnd, Statement, WatchEnded
from node.wire.codec import encode_statement
from node.wire.holder_statements import checked_watcher

_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_LAPSED_BATCH: Final = 500
_PREFIX_LENGTH_MIN: Final = 8


class Watching:
    """The standing consents of one node's holders; every change is journalled.

    Ends stated through one instance are stated one after the other, so that a watch ends once.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a composition root passes every part
        self,
        ledger: Ledger,
        holders: Holders,
        trust: Trust,
        node_id: str,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        """Work on a ledger, in the name of a node."""
        self._ledger = ledger
        self._holders = holders
        self._trust = trust
        self._node_id = node_id
        self._clock = clock
        self._randomness = randomness
        self._ending = asyncio.Lock()

    async def give(self, number: str, watcher: Watcher, *, valid_days: int) -> WatchGiven:
        """Let a requester follow a credential's status, 1 to 3,650 days from now.

        Raises:
            Refusal: MALFORMED where a bound is broken, UNKNOWN where there is no such credential
                or the requester's home node is not on the trust list.
        """
        checked_watcher(watcher)  # 1
        bounded(valid_days, "valid_days", 1, VALID_DAYS_MAX)
        self._trust.view().node(watcher.node)
        if await self._ledger.credential(number) is None:  # 2
            raise Refusal(Code.UNKNOWN, UNKNOWN_CREDENTIAL)
        given = WatchGiven(
            self._randomness(WATCH_SIZE_BYTES),
            number,
            watcher,
            self._clock() + valid_days * _DAY_US,
        )
        await self._ledger.append([self._draft(given)])  # 3
        return given

    async def list(self, numbers: Sequence[str]) -> Sequence[Watch]:
        """Return the watches of some credentials, oldest first."""
        return await self._holders.watches(numbers)

    async def revoke(self, numbers: Sequence[str], prefix: str) -> Recorded:
        """End a watch of one of some credentials at once, known by how its id begins.

        Raises:
            Refusal: MALFORMED where that is no id's beginning, UNKNOWN where there is no such
                watch, CONFLICT where it has ended or several begin so.
        """
        wanted = prefix.strip().lower()
        if len(wanted) < _PREFIX_LENGTH_MIN or set(wanted) - set("0123456789abcdef"):
            raise Refusal(Code.MALFORMED, "watch: must be 8 to 32 hex digits of its id")
        async with self._ending:
            found = [  # 1
                watch
                for watch in await self._holders.watches(numbers)
                if watch.given.watch.hex().startswith(wanted)
            ]
            if not found:
                raise Refusal(Code.UNKNOWN, "watch: there is no such one")
            if len(found) > 1:
                raise Refusal(
                    Code.CONFLICT, "watch: several begin with these digits; give more of them"
                )
            if found[0].ended:
                raise Refusal(Code.CONFLICT, "watch: has ended already")
            end = WatchEnded(found[0].given.watch, ConsentEnd.REVOKED)
            return (await self._ledger.append([self._draft(end)]))[0]  # 2

    async def end_lapsed(self) -> int:
        """State the end of every watch past its expiry; returns how many.

        Nobody was told anything since they expired: the statement is for the record.
        """
        ended = 0
        while True:
            async with self._ending:
                lapsed = await self._holders.lapsed_watches(self._clock(), _LAPSED_BATCH)  # 1
                if lapsed:
                    ends = [WatchEnded(watch, ConsentEnd.EXPIRED) for watch in lapsed]
                    await self._ledger.append([self._draft(end) for end in ends])  # 2
            ended += len(lapsed)
            if len(lapsed) < _LAPSED_BATCH:
                return ended

    def _draft(self, body: Body) -> Draft:
        trust = self._trust.view().reference
        return Draft(body, encode_statement(Statement(self._node_id, self._clock(), trust, body)))
