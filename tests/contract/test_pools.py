"""A job belongs to who handed it over; the pool's thread belongs to nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from functools import partial
from multiprocessing.pool import ThreadPool
from typing import Any

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


@program("first", "second", "nobody")
def test_a_pool_that_one_caller_started_works_for_each_that_submits(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        for caller in ("first", "second"):
            with called_by(caller):
                pool.submit(span, caller).result()
        pool.submit(span, "nobody").result()


@program("first", "nobody", "second")
def test_jobs_that_begin_after_their_block_has_ended_are_its_caller_s(span: Spans) -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(go.wait)
        with called_by("first"):
            pool.submit(span, "first")
        pool.submit(span, "nobody")
        with called_by("second"):
            pool.submit(span, "second")
        go.set()


@program(*["first"] * 3, *["second"] * 3)
def test_the_jobs_of_map_belong_to_who_called_it_whoever_takes_the_results(span: Spans) -> None:
    with ThreadPoolExecutor(2) as pool:
        with called_by("first"):
            results = pool.map(span, ["first"] * 3)
        with called_by("second"):
            more = pool.map(span, ["second"] * 3)
            list(results)
        list(more)


@program("first", "second")
def test_a_job_that_submits_to_another_pool_hands_its_caller_on(span: Spans) -> None:
    with ThreadPoolExecutor(1) as inner, ThreadPoolExecutor(1) as outer:
        for caller in ("first", "second"):
            with called_by(caller):
                outer.submit(lambda: inner.submit(span, caller).result()).result()  # noqa: B023


@program("first", "first")
def test_a_job_that_submits_to_its_own_pool_after_the_block_hands_its_caller_on(span: Spans) -> None:
    go, done = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def job() -> None:
            go.wait()
            span("first")
            pool.submit(span, "first").add_done_callback(lambda _: done.set())

        with called_by("first"):
            pool.submit(job)
        go.set()
        done.wait()


@program("first", "second")
def test_a_done_callback_belongs_to_who_added_it(span: Spans) -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            job = pool.submit(go.wait)
            job.add_done_callback(lambda _: span("first"))
        with called_by("second"):
            job.add_done_callback(lambda _: span("second"))
        go.set()


@program("nobody", "second")
def test_a_done_callback_that_nobody_added_is_not_the_job_s_caller_s(span: Spans) -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            job = pool.submit(go.wait)
        job.add_done_callback(lambda _: span("nobody"))
        with called_by("second"):
            pool.submit(span, "second")
        go.set()


@program("second", "first")
def test_a_done_callback_of_a_job_that_is_done_runs_for_who_adds_it(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            job = pool.submit(int)
            wait([job])
        with called_by("second"):
            job.add_done_callback(lambda _: span("second"))
    with called_by("first"):
        job.add_done_callback(lambda _: span("first"))


@program("first")
def test_a_done_callback_of_a_cancelled_job_belongs_to_who_added_it(span: Spans) -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(go.wait)
        with called_by("first"):
            job = pool.submit(int)
            job.add_done_callback(lambda _: span("first"))
        with called_by("second"):
            assert job.cancel()
        go.set()


@program("first", "second")
def test_a_future_that_another_completes_calls_back_for_who_added_the_callback(span: Spans) -> None:
    answer: Future[int] = Future()
    with called_by("first"):
        answer.add_done_callback(lambda _: span("first"))
    with called_by("second"):
        answer.set_result(1)
        span("second")


@program("first?", "first", "second")
def test_an_initializer_of_a_pool_that_first_made_and_used_is_no_other_s(span: Spans) -> None:
    with called_by("first"):
        pool = ThreadPoolExecutor(1, initializer=span, initargs=("first?",))
        pool.submit(span, "first").result()
    with called_by("second"):
        pool.submit(span, "second").result()
    pool.shutdown()


@program("first?", "second")
def test_an_initializer_that_first_handed_over_is_not_second_s_who_submits_first(span: Spans) -> None:
    with called_by("first"):
        pool = ThreadPoolExecutor(1, initializer=span, initargs=("first?",))
    with called_by("second"):
        pool.submit(span, "second").result()
    pool.shutdown()


@program("nobody", "second")
def test_an_initializer_that_nobody_handed_over_is_nobody_s(span: Spans) -> None:
    pool = ThreadPoolExecutor(1, initializer=span, initargs=("nobody",))
    with called_by("second"):
        pool.submit(span, "second").result()
    pool.shutdown()


@program("first", "second", "second")
def test_a_subclass_of_a_pool_carries(span: Spans) -> None:
    class Named(ThreadPoolExecutor):
        def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            return super().submit(partial(function, *args, **kwargs))

    with Named(1) as pool:
        with called_by("first"):
            pool.submit(span, marker="first").result()
        with called_by("second"):
            list(pool.map(span, ["second", "second"]))


@program("first", "first", "nobody")
def test_jobs_of_a_pool_that_is_shut_down_without_waiting_go_on_for_their_caller(span: Spans) -> None:
    go = threading.Event()
    with called_by("first"):
        pool = ThreadPoolExecutor(1)
        jobs = [pool.submit(lambda: go.wait() and span("first")) for _ in range(2)]
        pool.shutdown(wait=False)
    span("nobody")
    go.set()
    wait(jobs)


@program("second", "nobody", "first")
def test_a_job_within_whose_call_a_block_was_never_left_gives_the_next_job_nothing(span: Spans) -> None:
    left_open = []

    def careless() -> None:
        left_open.append(called_by("second"))
        left_open[0].__enter__()
        span("second")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(careless).result()
        pool.submit(span, "nobody").result()
        with called_by("first"):
            pool.submit(span, "first").result()


@program("second", "first")
def test_a_block_inside_a_job_holds_and_the_job_s_caller_comes_back(span: Spans) -> None:
    def job() -> None:
        with called_by("second"):
            span("second")
        span("first")

    with ThreadPoolExecutor(1) as pool, called_by("first"):
        pool.submit(job).result()


@program("first", "first", "nobody")
def test_a_job_that_raises_leaves_its_caller_behind(span: Spans) -> None:
    def job() -> None:
        span("first")
        raise ValueError

    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            failed = pool.submit(job)
            failed.add_done_callback(lambda _: span("first"))
        assert isinstance(failed.exception(), ValueError)
        pool.submit(span, "nobody").result()


@program(*["first"] * 4, "first", *["second"] * 4, "second")
def test_who_gathers_as_they_complete_stays_who_it_is(span: Spans) -> None:
    with ThreadPoolExecutor(3) as pool:
        for caller in ("first", "second"):
            with called_by(caller):
                jobs = [pool.submit(span, caller) for _ in range(4)]
                for job in as_completed(jobs):
                    job.result()
                span(caller)


@program(*["first"] * 8, *["second"] * 8, *["nobody"] * 8)
def test_two_callers_and_nobody_that_share_a_pool_by_turns_keep_apart(span: Spans) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(8):
            for caller in ("first", "second"):
                with called_by(caller):
                    pool.submit(span, caller)
            pool.submit(span, "nobody")


@program("first?", "second")
def test_a_job_that_submits_itself_again_is_no_other_s_whoever_shares_the_pool(span: Spans) -> None:
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def again(left: int) -> None:
            if left:
                pool.submit(again, left - 1)
                return
            span("first?")
            done.set()

        with called_by("first"):
            pool.submit(again, 3)
        with called_by("second"):
            pool.submit(span, "second")
        done.wait()


@program("first", "second", "nobody")
def test_a_thread_pool_of_multiprocessing_works_for_each_that_applies(span: Spans) -> None:
    with called_by("first"):
        pool = ThreadPool(1)
        pool.apply(span, ["first"])
    with called_by("second"):
        pool.apply(span, ["second"])
    pool.apply(span, ["nobody"])
    pool.close()
    pool.join()


@program(*["second"] * 6)
def test_every_way_into_a_thread_pool_of_multiprocessing_carries(span: Spans) -> None:
    with called_by("first"):
        pool = ThreadPool(1)
    with called_by("second"):
        pool.apply_async(span, ["second"]).get()
        pool.map(span, ["second"])
        pool.starmap(span, [("second",)])
        list(pool.imap(span, ["second"]))
        list(pool.imap_unordered(span, ["second"]))
        pool.map_async(span, ["second"]).get()
    pool.close()
    pool.join()


@program("second", "second", "first")
def test_callbacks_of_a_thread_pool_of_multiprocessing_belong_to_who_handed_them_over(span: Spans) -> None:
    def fails() -> None:
        raise ValueError

    with called_by("first"):
        pool = ThreadPool(1)
    called = threading.Semaphore(0)

    def back(marker: str) -> Callable[[Any], None]:
        return lambda _: (span(marker), called.release())[0]

    with called_by("second"):
        pool.apply_async(int, callback=back("second"))
        pool.apply_async(fails, error_callback=back("second"))
    with called_by("first"):
        pool.map_async(int, [1], callback=back("first"))
    for _ in range(3):
        called.acquire()
    pool.close()
    pool.join()


@program("nobody", "second")
def test_the_initializer_of_a_thread_pool_of_multiprocessing_is_not_who_applies(span: Spans) -> None:
    pool = ThreadPool(1, span, ("nobody",))
    with called_by("second"):
        pool.apply(span, ["second"])
    pool.close()
    pool.join()
