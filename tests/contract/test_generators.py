"""Each step of a generator runs as the caller it began with, whoever drives it, on whichever thread; its consumer is never touched."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by


def works(span: Spans, caller: str, steps: int = 2) -> Generator[int, Any, str]:
    """Says whose it is at each step, at its end, and when it is closed."""
    with called_by(caller):
        try:
            for step in range(steps):
                span(caller)
                yield step
        finally:
            span(caller)
    return caller


async def aworks(span: Spans, caller: str, steps: int = 2) -> AsyncGenerator[int, None]:
    with called_by(caller):
        try:
            for step in range(steps):
                span(caller)
                yield step
                await asyncio.sleep(0)
        finally:
            span(caller)


@program(*["first"] * 3, *["nobody"] * 3)
def test_its_consumer_is_nobody_s_between_the_steps_and_after(span: Spans) -> None:
    for _ in works(span, "first"):
        span("nobody")
    span("nobody")


@program(*["first"] * 3, *["second"] * 3)
def test_its_consumer_stays_the_second_s(span: Spans) -> None:
    with called_by("second"):
        for _ in works(span, "first"):
            span("second")
        span("second")


@program(*["first"] * 3, *["second"] * 3, "nobody")
def test_two_by_turns(span: Spans) -> None:
    one, two = works(span, "first"), works(span, "second")
    for _ in zip(one, two, strict=True):
        pass
    span("nobody")


@program(*["first"] * 3, *["second"] * 3, "nobody")
def test_two_that_end_in_the_order_they_began(span: Spans) -> None:
    one, two = works(span, "first"), works(span, "second")
    next(one)
    next(two)
    list(one)
    list(two)
    span("nobody")


@program("first", "first", "second", "nobody")
def test_one_that_is_closed_by_another(span: Spans) -> None:
    stream = works(span, "first")
    next(stream)
    with called_by("second"):
        stream.close()
        span("second")
    span("nobody")


@program("first", "first", "second", "nobody")
def test_one_that_is_left_early_and_collected_in_another_s_block(span: Spans) -> None:
    def left() -> None:
        for _ in works(span, "first"):
            break

    with called_by("second"):
        left()
        gc.collect()
        span("second")
    span("nobody")


@program("first", "first", "second")
def test_one_in_a_cycle_that_the_collector_finds_in_another_s_block(span: Spans) -> None:
    def begin() -> None:
        stream = works(span, "first")
        cycle: list[Any] = [stream]
        cycle.append(cycle)
        next(stream)

    begin()
    with called_by("second"):
        gc.collect()
        span("second")


@program("first", "first", "second")
def test_what_another_throws_in_is_handled_for_its_own_caller(span: Spans) -> None:
    def careful() -> Generator[int, None, None]:
        with called_by("first"):
            try:
                span("first")
                yield 1
            except ValueError:
                span("first")

    stream = careful()
    next(stream)
    with called_by("second"):
        try:
            stream.throw(ValueError())
        except StopIteration:
            span("second")


@program("first", "first", "second", "nobody")
def test_what_is_sent_in(span: Spans) -> None:
    def listens() -> Generator[None, str, None]:
        with called_by("first"):
            while True:
                span((yield))

    stream = listens()
    next(stream)
    with called_by("second"):
        stream.send("first")
        span("second")
    stream.send("first")
    span("nobody")
    stream.close()


@program(*["first"] * 3, "second", "nobody")
def test_one_that_another_thread_drives(span: Spans) -> None:
    def drive(stream: Iterator[int]) -> None:
        with called_by("second"):
            list(stream)
            span("second")

    stream = works(span, "first")
    next(stream)
    thread = threading.Thread(target=drive, args=(stream,))
    thread.start()
    thread.join()
    span("nobody")


@program(*["first"] * 4, "nobody", "nobody")
def test_one_whose_every_step_is_on_another_thread_of_a_pool(span: Spans) -> None:
    """As web frameworks do with a response that streams."""
    stream = works(span, "first", 3)
    with ThreadPoolExecutor(2) as pool:
        while pool.submit(next, stream, None).result() is not None:
            pass
        for _ in range(2):
            pool.submit(span, "nobody").result()


@program(*["first"] * 3, *["nobody"] * 2, *["second"] * 2)
def test_threads_that_the_consumer_starts_in_between_are_the_consumer_s(span: Spans) -> None:
    stream = works(span, "first")
    next(stream)
    nobody = [threading.Thread(target=span, args=("nobody",)) for _ in range(2)]
    nobody[0].start()
    with called_by("second"):
        thread = threading.Thread(target=span, args=("second",))
        thread.start()
        next(stream)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(span, "second")
    nobody[1].start()
    list(stream)
    for each in (*nobody, thread):
        each.join()


@program(*["first"] * 3)
def test_threads_that_a_step_starts_are_the_generator_s(span: Spans) -> None:
    def parts() -> Iterator[threading.Thread]:
        with called_by("first"), ThreadPoolExecutor(1) as pool:
            thread = threading.Thread(target=span, args=("first",))
            thread.start()
            yield thread
            pool.submit(span, "first")
            thread = threading.Thread(target=span, args=("first",))
            thread.start()
            yield thread

    with called_by("second"):
        for thread in parts():
            thread.join()


@program(*["first"] * 3, *["second"] * 2, "nobody")
def test_one_that_delegates(span: Spans) -> None:
    def outer() -> Generator[int, None, None]:
        with called_by("second"):
            span("second")
            assert (yield from works(span, "first")) == "first"
            span("second")

    list(outer())
    span("nobody")


@program(*["first"] * 2, *["second"] * 2, "nobody", "nobody")
def test_a_block_around_the_delegation(span: Spans) -> None:
    def plain(caller: str) -> Generator[int, None, None]:
        span(caller)
        yield 1
        span(caller)

    def outer(caller: str) -> Generator[int, None, None]:
        with called_by(caller):
            yield from plain(caller)

    for _ in zip(outer("first"), outer("second"), strict=True):
        span("nobody")
    span("nobody")


@program(*["first"] * 3, *["second"] * 3, "nobody")
def test_a_pipeline_of_generators_of_two_callers(span: Spans) -> None:
    def doubled(items: Iterable[int]) -> Iterator[int]:
        with called_by("second"):
            for item in items:
                span("second")
                yield 2 * item
            span("second")

    assert list(doubled(works(span, "first"))) == [0, 2]
    span("nobody")


@program(*["first"] * 2, "second", "second", "nobody")
def test_two_blocks_in_one_generator(span: Spans) -> None:
    def parts() -> Iterator[int]:
        with called_by("first"):
            yield 1
            span("first")
            with called_by("second"):
                yield 2
                span("second")
                yield 3
                span("second")
            yield 4
            span("first")

    for step in parts():
        if step == 3:
            span("nobody")


@program("second", "second", "first")
def test_one_without_a_block_is_work_of_whoever_drives_it(span: Spans) -> None:
    def parts() -> Iterator[int]:
        span("second")
        yield 1
        span("first")
        yield 2

    with called_by("first"):
        stream = parts()
    with called_by("second"):
        next(stream)
        span("second")
    with called_by("first"):
        next(stream)


@program(*["first"] * 2, "nobody", "second")
def test_a_caller_that_a_runner_sets_within_a_step(span: Spans) -> None:
    def parts() -> Iterator[int]:
        with called_by("second"):
            yield 1
            toy.handle("first", lambda: span("first"))
            yield 2
            toy.handle("first", lambda: span("first"))
            span("second")

    for step in parts():
        if step == 1:
            span("nobody")


@program(*["first"] * 3, *["second"] * 2)
def test_one_that_is_driven_inside_another_s_run(span: Spans) -> None:
    stream = works(span, "first")
    next(stream)

    def run() -> None:
        span("second")
        list(stream)
        span("second")

    with called_by("second"):
        Work("drives-a-stream", owner="second").run(run)


@program("first", "first", "nobody")
def test_one_that_fails(span: Spans) -> None:
    def parts() -> Iterator[int]:
        with called_by("first"):
            span("first")
            yield 1
            span("first")
            raise ValueError

    stream = parts()
    next(stream)
    try:
        next(stream)
    except ValueError:
        span("nobody")


@program(*["first"] * 3, "nobody", "nobody")
def test_one_that_is_kept_half_read_while_others_work_on_the_same_thread(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        stream = works(span, "first")
        pool.submit(next, stream).result()
        pool.submit(span, "nobody").result()
        pool.submit(list, stream).result()
        pool.submit(span, "nobody").result()


class Numbers:
    """An iterable with a generator for its `__iter__`."""

    def __init__(self, span: Spans) -> None:
        self.span = span

    def __iter__(self) -> Iterator[int]:
        with called_by("first"):
            self.span("first")
            yield 1
            self.span("first")


@program("first", "first", "second")
def test_the_generator_of_an_iterable(span: Spans) -> None:
    with called_by("second"):
        for _ in Numbers(span):
            span("second")


@program("first", "first", "second", "nobody")
def test_closing_one_by_a_block(span: Spans) -> None:
    with called_by("second"), closing(works(span, "first")) as stream:
        next(stream)
        span("second")
    span("nobody")


@program(*["first"] * 3, *["nobody"] * 3)
def test_an_async_one_leaves_its_consumer_nobody_s(span: Spans) -> None:
    async def main() -> None:
        async for _ in aworks(span, "first"):
            span("nobody")
        span("nobody")

    asyncio.run(main())


@program(*["first"] * 3, *["second"] * 3, *["nobody"] * 2)
def test_two_async_ones_by_turns_in_one_task(span: Spans) -> None:
    async def main() -> None:
        streams = [aworks(span, "first"), aworks(span, "second")]
        for _ in range(2):
            for stream in streams:
                await stream.__anext__()
            span("nobody")
        for stream in streams:
            await stream.aclose()

    asyncio.run(main())


@program(*["first"] * 3, "second", *["nobody"] * 2)
def test_tasks_that_the_consumer_of_an_async_one_starts_in_between_are_the_consumer_s(span: Spans) -> None:
    async def other(caller: str) -> None:
        await asyncio.sleep(0)
        span(caller)

    async def main() -> None:
        tasks = []
        async for step in aworks(span, "first"):
            tasks.append(asyncio.create_task(other("nobody")))
            if step:
                with called_by("second"):
                    tasks.append(asyncio.create_task(other("second")))
        await asyncio.gather(*tasks)

    asyncio.run(main())


@program("first", "first", "second", "nobody")
def test_an_async_one_that_another_closes(span: Spans) -> None:
    async def main() -> None:
        stream = aworks(span, "first")
        await stream.__anext__()
        with called_by("second"):
            await stream.aclose()
            span("second")
        span("nobody")

    asyncio.run(main())


@program("first", "first", "second")
def test_an_async_one_that_is_left_and_that_the_loop_closes(span: Spans) -> None:
    async def main() -> None:
        with called_by("second"):
            async for _ in aworks(span, "first"):
                break
            gc.collect()
            await asyncio.sleep(0)
            span("second")

    asyncio.run(main())


@program("first", "first")
def test_an_async_one_that_is_still_open_as_the_loop_ends(span: Spans) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(aworks(span, "first"))
        await kept[0].__anext__()

    with called_by("second"):
        asyncio.run(main())


@program(*["first"] * 3, "second", "second")
def test_async_ones_whose_steps_overlap_with_their_consumers_other_tasks(span: Spans) -> None:
    async def main() -> None:
        begin = asyncio.Event()

        async def beside() -> None:
            with called_by("second"):
                await begin.wait()
                span("second")
                await asyncio.sleep(0)
                span("second")

        task = asyncio.create_task(beside())
        async for _ in aworks(span, "first"):
            begin.set()
        await task

    asyncio.run(main())


@program("first", "nobody", "nobody", "first")
def test_an_async_generator_expression_over_one(span: Spans) -> None:
    async def parts() -> AsyncIterator[int]:
        with called_by("first"):
            span("first")
            yield 1
            await asyncio.sleep(0)
            span("first")

    async def main() -> None:
        async for _ in (part async for part in parts()):
            span("nobody")
        span("nobody")

    asyncio.run(main())


@program("second", "first")
def test_a_thread_that_was_started_in_the_block_of_a_generator_and_drives_it_on(span: Spans) -> None:
    def steps() -> Iterator[None]:
        with called_by("first"):
            with called_by("second"):
                threads.append(threading.Thread(target=drive))
                threads[0].start()
            yield
            span("first")
            yield

    threads: list[threading.Thread] = []
    begun = threading.Event()

    def drive() -> None:
        span("second")
        begun.wait()
        next(made)

    made = steps()
    next(made)
    begun.set()
    threads[0].join()
