"""A process for one job belongs to who started it; a worker process belongs to nobody, and its jobs to who handed them over."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.contract import children
from tests.contract.children import fails, prepare, prepared, seen, send
from tests.contract.programs import Spans, alone
from tests.contract.toyrunner import Work

from rvbbit_otel import called_by


def one_job_each(span: Spans, method: str) -> None:
    context = multiprocessing.get_context(method)
    answers: Any = context.Queue()
    for caller in ("first", "second"):
        with called_by(caller):
            process = context.Process(target=send, args=(caller, answers))  # type: ignore[attr-defined]
            process.start()
        span.report(*answers.get())
        process.join()
    process = context.Process(target=send, args=("nobody", answers))  # type: ignore[attr-defined]
    process.start()
    span.report(*answers.get())
    process.join()


@alone("first", "second", "nobody")
def test_a_forked_process_is_who_started_it(span: Spans) -> None:
    one_job_each(span, "fork")


@alone("first", "second", "nobody")
def test_a_spawned_process_is_who_started_it(span: Spans) -> None:
    one_job_each(span, "spawn")


@alone("first", "second", "nobody")
def test_a_process_from_the_fork_server_is_who_started_it_and_not_who_started_the_server(span: Spans) -> None:
    one_job_each(span, "forkserver")


def with_pool(span: Spans, pool: Any) -> None:
    """First comes the first, so that the workers are started then."""
    with called_by("first"):
        span.report(*pool.submit(seen, "first").result())
    with called_by("second"):
        span.report(*pool.submit(seen, "second").result())
        span.report(*next(iter(pool.map(seen, ["second"]))))
    span.report(*pool.submit(seen, "nobody").result())
    pool.shutdown()


@alone("first", *["second"] * 2, "nobody")
def test_a_pool_of_forked_processes_works_for_each_that_submits(span: Spans) -> None:
    with_pool(span, ProcessPoolExecutor(1, multiprocessing.get_context("fork")))


@alone("first", *["second"] * 2, "nobody")
def test_a_pool_of_spawned_processes_works_for_each_that_submits(span: Spans) -> None:
    with_pool(span, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")))


@alone("first", "second", "second")
def test_done_callbacks_of_a_process_pool_belong_to_who_added_them(span: Spans) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        with called_by("first"):
            job = pool.submit(children.seen, "first")
            job.add_done_callback(lambda _: span("first"))
        with called_by("second"):
            job.add_done_callback(lambda _: span("second"))
            pool.submit(fails).add_done_callback(lambda _: span("second"))


@alone("first?", "second")
def test_the_initializer_of_a_process_pool_is_not_who_submits_first(span: Spans) -> None:
    with called_by("first"):
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"), initializer=prepare, initargs=("first?",))
    with called_by("second"):
        span.report(*pool.submit(prepared).result()[0])
        span.report(*pool.submit(seen, "second").result())
    pool.shutdown()


def every_way(span: Spans, method: str) -> None:
    with called_by("first"):
        pool: Any = multiprocessing.get_context(method).Pool(1)
    with called_by("second"):
        span.report(*pool.apply(seen, ["second"]))
        span.report(*pool.apply_async(seen, ["second"]).get())
        for ways in (pool.map, pool.imap, pool.imap_unordered):
            span.report(*next(iter(ways(seen, ["second"]))))
        span.report(*pool.starmap(seen, [("second",)])[0])
    span.report(*pool.apply(seen, ["nobody"]))
    pool.close()
    pool.join()


@alone(*["second"] * 6, "nobody")
def test_every_way_into_a_pool_that_forks_carries(span: Spans) -> None:
    every_way(span, "fork")


@alone(*["second"] * 6, "nobody")
def test_every_way_into_a_pool_that_spawns_carries(span: Spans) -> None:
    every_way(span, "spawn")


@alone("second", "second", "first")
def test_callbacks_of_a_pool_belong_to_who_handed_them_over(span: Spans) -> None:
    with called_by("first"):
        pool = multiprocessing.get_context("fork").Pool(1)
    called = threading.Semaphore(0)

    def back(marker: str) -> Callable[[Any], None]:
        return lambda _: (span(marker), called.release())[0]

    with called_by("second"):
        pool.apply_async(seen, ["x"], callback=back("second"))
        pool.apply_async(fails, error_callback=back("second"))
    with called_by("first"):
        pool.map_async(seen, ["x"], callback=back("first"))
    for _ in range(3):
        called.acquire()
    pool.close()
    pool.join()


@alone("first?", "second")
def test_the_initializer_of_a_pool_is_no_other_s(span: Spans) -> None:
    with called_by("first"):
        pool = multiprocessing.get_context("fork").Pool(1, prepare, ("first?",))
    with called_by("second"):
        span.report(*pool.apply(prepared)[0])
        span.report(*pool.apply(seen, ["second"]))
    pool.close()
    pool.join()


@alone("nobody", "second")
def test_a_worker_that_replaces_one_that_did_its_share_is_not_who_is_at_work_then(span: Spans) -> None:
    """The pool's own thread starts it."""
    with called_by("first"):
        pool = multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1)
        pool.apply(seen, ["x"])
    with called_by("second"):
        span.report(*pool.apply(seen, ["second"]))
    span.report(*pool.apply(seen, ["nobody"]))
    pool.close()
    pool.join()


@alone("first?", "second?", "nobody")
def test_a_worker_process_on_a_queue_is_no_other_s(span: Spans) -> None:
    context = multiprocessing.get_context("fork")
    items, answers = context.Queue(), context.Queue()
    with called_by("first"):
        worker = context.Process(target=children.work_off, args=(items, answers))
        worker.start()
        items.put("first?")
    with called_by("second"):
        items.put("second?")
    for item in ("nobody", None):
        items.put(item)
    for _ in range(3):
        span.report(*answers.get())
    worker.join()


@alone("first?", "second?", "nobody")
def test_a_worker_process_on_a_simple_queue_that_is_spawned_is_no_other_s(span: Spans) -> None:
    context = multiprocessing.get_context("spawn")
    items: Any = context.SimpleQueue()
    answers: Any = context.SimpleQueue()
    with called_by("first"):
        worker = context.Process(target=children.work_off, args=(items, answers))
        worker.start()
        items.put("first?")
    with called_by("second"):
        items.put("second?")
    for item in ("nobody", None):
        items.put(item)
    for _ in range(3):
        span.report(*answers.get())
    worker.join()


@alone("first?", "second?", "nobody")
def test_a_worker_process_on_a_connection_is_no_other_s(span: Spans) -> None:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    with called_by("first"):
        worker = context.Process(target=children.work_off_connection, args=(there,))
        worker.start()
        here.send("first?")
        span.report(*here.recv())
    with called_by("second"):
        here.send("second?")
        span.report(*here.recv())
    here.send("nobody")
    span.report(*here.recv())
    here.send(None)
    worker.join()


CHILD = [sys.executable, "-m", "tests.contract.children"]


def said(out: str) -> list[list[Any]]:
    return [[marker, None if caller == "None" else caller] for marker, caller in map(str.split, out.splitlines())]


@alone("first", "second", "nobody")
def test_a_program_that_is_started_is_who_started_it(span: Spans) -> None:
    for caller in ("first", "second"):
        with called_by(caller):
            out = subprocess.run([*CHILD, caller], capture_output=True, text=True, check=True).stdout
        span.report(*said(out)[0])
    out = subprocess.run([*CHILD, "nobody"], capture_output=True, text=True, check=True).stdout
    span.report(*said(out)[0])


@alone("first", "first")
def test_a_program_that_is_started_in_a_thread_or_with_an_environment_of_its_own_carries(span: Spans) -> None:
    def start() -> None:
        out = subprocess.check_output([*CHILD, "first"], text=True, env={**os.environ, "MORE": "1"})
        span.report(*said(out)[0])

    with called_by("first"):
        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        Work("starts-a-program", owner="first").run(start)


@alone("first?", "second~", "nobody~")
def test_a_program_that_reads_what_to_do_is_no_other_s_than_who_started_it(span: Spans) -> None:
    """It is a worker as any other, behind a pipe."""
    with called_by("first"):
        child = subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdin is not None
        child.stdin.write("first?\n")
    with called_by("second"):
        child.stdin.write("second~\n")
    out, _ = child.communicate("nobody~\n")
    for each in said(out):
        span.report(*each)


@alone("first", "nobody", "second")
def test_a_process_pool_that_a_block_opens_and_leaves_keeps_its_jobs_callers(span: Spans) -> None:
    with called_by("first"):
        pool = ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
        job = pool.submit(seen, "first")
    with called_by("second"):
        other = pool.submit(seen, "second")
    for each in (job, other, pool.submit(seen, "nobody")):
        span.report(*each.result())
    pool.shutdown()


class Override(multiprocessing.get_context("fork").Process):  # type: ignore[name-defined,misc]
    """A process with a `run` of its own."""

    answers: Any = None

    def run(self) -> None:
        send("first", self.answers)


@alone("first", "second")
def test_a_subclass_of_process_carries(span: Spans) -> None:
    answers: Any = multiprocessing.get_context("fork").Queue()
    with called_by("first"):
        process = Override()
        process.answers = answers
    with called_by("first"):
        process.start()
    with called_by("second"):
        span.report(*answers.get())
        process.join()
        span("second")


@alone("first", "nobody")
def test_what_a_bare_fork_does_is_of_the_flow_that_forked(span: Spans) -> None:
    def forked(marker: str) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, " ".join(map(str, seen(marker))).encode())
            os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as answer:
            span.report(*said(answer.read())[0])

    with called_by("first"):
        forked("first")
    forked("nobody")


@alone("second")
def test_a_job_of_a_process_that_starts_another_process_hands_its_caller_on(span: Spans) -> None:
    with called_by("first"):
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
        pool.submit(seen, "x").result()
    with called_by("second"):
        span.report(*pool.submit(in_another_process, "second").result())
    pool.shutdown()


def in_another_process(marker: str) -> Any:
    out = subprocess.check_output([*CHILD, marker], text=True)
    return said(out)[0]
