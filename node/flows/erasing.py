"""Everything about erasing that one node does, put together once."""

from collections.abc import Collection

import structlog

from node.errors import Refusal
from node.flows.acknowledge import Acknowledging
from node.flows.erase import Erasing, Requesting
from node.flows.erasure_ports import ErasurePeers, Erasures
from node.flows.ports import Clock, Ledger, Trust
from node.flows.retain import Retaining
from node.model.retention import Retention
from node.model.roles import Roles

_log = structlog.get_logger()


class ErasureFlows:
    """Erasing by decision, at a peer's request and by time.

    Attributes:
        erasing: of a holder's record.
        acknowledging: of peers' requests.
        retaining: of what is older than its retention period.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a composition root passes every part
        self,
        node: str,
        authority: str,
        ledger: Ledger,
        erasures: Erasures,
        trust: Trust,
        clock: Clock,
        retentions: Collection[Retention],
        roles: Roles,
    ) -> None:
        """Take the parts; `retentions` are the periods of `authority`, `roles` its people."""
        self._node = node
        self._ledger = ledger
        self._trust = trust
        self._clock = clock
        self.erasures = erasures
        self.erasing = Erasing(erasures, trust, node, clock, roles)
        self.acknowledging = Acknowledging(
            node=node,
            ledger=ledger,
            erasures=erasures,
            trust=trust,
            clock=clock,
            retentions=retentions,
        )
        self.retaining = Retaining(
            node=node,
            authority=authority,
            ledger=ledger,
            erasures=erasures,
            trust=trust,
            clock=clock,
            retentions=retentions,
        )

    def requesting(self, peers: ErasurePeers) -> Requesting:
        """Return what has peers erase their copies."""
        return Requesting(
            node=self._node,
            ledger=self._ledger,
            erasures=self.erasures,
            peers=peers,
            trust=self._trust,
            clock=self._clock,
        )

    async def finish(self) -> None:
        """Make up for what a crash kept an erasure from: the database's log and free space."""
        try:
            if not await self.erasures.wipe():
                _log.warning("wipe_waits", reason="somebody reads an older state of the database")
        except Refusal as refusal:
            _log.warning("wipe_refused", code=refusal.code.value, reason=refusal.reason)
