"""Cases between two real nodes: one timeline, whatever fails on the way."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from node.errors import Code, Refusal
from node.flows.casework import NewCase, NewStep
from node.model.case_bodies import CaseKind, Ruling, StepKind
from node.model.cases import Phase
from tests.casework import (
    DECIDED,
    DOOR,
    NUMBER,
    OFFICER,
    TEXT,
    Between,
    between,
    enclosure,
)

ACKNOWLEDGED = NewStep(StepKind.ACKNOWLEDGED)
APPEALED = NewStep(StepKind.APPEALED, text="We do not agree")
_DAY_S = 86_400


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Between]:
    async with between(tmp_path) as running:
        yield running


async def test_both_authorities_see_one_timeline_to_the_end_of_an_appeal(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    await pair.act("XA", case, ACKNOWLEDGED)
    asked = NewStep(StepKind.DOCUMENTS_ASKED, wanted=("experience",))
    await pair.act("XA", case, asked)
    supplied = NewStep(StepKind.DOCUMENTS_SUPPLIED, documents=(enclosure(),))
    await pair.act("XB", case, supplied, DOOR)
    await pair.act("XA", case, NewStep(StepKind.EXTENDED, ground="Article 4d(3)"))
    await pair.act("XA", case, DECIDED)
    await pair.act("XB", case, APPEALED, DOOR)
    await pair.act("XA", case, DECIDED)
    ours, theirs = await pair.timeline("XA", case), await pair.timeline("XB", case)
    assert ours == theirs
    assert [number for number, *_ in ours] == list(range(1, 9))
    assert [(speaker, what) for _, speaker, what, *_ in ours] == [
        ("XB", "OPENED"),
        ("XA", "ACKNOWLEDGED"),
        ("XA", "DOCUMENTS_ASKED"),
        ("XB", "DOCUMENTS_SUPPLIED"),
        ("XA", "EXTENDED"),
        ("XA", "DECIDED"),
        ("XB", "APPEALED"),
        ("XA", "DECIDED"),
    ]
    assert sorted(await pair.texts("XA", case)) == sorted(await pair.texts("XB", case))
    assert TEXT.encode() in await pair.texts("XA", case)
    view = await pair.view("XB", case)
    assert (view.standing.phase, view.standing.closed) == (Phase.DECIDED_ON_APPEAL, True)
    assert (await pair.casework("XB").case(DOOR, case)).held.timeline == view.held.timeline


async def test_a_step_waits_for_a_silent_node_across_restarts(pair: Between) -> None:
    case = await pair.contest()
    await pair.stop("XA")
    await pair.carry("XB")
    await pair.stop("XB")
    await pair.start("XB")
    (waiting,) = (await pair.view("XB", case)).held.waiting
    assert (waiting.tries, waiting.told.partition(":")[0]) == (1, "peer_silent")
    await pair.start("XA")
    pair.federation.clock.advance(31)
    await pair.settle()
    assert await pair.timeline("XA", case) == await pair.timeline("XB", case)
    assert TEXT.encode() in await pair.texts("XA", case)


async def test_steps_taken_while_apart_get_their_order_from_who_decides(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    await pair.casework("XA").act(OFFICER, case, ACKNOWLEDGED)
    await pair.casework("XB").act(
        DOOR, case, NewStep(StepKind.DOCUMENTS_SUPPLIED, documents=(enclosure(),))
    )
    await pair.settle()
    pair.federation.clock.advance(31)
    await pair.settle()
    assert await pair.timeline("XA", case) == await pair.timeline("XB", case)
    assert len(await pair.timeline("XA", case)) == 3


async def test_a_step_that_crosses_a_decision_is_not_taken_at_either_node(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    await pair.act("XA", case, ACKNOWLEDGED)
    await pair.casework("XA").act(OFFICER, case, DECIDED)
    await pair.casework("XB").act(DOOR, case, NewStep(StepKind.WITHDRAWN))
    await pair.carry("XB")
    pair.federation.clock.advance(31)
    await pair.settle()
    assert await pair.timeline("XA", case) == await pair.timeline("XB", case)
    (lost,) = [one for one in (await pair.view("XB", case)).held.steps if not one.number]
    assert (lost.taken.step.kind, lost.settled) == (StepKind.WITHDRAWN, True)
    assert lost.told == "the other node did not take it"


async def test_silence_grants_when_the_agreement_says_so_and_is_journalled(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    await pair.act("XA", case, ACKNOWLEDGED)
    pair.federation.clock.advance(32 * _DAY_S)
    await pair.tell()
    assert (await pair.view("XB", case)).standing.ruling is Ruling.GRANTED  # nobody has said so
    assert await pair.casework("XA").look_at_clocks() == 1
    assert await pair.casework("XA").look_at_clocks() == 0
    await pair.settle()
    assert (await pair.timeline("XB", case))[-1][2] == "LAPSED"
    view = await pair.view("XA", case)
    assert (view.standing.ruling, view.standing.by_silence) == (Ruling.GRANTED, True)
    with pytest.raises(Refusal) as refused:
        await pair.casework("XA").act(OFFICER, case, DECIDED)
    assert refused.value.code is Code.CONFLICT


async def test_an_authority_is_reminded_before_and_after_a_time_limit(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    (first,) = await pair.casework("XA").reminders()
    assert (first.case, first.limit.clock, first.days_left) == (case, "acknowledge", 7)
    pair.federation.clock.advance(8 * _DAY_S)
    await pair.tell()
    await pair.casework("XA").look_at_clocks()
    assert pair.casework("XA").due == {"passed": 1}
    assert not await pair.casework("XB").reminders()  # it is not XB's to do


async def test_erasing_a_case_erases_texts_and_documents_at_both_nodes(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    await pair.act("XB", case, NewStep(StepKind.WITHDRAWN), DOOR)
    await pair.act("XA", case, NewStep(StepKind.ERASED, ground="Art. 17(1)(a) GDPR"))
    await pair.settle()
    for node in ("XA", "XB"):
        assert not await pair.texts(node, case)
        for file in sorted(pair.homes[node].data.glob("node.db*")):
            assert TEXT.encode() not in file.read_bytes()
        assert (await pair.view(node, case)).held.secret == ""
    assert await pair.timeline("XA", case) == await pair.timeline("XB", case)
    (part,) = (await pair.view("XA", case)).held.parts
    with pytest.raises(Refusal) as refused:
        await pair.casework("XA").part(OFFICER, case, part.part.digest)
    assert refused.value.code is Code.ERASED


async def test_a_recognition_procedure_is_opened_where_it_is_decided(pair: Between) -> None:
    new = NewCase(
        CaseKind.RECOGNITION, "Please", credential=NUMBER, peer="XA", here=True, route="crafts"
    )
    with pytest.raises(Refusal, match="no case before itself"):
        await pair.casework("XB").open(OFFICER, new)
    case = (await pair.casework("XB").open(DOOR, new)).held.case
    await pair.act("XB", case, ACKNOWLEDGED)
    await pair.act("XA", case, NewStep(StepKind.DOCUMENTS_SUPPLIED, documents=(enclosure(),)))
    await pair.act("XB", case, DECIDED)
    assert await pair.timeline("XA", case) == await pair.timeline("XB", case)
    assert NUMBER.encode() in await pair.texts("XA", case)
    assert len(await pair.timeline("XA", case)) == 4


async def test_an_appeal_is_about_the_verdict_that_this_node_reached(pair: Between) -> None:
    case = await pair.contest(kind=CaseKind.APPEAL, here=True)
    await pair.settle()
    await pair.act("XB", case, ACKNOWLEDGED)
    assert await pair.timeline("XA", case) == await pair.timeline("XB", case)


async def test_another_api_key_learns_nothing_of_a_case(pair: Between) -> None:
    case = await pair.contest()
    other = type(DOOR)(DOOR.author, "another-key")
    assert await pair.casework("XB").cases(other) == []
    for unknown in (case, bytes(16)):
        with pytest.raises(Refusal) as refused:
            await pair.casework("XB").case(other, unknown)
        assert refused.value.reason == "case: there is none with this id that you may see"


async def test_only_what_the_agreement_lists_may_be_asked_for(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    await pair.act("XA", case, ACKNOWLEDGED)
    with pytest.raises(Refusal, match="lets nobody ask for horoscope"):
        await pair.act("XA", case, NewStep(StepKind.DOCUMENTS_ASKED, wanted=("horoscope",)))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"route": "none"}, Code.UNKNOWN),
        ({"agreement": "other"}, Code.UNKNOWN),
        ({"verification": "ff" * 24}, Code.UNKNOWN),
        ({"credential": NUMBER}, Code.MALFORMED),
        ({"verification": "", "credential": NUMBER}, Code.MALFORMED),
        ({"here": True}, Code.CONFLICT),
    ],
)
async def test_refuses_a_case_that_rests_on_nothing(
    pair: Between, changes: dict[str, object], code: Code
) -> None:
    with pytest.raises(Refusal) as refused:
        await pair.contest(**changes)
    assert refused.value.code is code
    assert await pair.casework("XB").cases(OFFICER) == []


async def test_metrics_tell_how_many_time_limits_are_near_and_name_nobody(pair: Between) -> None:
    case = await pair.contest()
    await pair.settle()
    await pair.casework("XA").look_at_clocks()
    base = f"http://127.0.0.1:{pair.running['XA'].http_port}"
    async with aiohttp.ClientSession(base) as session, session.get("/metrics") as response:
        metrics = await response.text()
    assert 'symbolon_case_limits{state="near"} 1.0' in metrics
    assert case.hex() not in metrics
