"""Having one's own checkpoints cosigned, and proving by them.

1. take the newest own checkpoint
2. ask every other member that is a witness, with a proof from the size that it cosigned last; it
   says which where we do not know
3. check what it signed, with the keys that the trust list names for it; lines of other keys go:
   its own list may be newer and name the next ones
4. keep it

A receipt gets a later, cosigned checkpoint in place of the one that its statement left the node
under; the statement, its salt and its index stay as they were. For the answer the node that gave
it is asked, which has the cosignatures of its own journal.
"""

import asyncio
from collections import OrderedDict
from typing import Final

import structlog

from node.errors import Code, Refusal
from node.flows.look_back import LookBack
from node.flows.ports import Exchanged
from node.flows.witness_ports import Neighbourhood, WitnessedElsewhere
from node.model.cosignature import AddCheckpoint
from node.model.fork import head_of
from node.model.merkle import leaf_hash, verify_inclusion
from node.model.note import only_lines_of, split_note
from node.model.seal import Sealed, commitment
from node.model.statement import Statement, TrustReference
from node.model.trust import Node, TrustView
from node.wire.codec import decode_statement

_TRIES: Final = 3
_NOT_ASKED_AGAIN_US: Final = 30 * 1_000_000
_VIEWS_REMEMBERED: Final = 4
_log = structlog.get_logger()


class Cosigned:
    """The owner of a journal, towards its witnesses."""

    def __init__(self, about: Neighbourhood, look_back: LookBack) -> None:
        """`look_back` is told where a witness has seen more than there is."""
        self._node = about.node
        self._heads = about.heads
        self._peers = about.peers
        self._trust = about.trust
        self._clock = about.clock
        self._look_back = look_back
        self._cosigned: dict[str, int] = {}
        self._silent_since: dict[str, int] = {}
        self._views: OrderedDict[TrustReference, TrustView] = OrderedDict()

    async def collect(self) -> None:
        """Have the newest own checkpoint cosigned by every witness that has not done so yet."""
        view, now = self._trust.view(), self._clock()
        view.require_fresh(now)
        if self._node not in view.nodes:
            return
        note = await self._heads.own_checkpoint()  # 1
        witnesses = [
            peer
            for peer in view.nodes.values()
            if peer.id != self._node and peer.witness_keys and _is_member(view, peer.id, now)
        ]
        asked = (self._ask(view, peer, note) for peer in witnesses)
        for peer, failure in zip(
            witnesses, await asyncio.gather(*asked, return_exceptions=True), strict=True
        ):
            if isinstance(failure, Refusal):
                if failure.code is not Code.PEER_SILENT:
                    _log.warning(
                        "not_cosigned",
                        peer=peer.id,
                        code=failure.code.value,
                        reason=failure.reason,
                    )
            elif failure is not None:
                raise failure

    async def _ask(self, view: TrustView, peer: Node, note: bytes) -> None:
        size = head_of(note).size
        old = self._cosigned.get(peer.id, 0)
        if size in {0, old}:
            return
        for _ in range(_TRIES):  # 2
            path = await self._heads.own_consistency(old, size)
            body = AddCheckpoint(old, path, note).render()
            try:
                lines = await self._peers.add_checkpoint(peer.id, body)
                break
            except WitnessedElsewhere as elsewhere:
                if elsewhere.size > size:  # newer than our note, or than our journal
                    await self._look_back.ask(peer.id)
                    return
                old = elsewhere.size
            except Refusal as refusal:
                if refusal.code in {Code.CONFLICT, Code.UNTRUSTED, Code.UNAUTHENTICATED}:
                    await self._look_back.ask(peer.id)
                raise
        else:
            return
        known = self._cosignatures(view, peer, note, lines)  # 3
        await self._heads.keep_cosignatures(size, peer.id, known, self._clock())  # 4
        self._cosigned[peer.id] = size

    def _cosignatures(self, view: TrustView, peer: Node, note: bytes, lines: bytes) -> bytes:
        """Check what a witness signed, and return the lines of its listed keys.

        Raises:
            Refusal: PEER_FALSE.
        """
        try:
            unsigned = split_note(note)[0] + b"\n"
            keys = [key.verifier for key in peer.witness_keys]
            known = only_lines_of(unsigned + lines, keys)
            by = view.cosigners(view.node(self._node), known)
        except Refusal as refusal:
            raise Refusal(Code.PEER_FALSE, f"cosignature of {peer.id}: {refusal.reason}") from None
        if by != {peer.id}:
            raise Refusal(
                Code.PEER_FALSE,
                f"cosignature of {peer.id}: is not by its listed keys, of every kind required",
            )
        return known.removeprefix(unsigned)

    async def inclusion(self, index: int) -> tuple[bytes, bytes]:
        """Return path and cosigned checkpoint of an entry of the own journal.

        Raises:
            Refusal: UNKNOWN where no witness has cosigned one that covers it yet.
        """
        wanted = self._trust.view().witnesses_required
        found, path = await self._heads.cosigned_over(index, wanted)
        return path, found.note

    async def upgraded(self, exchanged: Exchanged) -> Exchanged:
        """Return an exchange under cosigned checkpoints, as far as cosignatures have arrived."""
        concluded = decode_statement(exchanged.conclusion.statement)
        if not any(node.witness_keys for node in self._trust.view().nodes.values()):
            return exchanged
        return Exchanged(
            await self._own(exchanged, exchanged.query, concluded),
            await self._peers_answer(exchanged, concluded),
            await self._own(exchanged, exchanged.conclusion, concluded),
            exchanged.trust,
        )

    async def _own(self, exchanged: Exchanged, sealed: Sealed, concluded: Statement) -> Sealed:
        try:
            path, note = await self.inclusion(sealed.index)
            return self._checked(exchanged, sealed, path, note, concluded)
        except Refusal:
            return sealed

    async def _peers_answer(self, exchanged: Exchanged, concluded: Statement) -> Sealed:
        answer, position = exchanged.answer, exchanged.conclusion.index
        best = answer
        kept = await self._heads.later_proof(position)
        if kept is not None:
            try:
                best = self._checked(exchanged, answer, *kept, concluded)
            except Refusal:  # by a list of another time; what it left the node under still counts
                best = answer
        view = self._view(exchanged, concluded)
        speaker = decode_statement(answer.statement).speaker
        wanted = view.witnesses_required
        if best is not answer and len(self._cosigners(view, speaker, best)) >= max(1, wanted):
            return best
        now = self._clock()
        if now - self._silent_since.get(speaker, 0) < _NOT_ASKED_AGAIN_US:
            return best
        try:
            path, note = await self._peers.inclusion(speaker, answer.index)
            later = self._checked(exchanged, answer, path, note, concluded)
        except Refusal as refusal:
            if refusal.code is Code.PEER_SILENT:
                self._silent_since[speaker] = now
            return best
        before = 0 if best is answer else len(self._cosigners(view, speaker, best))
        if len(self._cosigners(view, speaker, later)) <= before:
            return best
        await self._heads.keep_later_proof(position, later.path, later.checkpoint)
        return later

    def _checked(
        self, exchanged: Exchanged, sealed: Sealed, path: bytes, note: bytes, concluded: Statement
    ) -> Sealed:
        """Return a statement under a cosigned checkpoint, once all of it holds as a reader checks.

        Raises:
            Refusal: where a signature, the path or every cosignature fails.
        """
        said = decode_statement(sealed.statement)
        view = self._view(exchanged, said if said.trust == concluded.trust else concluded)
        speaker = view.node(said.speaker)
        head = view.open_checkpoint(speaker, note, said.said_at).checkpoint
        leaf = leaf_hash(commitment(sealed.statement, sealed.salt))
        verify_inclusion(sealed.index, head.size, leaf, path, head.root)
        if not view.cosigners(speaker, note):
            raise Refusal(Code.UNAUTHENTICATED, "no witness has cosigned this checkpoint")
        return Sealed(sealed.statement, sealed.salt, sealed.index, path, note)

    @staticmethod
    def _cosigners(view: TrustView, speaker: str, sealed: Sealed) -> frozenset[str]:
        return view.cosigners(view.node(speaker), sealed.checkpoint)

    def _view(self, exchanged: Exchanged, statement: Statement) -> TrustView:
        """Return the list that a statement names, resolved as of then.

        Raises:
            Refusal: UNKNOWN where it is not at hand.
        """
        known = self._views.get(statement.trust)
        if known is not None:
            return known
        for bundle in exchanged.trust:
            view = self._trust.restore(bundle, statement.said_at)
            self._views[view.reference] = view
        while len(self._views) > max(_VIEWS_REMEMBERED, len(exchanged.trust)):
            self._views.popitem(last=False)
        if statement.trust not in self._views:
            raise Refusal(Code.UNKNOWN, "the trust list that the statement names is not kept")
        return self._views[statement.trust]


def _is_member(view: TrustView, node: str, now: int) -> bool:
    try:
        view.member(node, now)
    except Refusal:
        return False
    return True
