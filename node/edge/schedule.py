"""Time is a caller too: jobs that run again and again (APScheduler).

A job that fails is logged and runs again at its next time; no failure ever stops the schedule.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from msgspec import Struct

from node.errors import Refusal

_log = structlog.get_logger()


class Job(Struct, frozen=True):
    """Work to do every so many seconds."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[Any]]


@asynccontextmanager
async def schedule(jobs: Sequence[Job]) -> AsyncIterator[Callable[[], bool]]:
    """Run jobs until the context ends; yields a function that tells whether it runs.

    A run that is late is done once; a job never overlaps itself.
    """
    scheduler = AsyncIOScheduler(timezone=UTC)
    for job in jobs:
        scheduler.add_job(
            _run,
            "interval",
            [job],
            id=job.name,
            seconds=job.every_s,
            jitter=job.every_s / 10,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    try:
        yield lambda: bool(scheduler.running)
    finally:
        scheduler.shutdown(wait=False)


async def _run(job: Job) -> None:
    try:
        await job.work()
    except Refusal as refusal:
        _log.warning("job_refused", job=job.name, code=refusal.code.value, reason=refusal.reason)
    except Exception:  # noqa: BLE001 - no failure of a job may stop the schedule
        _log.exception("job_failed", job=job.name)
