"""A thread that is started for one piece of work belongs to who started it, from its begin to its end."""

from __future__ import annotations

import _thread
import contextvars
import threading
import weakref
from functools import partial

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


@program("first", "first")
def test_a_thread_belongs_to_who_started_it(span: Spans) -> None:
    with called_by("first"):
        threads = [
            threading.Thread(target=span, args=("first",)),
            threading.Thread(target=partial(span, marker="first")),
        ]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()


@program("first", "second", "nobody")
def test_a_thread_that_goes_on_after_its_block_keeps_its_caller(span: Spans) -> None:
    over = threading.Event()

    def job() -> None:
        over.wait()
        span("first")

    with called_by("first"):
        thread = threading.Thread(target=job, daemon=True)
        thread.start()
    with called_by("second"):
        span("second")
        over.set()
        thread.join()
    span("nobody")


@program("nobody", "second")
def test_a_thread_started_after_the_block_is_not_its_caller_s(span: Spans) -> None:
    with called_by("first"):
        pass
    for caller in ("nobody", "second"):
        thread = threading.Thread(target=span, args=(caller,))
        if caller == "nobody":
            thread.start()
        else:
            with called_by(caller):
                thread.start()
        thread.join()


@program("second", "nobody")
def test_a_thread_that_is_made_in_one_block_and_started_in_another_is_the_starter_s(span: Spans) -> None:
    with called_by("first"):
        threads = [threading.Thread(target=span, args=(caller,)) for caller in ("second", "nobody")]
    with called_by("second"):
        threads[0].start()
    threads[1].start()
    for thread in threads:
        thread.join()


@program("first", "first")
def test_a_subclass_with_a_run_of_its_own_carries(span: Spans) -> None:
    over = threading.Event()

    class Job(threading.Thread):
        def run(self) -> None:
            span("first")
            over.wait()
            span("first")

    with called_by("first"):
        job = Job()
        job.start()
    over.set()
    job.join()


@program("first", "first", "first")
def test_a_subclass_that_works_around_its_target_carries(span: Spans) -> None:
    class Traced(threading.Thread):
        def run(self) -> None:
            span("first")
            super().run()
            span("first")

    with called_by("first"):
        job = Traced(target=span, args=("first",))
        job.start()
    job.join()


@program("first", "second")
def test_a_timer_that_fires_after_the_block_belongs_to_who_set_it(span: Spans) -> None:
    timers = []
    for caller in ("first", "second"):
        with called_by(caller):
            timers.append(threading.Timer(0.02, span, [caller]))
            timers[-1].start()
    for timer in timers:
        timer.join()


@program("first", "first", "first")
def test_a_thread_that_a_thread_starts_hands_the_caller_on(span: Spans) -> None:
    def job(depth: int) -> None:
        span("first")
        if depth:
            inner = threading.Thread(target=job, args=(depth - 1,))
            inner.start()
            inner.join()

    with called_by("first"):
        outer = threading.Thread(target=job, args=(2,))
        outer.start()
    outer.join()


@program("first", "second")
def test_a_thread_run_in_place_is_work_of_the_flow_that_runs_it(span: Spans) -> None:
    with called_by("first"):
        threading.Thread(target=span, args=("first",)).run()
        thread = threading.Thread(target=span, args=("second",))
    with called_by("second"):
        thread.run()


@program("first?", "second")
def test_a_thread_made_below_threading_is_no_other_s(span: Spans) -> None:
    done = threading.Lock()
    done.acquire()

    def job() -> None:
        span("first?")
        done.release()

    with called_by("first"):
        _thread.start_new_thread(job, ())
    with called_by("second"), done:
        span("second")


@program("second", "first", "second")
def test_a_block_of_a_thread_holds_in_it_and_the_inherited_caller_comes_back(span: Spans) -> None:
    over = threading.Event()

    def job() -> None:
        over.wait()
        with called_by("second"):
            span("second")
        span("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    over.set()
    thread.join()
    with called_by("second"):
        span("second")


@program(*["first"] * 5, *["second"] * 5, *["nobody"] * 5)
def test_threads_of_two_callers_and_nobody_at_once_keep_apart(span: Spans) -> None:
    barrier = threading.Barrier(3)

    def work(caller: str) -> None:
        for _ in range(5):
            barrier.wait()
            inner = threading.Thread(target=span, args=(caller,))
            inner.start()
            inner.join()

    def client(caller: str) -> None:
        if caller == "nobody":
            work(caller)
        else:
            with called_by(caller):
                work(caller)

    clients = [threading.Thread(target=client, args=(caller,)) for caller in ("first", "second", "nobody")]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()


@program("first", "second", "nobody")
def test_a_copied_context_carries_its_caller_to_a_thread_that_runs_it(span: Spans) -> None:
    contexts = {}
    for caller in ("first", "second"):
        with called_by(caller):
            contexts[caller] = contextvars.copy_context()

    def job() -> None:
        for caller, context in contexts.items():
            context.run(span, caller)
        span("nobody")

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()


@program("first?")
def test_what_is_done_about_a_thread_that_failed_is_no_other_s(span: Spans) -> None:
    def fails() -> None:
        raise ValueError

    before, threading.excepthook = threading.excepthook, lambda _: span("first?")
    try:
        with called_by("first"):
            thread = threading.Thread(target=fails)
            thread.start()
        with called_by("second"):
            thread.join()
    finally:
        threading.excepthook = before


@program("first", "nobody")
def test_a_thread_that_another_thread_took_over_the_number_of_leaves_it_nothing(span: Spans) -> None:
    """Python gives a thread's identity again once it has ended."""
    with called_by("first"):
        thread = threading.Thread(target=span, args=("first",))
        thread.start()
        thread.join()
    thread = threading.Thread(target=span, args=("nobody",))
    thread.start()
    thread.join()


@program("first", "first", "second")
def test_a_thread_hands_over_to_a_flow_that_its_starter_has_left(span: Spans) -> None:
    """The starter is in another block by then, and the thread's own jobs are still the first's."""
    begin = threading.Event()

    def job() -> None:
        begin.wait()
        inner = [threading.Thread(target=span, args=("first",)) for _ in range(2)]
        for each in inner:
            each.start()
        for each in inner:
            each.join()

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    with called_by("second"):
        begin.set()
        thread.join()
        span("second")


@program("first", "second", "nobody", "second")
def test_what_a_weak_reference_finalizes_belongs_to_who_asked_for_that(span: Spans) -> None:
    class Thing:
        pass

    with called_by("first"):
        things = [Thing()]
        weakref.finalize(things[0], span, "first")
    with called_by("second"):
        things.clear()
        span("second")
    thing = Thing()
    finalizer = weakref.finalize(thing, span, marker="nobody")
    with called_by("second"):
        finalizer()
        span("second")
