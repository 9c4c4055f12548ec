"""Journals as packs have them: what is not granted, and what was erased, by its commitment only."""

from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from node.audit.absences import ALWAYS_THERE
from node.model.seal import commitment
from node.model.statement import (
    BODY_NUMBERS,
    AccessFilter,
    AccessKind,
    AuditAccess,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    Grant,
    KeptExchange,
    KeptFor,
    SharedExchange,
)
from node.wire.codec import decode_statement
from node.wire.export import Commitments, CounterpartRecord, Entry, Header, Record
from tests.journals import Border, Journal

RULE, AUTHORITY = "Archives Act § 7", "Registrar of Port-Sauvry"


def without(records: Iterable[Record], gone: Collection[int]) -> Iterator[Record]:
    """Yield records with what stands at some positions by its commitment only."""
    for record in records:
        if isinstance(record, Entry) and record.index in gone:
            yield Commitments(record.index, commitment(record.statement, record.salt))
        elif not isinstance(record, CounterpartRecord) or record.index not in gone:
            yield record


def grant_access(border: Border, journal: Journal, grant: Grant) -> int:
    """Journal that a pack is taken away; returns where that stands."""
    body = AuditAccess(AccessKind.PACKED, "role auditor", "Audit 2026", AccessFilter(), grant)
    index = journal.say(body, border.now)
    journal.commit(border.now)
    return index


def packed(
    journal: Journal, grant: Grant, access: int, gone: Collection[int] = ()
) -> Iterator[Record]:
    """Yield a journal as a pack has it."""
    missing = set(gone)
    for entry in journal.entries:
        body = decode_statement(entry.statement).body
        granted = grant.start <= entry.index < grant.end
        granted &= BODY_NUMBERS[type(body)] in (grant.kinds or BODY_NUMBERS.values())
        if not granted and not isinstance(body, ALWAYS_THERE):
            missing.add(entry.index)
    for record in without(journal.records(), missing):
        if isinstance(record, Header):
            yield replace(record, grant=grant, access=access)
        else:
            yield record


def taken(border: Border, journal: Journal, grant: Grant) -> list[Record]:
    """Journal that a pack is taken away, and return it."""
    access = grant_access(border, journal, grant)
    return list(packed(journal, grant, access))


def erase(border: Border, journal: Journal, indices: Iterable[int], rule: str = RULE) -> list[int]:
    """Journal that entries are erased, kind by kind; returns them."""
    gone = sorted(indices)
    kinds = {
        index: BODY_NUMBERS[type(decode_statement(journal.entries[index].statement).body)]
        for index in gone
    }
    for kind in sorted(set(kinds.values())):
        entries = tuple(index for index in gone if kinds[index] == kind)
        journal.say(Erasure(entries, kind, rule, AUTHORITY), border.now)
    journal.commit(border.now)
    return gone


def tell(border: Border, asked: int, answered: int, *, let_go: bool) -> None:
    """Let the answering node ask the other to erase an exchange, and that one say what it did."""
    asking, answering = border.asking, border.answering
    query = asking.commitment(asked)
    shared = SharedExchange(asked, query, answered, answering.commitment(answered))
    request = answering.say(ErasureRequest("XA", (shared,), RULE), border.now)
    answering.commit(border.step())
    kept = () if let_go else (KeptExchange(query, KeptFor.RETENTION_DUTY),)
    said = ErasureAcknowledged(answering.commitment(request), (query,) if let_go else (), kept)
    told = asking.say(said, border.now, ("XB", answering.seal(request)))
    asking.commit(border.step())
    concluded = ErasureConcluded(answering.commitment(request), asking.commitment(told))
    answering.say(concluded, border.now, ("XA", asking.seal(told)))
    answering.commit(border.step())
