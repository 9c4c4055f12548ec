"""The checkpoints that a journal signed, as they stand in one part of it.

Each is opened with the keys that counted when the last statement before it was said. Where what
follows that statement is not in the file, the time is known only from then on.
"""

from collections.abc import Iterator

from msgspec import Struct

from node.audit.archive import Archive
from node.audit.examined import Examined, Signed
from node.audit.findings import Check, Findings, Place
from node.audit.parts import Part
from node.audit.seals import Seals
from node.errors import Refusal
from node.model.note import Checkpoint
from node.model.trust import Node, TrustView
from node.wire.codec import decode_statement
from node.wire.export import Header, OwnCheckpoint


class _Signing(Struct, frozen=True):
    trust: TrustView
    node: Node
    at: int


class OwnCheckpoints:
    """Opens the checkpoints of one part; not a value."""

    def __init__(
        self, part: Part, header: Header, archive: Archive, seals: Seals, out: Examined
    ) -> None:
        """Begin with what stands before the part."""
        self._node = header.node
        self._origin = header.origin
        self._archive = archive
        self._seals = seals
        self._findings: Findings = out.findings
        self._out = out
        self._is_first = not part.entries_before
        self._empty: OwnCheckpoint | None = None
        self._is_dated = not part.gap
        self._signing: _Signing | None = None
        if part.last is not None:
            statement = decode_statement(part.last)
            self._signing = self._signing_for(archive.named(statement), statement.said_at)

    def follow(self, trust: TrustView | None, said_at: int) -> None:
        """Go on from a statement that reads."""
        self._is_dated = True
        if trust is not None:
            self._signing = self._signing_for(trust, said_at)
        elif self._signing is not None:
            self._signing = _Signing(self._signing.trust, self._signing.node, said_at)

    def lose_time(self) -> None:
        """Go on from statements that are not in the file."""
        self._is_dated = False

    def check(self, record: OwnCheckpoint) -> Checkpoint | None:
        """Check a checkpoint's signatures and return what it says, where it is the node's.

        The one of the empty journal waits for the first statement, which says when and under
        which trust list.
        """
        out = self._out
        if self._is_first and not out.said_at and self._empty is None and not out.signed:
            self._empty = record
            out.signed.append(Signed(0, 0, record.size, None))
            return None
        self.finish()
        place = self._place(record)
        checkpoint, trust = self._open(record, place)
        cosigned = (0, 0)
        if checkpoint is not None and trust is not None:
            cosigned = self._cosigned(trust, record, place), trust.witnesses_required
        out.signed.append(Signed(len(out.said_at), out.size, record.size, checkpoint, cosigned))
        return checkpoint

    def finish(self) -> None:
        """Check what waited for the first statement."""
        record, self._empty = self._empty, None
        if record is None:
            return
        place = Place(self._origin, 0)
        checkpoint, _ = self._open(record, place)
        if checkpoint is not None:
            faults = [] if checkpoint.size == 0 else ["the first checkpoint is of another journal"]
            self._findings.judge(Check.CHECKPOINT_ROOT, place, faults)

    def _place(self, record: OwnCheckpoint) -> Place:
        return Place(self._origin, max(record.size - 1, 0))

    def _signing_for(self, trust: TrustView | None, at: int) -> _Signing | None:
        owner = None if trust is None else trust.nodes.get(self._node)
        return None if trust is None or owner is None else _Signing(trust, owner, at)

    def _open(
        self, record: OwnCheckpoint, place: Place
    ) -> tuple[Checkpoint | None, TrustView | None]:
        signing = self._signing
        if signing is None:
            reason = "there is no trust list that names this journal's keys"
            self._findings.undetermined(Check.CHECKPOINT_SIGNATURE, place, reason)
            self._findings.undetermined(Check.CHECKPOINT_ROOT, place, reason)
            return None, None
        refused: Refusal | None = None
        for at in self._times(signing):
            try:
                checkpoint = self._seals.open(signing.trust, signing.node, record.note, at)
            except Refusal as refusal:
                refused = refused or refusal
            else:
                self._findings.passed(Check.CHECKPOINT_SIGNATURE)
                return checkpoint, signing.trust
        reason = "" if refused is None else refused.reason
        self._findings.failed(Check.CHECKPOINT_SIGNATURE, place, reason)
        self._findings.undetermined(
            Check.CHECKPOINT_ROOT, place, "the checkpoint is not the node's"
        )
        return None, None

    def _times(self, signing: _Signing) -> Iterator[int]:
        """Yield when a checkpoint may have been signed, as far as that changes its keys."""
        yield signing.at
        if not self._is_dated:
            for key in signing.node.journal_keys:
                if key.valid_from > signing.at:
                    yield key.valid_from

    def _cosigned(self, trust: TrustView, record: OwnCheckpoint, place: Place) -> int:
        """Return how many witnesses have cosigned; a listed one whose line fails is a fault."""
        try:
            owner = trust.node(self._node)
            return len(trust.cosigners(owner, record.note))
        except Refusal as refusal:
            self._findings.failed(Check.WITNESSES, place, refusal.reason)
            return 0
