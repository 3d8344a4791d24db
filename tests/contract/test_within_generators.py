"""Another's work that goes on inside of a generator's block: a stream that is read there, a callback that runs there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work

from rvbbit_otel import called_by


@program("second", "second", "first", "first", "first", "nobody", "nobody")
def test_a_stream_of_another_that_is_read_there(spans: Spans) -> None:
    def parts() -> Iterator[int]:
        spans("second")
        yield 1
        spans("second")
        yield 2

    def steps(stream: Iterator[int]) -> Iterator[int]:
        with called_by("first"):
            for part in stream:
                spans("first")
                yield part
            spans("first")

    with called_by("second"):
        stream = Work("chat-7", owner="second").stream(parts)
    for _ in steps(stream):
        spans("nobody")


@program("second", "first", "first")
def test_a_callback_of_another_that_runs_there(spans: Spans) -> None:
    waiting: Future[None] = Future()
    with called_by("second"):
        waiting.add_done_callback(lambda _: spans("second"))

    def steps() -> Iterator[None]:
        with called_by("first"):
            spans("first")
            waiting.set_result(None)
            spans("first")
            yield

    next(steps())


@program("second", "first", "first", "first")
def test_a_run_of_another_that_begins_there(spans: Spans) -> None:
    def steps() -> Iterator[None]:
        with called_by("first"):
            spans("first")
            Work("chat-7").run_for("second", spans, "second")
            spans("first")
            yield
            spans("first")

    assert list(steps()) == [None]
