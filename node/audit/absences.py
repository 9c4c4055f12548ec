"""What is not in a file, and what a journal says of that: grants, erasures, who was told.

An entry whose statement is not in the file was withheld, as the grant in the header says, or it
was erased, as a later entry says. The grant itself is an entry of the journal, so nobody can
widen it afterwards. By a grant of kinds anything within its range may be withheld: nobody sees of
what kind a commitment is, until somebody else shows the statement.
"""

from collections.abc import Callable
from typing import Final

from node.audit.examined import Examined
from node.audit.findings import WITHHELD, Check, Place
from node.audit.slips import (
    AbsentSlip,
    ErasedSlip,
    GoneSlip,
    Kind,
    LetGoSlip,
    Slip,
    ToldSlip,
    place_key,
)
from node.model.statement import (
    BODY_NUMBERS,
    AccessKind,
    AuditAccess,
    Body,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    TrustAdopted,
)
from node.wire.export import Header

ALWAYS_THERE: Final = (
    TrustAdopted,
    AuditAccess,
    Erasure,
    ErasureRequest,
    ErasureAcknowledged,
    ErasureConcluded,
)
"""Kinds that are in a file whatever is granted: they hold nothing of a holder."""

_Leave = Callable[[Kind, bytes, Slip, int], None]


class Absences:
    """Follows in one part what is not there, and what is; not a value."""

    def __init__(self, header: Header, out: Examined, leave: _Leave) -> None:
        """Take where slips are left."""
        self._header = header
        self._grant = header.grant
        self._out = out
        self._leave = leave
        self._span = None if header.grant is None else (header.grant.start, header.grant.end)

    def miss(self, index: int, commitment: bytes) -> None:
        """Take an entry whose statement is not in the file."""
        if self._span is not None and not self._span[0] <= index < self._span[1]:
            self._out.findings.note(self._header.origin, WITHHELD)
            self._leave(Kind.GONE, commitment, GoneSlip(index, ""), 0)
            return
        key = place_key(self._header.node, index)
        self._leave(Kind.ABSENT, key, AbsentSlip(index, commitment), 0)

    def have(self, index: int, body: Body) -> None:
        """Take an entry that is in the file."""
        if self._grant is not None:
            self._check_grant(index, body)
        match body:
            case Erasure():
                self._erase(index, body)
            case ErasureRequest(audience=audience):
                for exchange in body.exchanges:
                    self._leave(Kind.EXCHANGE, exchange.query, ToldSlip(audience), 0)
            case ErasureAcknowledged(erased=erased):
                for query in erased:
                    self._leave(Kind.EXCHANGE, query, LetGoSlip(index), 0)

    def _place(self, index: int) -> Place:
        return Place(self._header.origin, index)

    def _check_grant(self, index: int, body: Body) -> None:
        grant = self._grant
        if grant is None:
            return
        findings = self._out.findings
        if index == self._header.access:
            faults = []
            if not isinstance(body, AuditAccess) or body.kind is not AccessKind.PACKED:
                faults.append("the file names this entry as its grant, and it is none")
            elif body.grant != grant:
                faults.append("the file says that another part of the journal was granted")
            findings.judge(Check.GRANT, self._place(index), faults)
            self._out.has_access = True
        if isinstance(body, ALWAYS_THERE):
            return
        in_range = grant.start <= index < grant.end
        if not in_range or (grant.kinds and BODY_NUMBERS[type(body)] not in grant.kinds):
            findings.failed(
                Check.GRANT, self._place(index), "is in the file, though it was not granted"
            )

    def _erase(self, by: int, erasure: Erasure) -> None:
        first, last = erasure.entries[0], erasure.entries[-1]
        known_first, known_last = self._out.erased.get(erasure.kind, (first, last))
        self._out.erased[erasure.kind] = min(first, known_first), max(last, known_last)
        if last >= by:
            self._out.findings.failed(
                Check.ERASED, self._place(by), f"erases entry {last}, which comes after it"
            )
        for index in erasure.entries:
            slip = ErasedSlip(by, index, erasure.kind, erasure.rule, erasure.authority)
            self._leave(Kind.ABSENT, place_key(self._header.node, index), slip, 0)
