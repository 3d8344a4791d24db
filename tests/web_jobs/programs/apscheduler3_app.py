"""APScheduler 3: jobs that run once, for eight users and for nobody, and some that run by the clock; on each kind of executor."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ProcessPoolExecutor
from apscheduler.executors.pool import ThreadPoolExecutor as JobThreads
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from tests.web_jobs.programs.marks import mark

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation.jobs import Job

USERS = [f"user-{number}" for number in range(8)]
TICKS = 3
# However busy the machine is, no run is left out.
PATIENT = {"misfire_grace_time": None, "coalesce": False, "max_instances": TICKS}


def caller(job: Job) -> str | None:
    """Who has to pay for what runs by the clock."""
    return "clock" if job.caller is None and job.name == "ticks" else None


def plain(user: str, step: str = "plain") -> None:
    mark(user, step)


async def awaited(user: str) -> None:
    await asyncio.sleep(0)
    mark(user, "awaited")


def fails(user: str) -> None:
    mark(user, "fails")
    raise ValueError("broken")


def ticks(whose: str) -> None:
    mark(whose, "ticks")


class Ended:
    """Waits until so many runs are over; those by the clock stop by themselves."""

    def __init__(self, scheduler: BaseScheduler, count: int) -> None:
        self.left, self.event, self.lock = count, threading.Event(), threading.Lock()
        scheduler.add_listener(self, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)

    def __call__(self, event: Any) -> None:
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.event.set()


def hand_over(scheduler: BaseScheduler, user: str, is_async: bool) -> int:
    scheduler.add_job(plain, args=[user])
    scheduler.add_job(plain, "date", run_date=datetime.now() + timedelta(seconds=0.5), args=[user, "later"])
    scheduler.add_job(fails, args=[user])
    if is_async:
        scheduler.add_job(awaited, args=[user])
    return 3 + is_async


def by_the_clock(scheduler: BaseScheduler, name: str, whose: str) -> int:
    now = datetime.now()
    end = now + timedelta(seconds=0.1 + 0.2 * (TICKS - 0.5))
    first = now + timedelta(seconds=0.1)
    scheduler.add_job(ticks, "interval", seconds=0.2, start_date=first, end_date=end, args=[whose], name=name)
    return TICKS


def fill(scheduler: BaseScheduler, is_async: bool) -> int:
    def of_user(user: str) -> int:
        with called_by(user):
            return hand_over(scheduler, user, is_async)

    count = 0
    if is_async:
        count += sum(map(of_user, USERS))
    else:
        with ThreadPoolExecutor(8) as pool:
            count += sum(pool.map(of_user, USERS))
    count += hand_over(scheduler, "nobody", is_async)
    with called_by("user-0"):  # Who set a clock up is not who it strikes for.
        count += by_the_clock(scheduler, "unnamed", "nobody") + by_the_clock(scheduler, "ticks", "clock")
    return count


def main(kind: str) -> None:
    executors = {"threads": JobThreads(4), "processes": ProcessPoolExecutor(2)}
    scheduler = BackgroundScheduler(executors={"default": executors[kind]}, job_defaults=PATIENT)
    ended = Ended(scheduler, -1)
    with called_by("whoever-started-it"):
        scheduler.start()
    scheduler.pause()
    ended.left = fill(scheduler, False)
    scheduler.resume()
    assert ended.event.wait(60), ended.left
    scheduler.shutdown()


async def main_async() -> None:
    scheduler = AsyncIOScheduler(job_defaults=PATIENT)
    ended = Ended(scheduler, -1)
    with called_by("whoever-started-it"):
        scheduler.start()
    scheduler.pause()
    ended.left = fill(scheduler, True)
    scheduler.resume()
    assert await asyncio.to_thread(ended.event.wait, 60), ended.left
    scheduler.shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "asyncio":
        asyncio.run(main_async())
    else:
        main(sys.argv[1])
