"""Replaying exported journals offline: every seal, every answer, and one against the other."""

from collections.abc import Iterable, Iterator, Sequence

from node.audit.both_sides import BothSides
from node.audit.findings import Check, Findings, JournalSummary, Place, Report
from node.audit.journal import JournalReplay, Progress
from node.audit.seals import Seals
from node.errors import Refusal
from node.wire.export import Header, Record


def replay(
    journals: Sequence[Iterable[Record]],
    roots: Sequence[bytes],
    progress: Progress = lambda _origin, _entries: None,
) -> Report:
    """Replay journals and report every finding; a file that cannot be read is one of them.

    Args:
        journals: the records of each journal, read once, in the order of an export.
        roots: trusted roots of the federations whose trust lists count.
        progress: told each journal's origin and its entries done so far, every 4,096.
    """
    findings, seals = Findings(), Seals()
    opened: list[tuple[Header, Iterator[Record]]] = []
    for number, journal in enumerate(journals, 1):
        records = iter(journal)
        header = _header(records, number, findings)
        if header is not None:
            opened.append((header, records))
    both_sides = BothSides([header.node for header, _ in opened], findings)
    summaries: list[JournalSummary] = []
    for header, records in opened:
        following = JournalReplay(
            header,
            roots=roots,
            findings=findings,
            seals=seals,
            both_sides=both_sides,
            progress=progress,
        )
        try:
            for record in records:
                following.take(record)
        except Refusal as refusal:
            findings.failed(Check.FORMAT, Place(header.origin), refusal.reason)
        else:
            findings.passed(Check.FORMAT)
        summaries.append(following.finish())
    both_sides.compare()
    return findings.report(summaries)


def _header(records: Iterator[Record], number: int, findings: Findings) -> Header | None:
    place = Place(f"journal {number}")
    try:
        first = next(records, None)
    except Refusal as refusal:
        findings.failed(Check.FORMAT, place, refusal.reason)
        return None
    if not isinstance(first, Header):
        findings.failed(Check.FORMAT, place, "does not begin with the header of a journal")
        return None
    return first
