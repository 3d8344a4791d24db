"""A row says how its caller is known, that two answers differed, and whom a worker that is nobody's inherited from."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by

SOURCE = "rvbbit.caller.source"
CONFLICT = "rvbbit.caller.conflict"
CANDIDATE = "rvbbit.caller.candidate"


def said(span: Spans, name: str, attribute: str) -> list[Any]:
    """Of each span of this name, as it left."""
    return [row.get(attribute) for row in span.rows(name)]


@program("nobody", "first")
def test_a_worker_that_is_nobody_s_names_whom_it_inherited_from(span: Spans) -> None:
    items: queue.SimpleQueue[str] = queue.SimpleQueue()

    def work() -> None:
        span(items.get())

    with called_by("first"):
        worker = threading.Thread(target=work)
        worker.start()
    items.put("nobody")
    worker.join()
    with called_by("first"):
        span("first")
    assert said(span, "nobody", CANDIDATE) == ["first"]
    assert said(span, "first", CANDIDATE) == [None]


@program("nobody")
def test_nobody_s_work_says_that_and_no_more(span: Spans) -> None:
    span("nobody")
    (row,) = span.rows("nobody")
    assert {key: value for key, value in row.items() if key.startswith("rvbbit.")} == {SOURCE: "none"}


@program("first", "first")
def test_what_is_inherited_after_the_block_has_ended_is_of_a_weak_source(span: Spans) -> None:
    begin, over = threading.Event(), threading.Event()

    def job() -> None:
        span("first")
        begin.set()
        over.wait()
        span("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
        begin.wait()
    over.set()
    thread.join()
    while_open, after = said(span, "first", SOURCE)
    assert while_open not in ("inherited", "none")
    assert after == "inherited"


@program("nobody", session_ttl=0.05)
def test_what_is_inherited_is_not_trusted_for_ever(span: Spans) -> None:
    over = threading.Event()

    def job() -> None:
        over.wait()
        time.sleep(0.2)
        span("nobody")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    over.set()
    thread.join()
    assert said(span, "nobody", CANDIDATE) == ["first"]


@program("first", session_ttl=0.05)
def test_what_is_inherited_is_trusted_as_long_as_the_block_is_open(span: Spans) -> None:
    def job() -> None:
        time.sleep(0.2)
        span("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()


@program("second", "second")
def test_a_caller_named_on_a_span_says_whom_it_goes_before(span: Spans) -> None:
    with called_by("first"):
        span("second", {"rvbbit.caller.id": "second"})
        Work("s-1", owner="first").run(span, "second", {"rvbbit.caller.id": "second"})
    assert said(span, "second", SOURCE) == ["explicit"] * 2
    assert said(span, "second", CONFLICT) == ["first"] * 2


@program("second", "second")
def test_a_caller_set_after_the_start_is_explicit(span: Spans) -> None:
    for block in (None, "first"):
        if block is None:
            late = span.start("second")
        else:
            with called_by(block):
                late = span.start("second")
        late.set_attribute("rvbbit.caller.id", "second")
        late.end()
    assert said(span, "second", SOURCE) == ["explicit"] * 2


@program("second", "log second", "second")
def test_a_block_inside_another_s_run_says_so_on_every_row(span: Spans) -> None:
    def work() -> None:
        with called_by("second"):
            span("second")
            toy.note("second")
            span("second")

    with called_by("first"):
        Work("s-1", owner="first").run(work)
    assert said(span, "second", CONFLICT) == ["first"] * 2
    assert said(span, "log second", CONFLICT) == ["first"]


@program("second", "log second")
def test_a_run_for_another_inside_a_block_says_so_on_every_row(span: Spans) -> None:
    with called_by("first"):
        Work("s-1", owner="second").run_for("second", lambda: (span("second"), toy.note("second")))
    assert said(span, "second", CONFLICT) == ["first"]
    assert said(span, "log second", CONFLICT) == ["first"]


@program("log first")
def test_a_row_of_a_session_that_is_written_in_another_s_block_says_so(span: Spans) -> None:
    toy.open_session("s-1", user="first")
    with called_by("second"):
        toy.note("first", "s-1")
    assert said(span, "log first", CONFLICT) == ["second"]


@program("first")
def test_a_session_that_is_named_late_is_a_repair(span: Spans) -> None:
    toy.open_session("s-1", user="first")
    late = span.start("first")
    late.set_attribute("session.id", "s-1")
    late.end()
    assert said(span, "first", SOURCE) == ["repair"]


@program("first", "first")
def test_where_all_agree_no_row_says_otherwise(span: Spans) -> None:
    with called_by("first"):
        span("first")
        Work("s-1", owner="first").run(span, "first")
    assert said(span, "first", CONFLICT) == [None] * 2
    assert said(span, "first", CANDIDATE) == [None] * 2
