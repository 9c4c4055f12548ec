"""An audit of journals from beginning to end.

1. each journal opens with its header and trust lists, which are checked once
2. its parts are examined, anywhere; the spine follows them here, in order
3. what the parts left for one another is brought together pile by pile, anywhere
4. so is what that leaves for each credential, and for what is not in the files

Memory grows neither with the journals nor with what they hold: what does not fit stands in a
temporary file, about as large as the journals. The report is the same to the byte whoever
does the work.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from node.audit.archive import Enclosed, Enclosures
from node.audit.examined import Aim, Examined, Given
from node.audit.findings import Check, Findings, JournalSummary, Place, Report
from node.audit.known import LATE_AFTER_DAYS, Known, know
from node.audit.parts import Journal, Part, Source
from node.audit.pools import OpenPool, Pool, here
from node.audit.registry_report import find_bursts, judge_hours
from node.audit.series import Series
from node.audit.slips import PILE_SIZE_BYTES, PILES_MAX, Piles
from node.audit.spine import End, Spine
from node.errors import Refusal
from node.model.statement import TrustReference
from node.wire.pack import PackStream

Progress = Callable[[str, int], None]
"""Told a journal's origin and how many of its entries are done, now and then."""

_PILES_OF_RECORDS: Final = 16  # of journals that are no files, whose size nobody knows


class Found(Struct, frozen=True):
    """What an audit found.

    Attributes:
        report: every check and finding.
        series: what happened over time.
        given: for each journal of the report, which of those given it is, from 0.
    """

    report: Report
    series: Series
    given: tuple[int, ...]


def inquire(  # noqa: PLR0913 - what an audit is made of, by name
    journals: Sequence[Journal],
    roots: Sequence[bytes],
    aims: frozenset[Aim],
    *,
    progress: Progress = lambda _stage, _count: None,
    pool: OpenPool = here,
    late_after_days: int = LATE_AFTER_DAYS,
) -> Found:
    """Audit journals and report every finding; a file that cannot be read is one of them.

    Args:
        journals: each read once.
        roots: trusted roots of the federations whose trust lists count.
        aims: what to find out.
        progress: told how far the work is.
        pool: opens who does it.
        late_after_days: how long after its date an award may enter the registry.
    """
    return _Inquest(journals, roots, aims, progress).run(pool, late_after_days)


class _Inquest:
    def __init__(
        self,
        journals: Sequence[Journal],
        roots: Sequence[bytes],
        aims: frozenset[Aim],
        progress: Progress,
    ) -> None:
        self._aims = aims
        self._progress = progress
        self._findings = Findings()
        self._series = Series()
        self._sources: list[Source] = []
        self._numbers: list[int] = []
        self._broken: dict[int, str] = {}
        lists: list[dict[TrustReference, Enclosed]] = []
        for number, journal in enumerate(journals, 1):  # 1
            try:
                source = Source(len(self._sources), journal)
            except Refusal as refusal:
                place = Place(f"journal {number}")
                self._findings.failed(Check.FORMAT, place, refusal.reason)
                continue
            lists.append(self._enclosed(source, roots))
            self._sources.append(source)
            self._numbers.append(number - 1)
        headers = [source.header for source in self._sources]
        self._given = Given(tuple(headers), tuple(lists), aims, _piles(journals))
        self._spines = [Spine(header, self._findings) for header in headers]
        self._registered: dict[int, Counter[int]] = {}

    def run(self, open_pool: OpenPool, late_after_days: int) -> Found:
        with open_pool(self._given) as pool, Piles(self._given.piles) as piles:
            for examined in pool.examine(self._parts()):  # 2
                self._follow(examined, piles)
            summaries, ends = self._finish()
            bursts = find_bursts(self._registered)
            known = know(ends, self._aims, bursts, late_after_days)
            if Aim.REGISTRY in self._aims:
                judge_hours(self._registered, known, self._findings)
            self._join(pool, known, piles, later=False)  # 3
            self._join(pool, known, piles, later=True)  # 4
        return Found(self._findings.report(summaries), self._series, tuple(self._numbers))

    def _enclosed(self, source: Source, roots: Sequence[bytes]) -> dict[TrustReference, Enclosed]:
        enclosures = Enclosures(source.header.origin, roots, self._findings)
        try:
            for bundle in source.bundles():
                enclosures.enclose(bundle)
        except Refusal as refusal:
            self._broken[len(self._sources)] = refusal.reason
        return enclosures.lists

    def _parts(self) -> Iterator[Part]:
        for number, source in enumerate(self._sources):
            if number in self._broken:
                continue
            try:
                for part in source.parts():
                    yield part
                    if number in self._broken:
                        break
            except Refusal as refusal:
                self._broken.setdefault(number, refusal.reason)

    def _follow(self, examined: Examined, piles: Piles) -> None:
        """Take a part; one that breaks a journal is its last, even if others are under way."""
        number, spine = examined.journal, self._spines[examined.journal]
        if spine.is_broken:
            return
        if examined.broken is not None:
            self._broken[number] = examined.broken
            spine.is_broken = True
        self._findings.merge(examined.findings)
        spine.follow(examined)
        piles.put(examined.slips.items())
        self._series.merge(examined.series)
        if examined.registered:
            self._registered.setdefault(number, Counter()).update(examined.registered)
        self._progress(self._sources[number].header.origin, spine.entries)

    def _finish(self) -> tuple[list[JournalSummary], list[End]]:
        summaries, ends = [], []
        for number, spine in enumerate(self._spines):
            origin = self._sources[number].header.origin
            if number in self._broken:
                self._findings.failed(Check.FORMAT, Place(origin), self._broken[number])
            else:
                self._findings.passed(Check.FORMAT)
            summary, end = spine.finish()
            summaries.append(summary)
            ends.append(end)
        return summaries, ends

    def _join(self, pool: Pool, known: Known, piles: Piles, *, later: bool) -> None:
        for done, joined in enumerate(pool.join(known, piles.take(later=later)), 1):
            self._findings.merge(joined.findings)
            self._series.merge(joined.series)
            piles.put(joined.slips.items())
            if self._given.piles > 1:
                stage = "credentials" if later else "exchanges"
                self._progress(f"Piles of {stage} compared, of {self._given.piles}", done)


def _piles(journals: Sequence[Journal]) -> int:
    size_bytes = 0
    for journal in journals:
        if isinstance(journal, PackStream):
            size_bytes += journal.size_bytes
        elif isinstance(journal, io.IOBase):
            at = journal.tell()
            size_bytes += journal.seek(0, io.SEEK_END)
            journal.seek(at)
        else:
            size_bytes += _PILES_OF_RECORDS * PILE_SIZE_BYTES
    return min(max(1, size_bytes // PILE_SIZE_BYTES), PILES_MAX)
