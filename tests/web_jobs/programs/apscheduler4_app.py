"""APScheduler 4: jobs and schedules that run once, for eight users and for nobody, and some that run by the clock; on each kind of executor."""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

from apscheduler import AsyncScheduler, JobReleased, Scheduler
from apscheduler.executors.async_ import AsyncJobExecutor
from apscheduler.executors.subprocess import ProcessPoolJobExecutor
from apscheduler.executors.thread import ThreadPoolJobExecutor
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from opentelemetry import trace
from tests.web_jobs.programs.marks import mark

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation.jobs import Job

USERS = [f"user-{number}" for number in range(int(os.environ.get("USERS", "8")))]
TICKS = 3
EXECUTORS = {
    "async": AsyncJobExecutor,
    "threadpool": ThreadPoolJobExecutor,
    "processpool": lambda: ProcessPoolJobExecutor(max_workers=2),
}


def caller(job: Job) -> str | None:
    return "clock" if job.caller is None and job.name == "ticks" else None


def plain(user: str, step: str = "plain") -> None:
    mark(user, step)
    if sys.argv[0].endswith("to_process.py") or "anyio.to_process" in sys.argv[0]:
        trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]  # A process of anyio's pool is killed.


def fails(user: str) -> None:
    plain(user, "fails")
    raise ValueError("broken")


def ticks(whose: str) -> None:
    plain(whose, "ticks")


def soon() -> DateTrigger:
    return DateTrigger(datetime.now(timezone.utc) + timedelta(seconds=0.5))


def clock() -> IntervalTrigger:
    now = datetime.now(timezone.utc)
    return IntervalTrigger(seconds=0.2, start_time=now, end_time=now + timedelta(seconds=0.2 * (TICKS - 0.5)))


async def main_async(executor: str) -> None:
    async with AsyncScheduler(job_executors={executor: EXECUTORS[executor]()}) as scheduler:
        done, left = asyncio.Event(), [(len(USERS) + 1) * 3 + 2 * TICKS]

        def released(event: Any) -> None:
            left[0] -= 1
            if left[0] == 0:
                done.set()

        scheduler.subscribe(released, {JobReleased})
        await scheduler.configure_task("unnamed", func=ticks, job_executor=executor, max_running_jobs=TICKS)
        await scheduler.configure_task("ticks", func=ticks, job_executor=executor, max_running_jobs=TICKS)
        for name, function in (("plain", plain), ("fails", fails)):
            await scheduler.configure_task(name, func=function, job_executor=executor, max_running_jobs=8)

        async def hand_over(user: str) -> None:
            await scheduler.add_job("plain", args=[user])
            await scheduler.add_schedule("plain", soon(), args=[user, "later"])
            await scheduler.add_job("fails", args=[user])

        async def of_user(user: str) -> None:
            with called_by(user):
                await hand_over(user)

        with called_by("whoever-started-it"):
            await scheduler.start_in_background()
        await asyncio.gather(*map(of_user, USERS))
        await hand_over("nobody")
        with called_by("user-0"):
            await scheduler.add_schedule("unnamed", clock(), args=["nobody"])
            await scheduler.add_schedule("ticks", clock(), args=["clock"])
        await asyncio.wait_for(done.wait(), 60)


def main_sync() -> None:
    with Scheduler() as scheduler:
        scheduler.configure_task("plain", func=plain, max_running_jobs=8)

        def of_user(user: str) -> Any:
            with called_by(user):
                return scheduler.add_job("plain", args=[user], result_expiration_time=60)

        with called_by("whoever-started-it"):
            scheduler.start_in_background()
        with ThreadPoolExecutor(8) as pool:
            jobs = list(pool.map(of_user, USERS))
        for job in jobs:
            scheduler.get_job_result(job)


if __name__ == "__main__":
    if sys.argv[1] == "sync":
        main_sync()
    else:
        asyncio.run(main_async(sys.argv[1]))
