"""Health: tells *alive* from *fit to answer*, and what stands at some height now."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from node.edge.bodies import Fitness
from node.edge.metrics import Gauges
from node.errors import Refusal
from node.flows.ports import Clock, Trust
from node.flows.post_notices import Posting
from node.flows.refresh_trust import TrustRefresh
from node.flows.witness import Witnessing

_LOOK_HOLDS_US: Final = 1_000_000
_FAULTS_TOLD_MAX: Final = 10


class Journal(Protocol):
    """What can fail of a journal, and how long it is."""

    async def try_writing(self) -> None:
        """Write, and change nothing; raises STALE where the disk refuses."""
        ...

    async def heights(self) -> tuple[int, int]:
        """Return the journal's size and the number of open questions."""
        ...


class OwnHead(Protocol):
    """How the own journal's head stands with its witnesses."""

    @property
    def held(self) -> str:
        """Why nothing is signed; empty where it is."""
        ...

    def forked_journals(self) -> frozenset[str]:
        """Return the origins of the peers' journals that are known to be forked."""
        ...

    async def cosigned_size(self, wanted: int) -> int:
        """Return the size of the newest own checkpoint with so many witnesses, or 0."""
        ...


class Health:
    """Looks at everything that can fail; a finding holds for a second, so looks cost little."""

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        journal: Journal,
        head: OwnHead,
        witnessing: Witnessing,
        refreshing: TrustRefresh,
        trust: Trust,
        ticking: Callable[[], bool],
        clock: Clock,
        posting: Posting,
        case_limits: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """Take what can fail."""
        self._journal = journal
        self._head = head
        self._witnessing = witnessing
        self._refreshing = refreshing
        self._trust = trust
        self._ticking = ticking
        self._clock = clock
        self._posting = posting
        self._case_limits = case_limits
        self._looking: asyncio.Task[Fitness] | None = None
        self._looked_at = 0

    async def fitness(self) -> Fitness:
        """Check that the journal is written and signed, the trust list counts, the schedule runs.

        What is wrong with a peer's journal is told, but makes this node no less fit.
        """
        now = self._clock()
        if self._looking is None or not 0 <= now - self._looked_at < _LOOK_HOLDS_US:
            self._looking, self._looked_at = asyncio.create_task(self._look()), now
        return await asyncio.shield(self._looking)

    async def _look(self) -> Fitness:
        checks = {"journal": "writable", "trust_list": "", "schedule": "running"}
        fit = True
        try:
            await self._journal.try_writing()
        except Refusal as refusal:
            fit, checks["journal"] = False, refusal.reason
        if held := self._head.held:
            fit, checks["journal"] = False, held
        try:
            checks["trust_list"] = self._refreshing.told()
            if faults := self._refreshing.faults():
                checks["trust_list_faults"] = "; ".join(faults[:_FAULTS_TOLD_MAX])
        except Refusal as refusal:
            fit, checks["trust_list"] = False, refusal.reason
        if not self._ticking():
            fit, checks["schedule"] = False, "stopped"
        if forked := self._head.forked_journals():
            checks["forked_journals"] = ", ".join(sorted(forked))
        if self._posting.dead:
            checks["webhooks"] = f"{self._posting.dead} given up"
        for name in ("behind", "unproved"):
            if told := getattr(self._witnessing, name):
                checks[f"journals_{name}"] = "; ".join(
                    f"{peer}: {words}" for peer, words in sorted(told.items())
                )
        return Fitness(fit, checks)

    def trust_age_us(self) -> int | None:
        """Return how long ago a refresh last went well; None where none has yet."""
        at = self._refreshing.state.succeeded_at
        return None if at is None else self._clock() - at

    async def gauges(self) -> Gauges:
        """Return the heights of the journal and its head, and the trust list's state."""
        size, open_questions = await self._journal.heights()
        refreshing, state = self._refreshing, self._refreshing.state
        age_us = self.trust_age_us()
        return Gauges(
            journal_size=size,
            open_questions=open_questions,
            trust_age_us=age_us,
            trust_failures=state.failures,
            trust_faults=len(refreshing.faults()),
            ends=refreshing.expiries(),
            cosigned_size=await self._head.cosigned_size(max(1, self._wanted())),
            forked_journals=len(self._head.forked_journals()),
            journals_behind=len(self._witnessing.behind),
            journals_unproved=len(self._witnessing.unproved),
            case_limits=self._case_limits(),
        )

    def _wanted(self) -> int:
        try:
            return self._trust.view().witnesses_required
        except Refusal:  # none is in force yet
            return 0
