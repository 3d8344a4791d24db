"""Threads that outlive the caller who started them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

Jobs = queue.Queue[Callable[[], None] | None]


def worker(jobs: Jobs) -> threading.Thread:
    def work() -> None:
        while (job := jobs.get()) is not None:
            job()
            jobs.task_done()
        jobs.task_done()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_worker_started_for_one_caller_credits_it_nothing_that_it_takes_up_after_the_clear(traced: Traced) -> None:
    jobs: Jobs = queue.Queue()
    toy.set_caller("sql-1")
    thread = worker(jobs)
    jobs.put(lambda: traced.mark("first"))
    jobs.join()
    toy.clear_caller()
    toy.set_caller("sql-2")
    jobs.put(lambda: traced.mark("second"))
    jobs.put(lambda: toy.Job("s-2", "sql-2") and toy.log("s-2", "named"))
    jobs.put(None)
    thread.join()
    assert traced.callers() == {"first": "sql-1", "second": None}
    assert (traced.named("log named").attributes or {})["rvbbit.caller.id"] == "sql-2"
    assert traced.named("second").parent is None


def test_a_thread_that_does_one_job_keeps_its_caller_after_the_clear(traced: Traced) -> None:
    cleared = threading.Event()
    toy.set_caller("sql-1")

    def job() -> None:
        cleared.wait()
        toy.Job("s-1")
        traced.mark("late")

    thread = threading.Thread(target=job)
    thread.start()
    toy.clear_caller()
    cleared.set()
    thread.join()
    assert traced.callers() == {"late": "sql-1"}
    assert (traced.named("session start").attributes or {})["rvbbit.caller.id"] == "sql-1"


def test_a_task_of_a_pool_that_takes_from_a_queue_what_nobody_put_there_is_nobodys_and_says_whose_it_may_be(
    traced: Traced,
) -> None:
    items: queue.Queue[str] = queue.Queue()
    toy.set_caller("sql-1")
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(lambda: traced.mark(items.get()))
        toy.clear_caller()
        items.put("taken")
        task.result()
    assert traced.callers() == {"taken": None}
    taken = traced.named("taken").attributes or {}
    assert (taken["rvbbit.caller.source"], taken["rvbbit.caller.candidate"]) == ("none", "sql-1")


def test_a_worker_started_within_a_session_gives_it_no_rows_once_it_has_ended(traced: Traced) -> None:
    jobs: Jobs = queue.Queue()
    toy.Job("s-1", "cli-1")
    threads: list[threading.Thread] = []
    toy.Cascade("s-1").run(lambda: threads.append(worker(jobs)))
    jobs.put(lambda: traced.mark("after"))
    jobs.put(None)
    threads[0].join()
    after = traced.named("after").attributes or {}
    assert (after.get("session.id"), after["rvbbit.caller.source"]) == (None, "none")


def test_a_consumer_in_the_flow_that_set_its_caller_keeps_it(traced: Traced) -> None:
    items: queue.Queue[str] = queue.Queue()
    items.put("mine")
    toy.set_caller("sql-1")
    traced.mark(items.get())
    assert traced.callers() == {"mine": "sql-1"}
