"""Applying retention periods: what is older than its period is erased, in bounded batches.

1. for each period of the settings, look at the oldest entries of its kind, a batch at a time
2. leave what is still open: a question that waits, a share code that still opens something
3. journal one Erasure for the batch, with the period's legal reference as its rule
4. between two batches everybody else has their turn
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.erasure_ports import Erasures
from node.flows.ports import Clock, Draft, Ledger, Trust
from node.model.retention import Retention
from node.model.statement import Erasure, Statement
from node.wire.codec import encode_statement

_BATCH: Final = 1_024


class Applied(Struct, frozen=True):
    """What one retention period did, or would do: how many statements, said before when."""

    retention: Retention
    before: int
    statements: int


class Retaining:
    """Applies the retention periods of one node."""

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        node: str,
        authority: str,
        ledger: Ledger,
        erasures: Erasures,
        trust: Trust,
        clock: Clock,
        retentions: Collection[Retention],
    ) -> None:
        """Take the parts; `authority` is whose periods these are."""
        self._node = node
        self._authority = authority
        self._ledger = ledger
        self._erasures = erasures
        self._trust = trust
        self._clock = clock
        self._retentions = retentions
        self._applying = asyncio.Lock()

    async def apply(self, *, dry_run: bool = False) -> Sequence[Applied]:
        """Erase what is older than its period; with `dry_run` only count it.

        Raises:
            Refusal: STALE where the disk refuses to write; batches before that are erased.
        """
        async with self._applying:
            now = self._clock()
            applied = [await self._apply(one, now, dry_run=dry_run) for one in self._retentions]
            if not dry_run:
                await self._erasures.truncate_log()
            return applied

    async def _apply(self, retention: Retention, now: int, *, dry_run: bool) -> Applied:
        before = now - retention.period_us
        count, start = 0, 0
        while True:
            due = await self._erasures.due(retention.kind, before, start, _BATCH)  # 1, 2
            try:
                if due.entries and not dry_run:
                    await self._erase(retention, due.entries)  # 3
            except Refusal as refusal:
                if refusal.code is not Code.ERASED:
                    raise
                continue  # somebody erased some of these meanwhile: look again
            count += len(due.entries)
            if due.next_position is None:
                return Applied(retention, before, count)
            start = due.next_position

    async def _erase(self, retention: Retention, entries: Sequence[int]) -> None:
        body = Erasure(tuple(entries), retention.kind, retention.reference, self._authority)
        trust = self._trust.view().reference
        statement = Statement(self._node, self._clock(), trust, body)
        await self._ledger.append([Draft(body, encode_statement(statement))])
