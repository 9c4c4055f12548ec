"""Cases between two nodes: steps in, steps out, and the texts and documents that go with them.

Receiving a step, item by item; the order of the checks is that of answering
  1. the TLS peer is a node of the trust list, and equals the speaker: UNAUTHENTICATED, UNTRUSTED
  2. checkpoint signatures and inclusion, before the statement is parsed: UNAUTHENTICATED
  3. no fork of the peer's journal is known: UNTRUSTED
  4. parse strictly: MALFORMED; audience is me, it was not said in the future: UNTRUSTED, STALE
  5. received already: the same sealed receipt again, byte for byte
  6. the case is one with that very peer: UNKNOWN; a new one rests on an agreement in force, with
     that agreement's own time limits, and on an exchange that there was: UNTRUSTED, UNKNOWN
  7. its place: the decider numbers steps; one that comes before its time is held up: BUSY
  8. the case allows it when it was said, and, where it asks for something, it came within seven
     days of that; else the receipt says that it is not taken, and why
  9. journal the receipt; only then reply. A case that is erased is erased here too

Sending (where the node runs)
 10. every step that is not received, again and again, ever more seldom, across restarts; of one
     case one after another
 11. check the receipt: seal, speaker, that it is of this step; a failing one is kept as evidence
 12. journal one CaseConcluded

Texts and documents are fetched by who received their step. Each travels encrypted to the key
that the fetching node named in its own sealed statements about the case (13), in bounded chunks,
and counts only where it has the digest that the step states (14).
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog

from node.errors import Code, Refusal
from node.flows.answer import SAID_AFTER_MAX_US, caller
from node.flows.case_ports import (
    CaseBooks,
    CaseFile,
    CasePeers,
    HeldCase,
    OpenStep,
    Sayings,
    WantedPart,
)
from node.flows.ports import Clock, Counterpart, Draft, FalseReply, Ledger, Trust
from node.flows.seals import SealChecker
from node.model.case_bodies import (
    NUMBER_MAX,
    CaseConcluded,
    CaseOpening,
    CaseReceived,
    CaseStep,
    StepKind,
    SubjectKind,
)
from node.model.cases import (
    Taken,
    encode_terms,
    opened,
    progress_of,
    require_allowed,
    require_room,
    terms_of,
)
from node.model.seal import Sealed
from node.model.statement import AgreementReference, Body, Statement
from node.model.trust import Node, TrustView
from node.wire.case_documents import decrypt_part, encrypt_part, new_identity, recipient_of
from node.wire.case_statements import REASON_LENGTH_MAX
from node.wire.codec import decode_statement, encode_statement
from node.wire.parcel import Item, Refused, encode_parcel

SAID_BEFORE_MAX_US: Final = 7 * 24 * 3600 * 1_000_000
"""A time limit is kept by when a step was said; so what is said must come within some days."""
_AGAIN_US: Final = 30 * 1_000_000
_AGAIN_MAX_US: Final = 3600 * 1_000_000
_TOLD_LENGTH_MAX: Final = 300
_log = structlog.get_logger()


class CaseExchange:
    """What two nodes do for each other in cases.

    Attributes:
        tally: how often what happened: "received", "not_taken", "concluded", "fetched", "false",
            or the code of a refusal.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a composition root passes every part
        self,
        node: str,
        ledger: Ledger,
        books: CaseBooks,
        peers: CasePeers,
        trust: Trust,
        clock: Clock,
    ) -> None:
        """Take the parts."""
        self._node = node
        self._ledger = ledger
        self._books = books
        self._peers = peers
        self._trust = trust
        self._clock = clock
        self._seals = SealChecker()
        self._sending = asyncio.Lock()
        self._fetching = asyncio.Lock()
        self.tally: Counter[str] = Counter()

    # --- steps in --------------------------------------------------------------------------

    async def receive(self, pin: bytes, items: Sequence[Item]) -> list[Item]:
        """Receive steps of a peer, item by item and in order.

        Args:
            pin: SHA-256 of the SubjectPublicKeyInfo that the peer proved over TLS.
            items: what the parcel holds, within its bounds.

        Raises:
            Refusal: for the whole parcel.
        """
        now, trust = self._clock(), self._trust.view()
        trust.require_fresh(now)
        peer = self._caller(pin, trust, now)
        replies: list[Item] = []
        for item in items:
            try:
                replies.append(await self._receive(item, peer, trust, now))
            except Refusal as refusal:
                replies.append(Refused(refusal.code, refusal.reason, refusal.retry_after_s))
        return replies

    def _caller(self, pin: bytes, trust: TrustView, now: int) -> Node:
        peer = caller(pin, trust, self._node, now)  # 1
        if peer.origin in self._ledger.forked_journals():  # 3
            raise Refusal(Code.UNTRUSTED, f"the journal of {peer.id} is forked")
        return peer

    async def _receive(self, item: Item, peer: Node, trust: TrustView, now: int) -> Item:
        if isinstance(item, Refused):
            raise Refusal(Code.MALFORMED, "parcel: a refusal is no step of a case")
        counterpart = self._seals.check(item, peer, trust, now)  # 2
        statement = decode_statement(item.statement)  # 4
        step = statement.body
        if statement.speaker != peer.id:  # 1
            raise Refusal(Code.UNTRUSTED, f"speaker: is {statement.speaker}, but {peer.id} sent it")
        if not isinstance(step, CaseStep):
            raise Refusal(Code.MALFORMED, "statement.body: is no step of a case")
        if step.audience != self._node:
            raise Refusal(Code.UNTRUSTED, f"case_step.audience: is {step.audience}, not this node")
        if statement.said_at > now + SAID_AFTER_MAX_US:
            raise Refusal(Code.STALE, "said_at: lies in the future")
        taken = Taken(peer.id, statement.said_at, step)
        held = await self._books.held(step.case)
        if held is None and step.opening is not None:
            await self._require_opening(step.opening, taken, trust)  # 6
        recorded = await self._books.record(
            step.case, lambda found: self._place(found, taken, counterpart, now)
        )
        if step.kind is StepKind.ERASED:
            await self._books.wipe()
        if recorded and recorded[-1].sealed is not None:
            return recorded[-1].sealed
        return await self._receipt(step.case, counterpart.commitment)  # 5

    async def _receipt(self, case: bytes, commitment: bytes) -> Sealed:
        held = await self._books.held(case)
        for one in () if held is None else held.steps:
            if not one.own and one.commitment == commitment:
                return await self._books.sealed(one.position)
        raise Refusal(Code.DEFECT, "the receipt of a step is missing")

    async def _require_opening(self, opening: CaseOpening, taken: Taken, trust: TrustView) -> None:
        """Check what a case rests on that a peer opens; its clocks begin when it was said."""
        opened(taken)
        require_room((), taken.step)
        if opening.decider == self._node and taken.said_at < self._clock() - SAID_BEFORE_MAX_US:
            raise Refusal(Code.STALE, "said_at: it came more than seven days after it was said")
        reference = AgreementReference(opening.agreement, opening.version)
        found = trust.agreement_named(self._node, taken.speaker, reference, taken.said_at)
        if found is None:
            raise Refusal(Code.UNTRUSTED, "opening.agreement: none such is in force between us")
        decider = trust.node(opening.decider).country
        if opening.terms != encode_terms(
            terms_of(trust.recognition_of(found), opening.route, decider)
        ):
            raise Refusal(
                Code.UNTRUSTED, "opening.terms: are not those of the agreement that it names"
            )
        subject = opening.subject
        if subject.kind is SubjectKind.ANSWER and not await self._books.shared(
            subject, taken.speaker
        ):
            raise Refusal(Code.UNKNOWN, "opening.subject: there was no such exchange between us")

    def _place(
        self, held: HeldCase | None, taken: Taken, counterpart: Counterpart, now: int
    ) -> Sayings:
        """Give a step its place in the timeline, or say why it has none."""
        step = taken.step
        if held is None:
            if step.opening is None:
                raise Refusal(Code.UNKNOWN, "case_id: this node knows no such case")
            return self._first(taken, counterpart, now)
        if held.peer != taken.speaker:  # as if there were none: whose it is, is nobody's business
            raise Refusal(Code.UNKNOWN, "case_id: this node knows no such case")
        if any(not one.own and one.commitment == counterpart.commitment for one in held.steps):
            return Sayings()  # 5
        if len(held.steps) >= NUMBER_MAX:
            raise Refusal(Code.CONFLICT, f"case: has {NUMBER_MAX} steps, which is all it can have")
        number, reason = self._number(held, taken), ""
        try:
            _require_taken(held, taken, now)  # 8
        except Refusal as refusal:
            number, reason = 0, refusal.reason[:REASON_LENGTH_MAX]
        recipient = recipient_of(held.secret) if held.secret else held.recipient
        receipt = CaseReceived(step.case, counterpart.commitment, number, recipient, reason)
        erase = bool(number) and step.kind is StepKind.ERASED
        self.tally["received" if number else "not_taken"] += 1
        return Sayings(
            (self._draft(receipt, now, counterpart),),
            named=step.parts if number and not erase else (),
            erase=erase,
        )

    def _first(self, taken: Taken, counterpart: Counterpart, now: int) -> Sayings:
        step, opening = taken.step, taken.step.opening
        if opening is None or step.number != int(opening.decider == taken.speaker):
            raise Refusal(Code.MALFORMED, "number: the first step of a case has the first place")
        secret, recipient = new_identity()
        receipt = CaseReceived(step.case, counterpart.commitment, 1, recipient)
        self.tally["received"] += 1
        return Sayings(
            (self._draft(receipt, now, counterpart),),
            CaseFile(taken.speaker, "", secret, opening.recipient),
            named=step.parts,
        )

    def _number(self, held: HeldCase, taken: Taken) -> int:  # 7
        timeline = held.timeline
        if not timeline:
            raise Refusal(Code.BUSY, "case: its first step is on its way; send this again", 30.0)
        opening = timeline[0].taken.step.opening
        if opening is None or opening.decider == self._node:
            if taken.step.number:
                raise Refusal(Code.CONFLICT, "number: who decides the case gives steps theirs")
            return len(timeline) + 1
        if taken.step.number > len(timeline) + 1:
            raise Refusal(Code.BUSY, "number: a step before it has not come; send it again", 30.0)
        if taken.step.number != len(timeline) + 1:
            raise Refusal(Code.CONFLICT, "number: another step has this place")
        return taken.step.number

    # --- steps out -------------------------------------------------------------------------

    async def send_open(self) -> int:
        """Send every step whose time has come; returns how many were received.

        One peer's silence holds up nobody else's.
        """
        async with self._sending:
            now = self._clock()
            by_peer: dict[str, list[OpenStep]] = {}
            held_up: set[bytes] = set()
            for one in await self._books.open_steps():
                if one.next_at > now or one.step.case in held_up:
                    held_up.add(one.step.case)  # its later steps wait for it
                else:
                    by_peer.setdefault(one.step.audience, []).append(one)
            return sum(await asyncio.gather(*map(self._send_all, by_peer.values())))

    async def _send_all(self, steps: Sequence[OpenStep]) -> int:
        received, held_up = 0, set[bytes]()
        for one in steps:
            if one.step.case in held_up:
                continue
            if await self._send(one):  # 10
                received += 1
            else:
                held_up.add(one.step.case)
        return received

    async def _send(self, one: OpenStep) -> bool:
        try:
            (item,) = await self._peers.case_steps(one.step.audience, [one.sealed])
        except FalseReply as false:
            return await self._false(one, false.content, false)
        except Refusal as refusal:
            return await self._in_vain(one, refusal)
        if isinstance(item, Refused):
            return await self._in_vain(one, Refusal(item.code, item.reason))
        try:
            receipt, counterpart = self._check(one, item)  # 11
        except Refusal as refusal:
            return await self._false(one, encode_parcel([item]).SerializeToString(), refusal)
        body = CaseConcluded(one.step.case, one.commitment, counterpart.commitment, receipt.number)
        draft = self._draft(body, self._clock(), counterpart, settles=one.position)
        try:
            await self._books.record(  # 12
                one.step.case, lambda _: Sayings((draft,), recipient=receipt.recipient)
            )
        except Refusal as refusal:
            if refusal.code is not Code.CONFLICT:  # CONFLICT: another process was first
                return await self._in_vain(one, refusal)
        self.tally["concluded"] += 1
        return True

    def _check(self, one: OpenStep, item: Sealed) -> tuple[CaseReceived, Counterpart]:
        trust, peer, now = self._trust.view(), one.step.audience, self._clock()
        counterpart = self._seals.check(item, trust.node(peer), trust, now)
        if counterpart.origin in self._ledger.forked_journals():
            raise Refusal(Code.UNTRUSTED, "the peer's journal is forked")
        statement = decode_statement(item.statement)
        receipt = statement.body
        if statement.speaker != peer or not isinstance(receipt, CaseReceived):
            raise Refusal(Code.MALFORMED, "receipt: is none of the node that the step was sent to")
        if (receipt.case, receipt.step) != (one.step.case, one.commitment):
            raise Refusal(Code.MALFORMED, "receipt: is of another step")
        if one.step.number and receipt.number not in {0, one.step.number}:
            raise Refusal(Code.MALFORMED, "receipt: gives the step another place than it has")
        return receipt, counterpart

    async def _false(self, one: OpenStep, content: bytes, refusal: Refusal) -> bool:
        peer = one.step.audience
        node = self._trust.view().nodes.get(peer)
        await self._books.keep_false(peer, "" if node is None else node.origin, content)
        self.tally["false"] += 1
        return await self._in_vain(
            one, Refusal(Code.PEER_FALSE, f"kept as evidence: {refusal.reason}")
        )

    async def _in_vain(self, one: OpenStep, refusal: Refusal) -> bool:
        self.tally[refusal.code.value] += 1
        told = str(refusal)[:_TOLD_LENGTH_MAX]
        await self._books.tried(one.position, self._clock() + _wait_us(one.tries), told)
        _log.info("case_step_waits", peer=one.step.audience, code=refusal.code.value)
        return False

    # --- texts and documents ---------------------------------------------------------------

    async def part(self, pin: bytes, case: bytes, digest: bytes) -> bytes:
        """Return a text or document, encrypted to the peer that asks for it.

        Raises:
            Refusal: UNKNOWN where there is no such case with that peer, or no such part of it that
                was given here; ERASED where it was; BUSY where the peer's key is not known yet.
        """
        now, trust = self._clock(), self._trust.view()
        trust.require_fresh(now)
        peer = self._caller(pin, trust, now)
        held, found = await self._books.held(case), await self._books.part(case, digest)
        if held is None or held.peer != peer.id or found is None or not found[0].own:
            raise Refusal(Code.UNKNOWN, "case: there is no such document")
        (part, salt, content), recipient = found, held.recipient
        if not part.here:
            raise Refusal(Code.ERASED, "case: the document was erased")
        if not recipient:
            raise Refusal(Code.BUSY, "case: your receipt has not come here yet; ask again", 30.0)
        return await asyncio.to_thread(encrypt_part, recipient, salt, content)  # 13

    async def fetch_parts(self) -> int:
        """Fetch what has not come yet and whose time has; returns how many came."""
        async with self._fetching:
            wanted = await self._books.wanted_parts(self._clock())
            return sum([await self._fetch(one) for one in wanted])

    async def _fetch(self, one: WantedPart) -> bool:
        try:
            sealed = await self._peers.case_part(one.peer, one.case, one.part.digest)
            salt, content = await asyncio.to_thread(
                decrypt_part, one.secret, sealed, one.part
            )  # 14
        except Refusal as refusal:
            self.tally[refusal.code.value] += 1
            again_at = self._clock() + _wait_us(one.tries)
            await self._books.asked_in_vain(one.case, one.part.digest, again_at)
            _log.info("case_document_waits", peer=one.peer, code=refusal.code.value)
            return False
        await self._books.keep_part(one.case, one.part.digest, salt, content)
        self.tally["fetched"] += 1
        return True

    async def carry(self) -> int:
        """Send what is open and fetch what is missing; returns how much of it was done."""
        return await self.send_open() + await self.fetch_parts()

    def _draft(self, body: Body, now: int, counterpart: Counterpart, *, settles: int = -1) -> Draft:
        trust = self._trust.view().reference
        said = encode_statement(Statement(self._node, now, trust, body))
        return Draft(body, said, counterpart, settles=settles)


def _require_taken(held: HeldCase, taken: Taken, now: int) -> None:
    """Check that a peer's step may be taken."""
    require_room((one.part for one in held.parts), taken.step)
    if not taken.step.number and taken.said_at < now - SAID_BEFORE_MAX_US:
        raise Refusal(Code.STALE, "said_at: it came more than seven days after it was said")
    require_allowed(progress_of([one.taken for one in held.timeline]), taken)


def _wait_us(tries: int) -> int:
    return min(_AGAIN_US << min(tries, 16), _AGAIN_MAX_US)
