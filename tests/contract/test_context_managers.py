"""A context manager of the program's own that holds a caller goes on holding it in the body of its block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ContextDecorator, ExitStack, asynccontextmanager, contextmanager
from typing import Any

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work

from rvbbit_otel import called_by


@contextmanager
def request(caller: str) -> Iterator[str]:
    with called_by(caller):
        yield caller


@asynccontextmanager
async def arequest(caller: str) -> AsyncIterator[str]:
    with called_by(caller):
        await asyncio.sleep(0)
        yield caller


@program("first", "second", "first", "nobody")
def test_a_context_manager_made_of_a_generator(span: Spans) -> None:
    with request("first"):
        span("first")
        with request("second"):
            span("second")
        span("first")
    span("nobody")


@program("first", "first", "first", "first")
def test_what_is_handed_over_in_its_body(span: Spans) -> None:
    begin = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with request("first"):
            pool.submit(span, "first").result()
            thread = threading.Thread(target=lambda: begin.wait() and span("first"))
            thread.start()
            Work("in-the-body", owner="first").run(span, "first")
            pool.submit(lambda: begin.wait() and span("first"))
        begin.set()
        thread.join()


@program("first", "second", "nobody")
def test_an_asynchronous_one(span: Spans) -> None:
    async def main() -> None:
        for caller in ("first", "second"):
            async with arequest(caller):
                await asyncio.sleep(0)
                span(caller)
        span("nobody")

    asyncio.run(main())


@program(*["first"] * 3, *["second"] * 3)
def test_asynchronous_ones_in_two_tasks_that_overlap(span: Spans) -> None:
    async def client(caller: str) -> None:
        async with arequest(caller):
            for _ in range(2):
                await asyncio.sleep(0)
                span(caller)
            await asyncio.create_task(asyncio.to_thread(span, caller))

    async def main() -> None:
        await asyncio.gather(client("first"), client("second"))

    asyncio.run(main())


@program("first", "second", "first", "nobody")
def test_a_stack_of_them(span: Spans) -> None:
    with ExitStack() as stack:
        stack.enter_context(called_by("first"))
        span("first")
        with ExitStack() as inner:
            inner.enter_context(request("second"))
            span("second")
        span("first")
    span("nobody")


@program("first", "nobody")
def test_a_stack_that_is_taken_over_and_closed_later(span: Spans) -> None:
    with ExitStack() as stack:
        stack.enter_context(request("first"))
        kept = stack.pop_all()
    span("first")
    kept.close()
    span("nobody")


@program("first", "second", "nobody")
def test_an_asynchronous_stack_of_both_kinds(span: Spans) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            stack.enter_context(called_by("first"))
            span("first")
            await stack.enter_async_context(arequest("second"))
            await asyncio.sleep(0)
            span("second")
        span("nobody")

    asyncio.run(main())


@program("first", "nobody")
def test_a_class_that_holds_a_block(span: Spans) -> None:
    class Request:
        def __enter__(self) -> None:
            self.block = called_by("first")
            self.block.__enter__()

        def __exit__(self, *error: Any) -> None:
            self.block.__exit__(*error)

    with Request():
        span("first")
    span("nobody")


@program("first", "first", "nobody")
def test_a_context_manager_that_decorates(span: Spans) -> None:
    class Request(ContextDecorator):
        def __enter__(self) -> None:
            self.block = called_by("first")
            self.block.__enter__()

        def __exit__(self, *error: Any) -> None:
            self.block.__exit__(*error)

    @Request()
    def by_a_class() -> None:
        span("first")

    @request("first")
    def by_a_generator() -> None:
        span("first")

    by_a_class()
    by_a_generator()
    span("nobody")


@program("first", "first", "nobody")
def test_one_whose_body_raises_and_which_goes_on_itself(span: Spans) -> None:
    @contextmanager
    def careful() -> Iterator[None]:
        with called_by("first"):
            try:
                yield
            except ValueError:
                span("first")

    with careful():
        span("first")
        raise ValueError
    span("nobody")


@program("first", "second", "nobody", "nobody")
def test_blocks_that_are_left_in_the_wrong_order(span: Spans) -> None:
    outer, inner = called_by("first"), called_by("second")
    outer.__enter__()
    span("first")
    inner.__enter__()
    span("second")
    outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    span("nobody")
    threading.Thread(target=span, args=("nobody",)).run()


@program("nobody", "nobody", "second")
def test_one_that_is_entered_on_one_thread_and_left_on_another_holds_on_neither_after(span: Spans) -> None:
    """As web frameworks do with dependencies that are no coroutines."""
    with ThreadPoolExecutor(1) as pool:
        block = request("first")
        pool.submit(block.__enter__).result()
        pool.submit(span, "nobody").result()
        block.__exit__(None, None, None)
        pool.submit(span, "nobody").result()
        with called_by("second"):
            pool.submit(span, "second").result()


@program("first", "nobody", "first", "nobody")
def test_one_inside_a_generator_holds_in_its_steps_and_not_for_the_consumer(span: Spans) -> None:
    def parts() -> Iterator[int]:
        with request("first"):
            span("first")
            yield 1
            span("first")
            yield 2

    for _ in parts():
        span("nobody")


@program("first", "nobody", "first", "nobody")
def test_an_asynchronous_one_inside_a_generator_holds_in_its_steps_and_not_for_the_consumer(span: Spans) -> None:
    async def parts() -> AsyncIterator[int]:
        async with arequest("first"):
            span("first")
            yield 1
            await asyncio.sleep(0)
            span("first")
            yield 2

    async def main() -> None:
        async for _ in parts():
            span("nobody")

    asyncio.run(main())


@program("second", "first", "second", "nobody")
def test_one_that_a_block_inside_hands_through(span: Spans) -> None:
    @contextmanager
    def outer() -> Iterator[None]:
        with request("first"), ExitStack() as stack:
            stack.callback(span, "first")
            with request("second"):
                yield

    with outer():
        span("second")
        threading.Thread(target=lambda: None).run()
        span("second")
    span("nobody")


@program("second", "first", "nobody")
def test_one_that_is_entered_and_left_within_a_suspended_task(span: Spans) -> None:
    async def main() -> None:
        entered, leave = asyncio.Event(), asyncio.Event()

        async def holds() -> None:
            async with arequest("first"):
                entered.set()
                await leave.wait()
                span("first")

        task = asyncio.create_task(holds())
        await entered.wait()
        with request("second"):
            span("second")
            leave.set()
            await task
        span("nobody")

    asyncio.run(main())
