"""Tasks of Celery, and with ``python -m ... send`` those who hand them over: eight users at once, and somebody who is nobody.

BROKER and BACKEND say by which way; FOLDER is where files of both are.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from celery import Celery, chain, chord, group
from celery.exceptions import Ignore
from tests.web_jobs.programs.marks import mark

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation.jobs import Job

USERS = [f"user-{number}" for number in range(8)]
FOLDER = Path(os.environ.get("FOLDER", "."))

app = Celery("jobs", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
if app.conf.broker_url.startswith("filesystem"):
    for name in ("in", "control"):
        (FOLDER / name).mkdir(exist_ok=True)
    app.conf.broker_transport_options = {
        "data_folder_in": str(FOLDER / "in"),
        "data_folder_out": str(FOLDER / "in"),
        "control_folder": str(FOLDER / "control"),
    }
app.conf.update(
    worker_prefetch_multiplier=1,
    result_expires=None,
    broker_connection_retry_on_startup=True,
    beat_schedule={"tick": {"task": "jobs.tick", "schedule": 0.3}} if os.environ.get("TICK") else {},
    beat_schedule_filename=str(FOLDER / "beat"),
)


def caller(job: Job) -> str | None:
    """Who has to pay for what runs by the clock."""
    return "clock" if job.caller is None and job.name == "jobs.tick" else None


@app.task(name="jobs.plain")
def plain(user: str, step: str = "plain") -> str:
    mark(user, step)
    return user


@app.task(name="jobs.again", bind=True, max_retries=2)
def again(self: Any, user: str) -> str:
    mark(user, f"again {self.request.retries}")
    if self.request.retries < 2:
        raise self.retry(countdown=0.2, exc=ValueError("not yet"))
    return user


@app.task(name="jobs.fails")
def fails(user: str) -> None:
    mark(user, "fails")
    raise ValueError("broken")


@app.task(name="jobs.ignored")
def ignored(user: str) -> None:
    mark(user, "ignored")
    raise Ignore


@app.task(name="jobs.linked")
def linked(result: object, user: str, step: str) -> str:
    mark(user, step)
    return user


@app.task(name="jobs.nested")
def nested(user: str) -> None:
    plain.delay(user, "nested")


@app.task(name="jobs.wrapped")
@called_by("cron-nightly")
def wrapped() -> None:
    mark("cron-nightly", "wrapped")


@app.task(name="jobs.tick")
def tick() -> None:
    mark("clock", "tick")


def of(user: str) -> list[Any]:
    """All that one user hands over; a task of each kind."""
    return [
        plain.delay(user),
        plain.apply_async((user, "eta"), countdown=0.5),
        again.delay(user),
        fails.apply_async((user,), link_error=linked.s(user, "error link")),
        ignored.delay(user),
        plain.apply_async((user, "links"), link=linked.s(user, "link")),
        nested.delay(user),
        chain(plain.s(user, "chain 0"), linked.s(user, "chain 1"), linked.s(user, "chain 2")).apply_async(),
        group(plain.s(user, f"group {number}") for number in range(2)).apply_async(),
        chord((plain.s(user, f"chord {number}") for number in range(2)), linked.s(user, "chord body")).apply_async(),
    ]


def send() -> None:
    def user_sends(user: str) -> None:
        with called_by(user):
            of(user)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(user_sends, USERS))
    of("nobody")
    wrapped.delay()


def forge() -> None:
    """Somebody with a way to the broker, and without the key, says that a task is of another, by all that can be copied."""
    from celery.signals import before_task_publish

    copied = {}

    def copy(headers: dict[str, Any], **_: Any) -> None:
        copied.update(headers)

    before_task_publish.connect(copy)
    with called_by("user-0"):
        plain.delay("user-0", "copied")
    before_task_publish.disconnect(copy)

    def put(headers: dict[str, Any], **_: Any) -> None:
        headers["rvbbit_otel"] = copied["rvbbit_otel"]

    before_task_publish.connect(put)
    plain.delay("forged", "forged")


if __name__ == "__main__":
    {"send": send, "forge": forge}[sys.argv[1]]()
    time.sleep(0)
