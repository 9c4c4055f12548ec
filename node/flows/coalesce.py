"""Coalescing: what waits together travels together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from node.errors import Code, Refusal

_SHARE_MIN: Final = 128
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Coalescer(Generic[_Item, _Result]):
    """Runs items in batches; a batch closes when the one before it has finished, on no timer.

    So an idle node serves one item at once, and a busy one serves many at the price of one. Where
    more batches may be under way, another one begins beside the first only once enough items wait
    to be worth it, or once the first has been gone for long: a peer far away.
    """

    def __init__(  # noqa: PLR0913 - bounds, each by name
        self,
        run: Callable[[list[_Item]], Awaitable[Sequence[_Result | BaseException]]],
        *,
        batch_max: int,
        waiting_max: int,
        in_flight_max: int = 1,
        clock: Callable[[], int] | None = None,
        overdue_after_us: int = 20_000,
        weigh: Callable[[_Item], int] | None = None,
        weight_max: int = 0,
    ) -> None:
        """Take the function that runs a batch.

        Args:
            run: returns one result or exception for each item, in order; where it raises, all
                items of the batch get that exception.
            batch_max: items in one batch.
            waiting_max: items that may wait; one more is refused as BUSY.
            in_flight_max: batches under way at once.
            clock: microseconds, to tell that a batch has been gone for long; None: never.
            overdue_after_us: how long a batch is gone before what comes next begins another.
            weigh: how much an item weighs; a batch closes once it weighs `weight_max`.
            weight_max: see `weigh`.
        """
        self._run = run
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._in_flight_max = in_flight_max
        self._clock = clock
        self._overdue_after_us = overdue_after_us
        self._overdue_at = 0
        self._weigh = weigh
        self._weight_max = weight_max
        self._waiting: deque[tuple[_Item, asyncio.Future[_Result]]] = deque()
        self._running = 0
        self._busy = 0
        self._workers: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many items wait for a batch."""
        return len(self._waiting)

    def submit(self, item: _Item) -> "asyncio.Future[_Result]":
        """Add an item to the next batch.

        Raises:
            Refusal: BUSY where too many wait.
        """
        if len(self._waiting) >= self._waiting_max:
            raise Refusal(Code.BUSY, "too much is waiting; try again later", retry_after_s=1.0)
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._begin()
        return future

    def _begin(self) -> None:
        """Begin another batch, if it may and there is enough for it."""
        if self._running >= self._in_flight_max:
            return
        if self._running:
            about_to_take = self._running - self._busy
            enough = len(self._waiting) >= _SHARE_MIN * (about_to_take + 1)
            if not enough and (about_to_take or not self._overdue()):
                return
        self._running += 1
        worker = asyncio.create_task(self._work())
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    def _overdue(self) -> bool:
        return self._clock is not None and self._clock() >= self._overdue_at

    async def drain(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        while self._workers:
            await asyncio.wait(self._workers)

    def _take(self) -> list[tuple[_Item, "asyncio.Future[_Result]"]]:
        """Take what waits, or a fair share of it where more batches may be under way.

        So callers that arrived together do not walk through every stage in step, with one stage
        at work and all others idle.
        """
        free = self._in_flight_max - self._busy
        share = max(-(-len(self._waiting) // free), _SHARE_MIN)
        size = min(share, len(self._waiting), self._batch_max)
        if self._weigh is None:
            return [self._waiting.popleft() for _ in range(size)]
        batch: list[tuple[_Item, asyncio.Future[_Result]]] = []
        weight = 0
        while len(batch) < size and weight < self._weight_max:
            batch.append(self._waiting.popleft())
            weight += self._weigh(batch[-1][0])
        return batch

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                self._busy += 1
                if self._clock is not None:
                    self._overdue_at = self._clock() + self._overdue_after_us
                if len(self._waiting) >= _SHARE_MIN:
                    self._begin()
                try:
                    await self._serve(batch)
                finally:
                    self._busy -= 1
        finally:
            # In the same step as the last look at the queue: a task counts as done only a step
            # later, and what is submitted in between would wait for ever.
            self._running -= 1

    async def _serve(self, batch: list[tuple[_Item, "asyncio.Future[_Result]"]]) -> None:
        results: Sequence[_Result | BaseException]
        try:
            results = await self._run([item for item, _ in batch])
            if len(results) != len(batch):
                results = [Refusal(Code.DEFECT, "a batch lost a result")] * len(batch)
        except BaseException as error:
            # Every waiting caller gets it; one that ends this task ends it all the same.
            self._settle(batch, [error] * len(batch))
            if not isinstance(error, Exception):
                raise
            return
        self._settle(batch, results)

    @staticmethod
    def _settle(
        batch: list[tuple[_Item, "asyncio.Future[_Result]"]],
        results: Sequence[_Result | BaseException],
    ) -> None:
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, asyncio.CancelledError):
                future.cancel()
            elif isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
