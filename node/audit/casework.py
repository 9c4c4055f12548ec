"""Cases as one journal tells them: each step allowed when it was taken, and in its time.

1. the steps of a case have the places 1, 2, 3 … in its timeline, each one of them once
2. each was allowed by those before it, as both nodes have to judge it
3. acknowledgements and decisions kept their time limits
"""

from node.audit.findings import Check, Findings
from node.audit.known import Known
from node.audit.slips import Group, PlacedSlip, StepSlip
from node.errors import Refusal
from node.model.cases import Taken, late_days, opened, require_allowed, take


def follow_case(group: Group, known: Known, findings: Findings) -> None:
    """Judge one case in one journal."""
    journal = 0
    steps: list[StepSlip] = []
    places: dict[bytes, int] = {}
    for address, slip in group:
        journal = address.journal
        if isinstance(slip, StepSlip):
            steps.append(slip)
        elif isinstance(slip, PlacedSlip):
            places[slip.commitment] = slip.number
    if not steps:
        return
    found = [(step.number or places.get(step.commitment, 0), step) for step in steps]
    timeline = sorted((one for one in found if one[0]), key=lambda one: one[0])
    if not timeline:  # nothing of it was received, or taken
        return
    at = known.place(journal, timeline[0][1].index)
    if [number for number, _ in timeline] != list(range(1, len(timeline) + 1)):  # 1
        if known.ends[journal].may_withhold():
            findings.undetermined(Check.CASE_STEPS, at, "not all steps of the case are in the file")
        else:
            findings.failed(Check.CASE_STEPS, at, "the steps of the case have not each one place")
        return
    _judge([step for _, step in timeline], journal, known, findings)


def _judge(steps: list[StepSlip], journal: int, known: Known, findings: Findings) -> None:
    try:
        progress = opened(_taken(steps[0]))
    except Refusal as refusal:
        findings.failed(Check.CASE_STEPS, known.place(journal, steps[0].index), refusal.reason)
        return
    findings.passed(Check.CASE_STEPS)
    for slip in steps[1:]:
        taken, place = _taken(slip), known.place(journal, slip.index)
        try:
            require_allowed(progress, taken)  # 2
        except Refusal as refusal:
            findings.failed(Check.CASE_STEPS, place, f"{slip.speaker}: {refusal.reason}")
        else:
            findings.passed(Check.CASE_STEPS)
        late = late_days(progress, taken)  # 3
        faults = [f"{slip.speaker} came {late} days after the time limit"] if late else []
        findings.judge(Check.CASE_LIMITS, place, faults)
        progress = take(progress, taken)


def _taken(slip: StepSlip) -> Taken:
    return Taken(slip.speaker, slip.said_at, slip.step)
