"""`called_by` as a decorator, on every kind of function: what it decorates runs as that caller, and nothing around it does."""

from __future__ import annotations

import asyncio
import functools
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


@program("first", "first", "nobody", "second")
def test_a_function_that_is_called_twice(span: Spans) -> None:
    @called_by("first")
    def work() -> None:
        span("first")

    work()
    span("nobody")
    with called_by("second"):
        work()
        span("second")


@program("first", "first", "second", "nobody")
def test_a_coroutine_function(span: Spans) -> None:
    @called_by("first")
    async def work() -> None:
        span("first")
        await asyncio.sleep(0)
        span("first")

    async def main() -> None:
        with called_by("second"):
            await work()
            span("second")
        span("nobody")

    asyncio.run(main())


@program(*["first"] * 4, *["second"] * 2, "nobody")
def test_coroutine_functions_that_overlap(span: Spans) -> None:
    @called_by("first")
    async def one() -> None:
        span("first")
        await asyncio.sleep(0)
        span("first")

    @called_by("second")
    async def two() -> None:
        span("second")
        await asyncio.sleep(0)
        span("second")

    async def main() -> None:
        await asyncio.gather(one(), two(), one())
        span("nobody")

    asyncio.run(main())


@program("first", "second")
def test_a_coroutine_that_is_made_and_awaited_elsewhere(span: Spans) -> None:
    @called_by("first")
    async def work() -> None:
        span("first")

    async def main() -> None:
        coroutine = work()
        with called_by("second"):
            await asyncio.create_task(coroutine)
            span("second")

    asyncio.run(main())


@program("first", "first", "nobody", "nobody")
def test_a_generator_function(span: Spans) -> None:
    @called_by("first")
    def parts() -> Iterator[int]:
        span("first")
        yield 1
        span("first")

    for _ in parts():
        span("nobody")
    span("nobody")


@program(*["first"] * 2, *["second"] * 2, "nobody")
def test_generator_functions_by_turns(span: Spans) -> None:
    def parts(caller: str) -> Iterator[int]:
        span(caller)
        yield 1
        span(caller)

    streams = [called_by(caller)(parts)(caller) for caller in ("first", "second")]
    for stream in streams:
        next(stream)
    span("nobody")
    for stream in streams:
        list(stream)


@program("first", "first", "second", "nobody")
def test_a_generator_function_that_another_closes(span: Spans) -> None:
    @called_by("first")
    def parts() -> Iterator[int]:
        try:
            span("first")
            yield 1
        finally:
            span("first")

    stream = parts()
    next(stream)
    with called_by("second"):
        stream.close()  # type: ignore[attr-defined]
        span("second")
    span("nobody")


@program("first", "first", "nobody", "nobody")
def test_an_async_generator_function(span: Spans) -> None:
    @called_by("first")
    async def parts() -> AsyncIterator[int]:
        span("first")
        yield 1
        await asyncio.sleep(0)
        span("first")

    async def main() -> None:
        async for _ in parts():
            span("nobody")
        span("nobody")

    asyncio.run(main())


@program(*["first"] * 4, "nobody")
def test_methods_of_every_kind(span: Spans) -> None:
    class Service:
        @called_by("first")
        def method(self) -> None:
            span("first")

        @classmethod
        @called_by("first")
        def of_class(cls) -> None:
            span("first")

        @staticmethod
        @called_by("first")
        def static() -> None:
            span("first")

        @called_by("first")
        async def amethod(self) -> None:
            await asyncio.sleep(0)
            span("first")

    Service().method()
    Service.of_class()
    Service.static()
    asyncio.run(Service().amethod())
    span("nobody")


@program(*["first"] * 3, "nobody")
def test_a_function_that_calls_itself(span: Spans) -> None:
    @called_by("first")
    def work(depth: int) -> None:
        if depth:
            work(depth - 1)
        span("first")

    work(2)
    span("nobody")


@program(*["first"] * 2, *["second"] * 2, "nobody")
def test_a_function_that_two_threads_call_at_once(span: Spans) -> None:
    both = threading.Barrier(2)

    def work(caller: str) -> None:
        both.wait()
        span(caller)
        both.wait()
        span(caller)

    with ThreadPoolExecutor(2) as pool:
        for caller in ("first", "second"):
            pool.submit(called_by(caller)(work), caller)
    span("nobody")


@program(*["first"] * 2)
def test_one_decorated_function_on_two_threads_at_once(span: Spans) -> None:
    both = threading.Barrier(2)

    @called_by("first")
    def work() -> None:
        both.wait()
        span("first")
        both.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@program("second", "first", "nobody")
def test_two_decorators_of_which_the_inner_counts(span: Spans) -> None:
    @called_by("first")
    @called_by("second")
    def inner() -> None:
        span("second")

    @called_by("first")
    @functools.wraps(inner)
    def outer() -> None:
        inner()
        span("first")

    outer()
    span("nobody")


@program("first", "nobody")
def test_what_a_decorated_function_starts_is_its_caller_s(span: Spans) -> None:
    @called_by("first")
    def work() -> threading.Thread:
        thread = threading.Thread(target=span, args=("first",))
        thread.start()
        return thread

    work().join()
    threading.Thread(target=span, args=("nobody",)).run()


@program("first?", "first?", "nobody", "nobody")
def test_a_plain_function_that_returns_a_generator(span: Spans) -> None:
    def parts() -> Iterator[int]:
        span("first?")
        yield 1
        span("first?")

    @called_by("first")
    def opens() -> Iterator[int]:
        return parts()

    for _ in opens():
        span("nobody")
    span("nobody")


@program("first", "nobody", "nobody")
def test_a_function_that_raises(span: Spans) -> None:
    @called_by("first")
    def fails() -> None:
        span("first")
        raise ValueError

    try:
        fails()
    except ValueError:
        span("nobody")
    span("nobody")


@program("nobody", "second")
def test_a_bad_id_is_nobody_in_a_decorator_too(span: Spans) -> None:
    @called_by("first@example.com")
    def work() -> None:
        span("nobody")

    with called_by("second"):
        work()
        span("second")


@program("first", "first", "second")
def test_a_generator_that_the_collector_closes_in_anothers_block(span: Spans) -> None:
    @called_by("first")
    def work() -> Iterator[int]:
        try:
            span("first")
            yield 1
        finally:
            span("first")

    steps: Any = work()
    next(steps)
    circle = [steps]
    circle.append(circle)  # type: ignore[arg-type]
    with called_by("second"):
        del steps, circle
        gc.collect()
        span("second")


@program("first", "first", "second")
def test_an_async_generator_that_the_collector_closes_in_anothers_block(span: Spans) -> None:
    @called_by("first")
    async def work() -> AsyncIterator[int]:
        try:
            span("first")
            yield 1
        finally:
            span("first")

    async def begin() -> None:
        steps: Any = work()
        await anext(steps)
        circle = [steps]
        circle.append(circle)

    async def main() -> None:
        await begin()
        with called_by("second"):
            gc.collect()
            await asyncio.sleep(0)
            span("second")
        await asyncio.sleep(0)

    asyncio.run(main())


@program(*["first"] * 4, *["second"] * 2, "nobody")
def test_what_is_no_plain_function(span: Spans) -> None:
    async def ask(caller: str) -> None:
        await asyncio.sleep(0)
        span(caller)

    class Model:
        async def __call__(self) -> None:
            await ask("first")

        @called_by("second")
        @staticmethod
        def of_class() -> None:
            span("second")

        @called_by("second")
        @classmethod
        def for_class(cls) -> None:
            span("second")

    called_by("first")(functools.partial(span, "first"))()
    asyncio.run(called_by("first")(functools.partial(ask, "first"))())
    asyncio.run(called_by("first")(Model())())
    called_by("first")(functools.partial(functools.partial(span), "first"))()
    Model().of_class()
    Model.for_class()
    span("nobody")


@program(*["first"] * 4, *["second"] * 3)
def test_a_function_that_returns_what_works_later(span: Spans) -> None:
    async def ask() -> None:
        span("first")
        await asyncio.sleep(0)
        span("first")

    @called_by("first")
    def asking() -> Any:
        return ask()

    @called_by("first")
    def mapping() -> Iterator[None]:
        return map(span, ["first"] * 2)

    async def main() -> None:
        with called_by("second"):
            await asking()
            span("second")
        steps = mapping()
        with called_by("second"):
            for _ in steps:
                span("second")

    asyncio.run(main())
