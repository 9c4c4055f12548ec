"""Answering trust registry queries, for whoever asks: what the list says is no secret.

1. the asker has not asked too often: BUSY
2. the list in force now, or the one that was in force at the time that is asked about: UNKNOWN
   for a time before the first list or one that has not been yet, STALE while there is no list that
   counts now
3. look it up
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.past_trust import PastTrust
from node.flows.ports import Clock, Trust
from node.flows.quotas import Quotas
from node.model.quota import Allowance
from node.model.statement import TrustReference
from node.model.trqp import Finding, TrustQuestion
from node.model.trust import TrustView

_AHEAD_MAX_US: Final = 60 * 1_000_000
_PAST_COSTS: Final = 9.0
Rule = Callable[[TrustView, TrustQuestion, int], Finding]


class TrustAnswer(Struct, frozen=True):
    """What was found, when it was looked up (microseconds UTC), and in which list."""

    finding: Finding
    evaluated_at: int
    trust: TrustReference


class QueryingTrust:
    """Looks up who may do what."""

    def __init__(self, trust: Trust, past: PastTrust, clock: Clock, allowance: Allowance) -> None:
        """Take the list in force, those of the past, and how often one asker may ask."""
        self._trust = trust
        self._past = past
        self._clock = clock
        self._quotas = Quotas(allowance)

    async def answer(
        self, asker: str, question: TrustQuestion, rule: Rule, at: int | None
    ) -> TrustAnswer:
        """Answer a question by a rule of `node.model.trqp`.

        Args:
            asker: by what it is counted, such as its address.
            question: what is asked.
            rule: `authorized` or `recognized`.
            at: the time that is asked about, microseconds UTC; None: now.

        Raises:
            Refusal: see the steps.
        """
        now = self._clock()
        self._quotas.take(asker, now)  # 1
        view, then = await self._view(asker, now if at is None else at, now)  # 2
        return TrustAnswer(rule(view, question, then), now, view.reference)  # 3

    async def _view(self, asker: str, at: int, now: int) -> tuple[TrustView, int]:
        if at > now + _AHEAD_MAX_US:
            raise Refusal(
                Code.UNKNOWN, "context.time: has not been yet; nobody knows what holds then"
            )
        if at >= now:
            view = self._trust.view()
            view.require_fresh(now)
            return view, now
        self._quotas.charge(asker, _PAST_COSTS, now)  # it may have to be read and resolved
        in_force = await self._past.at(at)
        if at >= in_force.view.expires_at:
            raise Refusal(
                Code.UNKNOWN, "context.time: the trust list of this node had expired at that time"
            )
        return in_force.view, at
