"""What an auditor finds of cases in the journals of two real nodes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.audit.examined import Aim
from node.audit.findings import Check, Finding, Report, Verdict, render_lines
from node.audit.inquest import inquire
from node.errors import Refusal
from node.flows import case_exchange, casework
from node.flows.casework import NewCase, NewStep
from node.model.case_bodies import CaseKind, CaseStep, StepKind
from tests.casework import DECIDED, DOOR, NUMBER, Between, between, enclosure
from tests.federation import make_root

ACKNOWLEDGED = NewStep(StepKind.ACKNOWLEDGED)
_DAY_S = 86_400
_BOTH = frozenset({Aim.REPLAY, Aim.RECONCILE})


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Between]:
    async with between(tmp_path) as running:
        yield running


async def audited(pair: Between, *nodes: str) -> Report:
    journals = []
    for node in nodes:
        ledger = pair.running[node].opened.ledger
        await ledger.sign_head()
        journals.append(list(ledger.records()))
    return inquire(journals, [make_root()], _BOTH).report


def made(report: Report, check: Check) -> tuple[int, int, int]:
    (count,) = [one for one in report.checks if one.check is check]
    return count.passed, count.failed, count.undetermined


def failed(report: Report) -> list[Finding]:
    return [one for one in report.findings if one.verdict is Verdict.FAIL]


async def test_a_case_that_kept_to_its_rules_passes_at_both_nodes(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    await pair.act("XA", case, ACKNOWLEDGED)
    supplied = NewStep(StepKind.DOCUMENTS_SUPPLIED, documents=(enclosure(),))
    await pair.act("XB", case, supplied, DOOR)
    await pair.casework("XA").act(casework.OFFICER, case, DECIDED)
    await pair.casework("XB").act(DOOR, case, NewStep(StepKind.WITHDRAWN))
    await pair.carry("XB")  # it is not taken: the case is decided
    pair.federation.clock.advance(31)
    await pair.settle()
    for nodes in (["XA"], ["XB"], ["XA", "XB"]):
        report = await audited(pair, *nodes)
        assert report.verdict is Verdict.PASS, render_lines(report)
        assert made(report, Check.CASE_STEPS) == (4 * len(nodes), 0, 0)
        assert made(report, Check.CASE_LIMITS)[1:] == (0, 0)
    assert made(report, Check.CASE_SEAL)[1:] == (0, 0)


async def test_a_late_step_is_found_in_both_journals(pair: Between) -> None:
    new = NewCase(
        CaseKind.RECOGNITION, "Please", credential=NUMBER, peer="XA", here=True, route="crafts"
    )
    case = (await pair.casework("XB").open(DOOR, new)).held.case
    pair.federation.clock.advance(12 * _DAY_S)
    await pair.tell()
    await pair.act("XB", case, ACKNOWLEDGED)  # within 7 days, says the agreement
    for node in ("XA", "XB"):
        (finding,) = failed(await audited(pair, node))
        assert finding.check is Check.CASE_LIMITS
        assert finding.sentence == "XB came 5 days after the time limit"


async def test_a_step_that_no_rule_allows_is_found_where_nodes_conspire(
    pair: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await pair.contest()
    await pair.settle()
    for module in (casework, case_exchange):
        monkeypatch.setattr(module, "require_allowed", lambda *_: None)
    await pair.act("XA", case, DECIDED)
    monkeypatch.undo()
    with pytest.raises(Refusal):
        await pair.casework("XA").act(casework.OFFICER, case, DECIDED)
    for node in ("XA", "XB"):
        (finding,) = failed(await audited(pair, node))
        assert (finding.check, finding.sentence) == (
            Check.CASE_STEPS,
            "XA: the step may not be taken: the case is opened",
        )


async def test_a_place_that_was_given_twice_is_found(
    pair: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await pair.contest()
    await pair.settle()
    step = CaseStep

    def again(*values: object, **named: object) -> object:
        return replace(step(*values, **named), number=1)  # type: ignore[arg-type]

    monkeypatch.setattr(casework, "CaseStep", again)
    await pair.casework("XA").act(casework.OFFICER, case, ACKNOWLEDGED)
    monkeypatch.undo()
    (finding,) = failed(await audited(pair, "XA"))
    assert finding.sentence == "the steps of the case have not each one place"
