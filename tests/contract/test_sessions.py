"""Work of a session belongs to the run that it is in. An id that comes again is another run; what is forgotten is not guessed."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by


def run(span: Spans, session_id: str, caller: str) -> None:
    Work(session_id, owner=caller).run(span, caller)


@program("first", "second", "first")
def test_an_id_that_comes_again_at_once_is_another_run(span: Spans) -> None:
    for caller in ("first", "second", "first"):
        with called_by(caller):
            run(span, "chat-7", caller)


@program("first", "nobody", "second")
def test_an_id_that_comes_again_for_nobody_is_nobody_s(span: Spans) -> None:
    with called_by("first"):
        run(span, "chat-7", "first")
    run(span, "chat-7", "nobody")
    with called_by("second"):
        run(span, "chat-7", "second")


@program(*["first"] * 3, *["second"] * 3)
def test_one_id_of_two_callers_at_once_is_two_runs(span: Spans) -> None:
    both = threading.Barrier(2)

    def client(caller: str) -> None:
        def work() -> None:
            for _ in range(3):
                both.wait()
                span(caller)

        with called_by(caller):
            Work("chat-7", owner=caller).run(work)

    threads = [threading.Thread(target=client, args=(caller,)) for caller in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@program(*["first"] * 2, *["second"] * 2, "log first", "log second")
def test_one_id_of_two_callers_whose_runs_overlap_in_one_loop(span: Spans) -> None:
    async def work(caller: str) -> None:
        span(caller)
        await asyncio.sleep(0)
        toy.note(caller)
        await asyncio.sleep(0)
        span(caller)

    async def client(caller: str) -> None:
        with called_by(caller):
            await Work("chat-7", owner=caller).arun(work, caller)

    async def main() -> None:
        await asyncio.gather(client("first"), client("second"))

    asyncio.run(main())


@program("first", "second", "first")
def test_a_run_goes_on_while_its_id_is_begun_and_ended_by_another(span: Spans) -> None:
    def second() -> None:
        with called_by("second"):
            run(span, "chat-7", "second")

    def work() -> None:
        span("first")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        span("first")

    with called_by("first"):
        Work("chat-7", owner="first").run(work)


@program("first", "first", "second")
def test_a_span_that_is_open_while_its_id_comes_again_keeps_what_it_had(span: Spans) -> None:
    opened = []
    with called_by("first"):
        Work("chat-7", owner="first").run(lambda: opened.append(span.start("first")))
        Work("chat-7", owner="first").run(lambda: opened.append(span.start("first")))
    with called_by("second"):
        run(span, "chat-7", "second")
    for each in opened:
        each.set_attribute("late", "yes")
        each.end()


@program("second", "first")
def test_a_run_whose_parent_is_another_s_belongs_to_who_runs_it(span: Spans) -> None:
    with called_by("first"):
        run(span, "run-1", "first")
    with called_by("second"):
        Work("run-2", parent="run-1", owner="second").run(span, "second")


@program("first", "first?")
def test_a_run_that_nobody_around_claims_is_its_parent_s_or_nobody_s(span: Spans) -> None:
    with called_by("first"):
        toy.open_session("parent", owner="first")
        span("first")
    Work("child", parent="parent").run(span, "first?")


@program("second", "first", "first")
def test_a_run_inside_another_s_run_belongs_to_who_is_named_for_it(span: Spans) -> None:
    def outer() -> None:
        span("first")
        Work("inner", owner="second").run_for("second", span, "second")
        span("first")

    with called_by("first"):
        Work("outer", owner="first").run(outer)


@program("first", "second", "log second")
def test_a_claim_of_a_session_beats_an_older_claim(span: Spans) -> None:
    with called_by("first"):
        toy.open_session("shared", user="first")
        span("first")
    Work("shared", owner="second").run_for("second", lambda: (span("second"), toy.note("second")))


@program("first", "first", "log first")
def test_a_session_is_known_on_a_thread_that_nobody_s_work_started(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        toy.open_session("named", user="first", owner="first")
        pool.submit(span, "first", {"session.id": "named"}).result()
        pool.submit(toy.note, "first", "named").result()
        with called_by("second"):
            pool.submit(span, "first", {"session.id": "named"}).result()


@program("first?", "second", max_sessions=4)
def test_a_session_that_was_forgotten_is_not_who_is_around(span: Spans) -> None:
    with called_by("first"):
        toy.open_session("kept", owner="first")
        for number in range(8):  # More than are kept.
            toy.open_session(f"more-{number}")
    with called_by("second"):
        span("first?", {"session.id": "kept"})
        span("second")


@program("first?", "log first?", "second", session_ttl=0.0)
def test_a_session_that_has_expired_is_not_who_is_around(span: Spans) -> None:
    with called_by("first"):
        toy.open_session("over", owner="first")
        toy.close_session("over")
        for number in range(20):  # A few are expired with each call.
            toy.open_session(f"more-{number}")
    with called_by("second"):
        span("first?", {"session.id": "over"})
        toy.note("first?", "over")
        span("second")


@program("second", "first?", max_sessions=4)
def test_a_forgotten_id_that_is_run_again_is_who_runs_it(span: Spans) -> None:
    with called_by("first"):
        toy.open_session("kept", owner="first")
        for number in range(8):
            toy.open_session(f"more-{number}")
    with called_by("second"):
        run(span, "kept", "second")
    span("first?", {"session.id": "more-0"})


@program("second")
def test_a_session_that_was_never_known_is_work_of_who_is_around(span: Spans) -> None:
    with called_by("second"):
        span("second", {"session.id": "of-somebody-s-own"})


@program("nobody", "nobody", "first")
def test_a_bad_id_inside_a_session_is_nobody_s_work(span: Spans) -> None:
    def work() -> None:
        with called_by("second@example.com"):
            span("nobody")
        toy.login("no good id")
        span("nobody")
        toy.logout()

    with called_by("first"):
        Work("s-1", owner="first").run(work)
        span("first")


@program("nobody", "log nobody", "first")
def test_a_run_for_a_bad_id_is_nobody_s_work_inside_a_block(span: Spans) -> None:
    with called_by("first"):
        Work("s-1", owner="nobody").run_for("second@example.com", lambda: (span("nobody"), toy.note("nobody")))
        span("first")


@program("nobody", "second", "first")
def test_a_bad_id_in_a_block_in_a_block_is_nobody_s_work(span: Spans) -> None:
    with called_by("first"):
        with called_by("not good"):
            span("nobody")
            with called_by("second"):
                span("second")
        span("first")


@program("second", "second", "first")
def test_a_block_inside_a_run_beats_the_run(span: Spans) -> None:
    def work() -> None:
        with called_by("second"):
            span("second")
            threading.Thread(target=span, args=("second",)).run()
        span("first")

    with called_by("first"):
        Work("s-1", owner="first").run(work)


@program("second", "first", "log second")
def test_a_request_inside_a_run_beats_the_run(span: Spans) -> None:
    def work() -> None:
        toy.handle("second", lambda: (span("second"), toy.note("second")))
        span("first")

    with called_by("first"):
        Work("s-1", owner="first").run(work)


@program("second", "second", "first")
def test_a_request_inside_a_block_beats_the_block(span: Spans) -> None:
    def work() -> None:
        span("second")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(span, "second")

    with called_by("first"):
        toy.handle("second", work)
        span("first")


@program("second", "first", "first")
def test_a_request_inside_a_request_beats_it(span: Spans) -> None:
    def work() -> None:
        toy.handle("second", lambda: span("second"))
        toy.handle(None, lambda: span("first"))
        span("first")

    toy.handle("first", work)


@program("second", "nobody", "first")
def test_a_caller_named_as_a_span_starts_beats_all_and_a_bad_one_is_nobody(span: Spans) -> None:
    def work() -> None:
        span("second", {"rvbbit.caller.id": "second"})
        span("nobody", {"rvbbit.caller.id": "not good"})
        span("first")

    with called_by("first"):
        Work("s-1", owner="first").run(work)


@program("second", "second", "second")
def test_a_caller_that_is_set_after_the_start_wins(span: Spans) -> None:
    def work() -> None:
        late = span.start("second")
        late.set_attribute("rvbbit.caller.id", "second")
        late.end()

    work()
    with called_by("first"):
        work()
        Work("s-1", owner="first").run(work)


@program("first", "second")
def test_a_session_that_is_named_late_sets_right_what_was_unknown(span: Spans) -> None:
    toy.open_session("s-1", user="first")
    late = span.start("first")
    late.set_attribute("session.id", "s-1")
    late.end()
    with called_by("second"):
        late = span.start("second")
        late.set_attribute("session.id", "s-1")
        late.end()


@program("first", "second", "first?", "log first")
def test_a_session_that_is_looked_up_after_its_end_stays_what_it_was(span: Spans) -> None:
    with called_by("first"):
        run(span, "s-1", "first")
        toy.open_session("s-1")
        toy.note("first", "s-1")
    with called_by("second"):
        span("second")
        span("first?", {"session.id": "s-1"})


@program("first", "second", "log second")
def test_a_session_that_another_opens_after_its_end_is_another_s_run(span: Spans) -> None:
    with called_by("first"):
        run(span, "s-1", "first")
    with called_by("second"):
        toy.open_session("s-1", user="second")
        span("second")
        toy.note("second", "s-1")


@program("log first", "log first?", "second")
def test_a_late_row_of_a_session_is_not_who_writes_it(span: Spans) -> None:
    with called_by("first"):
        Work("s-1", owner="first").run(toy.note, "first")
    with called_by("second"):
        toy.note("first?", "s-1")
        span("second")


@program("first", "second", "log first?", "log second")
def test_a_row_written_from_outside_while_an_id_has_come_again(span: Spans) -> None:
    """Which of two runs it is of can't be told once they share an id; inside a run it can."""
    with called_by("first"):
        run(span, "chat-7", "first")

    def work() -> None:
        span("second")
        toy.note("second", "chat-7")

    with called_by("second"):
        Work("chat-7", owner="second").run(work)
    with called_by("first"):
        toy.open_session("chat-7", user="first")
        toy.note("first?", "chat-7")


@program("cell first", "execute_tool first", "chat first", "first", "log first")
def test_steps_tools_models_and_rows_inside_a_run_are_the_run_s(span: Spans) -> None:
    def work() -> None:
        toy.step("first", lambda: toy.use_tool("first", lambda: toy.complete("first")))
        toy.note("first")
        toy.set_status("s-1", "running well")
        toy.beat("s-1")
        span("first")

    with called_by("first"):
        work_of = Work("s-1", owner="first")
    with called_by("first"):
        work_of.run(work)
    toy.set_status("s-1", "archived")


@program("log first", "second", "second")
def test_statuses_of_one_caller_s_session_told_by_another(span: Spans) -> None:
    toy.open_session("s-1", user="first", owner="first")
    with called_by("second"):
        toy.set_status("s-1", "running")
        toy.note("first", "s-1")
        span("second")
        toy.close_session("s-1")
        span("second")


@program("first", "second", "nobody")
def test_what_a_run_starts_goes_on_as_its_own_after_the_run_and_after_its_id_came_again(span: Spans) -> None:
    begin = threading.Event()
    threads: list[threading.Thread] = []

    def work() -> None:
        threads.append(threading.Thread(target=lambda: begin.wait() and span("first")))
        threads[0].start()

    with called_by("first"):
        Work("chat-7", owner="first").run(work)
    with called_by("second"):
        run(span, "chat-7", "second")
        begin.set()
        threads[0].join()
    span("nobody")


@program("first", "nobody", "second")
def test_what_runs_after_a_run_on_its_thread_is_not_the_run_s(span: Spans) -> None:
    Work("s-1", owner="first").run_for("first", span, "first")
    span("nobody")
    with called_by("second"):
        span("second")


@program("first", "first", "second")
def test_a_run_that_is_begun_again_within_itself(span: Spans) -> None:
    """Some runners have several ways in, one calling the other."""
    inner = Work("s-1", owner="first")

    def work() -> None:
        inner.run(span, "first")
        span("first")

    with called_by("first"):
        inner.run(work)
    with called_by("second"):
        span("second")


@program("first", "second", "first")
def test_runs_in_one_pool_by_turns(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        for caller in ("first", "second", "first"):
            with called_by(caller):
                pool.submit(run, span, "chat-7", caller).result()


@program("first", "nobody")
def test_a_run_that_fails_leaves_nothing_behind(span: Spans) -> None:
    def work() -> None:
        span("first")
        raise ValueError

    try:
        Work("s-1", owner="first").run_for("first", work)
    except ValueError:
        gc.collect()
    span("nobody")


@program("nobody", "nobody", "first", "log nobody")
def test_who_only_looks_up_a_running_session_of_nobodys_does_not_get_its_rows(span: Spans) -> None:
    looked_up = threading.Event()
    looking = threading.Event()

    def work() -> None:
        span("nobody")
        looking.set()
        looked_up.wait()
        span("nobody")
        toy.note("nobody", "chat-7")

    thread = threading.Thread(target=lambda: Work("chat-7", owner="nobody").run(work))
    thread.start()
    looking.wait()
    with called_by("first"):
        toy.open_session("chat-7", owner="nobody")
        span("first")
    looked_up.set()
    thread.join()


@program("log second?", "log second", "second")
def test_a_run_of_nobodys_that_is_claimed_is_the_claimants_as_a_whole(span: Spans) -> None:
    toy.open_session("chat-7", owner="second")
    toy.note("second?", "chat-7")
    with called_by("first"):
        toy.open_session("chat-7", user="second", owner="second")
    toy.note("second", "chat-7")
    span("second", {"session.id": "chat-7"})


@program("first", "first?", "second")
def test_a_worker_that_outlives_its_run_and_names_the_id_that_has_begun_anew(span: Spans) -> None:
    jobs: queue.Queue[str] = queue.Queue()

    def worker() -> None:
        span("first")
        # It may be of either run of the session, and of neither.
        span(jobs.get(), {"session.id": "chat-7"})

    threads = []
    with called_by("first"):
        Work("chat-7", owner="first").run(lambda: threads.append(started(worker)))
        jobs.put("first?")
    with called_by("second"):
        Work("chat-7", owner="second").run(lambda: (threads[0].join(), span("second")))


def started(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread
