"""Where two answers say the same caller, no row says that they differ; an id is the same by its text, whatever object holds it."""

from __future__ import annotations

import threading

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work

from rvbbit_otel import called_by

CONFLICT = "rvbbit.caller.conflict"


def again(text: str) -> str:
    """The same text, as it comes by a request: another object."""
    return "".join(list(text))


def conflicts(spans: Spans, name: str) -> list[object]:
    return [row.get(CONFLICT) for row in spans.rows(name)]


@program("first", "first")
def test_a_block_of_the_same_caller_inside_a_run(spans: Spans) -> None:
    def work() -> None:
        spans("first")
        with called_by(again("first")):
            spans("first")

    with called_by("first"):
        Work("chat-7", owner="first").run(work)
    assert conflicts(spans, "first") == [None, None]


@program("first", "first")
def test_a_span_that_names_the_caller_that_is_around_or_its_run_s(spans: Spans) -> None:
    stated = {"rvbbit.caller.id": again("first")}
    with called_by("first"):
        spans("first", stated)
        Work("chat-7", owner=again("first")).run(spans, "first", {**stated, "session.id": again("chat-7")})
    assert conflicts(spans, "first") == [None, None]


@program("first", "first")
def test_a_row_that_names_a_run_of_the_caller_that_is_around(spans: Spans) -> None:
    with called_by(again("first")):
        Work("chat-7", owner=again("first")).run(spans, "first")
    with called_by(again("first")):
        spans("first", {"session.id": again("chat-7")})
    assert conflicts(spans, "first") == [None, None]


@program("second", "second", "first")
def test_callers_that_differ_are_both_on_the_row(spans: Spans) -> None:
    def work() -> None:
        with called_by("second"):
            spans("second")
        spans("second", {"rvbbit.caller.id": "second"})

    with called_by("first"):
        Work("chat-7", owner="first").run(work)
        spans("first")
    assert conflicts(spans, "second") == ["first", "first"]
    assert conflicts(spans, "first") == [None]


@program("nobody", "first", "nobody")
def test_a_block_that_another_thread_ends_leaves_nobody_s_and_not_what_was_around_it(spans: Spans) -> None:
    with called_by("first"):
        block = called_by("second")
        block.__enter__()
        ending = threading.Thread(target=block.__exit__, args=(None, None, None))
        ending.start()
        ending.join()
        spans("nobody")
        with called_by("first"):
            spans("first")
    spans("nobody")
    assert [row.get("rvbbit.caller.candidate") for row in spans.rows("nobody")] == ["second", None]
