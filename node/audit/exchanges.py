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
from node.audit.findings import Check, Findings
from node.audit.known import Known
from node.audit.reconcile import reconcile
from node.audit.series import Series
from node.audit.slips import (
    Address,
    AnswerSlip,
    ConclusionSlip,
    GivenUpSlip,
    Group,
    QuerySlip,
    Slip,
)

OPEN_AFTER_DEADLINE_MAX_US: Final = 10 * 60 * 1_000_000
"""How long after its deadline a query may still be open."""


def follow_exchange(group: Group, known: Known, findings: Findings, series: Series) -> None:
    """Judge what all journals say of one query."""
    slips = list(group)
    for journal, some in groupby(slips, key=_journal):
        _settle(journal, (slip for _, slip in some), known, findings, series)
    if Aim.RECONCILE in known.aims:
        reconcile(slips, known, findings)


def _journal(addressed: tuple[Address, Slip]) -> int:
    return addressed[0].journal


def _settle(
    journal: int, slips: Iterable[Slip], known: Known, findings: Findings, series: Series
) -> None:
    """Follow one journal: the query is asked, answered once, concluded or given up once."""
    still_open: Asked | None = None
    answered_at: int | None = None
    for slip in slips:
        match slip:
            case QuerySlip():
                still_open = slip.asked
            case AnswerSlip():
                index = slip.answered.index
                if answered_at is None:
                    answered_at = index
                    findings.passed(Check.ANSWERED_ONCE)
                else:
                    findings.failed(
                        Check.ANSWERED_ONCE,
                        known.place(journal, index),
                        f"answers again what entry {answered_at} answered",
                    )
            case ConclusionSlip():
                _close(journal, slip.concluded.index, still_open, known, findings)
                _conclude(journal, slip, still_open, known, findings)
                if still_open is not None:
                    latency_us = slip.concluded.said_at - still_open.said_at
                    series.took(still_open.said_at, still_open.speaker, max(latency_us, 0))
                still_open = None
            case GivenUpSlip():
                _close(journal, slip.index, still_open, known, findings)
                still_open = None
    if still_open is None:
        return
    place = known.place(journal, still_open.index)
    if known.ends[journal].latest > still_open.answer_by + OPEN_AFTER_DEADLINE_MAX_US:
        findings.failed(
            Check.SETTLED,
            place,
            "the query was neither concluded nor given up, long after its deadline",
        )
    else:
        findings.undetermined(Check.SETTLED, place, "the query was still open at the end")


def _close(journal: int, index: int, asked: Asked | None, known: Known, findings: Findings) -> None:
    if asked is not None:
        findings.passed(Check.SETTLED)
        return
    findings.failed(
        Check.SETTLED,
        known.place(journal, index),
        "settles a query that this journal never asked, or had settled before",
    )


def _conclude(
    journal: int, slip: ConclusionSlip, asked: Asked | None, known: Known, findings: Findings
) -> None:
    concluded, held = slip.concluded, slip.held
    place = known.place(journal, concluded.index)
    if held is None:
        findings.undetermined(
            Check.CONCLUSION, place, "the answer that it rests on is not in the file"
        )
    elif asked is None:
        findings.undetermined(Check.CONCLUSION, place, "there is no open query to compare it with")
    else:
        findings.judge(Check.PARTIES, place, party_faults(asked, held))
        findings.judge(Check.ANSWERS_QUERY, place, pairing_faults(asked, held))
        findings.judge(Check.TIMES, place, deadline_faults(asked, held))
        findings.judge(Check.DISCLOSURE, place, disclosure_faults(asked, held))
        findings.judge(Check.CONCLUSION, place, conclusion_faults(asked, held, concluded))
