"""A caller that a runner sets holds for the flow, or the connection, that it was set in, until it is cleared there: one effect, the right one."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by


@program("first", "second", "nobody")
def test_a_login_holds_until_the_next_and_until_the_logout(span: Spans) -> None:
    for caller in ("first", "second"):
        toy.login(caller)
        span(caller)
    toy.logout()
    span("nobody")


@program("second", "first", "first")
def test_a_second_logout_takes_nothing_from_the_block_around(span: Spans) -> None:
    with called_by("first"):
        toy.login("second")
        span("second")
        toy.logout()
        span("first")
        toy.logout()
        span("first")


@program("second", "first", "nobody")
def test_a_login_that_was_not_ended_in_a_block_is_over_with_the_block(span: Spans) -> None:
    with called_by("first"):
        span("first")
        toy.login("second")
        span("second")
    span("nobody")


@program("first", "second", "first", "nobody", "second", "nobody")
def test_equal_connection_ids_of_two_clients_keep_apart(span: Spans) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:

        def main(caller: str, steps: threading.Barrier) -> None:
            toy.login(caller, "1")
            steps.wait()
            span(caller)
            steps.wait()
            if caller == "second":
                span("second")
                toy.logout("1")
                span("nobody")
            steps.wait()
            if caller == "first":
                span("first")
                toy.logout("1")
                span("nobody")

        steps = threading.Barrier(2)
        jobs = [pool.submit(main, caller, steps) for pool, caller in ((one, "first"), (two, "second"))]
        for job in jobs:
            job.result()


@program("first", "second", "nobody", "first?")
def test_a_login_again_on_another_thread_is_that_thread_s(span: Spans) -> None:
    def again() -> None:
        toy.login("second", "c")
        span("second")
        toy.logout("c")
        span("nobody")

    with ThreadPoolExecutor(1) as other:
        begin = threading.Event()
        job = other.submit(lambda: (begin.wait(), again()))
        toy.login("first", "c")
        span("first")
        begin.set()
        job.result()
        span("first?")
        toy.logout("c")


@program("first", "nobody")
def test_a_logout_on_another_thread_ends_what_the_connection_set(span: Spans) -> None:
    toy.login("first", "c")
    span("first")
    thread = threading.Thread(target=toy.logout, args=("c",))
    thread.start()
    thread.join()
    span("nobody")


@program("first", "first", "nobody")
def test_work_handed_over_before_the_logout_stays_whose_it_is(span: Spans) -> None:
    begin = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        toy.login("first")
        thread = threading.Thread(target=lambda: begin.wait() and span("first"))
        thread.start()
        pool.submit(lambda: begin.wait() and span("first"))
        toy.logout()
        begin.set()
        pool.submit(span, "nobody")
    thread.join()


@program("nobody", "second", "first")
def test_a_thread_that_says_that_it_works_for_nobody_is_believed(span: Spans) -> None:
    def job() -> None:
        toy.logout()
        span("nobody")
        toy.login("second")
        span("second")

    toy.login("first")
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    span("first")
    toy.logout()


@program("first", "nobody", "second", "nobody")
def test_a_pool_s_job_that_logs_in_and_never_out_leaves_the_next_nothing(span: Spans) -> None:
    def job(caller: str) -> None:
        toy.login(caller)
        span(caller)

    with ThreadPoolExecutor(1) as pool:
        for caller in ("first", "second"):
            pool.submit(job, caller).result()
            pool.submit(span, "nobody").result()


@program(*["first"] * 2, *["second"] * 2, "nobody")
def test_logins_in_tasks_that_overlap(span: Spans) -> None:
    async def client(caller: str) -> None:
        toy.login(caller)
        span(caller)
        await asyncio.sleep(0)
        span(caller)
        toy.logout()

    async def main() -> None:
        await asyncio.gather(client("first"), client("second"))
        span("nobody")

    asyncio.run(main())


@program("first", "second", "first", "nobody")
def test_connections_that_nest_come_back(span: Spans) -> None:
    toy.login("first", "outer")
    span("first")
    toy.login("second", "inner")
    span("second")
    toy.logout("inner")
    span("first")
    toy.logout("outer")
    span("nobody")


@program("first", "second", "second", "nobody")
def test_connections_that_overlap_end_each_its_own(span: Spans) -> None:
    toy.login("first", "one")
    span("first")
    toy.login("second", "two")
    span("second")
    toy.logout("one")
    span("second")
    toy.logout("two")
    span("nobody")


@program("first", "nobody", "nobody")
def test_a_login_of_nobody_or_of_a_bad_id_is_nobody_s(span: Spans) -> None:
    toy.login("first")
    span("first")
    toy.login("first@example.com")
    span("nobody")
    toy.login("first")
    toy.login(None)
    span("nobody")


@program("first", "second", "first")
def test_a_login_inside_a_run_is_explicit_and_the_run_comes_back(span: Spans) -> None:
    def work() -> None:
        span("first")
        toy.login("second")
        span("second")
        toy.logout()
        span("first")

    with called_by("first"):
        Work("s-1", owner="first").run(work)


@program("second", "first", "nobody")
def test_a_block_inside_a_login_comes_back_to_it(span: Spans) -> None:
    toy.login("first")
    with called_by("second"):
        span("second")
    span("first")
    toy.logout()
    span("nobody")


@program("first", "first")
def test_a_block_holds_however_many_callers_are_never_cleared(span: Spans) -> None:
    """No bound of ours may end somebody's work silently."""
    with called_by("first"), ThreadPoolExecutor(1) as pool:
        span("first")
        for number in range(12_000):
            pool.submit(toy.login, f"left-{number}", f"connection-{number}")
        pool.shutdown()
        span("first")


@program("nobody", "second")
def test_callers_that_are_never_cleared_are_nobody_s_next_work(span: Spans) -> None:
    def client(number: int) -> None:
        toy.login(f"left-{number}")

    with ThreadPoolExecutor(1) as pool:
        for number in range(50):
            pool.submit(client, number)
        pool.submit(span, "nobody").result()
        with called_by("second"):
            pool.submit(span, "second").result()


@program("first", "nobody")
def test_connections_that_overlap_for_ever_keep_nothing(span: Spans) -> None:
    """Each is opened before the one before is closed, so that their scopes make a chain without an end."""

    def kept() -> int:
        gc.collect()
        modules = (str(type(each).__module__) for each in gc.get_objects())
        return sum(module.startswith(("rvbbit_otel", "opentelemetry.context")) for module in modules)

    def overlap(begin: int, end: int) -> None:
        for number in range(begin, end):
            toy.login("first" if number % 2 else "second", f"c-{number}")
            toy.logout(f"c-{number - 1}")

    overlap(1, 200)
    before = kept()
    overlap(200, 5_200)
    assert kept() - before < 1_000
    span("first")
    toy.logout("c-5199")
    span("nobody")
