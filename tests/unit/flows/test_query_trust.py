"""Queries about the trust list: now, in the past, and not too many."""

import pytest

from node.errors import Code, Refusal
from node.flows.past_trust import PastTrust
from node.flows.query_trust import QueryingTrust, TrustAnswer
from node.model.quota import Allowance
from node.model.trqp import TrustQuestion, authorized
from tests.archives import Adopted, MemoryArchive
from tests.federation import (
    DAY_US,
    SECOND_US,
    START,
    FixedTrust,
    changed_agreement,
    sample_trust,
    trust_files,
)
from tests.world import FakeClock

ASK = TrustQuestion("XA", "XB", "ask", "employment")
ENDED = sample_trust(changed_agreement(trust_files(), "xa-xb", purposes=["licensing"]), version=2)


class Queried:
    """A node that adopted a list a week ago, and one yesterday that covers less."""

    def __init__(self, burst: float = 1000.0) -> None:
        self.clock = FakeClock()
        self.trust = FixedTrust(ENDED)
        self.archive = MemoryArchive(
            Adopted(sample_trust(), START - 7 * DAY_US), Adopted(ENDED, START - DAY_US)
        )
        self.queries = QueryingTrust(
            self.trust, PastTrust(self.archive, self.trust), self.clock, Allowance(burst, 1.0)
        )

    async def ask(self, at: int | None = None) -> TrustAnswer:
        return await self.queries.answer("10.0.0.1", ASK, authorized, at)

    async def refused(self, at: int | None = None) -> Refusal:
        with pytest.raises(Refusal) as refusal:
            await self.ask(at)
        return refusal.value


async def test_answers_by_the_list_in_force_at_the_time_asked_about() -> None:
    node = Queried()
    now = await node.ask()
    assert (now.finding.holds, now.trust.version, now.evaluated_at) == (False, 2, START)
    then = await node.ask(START - 2 * DAY_US)
    assert (then.finding.holds, then.trust.version) == (True, 1)
    yesterday = await node.ask(START - DAY_US)
    assert (yesterday.finding.holds, yesterday.trust.version) == (False, 2)


async def test_resolves_a_list_of_the_past_once() -> None:
    node = Queried()
    for day in range(2, 6):
        await node.ask(START - day * DAY_US)
    assert node.archive.read == 1


async def test_what_was_before_the_first_list_or_is_to_come_is_unknown() -> None:
    node = Queried()
    assert (await node.refused(START - 8 * DAY_US)).code is Code.UNKNOWN
    assert (await node.refused(START + 61 * SECOND_US)).code is Code.UNKNOWN
    assert (await node.ask(START + 59 * SECOND_US)).trust.version == 2


async def test_answers_nothing_of_now_once_the_list_has_expired() -> None:
    node = Queried()
    node.clock.advance(31 * 86_400)
    assert (await node.refused()).code is Code.STALE
    assert (await node.refused(START + 30 * DAY_US)).code is Code.UNKNOWN
    assert (await node.ask(START)).trust.version == 2


async def test_who_asks_too_often_waits_and_the_past_costs_more() -> None:
    node = Queried(burst=12.0)
    await node.ask(START - DAY_US)
    await node.ask()
    await node.ask()
    refusal = await node.refused()
    assert refusal.code is Code.BUSY
    assert refusal.retry_after_s is not None
    node.clock.advance(refusal.retry_after_s)
    await node.ask()
