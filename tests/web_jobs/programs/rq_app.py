"""Functions that RQ runs, and with ``python -m ... send URL`` those who hand them over; ``work URL KIND`` runs what there is, to its end."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from redis import Redis
from rq import Callback, Queue, Repeat, Retry, SimpleWorker, SpawnWorker, Worker, get_current_job
from tests.web_jobs.programs.marks import mark

from rvbbit_otel import called_by

USERS = [f"user-{number}" for number in range(int(os.environ.get("USERS", "8")))]
WORKERS = {"fork": Worker, "spawn": SpawnWorker, "simple": SimpleWorker}


def plain(user: str, step: str = "plain") -> str:
    mark(user, step)
    return user


def again(user: str) -> None:
    job: Any = get_current_job()
    job.meta["tries"] = job.meta.get("tries", -1) + 1
    job.save_meta()
    mark(user, f"again {job.meta['tries']}")
    if job.meta["tries"] < 2:
        raise ValueError("not yet")


def fails(user: str) -> None:
    mark(user, "fails")
    raise ValueError("broken")


def succeeded(job: Any, connection: Any, result: Any) -> None:
    mark(job.args[0], "on success")


def failed(job: Any, connection: Any, *error: Any) -> None:
    mark(job.args[0], "on failure")


def nested(user: str) -> None:
    job: Any = get_current_job()
    Queue(connection=job.connection).enqueue(plain, user, "nested")


def of(queue: Queue, user: str) -> None:
    queue.enqueue(plain, user)
    queue.enqueue(again, user, retry=Retry(max=2))
    queue.enqueue(fails, user, on_failure=Callback(failed))
    queue.enqueue(plain, user, "answers", on_success=Callback(succeeded))
    queue.enqueue(nested, user)
    first = queue.enqueue(plain, user, "first")
    queue.enqueue(plain, user, "depends", depends_on=first)
    queue.enqueue_in(timedelta(seconds=1), plain, user, "later")
    queue.enqueue(plain, user, "repeats", repeat=Repeat(times=1))
    queue.enqueue_many([Queue.prepare_data(plain, (user, "of many"))])


def send(queue: Queue) -> None:
    def user_sends(user: str) -> None:
        with called_by(user):
            of(queue, user)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(user_sends, USERS))
    if len(USERS) > 1:
        of(queue, "nobody")


def main() -> None:
    what, url, *more = sys.argv[1:]
    connection = Redis.from_url(url)
    if what == "send":
        send(Queue(connection=connection))
    else:
        with called_by("whoever-started-the-worker"):
            WORKERS[more[0]](["default"], connection=connection).work(with_scheduler=True)


if __name__ == "__main__":
    from tests.web_jobs.programs import rq_app  # By its name: RQ refuses functions of a script.

    rq_app.main()
