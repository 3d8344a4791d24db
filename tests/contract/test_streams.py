"""Streams of a runner: each step belongs to who opened the stream, whoever reads, closes or drops it; the reader stays whose it is."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by


def parts(span: Spans, caller: str) -> Callable[[], Iterator[int]]:
    def generate() -> Iterator[int]:
        try:
            span(caller)
            yield 1
            span(caller)
            yield 2
        finally:
            span(caller)

    return generate


def aparts(span: Spans, caller: str) -> Callable[[], AsyncGenerator[int, None]]:
    async def generate() -> AsyncGenerator[int, None]:
        try:
            span(caller)
            yield 1
            await asyncio.sleep(0)
            span(caller)
            yield 2
        finally:
            span(caller)

    return generate


def work(caller: str) -> Work:
    return Work(f"stream-of-{caller}", owner=caller)


@program(*["first"] * 3, *["second"] * 3, "nobody")
def test_the_reader_of_another_s_stream_stays_whose_it_is(span: Spans) -> None:
    with called_by("first"):
        stream = work("first").stream(parts(span, "first"))
        next(stream)
    with called_by("second"):
        for _ in stream:
            span("second")
        span("second")
        span("second")
    span("nobody")


@program(*["first"] * 3, *["second"] * 3, "nobody")
def test_two_streams_by_turns(span: Spans) -> None:
    streams = []
    for caller in ("first", "second"):
        with called_by(caller):
            streams.append(work(caller).stream(parts(span, caller)))
            next(streams[-1])
    for _ in zip(*streams, strict=True):
        pass
    span("nobody")


@program(*["first"] * 2, "second")
def test_a_stream_that_another_closes(span: Spans) -> None:
    with called_by("first"):
        stream = work("first").stream(parts(span, "first"))
        next(stream)
    with called_by("second"):
        stream.close()
        span("second")


@program(*["first"] * 2, "second")
def test_a_stream_that_is_dropped_in_another_s_block(span: Spans) -> None:
    streams: list[Any] = []
    with called_by("first"):
        streams.append(work("first").stream(parts(span, "first")))
        next(streams[0])
    with called_by("second"):
        streams.clear()
        gc.collect()
        span("second")


@program(*["first"] * 2, "second")
def test_a_stream_in_a_cycle_that_the_collector_finds_in_another_s_block(span: Spans) -> None:
    def begin() -> None:
        with called_by("first"):
            stream = work("first").stream(parts(span, "first"))
            next(stream)
        cycle: list[Any] = [stream]
        cycle.append(cycle)

    begin()
    with called_by("second"):
        gc.collect()
        span("second")


@program(*["first"] * 2, "second")
def test_a_stream_object_in_a_cycle_that_the_collector_finds_in_another_s_block(span: Spans) -> None:
    def begin() -> None:
        with called_by("first"):
            stream = work("first").opened(parts(span, "first"))
            next(stream)
        cycle: list[Any] = [stream]
        cycle.append(cycle)

    begin()
    with called_by("second"):
        gc.collect()
        span("second")


@program(*["first"] * 2, "second")
def test_a_stream_into_which_another_throws(span: Spans) -> None:
    with called_by("first"):
        stream = work("first").stream(parts(span, "first"))
        next(stream)
    with called_by("second"):
        try:
            stream.throw(ValueError())
        except ValueError:
            span("second")


@program(*["first"] * 3, "second", "nobody")
def test_a_stream_that_another_thread_reads(span: Spans) -> None:
    with called_by("first"):
        stream = work("first").stream(parts(span, "first"))
        next(stream)

    def read() -> None:
        with called_by("second"):
            list(stream)
            span("second")
        span("nobody")

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()


@program(*["first"] * 3, *["second"] * 2)
def test_threads_that_the_reader_starts_in_between_are_the_reader_s(span: Spans) -> None:
    with called_by("first"):
        stream = work("first").stream(parts(span, "first"))
        next(stream)
    with ThreadPoolExecutor(1) as pool, called_by("second"):
        for _ in stream:
            pool.submit(span, "second").result()
        thread = threading.Thread(target=span, args=("second",))
        thread.start()
        thread.join()


@program(*["first"] * 3, "second", "nobody")
def test_a_generator_that_a_plain_function_returns(span: Spans) -> None:
    with called_by("first"):
        stream = work("first").generator(parts(span, "first"))
        next(stream)
    with called_by("second"):
        list(stream)
        span("second")
    span("nobody")


@program(*["first"] * 3, "second", "nobody")
def test_a_stream_object_that_a_plain_function_returns(span: Spans) -> None:
    with called_by("first"):
        stream = work("first").opened(parts(span, "first"))
        next(stream)
    with called_by("second"):
        list(stream)
        span("second")
    span("nobody")


@program(*["first"] * 2, "second", "nobody")
def test_a_stream_object_that_another_closes_by_a_block(span: Spans) -> None:
    with called_by("first"):
        stream = work("first").opened(parts(span, "first"))
        next(stream)
    with called_by("second"), stream:
        span("second")
    span("nobody")


@program(*["first"] * 3, "second", "nobody")
def test_an_asynchronous_stream_object_that_a_plain_function_returns(span: Spans) -> None:
    async def main() -> None:
        with called_by("first"):
            stream = work("first").aopened(aparts(span, "first"))
            await stream.__anext__()
        with called_by("second"):
            async for _ in stream:
                pass
            span("second")
        span("nobody")

    asyncio.run(main())


@program(*["first"] * 3, *["second"] * 3, "nobody")
def test_two_asynchronous_streams_by_turns_in_one_task(span: Spans) -> None:
    async def main() -> None:
        streams: list[Any] = []
        for caller in ("first", "second"):
            with called_by(caller):
                streams.append(work(caller).astream(aparts(span, caller)))
                await streams[-1].__anext__()
        for stream in streams:
            await stream.__anext__()
        span("nobody")
        for stream in streams:
            await stream.aclose()

    asyncio.run(main())


@program(*["first"] * 2, "second")
def test_an_asynchronous_stream_that_another_task_closes(span: Spans) -> None:
    async def main() -> None:
        with called_by("first"):
            stream: Any = work("first").astream(aparts(span, "first"))
            await stream.__anext__()
        with called_by("second"):
            await asyncio.create_task(stream.aclose())
            span("second")

    asyncio.run(main())


@program(*["first"] * 3, "nobody", "chat first")
def test_a_model_s_answer_that_streams_from_a_generator_function(span: Spans) -> None:
    with called_by("first"):
        stream = toy.complete_by_parts("first", parts(span, "first"))
        next(stream)
    list(stream)
    span("nobody")


@program(*["first"] * 3, "second", "nobody", "chat first")
def test_a_model_s_answer_that_streams_from_an_iterator(span: Spans) -> None:
    with called_by("first"):
        stream = toy.complete_to_iterator("first", parts(span, "first"))
        next(stream)
    with called_by("second"):
        list(stream)
        span("second")
    span("nobody")


@program(*["first"] * 3, *["second"] * 4, "chat first", "chat second")
def test_models_answers_that_stream_from_objects_by_turns(span: Spans) -> None:
    streams = []
    for caller in ("first", "second"):
        with called_by(caller):
            streams.append(toy.complete_to_stream(caller, parts(span, caller)))
            next(streams[-1])
    with called_by("second"):
        for stream in streams:
            list(stream)
        span("second")


@program("first", "first", "first", "chat first")
def test_a_stream_that_is_made_in_a_block_and_begun_after_it(span: Spans) -> None:
    with called_by("first"):
        stream = toy.complete_by_parts("first", parts(span, "first"))
    with called_by("second"):
        list(stream)


@program(*["first"] * 3, "second", "log first")
def test_a_stream_within_a_session_keeps_that_session(span: Spans) -> None:
    def generate() -> Iterator[int]:
        for each in parts(span, "first")():
            if each == 2:
                toy.note("first")
            yield each

    with called_by("first"):
        stream = work("first").stream(generate)
        next(stream)
    with called_by("second"):
        Work("other", owner="second").run(lambda: (list(stream), span("second")))
