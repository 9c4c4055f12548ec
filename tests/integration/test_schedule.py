"""Jobs that run again and again, by the real clock."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from node.edge.schedule import Job, schedule
from node.errors import Code, Refusal

_EVERY_S = 0.05
_DEADLINE_S = 10.0


class _Runs:
    """Work that counts its runs and may go on to do something else."""

    def __init__(self, then: Callable[[], Awaitable[object]] | None = None) -> None:
        self.count = 0
        self._then = then
        self._changed = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._changed:
            self.count += 1
            self._changed.notify_all()
        if self._then is not None:
            await self._then()

    async def reach(self, count: int) -> None:
        """Wait until it has run so often."""
        async with asyncio.timeout(_DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: self.count >= count)

    async def again(self, times: int = 3) -> None:
        """Wait until it has run some times more."""
        await self.reach(self.count + times)


def _job(name: str, work: _Runs) -> Job:
    return Job(name, _EVERY_S, work)


async def test_jobs_run_again_and_again_side_by_side() -> None:
    one, other = _Runs(), _Runs()
    async with schedule([_job("one", one), _job("other", other)]) as ticking:
        await asyncio.gather(one.reach(3), other.reach(3))
        assert ticking()


@pytest.mark.parametrize(
    "trouble", [Refusal(Code.STALE, "the disk is full"), ZeroDivisionError("a defect")]
)
async def test_a_job_that_fails_runs_again_and_stops_no_other(trouble: Exception) -> None:
    async def fail() -> None:
        raise trouble

    failing, beside = _Runs(fail), _Runs()
    async with schedule([_job("failing", failing), _job("beside", beside)]) as ticking:
        await failing.reach(3)
        await beside.again()
        assert ticking()


async def test_a_slow_job_never_overlaps_itself_nor_holds_up_another() -> None:
    gate = asyncio.Event()
    slow, beside = _Runs(gate.wait), _Runs()
    async with schedule([_job("slow", slow), _job("beside", beside)]):
        await slow.reach(1)
        await beside.again(5)
        assert slow.count == 1
        gate.set()
        await slow.reach(2)


async def test_no_job_runs_after_the_schedule_has_ended() -> None:
    runs = _Runs()
    async with schedule([_job("runs", runs)]) as ticking:
        await runs.reach(1)
    await asyncio.sleep(0)  # the scheduler ends itself in the loop's next step
    assert not ticking()
    count = runs.count
    await asyncio.sleep(4 * _EVERY_S)  # that nothing happens, no event tells
    assert runs.count == count


async def test_a_job_under_way_is_cancelled_when_the_schedule_ends() -> None:
    cancelled = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    hanging = _Runs(hang)
    async with schedule([_job("hanging", hanging)]):
        await hanging.reach(1)
    async with asyncio.timeout(_DEADLINE_S):
        await cancelled.wait()


async def test_the_schedule_ends_when_what_it_surrounds_fails() -> None:
    runs = _Runs()
    told: list[Callable[[], bool]] = []

    async def surround() -> None:
        async with schedule([_job("runs", runs)]) as ticking:
            told.append(ticking)
            raise KeyError

    with pytest.raises(KeyError):
        await surround()
    await asyncio.sleep(0)  # the scheduler ends itself in the loop's next step
    assert not told[0]()
