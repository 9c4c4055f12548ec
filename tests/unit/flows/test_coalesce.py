"""What waits together travels together, and nobody's trouble is another's."""

import asyncio
from collections.abc import Sequence

import pytest

from node.errors import Code, Refusal
from node.flows.coalesce import Coalescer

_DEADLINE_S = 10.0
_STEPS = 5


class _Batch:
    """A batch under way, until a test lets it end."""

    def __init__(self, items: list[int]) -> None:
        self.items = items
        self.ended: asyncio.Future[Sequence[int | BaseException]] = (
            asyncio.get_running_loop().create_future()
        )

    def end(self) -> None:
        """Return ten times each item."""
        self.ended.set_result([10 * item for item in self.items])


class _Gate:
    """Runs batches that end when a test says so."""

    def __init__(self) -> None:
        self.batches: list[_Batch] = []
        self._begun: asyncio.Queue[_Batch] = asyncio.Queue()

    async def run(self, items: list[int]) -> Sequence[int | BaseException]:
        batch = _Batch(items)
        self.batches.append(batch)
        self._begun.put_nowait(batch)
        return await batch.ended

    async def next(self) -> _Batch:
        """Return the batch that begins next, or has begun unseen."""
        async with asyncio.timeout(_DEADLINE_S):
            return await self._begun.get()


def _coalescer(
    gate: _Gate,
    *,
    batch_max: int = 1000,
    waiting_max: int = 1000,
    in_flight_max: int = 1,
    weight_max: int = 0,
) -> Coalescer[int, int]:
    return Coalescer(
        gate.run,
        batch_max=batch_max,
        waiting_max=waiting_max,
        in_flight_max=in_flight_max,
        weigh=(lambda item: item) if weight_max else None,
        weight_max=weight_max,
    )


async def _some_steps() -> None:
    """Let everything run that is ready to."""
    for _ in range(_STEPS):
        await asyncio.sleep(0)


async def _still_works(coalescer: Coalescer[int, int], gate: _Gate) -> None:
    result = coalescer.submit(7)
    (await gate.next()).end()
    assert await result == 70


# --- what travels together -----------------------------------------------------------------


async def test_an_idle_coalescer_runs_one_item_at_once() -> None:
    gate = _Gate()
    result = _coalescer(gate).submit(1)
    await asyncio.sleep(0)
    assert [batch.items for batch in gate.batches] == [[1]]
    gate.batches[0].end()
    assert await result == 10


async def test_items_submitted_while_a_batch_runs_travel_together_in_the_next() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate)
    results = [coalescer.submit(0)]
    first = await gate.next()
    for item in (1, 2, 3):
        results.append(coalescer.submit(item))
        await asyncio.sleep(0)
    assert coalescer.waiting == 3
    first.end()
    second = await gate.next()
    assert (first.items, second.items) == ([0], [1, 2, 3])
    assert coalescer.waiting == 0
    second.end()
    assert await asyncio.gather(*results) == [0, 10, 20, 30]


async def test_a_batch_closes_when_the_one_before_ends_and_on_no_timer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers: list[object] = []
    gate = _Gate()
    coalescer = _coalescer(gate)
    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_at", lambda *arguments, **_: timers.append(arguments))
        patch.setattr(loop, "call_later", lambda *arguments, **_: timers.append(arguments))
        results = [coalescer.submit(0)]
        await _some_steps()
        results.append(coalescer.submit(1))
        await _some_steps()
        assert [batch.items for batch in gate.batches] == [[0]]
        gate.batches[0].end()
        await _some_steps()
        assert [batch.items for batch in gate.batches] == [[0], [1]]
        gate.batches[1].end()
        await _some_steps()
    assert [result.result() for result in results] == [0, 10]
    assert timers == []


async def test_two_batches_in_flight_share_what_waits_fairly() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate, in_flight_max=2)
    results = [coalescer.submit(item) for item in range(300)]
    one, other = await gate.next(), await gate.next()
    assert (one.items, other.items) == (list(range(150)), list(range(150, 300)))
    results.append(coalescer.submit(300))
    await _some_steps()
    assert len(gate.batches) == 2
    other.end()
    third = await gate.next()
    assert third.items == [300]
    third.end()
    one.end()
    assert await asyncio.gather(*results) == [10 * item for item in range(301)]


async def test_few_that_wait_are_not_divided_among_batches() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate, in_flight_max=2)
    results = [coalescer.submit(item) for item in range(20)]
    (await gate.next()).end()
    await asyncio.gather(*results)
    assert [batch.items for batch in gate.batches] == [list(range(20))]


async def test_few_that_come_while_a_batch_is_gone_wait_for_it() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate, in_flight_max=8)
    results = [coalescer.submit(0)]
    first = await gate.next()
    results += [coalescer.submit(item) for item in range(1, 21)]
    await _some_steps()
    assert len(gate.batches) == 1
    first.end()
    (second := await gate.next()).end()
    assert second.items == list(range(1, 21))
    await asyncio.gather(*results)


async def test_enough_that_wait_begin_another_batch_beside_the_first() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate, in_flight_max=8)
    results = [coalescer.submit(0)]
    first = await gate.next()
    results += [coalescer.submit(item) for item in range(1, 129)]
    second = await gate.next()
    assert second.items == list(range(1, 129))
    second.end()
    first.end()
    await asyncio.gather(*results)


async def test_what_comes_while_a_batch_is_long_gone_begins_another_with_all_that_waits() -> None:
    now, gate = [0], _Gate()
    coalescer = Coalescer(
        gate.run, batch_max=10, waiting_max=10, in_flight_max=2, clock=lambda: now[0]
    )
    results = [coalescer.submit(0)]
    first = await gate.next()
    now[0] += 19_999
    results.append(coalescer.submit(1))
    await _some_steps()
    assert len(gate.batches) == 1
    now[0] += 1
    results.append(coalescer.submit(2))
    second = await gate.next()
    assert second.items == [1, 2]
    first.end()
    second.end()
    assert await asyncio.gather(*results) == [0, 10, 20]


# --- bounds --------------------------------------------------------------------------------


async def test_a_batch_holds_no_more_items_than_its_bound() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate, batch_max=4)
    results = [coalescer.submit(item) for item in range(10)]
    for _ in range(3):
        (await gate.next()).end()
    await asyncio.gather(*results)
    assert [batch.items for batch in gate.batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_batch_closes_once_it_is_heavy_enough() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate, weight_max=10)
    results = [coalescer.submit(item) for item in (4, 4, 4, 50, 9, 1, 3)]
    for _ in range(4):
        (await gate.next()).end()
    await asyncio.gather(*results)
    assert [batch.items for batch in gate.batches] == [[4, 4, 4], [50], [9, 1], [3]]


async def test_one_more_than_may_wait_is_refused_as_busy() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate, waiting_max=2)
    results = [coalescer.submit(0)]
    first = await gate.next()
    results += [coalescer.submit(1), coalescer.submit(2)]
    with pytest.raises(Refusal) as refusal:
        coalescer.submit(3)
    assert refusal.value.code is Code.BUSY
    assert refusal.value.retry_after_s is not None
    first.end()
    second = await gate.next()
    results.append(coalescer.submit(4))
    second.end()
    (await gate.next()).end()
    assert await asyncio.gather(*results) == [0, 10, 20, 40]


# --- trouble -------------------------------------------------------------------------------


async def test_an_exception_of_one_item_reaches_only_its_caller() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate)
    results = [coalescer.submit(item) for item in range(3)]
    trouble = Refusal(Code.CONFLICT, "the second")
    (await gate.next()).ended.set_result([0, trouble, 20])
    assert await asyncio.gather(*results, return_exceptions=True) == [0, trouble, 20]


async def test_a_run_that_raises_reaches_its_whole_batch_and_no_other() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate)
    results = [coalescer.submit(0), coalescer.submit(1)]
    first = await gate.next()
    waiting = coalescer.submit(2)
    trouble = OSError("the disk is full")
    first.ended.set_exception(trouble)
    assert await asyncio.gather(*results, return_exceptions=True) == [trouble, trouble]
    (await gate.next()).end()
    assert await waiting == 20
    await _still_works(coalescer, gate)


@pytest.mark.parametrize("returned", [[], [0], [0, 10, 20]])
async def test_a_run_that_loses_or_invents_results_is_a_defect(returned: list[int]) -> None:
    gate = _Gate()
    coalescer = _coalescer(gate)
    results = [coalescer.submit(0), coalescer.submit(1)]
    (await gate.next()).ended.set_result(returned)
    for result in results:
        with pytest.raises(Refusal) as refusal:
            await result
        assert refusal.value.code is Code.DEFECT
    await _still_works(coalescer, gate)


async def test_a_caller_that_is_cancelled_harms_no_other() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate)

    async def call(item: int) -> int:
        return await coalescer.submit(item)

    under_way = [asyncio.create_task(call(item)) for item in (0, 1)]
    first = await gate.next()
    waiting = [asyncio.create_task(call(item)) for item in (2, 3)]
    await _some_steps()
    under_way[0].cancel()
    waiting[0].cancel()
    await _some_steps()
    assert under_way[0].cancelled()
    assert waiting[0].cancelled()
    first.end()
    (await gate.next()).end()
    assert list(await asyncio.gather(under_way[1], waiting[1])) == [10, 30]
    await _still_works(coalescer, gate)


# --- the end -------------------------------------------------------------------------------


async def test_drain_waits_for_all_that_waits_or_runs() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate)
    results = [coalescer.submit(0)]
    first = await gate.next()
    results.append(coalescer.submit(1))
    drained = asyncio.create_task(coalescer.drain())
    first.end()
    second = await gate.next()
    await _some_steps()
    assert not drained.done()
    second.end()
    async with asyncio.timeout(_DEADLINE_S):
        await drained
    assert [result.result() for result in results] == [0, 10]


async def test_drain_of_an_idle_coalescer_returns_at_once() -> None:
    gate = _Gate()
    coalescer = _coalescer(gate)
    await coalescer.drain()
    assert gate.batches == []
    await _still_works(coalescer, gate)
