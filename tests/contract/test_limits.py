"""The SDK's limits cut and evict attributes; whose a span is survives that, and two callers never become one."""

from __future__ import annotations

import threading

from opentelemetry.sdk.trace import SpanLimits
from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by

LONG = "a-caller-whose-id-is-long-"
ONE, TWO = LONG + "one", LONG + "two"


def work(span: Spans, caller: str) -> None:
    """A span that gets more attributes than it may keep."""
    crowded = span.start(caller, {f"at-start-{number}": "x" * 40 for number in range(4)})
    for number in range(8):
        crowded.set_attribute(f"later-{number}", "y" * 40)
    crowded.end()


def both(span: Spans) -> None:
    for caller in (ONE, TWO):
        with called_by(caller):
            work(span, caller)
            Work(f"a-session-whose-id-is-long-of-{caller}").run(work, span, caller)
    work(span, "nobody")


@program(*[ONE] * 2, *[TWO] * 2, "nobody", limits=SpanLimits(max_span_attributes=1))
def test_one_attribute_a_span(span: Spans) -> None:
    both(span)


@program(*[ONE] * 2, *[TWO] * 2, "nobody", limits=SpanLimits(max_span_attributes=4))
def test_four_attributes_a_span(span: Spans) -> None:
    both(span)


@program(*[ONE] * 2, *[TWO] * 2, "nobody", limits=SpanLimits(max_attribute_length=4))
def test_four_characters_a_value(span: Spans) -> None:
    both(span)


@program(*[ONE] * 2, *[TWO] * 2, "nobody", limits=SpanLimits(max_attribute_length=1, max_span_attributes=2))
def test_one_character_a_value_and_two_attributes_a_span(span: Spans) -> None:
    both(span)


@program("log " + ONE, "log " + TWO, limits=SpanLimits(max_attribute_length=8))
def test_rows_of_sessions_whose_ids_begin_alike_where_values_are_cut(span: Spans) -> None:
    for caller in (ONE, TWO):
        toy.open_session(f"session-of-{caller}", user=caller)
    for caller in (ONE, TWO):
        toy.note(caller, f"session-of-{caller}")


@program(ONE + "?", TWO + "?", limits=SpanLimits(max_attribute_length=8))
def test_spans_that_name_sessions_whose_ids_begin_alike_where_values_are_cut(span: Spans) -> None:
    for caller in (ONE, TWO):
        toy.open_session(f"session-of-{caller}", user=caller)
    for caller in (ONE, TWO):
        span(caller + "?", {"session.id": f"session-of-{caller}"})


@program(ONE + "?", TWO + "?", limits=SpanLimits(max_attribute_length=8))
def test_callers_that_spans_name_where_values_are_cut(span: Spans) -> None:
    for caller in (ONE, TWO):
        span(caller + "?", {"rvbbit.caller.id": caller})


@program(ONE, TWO, limits=SpanLimits(max_span_attributes=2))
def test_callers_that_spans_name_where_they_are_evicted(span: Spans) -> None:
    for caller in (ONE, TWO):
        with called_by("first"):
            named = span.start(caller, {"rvbbit.caller.id": caller})
            for number in range(4):
                named.set_attribute(f"later-{number}", "y")
            named.end()


@program(ONE + "?", TWO + "?", limits=SpanLimits(max_attribute_length=8))
def test_callers_that_are_set_late_where_values_are_cut(span: Spans) -> None:
    for caller in (ONE, TWO):
        late = span.start(caller + "?")
        late.set_attribute("rvbbit.caller.id", caller)
        late.end()


@program(*["first"] * 2, "second", limits=SpanLimits(max_span_attributes=3))
def test_an_evicted_stamp_comes_back_as_it_was_though_its_session_came_again(span: Spans) -> None:
    opened = []
    with called_by("first"):
        work(span, "first")
        Work("chat-7", owner="first").run(lambda: opened.append(span.start("first")))
    with called_by("second"):
        Work("chat-7", owner="second").run(work, span, "second")
    for number in range(8):
        opened[0].set_attribute(f"later-{number}", "y")
    opened[0].end()


@program(*["first"] * 4, *["second"] * 4, limits=SpanLimits(max_span_attributes=2, max_attribute_length=6))
def test_threads_of_two_callers_under_limits(span: Spans) -> None:
    threads = []
    for caller in ("first", "second"):
        with called_by(caller):
            threads += [threading.Thread(target=work, args=(span, caller)) for _ in range(4)]
            for thread in threads[-4:]:
                thread.start()
    for thread in threads:
        thread.join()


@program("x" * 128, "y" * 128)
def test_the_longest_ids_there_are(span: Spans) -> None:
    for caller in ("x" * 128, "y" * 128):
        with called_by(caller):
            span(caller)
