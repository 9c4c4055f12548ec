"""One exchange as its journals tell it: asked once, answered once, settled once.

The slips of one query are of all journals that name it. Each journal is judged by itself here;
`reconcile` compares them.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from node.audit.examined import Aim
from node.audit.exchange import (
    Asked,
    conclusion_faults,
    deadline_faults,
    disclosure_faults,
    pairing_faults,
    party_faults,
)
from node.audit.findings import Check, Finding, Findings, Place, Verdict
from node.audit.known import Known
from node.audit.reconcile import reconcile
from node.audit.series import Series
from node.audit.slips import (
    Address,
    AnswerSlip,
    ConclusionSlip,
    GivenUpSlip,
    Group,
    Kind,
    QuerySlip,
    SettlesSlip,
    Slip,
    Written,
)
from node.model.statement import BODY_NUMBERS, Conclusion, NoAnswer

_SETTLING: Final = (BODY_NUMBERS[Conclusion], BODY_NUMBERS[NoAnswer])
OPEN_AFTER_DEADLINE_MAX_US: Final = 10 * 60 * 1_000_000
"""How long after its deadline a query may still be open."""


def follow_exchange(
    group: Group, known: Known, findings: Findings, series: Series, written: Written
) -> None:
    """Judge what all journals say of one query; what rests on what is not here waits for later."""
    slips = list(group)
    for journal, some in groupby(slips, key=_journal):
        _Telling(journal, known, findings, series, written).settle(some)
    if Aim.RECONCILE in known.aims:
        reconcile(slips, known, findings, written)


def _journal(addressed: tuple[Address, Slip]) -> int:
    return addressed[0].journal


class _Telling:
    """What one journal tells of one query: asked, answered once, concluded or given up once."""

    def __init__(
        self, journal: int, known: Known, findings: Findings, series: Series, written: Written
    ) -> None:
        self._journal = journal
        self._known = known
        self._findings = findings
        self._series = series
        self._written = written

    def settle(self, slips: Iterable[tuple[Address, Slip]]) -> None:
        still_open: Asked | None = None
        answered_at: int | None = None
        for address, slip in slips:
            match slip:
                case QuerySlip():
                    still_open = slip.asked
                case AnswerSlip():
                    answered_at = self._answer(slip, answered_at)
                case ConclusionSlip():
                    held = slip.held is not None
                    self._close(address, slip.concluded.index, still_open, concludes=held)
                    self._conclude(slip, still_open)
                    if still_open is not None:
                        latency_us = slip.concluded.said_at - still_open.said_at
                        took_us = max(latency_us, 0)
                        self._series.took(still_open.said_at, still_open.speaker, took_us)
                    still_open = None
                case GivenUpSlip():
                    self._close(address, slip.index, still_open, concludes=False)
                    still_open = None
        if still_open is not None:
            self._leave_open(still_open)

    def _place(self, index: int) -> Place:
        return self._known.place(self._journal, index)

    def _answer(self, slip: AnswerSlip, answered_at: int | None) -> int:
        index = slip.answered.index
        if answered_at is None:
            self._findings.passed(Check.ANSWERED_ONCE)
            return index
        self._findings.failed(
            Check.ANSWERED_ONCE,
            self._place(index),
            f"answers again what entry {answered_at} answered",
        )
        return answered_at

    def _leave_open(self, asked: Asked) -> None:
        end = self._known.ends[self._journal]
        place = self._place(asked.index)
        why = end.lacks(_SETTLING, asked.index, end.size)
        if why:
            sentence = f"what settled the query may be among what was {why}"
            self._findings.recur(Finding(Check.SETTLED, Verdict.INDETERMINATE, place, sentence))
        elif end.latest > asked.answer_by + OPEN_AFTER_DEADLINE_MAX_US:
            self._findings.failed(
                Check.SETTLED,
                place,
                "the query was neither concluded nor given up, long after its deadline",
            )
        else:
            self._findings.undetermined(Check.SETTLED, place, "the query was still open at the end")

    def _close(self, address: Address, index: int, asked: Asked | None, *, concludes: bool) -> None:
        """Settle the query, or leave it to be found again by its commitment."""
        if asked is not None:
            self._findings.passed(Check.SETTLED)
            return
        slip = SettlesSlip(index, concludes)
        self._written.add(address._replace(kind=Kind.GONE, rank=1), slip)

    def _conclude(self, slip: ConclusionSlip, asked: Asked | None) -> None:
        findings, concluded, held = self._findings, slip.concluded, slip.held
        place = self._place(concluded.index)
        if held is None:
            findings.undetermined(
                Check.CONCLUSION, place, "the answer that it rests on is not in the file"
            )
        elif asked is not None:
            findings.judge(Check.PARTIES, place, party_faults(asked, held))
            findings.judge(Check.ANSWERS_QUERY, place, pairing_faults(asked, held))
            findings.judge(Check.TIMES, place, deadline_faults(asked, held))
            findings.judge(Check.DISCLOSURE, place, disclosure_faults(asked, held))
            findings.judge(Check.CONCLUSION, place, conclusion_faults(asked, held, concluded))
