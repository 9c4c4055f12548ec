"""Erasing a holder's record here, and having peers let go of their copies.

erase_record
  1. the rule is said, who decides has the role of an officer, and the registry holds the record
  2. everything about it is found, in the transaction that follows
  3. journal it: one Erasure for each kind of statement, and a request to each peer that asked
     about it; with them go the statements, their salts, the peers' copies and the rows
  4. only then the database's log and free space are wiped; whatever stops that, it is made up for
     at the next start

send_open (where the node runs)
  5. send every request that is not concluded, again and again, ever more seldom, across restarts
  6. check the acknowledgement: seal, speaker, that it is of this request and of all of it; a
     failing one is kept as evidence, and the request stays open
  7. journal one ErasureConcluded

Where holders have keys of their own one day, `erase_record` is where the key is destroyed.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import structlog
from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.erasure_ports import ErasurePeers, Erasures, HeldRecord, OpenRequest
from node.flows.ports import Clock, Counterpart, Draft, FalseReply, Ledger, Trust
from node.flows.seals import SealChecker
from node.model.bounds import text
from node.model.retention import accounts_for
from node.model.roles import ANYBODY, Role, Roles
from node.model.seal import Sealed
from node.model.statement import (
    ERASED_AT_ONCE_MAX,
    EXCHANGES_AT_ONCE_MAX,
    Body,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    Person,
    Statement,
)
from node.wire.codec import decode_statement, encode_statement
from node.wire.erasures import AUTHORITY_LENGTH_MAX, RULE_LENGTH_MAX
from node.wire.parcel import Refused, encode_parcel

_AGAIN_US: Final = 30 * 1_000_000
_AGAIN_MAX_US: Final = 3600 * 1_000_000
_TOLD_LENGTH_MAX: Final = 300
_log = structlog.get_logger()


class ErasedRecord(Struct, frozen=True):
    """What was erased.

    Attributes:
        credentials: how many.
        statements: how many of each kind, by its number in the protocol.
        erasures: positions of the Erasures.
        requested: how many exchanges each peer is asked to erase.
        wiped: whether the database's log and free space are clean already.
    """

    credentials: int
    statements: dict[int, int]
    erasures: tuple[int, ...]
    requested: dict[str, int]
    wiped: bool


def erasures_of(entries: Mapping[int, Sequence[int]], rule: str, authority: str) -> list[Erasure]:
    """Return the Erasures of entries by kind, none larger than a statement may be."""
    return [
        Erasure(tuple(positions[at : at + ERASED_AT_ONCE_MAX]), kind, rule, authority)
        for kind, positions in sorted(entries.items())
        for at in range(0, len(positions), ERASED_AT_ONCE_MAX)
    ]


class Erasing:
    """Erases what one node holds about somebody."""

    def __init__(
        self, erasures: Erasures, trust: Trust, node_id: str, clock: Clock, roles: Roles = ANYBODY
    ) -> None:
        """Write in the name of a node."""
        self._roles = roles
        self._erasures = erasures
        self._trust = trust
        self._node_id = node_id
        self._clock = clock

    async def numbers(self, number: str, *, whole_holder: bool) -> Sequence[str]:
        """Return which credentials are erased: that one, or all of its holder.

        Raises:
            Refusal: UNKNOWN where the registry holds no such credential.
        """
        found = await self._erasures.numbers_of_holder(number)
        return found if whole_holder else [number]

    async def traces(self, numbers: Sequence[str]) -> Sequence[bytes]:
        """Return bytes by which files elsewhere are known to hold these records too."""
        return await self._erasures.traces_of(numbers)

    async def erase_record(
        self, numbers: Sequence[str], rule: str, by: Person, answer_by: int | None = None
    ) -> ErasedRecord:
        """Erase everything about some credentials, for good.

        Args:
            numbers: of the credentials.
            rule: what demands it, like "Art. 17(1)(b) GDPR".
            by: who decides, in which role; both stand in the journal.
            answer_by: until when peers shall have answered (microseconds UTC); None: no date.

        Raises:
            Refusal: MALFORMED where the rule is missing, too long or names the holder or a
                credential (it stays for good, here and at peers), UNTRUSTED where the role is
                not theirs, UNKNOWN where the registry holds no such credential (any more), STALE
                where the disk refuses; nothing is erased then.
        """
        text(rule, "--rule", RULE_LENGTH_MAX)  # 1
        self._roles.require(by, Role.OFFICER)
        authority = text(f"{by.role} {by.name}", "--as", AUTHORITY_LENGTH_MAX)
        traces = await self._erasures.traces_of(numbers)
        _require_nameless(rule, authority, {*numbers, *await self._erasures.names_of(numbers)})
        said: list[Draft] = []
        record = HeldRecord({}, {})

        def say(held: HeldRecord) -> Sequence[Draft]:
            nonlocal record
            record = held
            said[:] = [
                *map(self._draft, erasures_of(held.entries, rule, authority)),
                *map(self._draft, _requests(held, rule, answer_by)),
            ]
            return said

        recorded = await self._erasures.erase_records(numbers, say)  # 2, 3
        positions = [
            one.index
            for draft, one in zip(said, recorded, strict=True)
            if isinstance(draft.body, Erasure)
        ]
        return ErasedRecord(
            credentials=len(numbers),
            statements={kind: len(found) for kind, found in sorted(record.entries.items())},
            erasures=tuple(positions),
            requested={peer: len(shared) for peer, shared in sorted(record.shared.items())},
            wiped=await self._wipe(traces, min(positions, default=0)),
        )

    async def _wipe(self, traces: Sequence[bytes], since: int) -> bool:
        try:
            return await self._erasures.wipe(traces, since)  # 4
        except Refusal as refusal:  # it is erased; what is left is made up for
            _log.warning("wipe_refused", code=refusal.code.value, reason=refusal.reason)
            return False

    def _draft(self, body: Body) -> Draft:
        trust = self._trust.view().reference
        return Draft(body, encode_statement(Statement(self._node_id, self._clock(), trust, body)))


def _require_nameless(rule: str, authority: str, names: Collection[str]) -> None:
    for option, words in (("--rule", rule), ("--as", authority)):
        if any(name.casefold() in words.casefold() for name in names):
            raise Refusal(
                Code.MALFORMED,
                f"{option}: has the holder's name or a credential's number in it; it stays in the "
                "journal for good and goes to peers, so name the law or the decision only",
            )


def _requests(held: HeldRecord, rule: str, answer_by: int | None) -> list[ErasureRequest]:
    return [
        ErasureRequest(peer, tuple(shared[at : at + EXCHANGES_AT_ONCE_MAX]), rule, answer_by)
        for peer, shared in sorted(held.shared.items())
        for at in range(0, len(shared), EXCHANGES_AT_ONCE_MAX)
    ]


class Requesting:
    """Has peers erase their copies.

    Attributes:
        tally: how often what happened: "concluded", "false", or the code of a refusal.
    """

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        node: str,
        ledger: Ledger,
        erasures: Erasures,
        peers: ErasurePeers,
        trust: Trust,
        clock: Clock,
    ) -> None:
        """Take the parts."""
        self._node = node
        self._ledger = ledger
        self._erasures = erasures
        self._peers = peers
        self._trust = trust
        self._clock = clock
        self._seals = SealChecker()
        self._sending = asyncio.Lock()
        self.tally: Counter[str] = Counter()

    async def send_open(self) -> int:
        """Send every request whose time has come; returns how many were concluded.

        One peer's silence holds up nobody else's.
        """
        async with self._sending:
            now = self._clock()
            by_peer: dict[str, list[OpenRequest]] = {}
            for one in await self._erasures.open_requests():
                if one.next_at <= now:
                    by_peer.setdefault(one.request.audience, []).append(one)
            return sum(await asyncio.gather(*map(self._send_all, by_peer.values())))

    async def _send_all(self, requests: Sequence[OpenRequest]) -> int:
        return sum([await self._send(one) for one in requests])

    async def _send(self, one: OpenRequest) -> bool:
        try:
            (item,) = await self._peers.request_erasure(one.request.audience, [one.sealed])  # 5
        except FalseReply as false:
            return await self._false(one, false.content, false)
        except Refusal as refusal:
            return await self._in_vain(one, refusal)
        if isinstance(item, Refused):
            return await self._in_vain(one, Refusal(item.code, item.reason))
        try:
            body, counterpart = self._check(one, item)  # 6
        except Refusal as refusal:
            return await self._false(one, encode_parcel([item]).SerializeToString(), refusal)
        statement = Statement(self._node, self._clock(), self._trust.view().reference, body)
        draft = Draft(body, encode_statement(statement), counterpart, settles=one.position)
        try:
            await self._ledger.append([draft])  # 7
        except Refusal as refusal:
            if refusal.code is not Code.CONFLICT:  # CONFLICT: another process was first
                return await self._in_vain(one, refusal)
        self.tally["concluded"] += 1
        return True

    def _check(self, one: OpenRequest, item: Sealed) -> tuple[ErasureConcluded, Counterpart]:
        trust, peer, now = self._trust.view(), one.request.audience, self._clock()
        counterpart = self._seals.check(item, trust.node(peer), trust, now)
        if counterpart.origin in self._ledger.forked_journals():
            raise Refusal(Code.UNTRUSTED, "the peer's journal is forked")
        statement = decode_statement(item.statement)
        body = statement.body
        if statement.speaker != peer or not isinstance(body, ErasureAcknowledged):
            raise Refusal(Code.MALFORMED, "acknowledgement: is none of the node that was asked")
        if body.request != one.commitment or not accounts_for(body, one.request):
            raise Refusal(Code.MALFORMED, "acknowledgement: is not of all of this request")
        return ErasureConcluded(one.commitment, counterpart.commitment), counterpart

    async def _false(self, one: OpenRequest, content: bytes, refusal: Refusal) -> bool:
        peer = one.request.audience
        node = self._trust.view().nodes.get(peer)
        await self._erasures.keep_false(peer, "" if node is None else node.origin, content)
        self.tally["false"] += 1
        told = Refusal(Code.PEER_FALSE, f"kept as evidence: {refusal.reason}")
        return await self._in_vain(one, told)

    async def _in_vain(self, one: OpenRequest, refusal: Refusal) -> bool:
        self.tally[refusal.code.value] += 1
        wait_us = min(_AGAIN_US << min(one.tries, 16), _AGAIN_MAX_US)
        told = str(refusal)[:_TOLD_LENGTH_MAX]
        await self._erasures.tried(one.position, self._clock() + wait_us, told)
        _log.info("erasure_request_waits", peer=one.request.audience, code=refusal.code.value)
        return False
