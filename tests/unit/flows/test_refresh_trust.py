"""Refreshing goes on whatever happens, by a clock that is told."""

import asyncio
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import structlog

from node.errors import Code, Refusal
from node.flows.ports import Fetched, Mirrors
from node.flows.refresh_trust import JITTER, Pace, TrustRefresh
from tests.world import DAY_US, SECOND_US, START, FakeClock, FixedTrust, SampleTrust, sample_trust

_HOUR_S = 3600.0
_PACE = Pace(every_s=600.0, retry_s=30.0, retry_max_s=_HOUR_S)


class _Mirrors(Mirrors):
    """Mirrors that do what they are told; `fetches` are the times at which they were asked."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.fetches: list[int] = []
        self.trouble: Callable[[], BaseException] | None = None
        self.faults: tuple[str, ...] = ()
        self.digest = bytes(32)
        self.lenient = False

    async def fetch(self, *, lenient: bool = False) -> Fetched:
        self.fetches.append(self._clock())
        self.lenient = lenient
        if self.trouble is not None:
            raise self.trouble()
        return Fetched("https://trust.example", False, self.digest, self.faults)


class _Scene:
    def __init__(self, *, mirrors: bool = True, seed: int = 1) -> None:
        self.clock = FakeClock()
        self.trust = FixedTrust(sample_trust(expires_at=START + 30 * DAY_US))
        self.mirrors = _Mirrors(self.clock)
        self.adoptions = 0
        self.adoption_trouble: BaseException | None = None
        self.refreshing = TrustRefresh(
            mirrors=self.mirrors if mirrors else None,
            adopt=self._adopt,
            trust=self.trust,
            clock=self.clock,
            randomness=random.Random(seed).randbytes,
            pace=_PACE,
        )

    async def _adopt(self) -> bool:
        self.adoptions += 1
        if self.adoption_trouble is not None:
            raise self.adoption_trouble
        self.trust.publish(self.trust.newest.view)
        return True

    def list_is(self, trust: SampleTrust) -> None:
        """Let another list be the one that is fetched next."""
        self.trust.newest = trust
        self.mirrors.digest = trust.view.reference.digest

    async def live(self, seconds: float) -> None:
        """Let time pass, with a look at the clock every ten seconds."""
        for _ in range(int(seconds / 10)):
            self.clock.advance(10)
            await self.refreshing.refresh_if_due()

    def waits_s(self) -> list[float]:
        """Return the seconds between one fetch and the next."""
        at = self.mirrors.fetches
        return [(later - earlier) / SECOND_US for earlier, later in pairwise(at)]


def _refusal() -> Refusal:
    return Refusal(Code.PEER_SILENT, "every mirror is down")


async def test_refreshes_on_schedule_with_jitter_while_all_is_well() -> None:
    scene = _Scene()
    await scene.live(10 * _HOUR_S)
    waits = scene.waits_s()
    assert all(600 * (1 - JITTER) <= wait <= 600 * (1 + JITTER) + 10 for wait in waits)
    assert len(set(waits)) > 5
    assert scene.refreshing.state.mirror == "https://trust.example"


async def test_nodes_that_start_together_do_not_ask_together() -> None:
    one, other = _Scene(seed=1), _Scene(seed=2)
    for scene in (one, other):
        await scene.live(_HOUR_S)
    assert one.mirrors.fetches[1:] != other.mirrors.fetches[1:]


async def test_the_same_local_copy_is_adopted_only_once() -> None:
    scene = _Scene()
    scene.adoption_trouble = Refusal(Code.CONFLICT, "the list would go back")
    await scene.live(100)
    assert scene.adoptions > 1
    scene.adoption_trouble = None
    await scene.live(_HOUR_S)
    scene.adoptions = 0
    await scene.live(_HOUR_S)
    assert scene.adoptions == 0
    scene.mirrors.digest = bytes([1]) * 32
    await scene.live(_HOUR_S)
    assert scene.adoptions == 1


async def test_hours_of_every_failure_end_without_a_restart() -> None:
    scene = _Scene()
    await scene.live(_HOUR_S)
    good = scene.trust.view()
    troubles: list[Callable[[], BaseException]] = [
        _refusal,
        lambda: Refusal(Code.UNAUTHENTICATED, "offers no sound metadata"),
        lambda: ZeroDivisionError("a defect"),
        RecursionError,
        MemoryError,
        lambda: OSError(28, "no space left on device"),
        TimeoutError,
        lambda: ExceptionGroup("several", [ValueError("one")]),
    ]
    for trouble in troubles:
        scene.mirrors.trouble = trouble
        before = len(scene.mirrors.fetches)
        await scene.live(6 * _HOUR_S)
        assert len(scene.mirrors.fetches) >= before + 5
        assert scene.trust.view() is good
        assert scene.refreshing.state.failures > 0
    scene.mirrors.trouble = None
    scene.mirrors.digest = bytes([1]) * 32
    scene.adoption_trouble = Refusal(Code.CONFLICT, "the list would go back")
    await scene.live(6 * _HOUR_S)
    assert scene.refreshing.state.failure == "the list would go back"
    scene.adoption_trouble = None
    await scene.live(_HOUR_S * (1 + JITTER) + 10)
    assert scene.refreshing.state.failures == 0
    assert scene.clock() - (scene.refreshing.state.succeeded_at or 0) < _HOUR_S * SECOND_US
    await scene.live(_HOUR_S)
    assert scene.waits_s()[-1] <= 600 * (1 + JITTER) + 10


async def test_each_failure_doubles_the_wait_up_to_an_hour() -> None:
    scene = _Scene()
    scene.mirrors.trouble = _refusal
    await scene.live(12 * _HOUR_S)
    expected = [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0, 3600.0]
    for wait, due in zip(scene.waits_s(), expected, strict=False):
        assert due * (1 - JITTER) <= wait <= due * (1 + JITTER) + 10
    assert len(scene.waits_s()) >= len(expected)


async def test_an_expired_list_is_not_waited_for_longer_than_usual() -> None:
    scene = _Scene()
    await scene.live(_HOUR_S)
    scene.mirrors.trouble = _refusal
    scene.clock.advance(31 * 24 * _HOUR_S)
    await scene.live(10 * _HOUR_S)
    assert max(scene.waits_s()[-10:]) <= 600 * (1 + JITTER) + 10
    scene.mirrors.trouble = None
    scene.list_is(sample_trust(version=2, expires_at=scene.clock() + 30 * DAY_US))
    await scene.live(700)
    scene.trust.view().require_fresh(scene.clock())


async def test_a_country_is_waited_for_as_long_as_the_list_is_valid() -> None:
    scene = _Scene()
    await scene.live(29 * 24 * _HOUR_S)
    assert not scene.mirrors.lenient
    await scene.live(2 * 24 * _HOUR_S)
    assert scene.mirrors.lenient


async def test_a_failure_beyond_counting_still_has_an_end_to_its_wait() -> None:
    scene = _Scene()
    scene.mirrors.trouble = _refusal
    await scene.live(1200 * _HOUR_S)
    assert scene.refreshing.state.failures > 1000
    assert max(scene.waits_s()) <= _HOUR_S * (1 + JITTER) + 10


async def test_a_clock_that_was_set_back_does_not_stop_refreshing() -> None:
    scene = _Scene()
    await scene.live(_HOUR_S)
    scene.clock.advance(-365 * 24 * _HOUR_S)
    before = len(scene.mirrors.fetches)
    await scene.live(_HOUR_S)
    assert len(scene.mirrors.fetches) >= before + 5


async def test_a_refresh_that_was_cancelled_is_tried_again() -> None:
    scene = _Scene()
    scene.mirrors.trouble = asyncio.CancelledError
    with pytest.raises(asyncio.CancelledError):
        await scene.refreshing.refresh_if_due()
    scene.mirrors.trouble = None
    await scene.live(60)
    assert scene.refreshing.state.succeeded_at is not None


async def test_without_mirrors_the_local_copy_is_read_again() -> None:
    scene = _Scene(mirrors=False)
    scene.refreshing.begin()
    await scene.refreshing.refresh_if_due()
    assert scene.adoptions == 0
    await scene.live(_HOUR_S)
    assert scene.adoptions >= 5
    assert scene.mirrors.fetches == []


async def test_says_how_fresh_the_list_is_and_why_not_fresher() -> None:
    scene = _Scene()
    await scene.refreshing.refresh()
    scene.clock.advance(300)
    assert scene.refreshing.told() == (
        "in force, version 1, looked after 5 minutes ago at https://trust.example, "
        "expires in 29 days"
    )
    scene.mirrors.trouble = _refusal
    for _ in range(2):
        with pytest.raises(Refusal, match="every mirror is down"):
            await scene.refreshing.refresh()
    scene.clock.advance(20)
    assert scene.refreshing.told() == (
        "in force, version 1, looked after 5 minutes ago at https://trust.example, "
        "expires in 29 days; "
        "refreshing has failed 2 times, last 20 seconds ago: every mirror is down"
    )
    scene.clock.advance(40 * 24 * _HOUR_S)
    with pytest.raises(Refusal, match=r"has expired.*every mirror is down") as caught:
        scene.refreshing.told()
    assert caught.value.code is Code.STALE


async def test_says_which_countries_are_left_out_as_the_mirror_told_it() -> None:
    files = {
        path: content
        for path, content in sample_trust().bundle.files.items()
        if path != "nodes/XB/node.json"
    }
    scene = _Scene()
    scene.list_is(sample_trust(files))
    await scene.refreshing.refresh()
    assert [fault.partition(":")[0] for fault in scene.refreshing.faults()] == ["country-XB"]
    scene.mirrors.faults = ("country-XB: offers what has expired",)
    with structlog.testing.capture_logs() as logs:
        await scene.refreshing.refresh()
        await scene.refreshing.refresh()
    assert scene.refreshing.faults() == scene.mirrors.faults
    told: list[Any] = [log for log in logs if log["event"] == "trust_list_fault"]
    assert [log["fault"] for log in told] == list(scene.mirrors.faults)


async def test_warns_of_what_expires_soon_once_a_day_each() -> None:
    scene = _Scene()
    scene.list_is(sample_trust(expires_at=START + 12 * DAY_US))
    await scene.refreshing.refresh()

    async def days(number: int) -> list[tuple[int, str]]:
        told = []
        for day in range(number):
            with structlog.testing.capture_logs() as logs:
                await scene.live(24 * _HOUR_S)
            told += [(day, log["name"]) for log in logs if log["event"] == "expires_soon"]
        return told

    told = await days(4)
    assert [day for day, name in told if name == "targets"] == [0, 1, 2, 3]
    assert [day for day, name in told if name == "country-XB"] in ([1, 2, 3], [2, 3])
    assert not [name for _, name in told if name == "snapshot"]
    scene.list_is(sample_trust(version=2, expires_at=scene.clock() + 80 * DAY_US))
    await scene.refreshing.refresh()
    assert await days(2) == []
