"""What a runner asks, and what it is handed, is what is known of the work that it does: never a guess."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Later, Work, toy

from rvbbit_otel import called_by


@program("first", "second", "nobody")
def test_a_runner_that_asks_is_told_whose_the_work_is(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        for caller in ("first", "second"):
            with called_by(caller):
                span.report(caller, pool.submit(toy.whose).result())
    with called_by("not good"):
        span.report("nobody", toy.whose())


@program("second", "first")
def test_a_runner_that_asks_inside_a_run_is_told_of_the_run(span: Spans) -> None:
    def work() -> None:
        Work("inner", owner="second").run_for("second", lambda: span.report("second", toy.whose()))
        span.report("first", toy.whose())

    with called_by("first"):
        Work("outer", owner="first").run(work)


@program("nobody", "nobody", "first")
def test_a_runner_that_asks_is_not_told_who_logged_in_elsewhere(span: Spans) -> None:
    """It would guess that: whoever logged in last."""
    thread = threading.Thread(target=toy.login, args=("second",))
    thread.start()
    thread.join()
    span.report("nobody", toy.whose())
    with called_by("first"):
        span.report("first", toy.whose())
    with called_by("not good"):
        span.report("nobody", toy.whose())


@program("first", "second", "nobody")
def test_a_runner_that_knew_its_caller_before_we_came_is_not_told_otherwise(span: Spans) -> None:
    """Where nobody is known to us, its own answer stands, unless it would say the same to anybody."""
    toy.known_here.user = "first"
    span.report("first", toy.whose())
    del toy.known_here.user
    toy.last_user = "second"
    span.report("nobody", toy.whose())
    with called_by("second"):
        span.report("second", toy.whose())


@program("second", "second", "first", "nobody")
def test_a_job_that_is_started_without_a_caller_is_handed_the_one_that_is_known(span: Spans) -> None:
    toy.open_session("s-1", user="first")
    with called_by("second"):
        span.report("second", toy.hand_over("a job"))
        span.report("second", toy.hand_over("a job", "second"))
        span.report("first", toy.hand_over("a job", session_id="s-1"))
    span.report("nobody", toy.hand_over("a job"))


@program("first", "second", "nobody")
def test_what_an_executor_of_the_runner_runs_later_is_whose_it_was(span: Spans) -> None:
    later = Later()
    for caller in ("first", "second"):
        with called_by(caller):
            later.put(lambda caller=caller: span(caller))
    later.put(lambda: span("nobody"))
    with called_by("second"):
        later.run()


@program("nobody", "second", "first")
def test_a_loop_that_the_runner_s_spec_names_is_nobody_s(span: Spans) -> None:
    def loop() -> None:
        span("nobody")
        toy.handle("second", lambda: span("second"))

    with called_by("first"):
        thread = threading.Thread(target=toy.loop, args=(loop,))
        thread.start()
        thread.join()
        span("first")


@program("chat first", "execute_tool second", "cell nobody", "log first")
def test_rows_outside_of_any_run_are_of_who_is_around(span: Spans) -> None:
    with called_by("first"):
        toy.complete("first")
        toy.note("first")
    with called_by("second"):
        toy.use_tool("second")
    toy.step("nobody", lambda: None)


@program("first", "second")
def test_what_a_tool_starts_in_the_background_is_its_caller_s(span: Spans) -> None:
    begin = threading.Event()
    threads: list[threading.Thread] = []

    def tool() -> None:
        threads.append(threading.Thread(target=lambda: begin.wait() and span("first")))
        threads[0].start()

    with called_by("first"):
        toy.use_tool("a-tool", tool)
    with called_by("second"):
        begin.set()
        threads[0].join()
        span("second")
