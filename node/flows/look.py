"""Looking into a journal: whoever does is in it before anything is shown.

1. who looks and what for are said
2. journal it, with what is looked for but for any value of a person
3. only then the caller reads
"""

from node.flows.ports import Clock, Draft, Ledger, Trust
from node.model.bounds import text
from node.model.statement import AccessFilter, AccessKind, AuditAccess, Grant, Statement
from node.wire.codec import GROUND_LENGTH_MAX, READER_LENGTH_MAX, encode_statement

EVERYTHING = AccessFilter()


class Looking:
    """Journals who looks into the journal of one node."""

    def __init__(self, ledger: Ledger, trust: Trust, node_id: str, clock: Clock) -> None:
        """Write in the name of a node."""
        self._ledger = ledger
        self._trust = trust
        self._node_id = node_id
        self._clock = clock

    async def begin(
        self, kind: AccessKind, reader: str, ground: str, wanted: AccessFilter = EVERYTHING
    ) -> int:
        """Journal that somebody is about to look; returns where that stands.

        Raises:
            Refusal: MALFORMED where it is not said who or what for, STALE where the disk refuses
                to write or no trust list is in force; nothing may be shown then.
        """
        return await self._say(AuditAccess(kind, reader, ground, wanted))

    async def hand_over(
        self, reader: str, ground: str, grant: Grant, recipients: tuple[bytes, ...]
    ) -> int:
        """Journal that somebody is about to take some of it away; returns where that stands.

        `recipients` are the digests of those that it is encrypted to, ascending.

        Raises:
            Refusal: as `begin`.
        """
        packed = AccessKind.PACKED
        return await self._say(AuditAccess(packed, reader, ground, EVERYTHING, grant, recipients))

    async def _say(self, body: AuditAccess) -> int:
        text(body.reader, "reader", READER_LENGTH_MAX)  # 1
        text(body.ground, "--for", GROUND_LENGTH_MAX)
        trust = self._trust.view().reference
        statement = Statement(self._node_id, self._clock(), trust, body)
        (recorded,) = await self._ledger.append([Draft(body, encode_statement(statement))])  # 2
        return recorded.index
