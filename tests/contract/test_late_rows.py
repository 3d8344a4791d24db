"""Rows of nobody's that name a session, which somebody claims while they are open."""

from __future__ import annotations

import queue
import threading

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span
from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by


@program("nobody", "second")
def test_a_job_of_nobody_s_run_is_not_the_one_s_who_has_the_id_now(spans: Spans) -> None:
    begun_anew = threading.Event()
    jobs: list[threading.Thread] = []

    def job() -> None:
        begun_anew.wait()
        spans("nobody")

    def first_run() -> None:
        jobs.append(threading.Thread(target=job))
        jobs[0].start()

    def second_run() -> None:
        spans("second")
        begun_anew.set()
        jobs[0].join()

    Work("chat-7").run(first_run)
    with called_by("second"):
        Work("chat-7", owner="second").run(second_run)


@program("nobody", "second")
def test_a_row_of_a_job_that_left_a_run_is_the_one_s_who_claims_the_session_that_it_names(spans: Spans) -> None:
    items: queue.SimpleQueue[str] = queue.SimpleQueue()
    claimed: queue.SimpleQueue[None] = queue.SimpleQueue()
    open_now: queue.SimpleQueue[None] = queue.SimpleQueue()

    def job() -> None:
        spans(items.get())
        row = spans.start("second", {"session.id": "chat-7"})
        open_now.put(None)
        claimed.get()
        row.end()

    thread = threading.Thread(target=job)
    toy.open_session("chat-7")
    with called_by("first"):
        Work("chat-1", owner="first").run(thread.start)
    items.put("nobody")
    open_now.get()
    toy.open_session("chat-7", user="second", owner="second")
    claimed.put(None)
    thread.join()


@program("first", "first", "second")
def test_a_child_of_a_span_and_of_nothing_else_is_of_the_run_that_the_span_is_of(spans: Spans) -> None:
    """As libraries make them that have a context of their own, with the parent span in it."""
    parents: list[Span] = []
    with called_by("first"):
        Work("chat-7", owner="first").run(lambda: parents.append(spans.start("first")))

    def work() -> None:
        spans("second")
        spans.tracer.start_span("first", context=trace.set_span_in_context(parents[0], Context())).end()

    with called_by("second"):
        Work("chat-7", owner="second").run(work)
    parents[0].end()


@program("nobody", "nobody", "second", "third")
def test_a_row_of_a_job_that_left_a_run_is_the_one_s_whose_session_it_names(spans: Spans) -> None:
    items: queue.SimpleQueue[str] = queue.SimpleQueue()

    def job() -> None:
        spans(items.get())
        spans("second", {"session.id": "chat-1"})
        spans("third", {"session.id": "chat-9"})
        spans("nobody", {"session.id": "chat-5"})

    thread = threading.Thread(target=job)
    with called_by("first"):
        Work("chat-5", owner="first").run(thread.start)
    for session_id, caller in (("chat-1", "second"), ("chat-9", "third"), ("chat-5", "third")):
        toy.open_session(session_id, user=caller, owner=caller)
    items.put("nobody")
    thread.join()
    assert [row["rvbbit.caller.source"] for name in ("second", "third") for row in spans.rows(name)] == ["echo"] * 2


@program("first", "nobody", "second", "nobody")
def test_a_child_of_a_span_of_no_session_and_of_nothing_else_is_nobody_s(spans: Spans) -> None:
    with called_by("first"):
        block = spans.start("first")
    named = spans.start("second", {"rvbbit.caller.id": "second"})
    for parent in (block, named):
        spans.tracer.start_span("nobody", context=trace.set_span_in_context(parent, Context())).end()
        parent.end()


@pytest.mark.parametrize(("before", "now"), [("first", "second"), ("second", "first")])
def test_rows_of_a_run_that_the_runner_gives_to_another_name_both(before: str, now: str) -> None:
    @program(before, now)
    def claimed(spans: Spans) -> None:
        def work() -> None:
            spans(before)
            toy.open_session("chat-7", user=now)
            spans(now)

        with called_by(before):
            Work("chat-7", owner=before).run(work)
        assert [row["rvbbit.caller.conflict"] for row in spans.rows(now)] == [before]

    claimed()
