"""A context that a program keeps, and hands to a span later: it says whose that is as long as it holds, and after that what was around."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from opentelemetry.context import Context, attach, detach, get_current
from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


def under(spans: Spans, context: Context, marker: str) -> None:
    spans.tracer.start_span(marker, context=context).end()


def inside(caller: str, kept: list[Context]) -> None:
    with called_by(caller):
        kept.append(get_current())


@program("first", "nobody", "nobody")
def test_one_of_a_block_that_is_over_says_nothing(spans: Spans) -> None:
    kept: list[Context] = []
    with called_by("first"):
        kept.append(get_current())
        under(spans, kept[0], "first")
    under(spans, kept[0], "nobody")
    token = attach(kept[0])
    spans("nobody")
    detach(token)


@program("first", "first", "second")
def test_one_of_an_inner_block_that_is_over_says_whose_the_outer_is(spans: Spans) -> None:
    kept: list[Context] = []
    with called_by("first"):
        inside("second", kept)
        under(spans, kept[0], "first")
        with called_by("second"):
            under(spans, kept[0], "first")
            spans("second")


@program("nobody", "third", "third")
def test_one_from_inside_of_a_generator_s_block_says_nothing_of_it_while_that_is_suspended(spans: Spans) -> None:
    kept: list[Context] = []

    def steps() -> Iterator[None]:
        with called_by("first"):
            inside("second", kept)
            yield

    suspended = steps()
    next(suspended)
    under(spans, kept[0], "nobody")
    with called_by("third"):
        another = steps()
        next(another)
        under(spans, kept[1], "third")
        next(another, None)
        under(spans, kept[1], "third")
    next(suspended, None)


@program("second", "first~", "nobody")
def test_one_of_a_job_says_whose_the_job_is_to_a_thread_that_is_somebody_else_s(spans: Spans) -> None:
    kept: list[Context] = []
    with called_by("first"):
        thread = threading.Thread(target=lambda: kept.append(get_current()))
        thread.start()
        thread.join()
    with called_by("second"):
        spans("second")
        under(spans, kept[0], "first~")
    spans("nobody")


def a_moment() -> None:
    until = time.monotonic() + 0.001
    while time.monotonic() < until:
        time.sleep(0.001)


@program("first", "second", "first", "first")
def test_one_of_a_block_that_is_over_in_a_job_that_has_waited_says_whose_the_job_is(spans: Spans) -> None:
    kept: list[Context] = []

    def job() -> None:
        a_moment()
        spans("first")
        with called_by("second"):
            kept.append(get_current())
            spans("second")
        under(spans, kept[0], "first")
        spans("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()
