"""Closed-loop load: so many callers, each asking again as soon as it is answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import psutil
from msgspec import Struct


class Rate(Struct, frozen=True):
    """What one run measured; `cpu_s` is the processor time of all processes for one call."""

    cpu_s: float
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


async def drive(
    call: Callable[[], Awaitable[object]],
    callers: int,
    seconds: float,
    processes: Sequence[psutil.Process] = (),
) -> Rate:
    """Call from so many callers at once for so long; every latency counts."""
    spent_s = -_cpu_s(processes)
    latencies: list[float] = []
    started = time.perf_counter()
    until = started + seconds

    async def one() -> None:
        while (begun := time.perf_counter()) < until:
            await call()
            latencies.append(time.perf_counter() - begun)

    await asyncio.gather(*(one() for _ in range(callers)))
    elapsed_s = time.perf_counter() - started
    spent_s += _cpu_s(processes)
    latencies.sort()

    def percentile_ms(share: float) -> float:
        return latencies[min(int(len(latencies) * share), len(latencies) - 1)] * 1000

    return Rate(
        spent_s / len(latencies),
        len(latencies) / elapsed_s,
        percentile_ms(0.5),
        percentile_ms(0.95),
        percentile_ms(0.99),
    )


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
