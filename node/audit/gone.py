"""Bringing together what is not in the files: erased entries, and copies of them elsewhere.

1. each entry missing within the grant is under an erasure, and what was erased is missing
2. what one journal rests on, and another holds a copy of, is found again by its commitment
"""

from collections.abc import Sequence
from typing import Final

from node.audit.findings import WITHHELD, Check, Finding, Findings, Place, Verdict
from node.audit.known import Known
from node.audit.slips import (
    AbsentSlip,
    Address,
    AloneSlip,
    ErasedSlip,
    GoneSlip,
    Group,
    Kind,
    SettlesSlip,
    Written,
)
from node.model.statement import BODY_NUMBERS, Answer, Query

_NUMBERS: Final = {"question": BODY_NUMBERS[Query], "answer": BODY_NUMBERS[Answer]}


def follow_absent(group: Group, known: Known, findings: Findings, written: Written) -> None:
    """Judge one position of one journal: is it missing, and was it erased."""
    absent: tuple[Address, AbsentSlip] | None = None
    erased: list[ErasedSlip] = []
    journal = 0
    for address, slip in group:
        journal = address.journal
        if isinstance(slip, AbsentSlip):
            absent = address, slip
        elif isinstance(slip, ErasedSlip):
            erased.append(slip)
    end = known.ends[journal]
    if absent is None:
        first = erased[0]
        if not end.is_withheld(first.index) and first.index < end.size:
            findings.failed(
                Check.ERASED,
                known.place(journal, first.index),
                f"entry {first.by} says that this was erased, and it is still there",
            )
        return
    address, slip = absent
    by = [one for one in erased if one.by > slip.index]
    if by:
        findings.passed(Check.ERASED)
        rule, authority = by[0].rule, by[0].authority
        findings.note(end.origin, f"statements erased under {rule} by {authority}")
    elif end.may_withhold():
        rule = ""
        findings.note(end.origin, WITHHELD)
    else:
        rule = "no rule"
        findings.failed(
            Check.ERASED, known.place(journal, slip.index), "missing content without an Erasure"
        )
    gone = GoneSlip(slip.index, rule)
    written.add(address._replace(kind=Kind.GONE, key=slip.commitment), gone)


def follow_gone(group: Group, known: Known, findings: Findings) -> None:
    """Judge what journals rest on, or hold, that others have by its commitment only."""
    gone: dict[int, GoneSlip] = {}
    for address, slip in group:
        match slip:
            case GoneSlip():
                gone.setdefault(address.journal, slip)
            case SettlesSlip():
                _settled(address.journal, slip, gone.get(address.journal), known, findings)
            case AloneSlip():
                found = [
                    one
                    for journal, one in gone.items()
                    if known.ends[journal].node == slip.other and one.index == slip.index
                ]
                _alone(known.place(address.journal, slip.place), slip, found, known, findings)


def _settled(
    journal: int, slip: SettlesSlip, query: GoneSlip | None, known: Known, findings: Findings
) -> None:
    place = known.place(journal, slip.index)
    if query is None:
        findings.failed(
            Check.SETTLED,
            place,
            "settles a query that this journal never asked, or had settled before",
        )
    else:
        findings.passed(Check.SETTLED)
    if slip.concludes and query is None:
        findings.undetermined(Check.CONCLUSION, place, "there is no open query to compare it with")
    elif slip.concludes and query is not None and not query.rule:
        sentence = "the query that it concludes was withheld by the grant"
        findings.recur(Finding(Check.CONCLUSION, Verdict.INDETERMINATE, place, sentence))


def _alone(
    place: Place, slip: AloneSlip, gone: Sequence[GoneSlip], known: Known, findings: Findings
) -> None:
    """Judge what one side holds under the other's seal, where the other says nothing of it."""
    check = Check(slip.check)
    end = known.by_node[slip.other]
    there = Place(end.origin, slip.index)
    holds = f"{slip.holder} holds this {slip.what} of {slip.other} under its seal"
    shown: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = (slip.other,)
    if any(one.rule for one in gone):
        _erased(place, there, slip, next(one.rule for one in gone if one.rule), findings)
        return
    if gone and end.is_granted(slip.index, _NUMBERS[slip.what]):
        shown, not_shown = (slip.other,), ()
        sentence = f"{holds}; {slip.other} withholds it, though the grant covers it"
    elif gone:
        findings.passed(check)
        return
    elif slip.index >= end.size:
        sentence = (
            f"{holds}; the journal of {slip.other} was given only up to {end.size}, export it again"
        )
    elif end.proves(slip.index):
        shown, not_shown = (slip.other,), ()
        sentence = (
            f"{holds}; the journal that {slip.other} gave, signed by it too, has something else "
            "there"
        )
    else:
        sentence = (
            f"{holds}; the journal given for {slip.other} has something else there, but is not "
            "what it signed, so anybody may have changed it"
        )
    verdict = Verdict.FAIL if shown else Verdict.INDETERMINATE
    findings.add(Finding(check, verdict, place, sentence, (there,), shown, not_shown))


def _erased(place: Place, there: Place, slip: AloneSlip, rule: str, findings: Findings) -> None:
    """Say what one side erased and the other holds, and whether that one was told."""
    check, holder, other = Check(slip.check), slip.holder, slip.other
    erased = f"{other} erased this {slip.what} under {rule}"
    if slip.let_go >= 0:
        findings.add(
            Finding(
                check,
                Verdict.FAIL,
                place,
                f"{erased}; {holder} says in entry {slip.let_go} that it has erased it too, and "
                "holds it still",
                (there,),
                (holder,),
            )
        )
    elif slip.told:
        findings.passed(check)
        sentence = f"{slip.what}s of {other} that it erased under {rule}; {holder} {slip.told}"
        findings.note(place.journal, f"{sentence} and holds them still")
    else:
        findings.recur(
            Finding(
                check,
                Verdict.INDETERMINATE,
                place,
                f"{erased}; its journal holds no request that {holder}, which holds it still, "
                "erase it too",
                (),
                (),
                (other,),
            )
        )
