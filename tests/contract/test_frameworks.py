"""Libraries that are installed with ours and have ways of their own for work to travel."""

from __future__ import annotations

import asyncio
import math
import multiprocessing.dummy
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


@program("first", "second", "nobody", "second")
def test_jobs_in_a_thread_of_anyio_are_of_who_awaits_them(span: Spans) -> None:
    async def client(caller: str) -> None:
        if caller == "nobody":
            await anyio.to_thread.run_sync(span, caller)
        else:
            with called_by(caller):
                await anyio.to_thread.run_sync(span, caller)

    async def main() -> None:
        for caller in ("first", "second", "nobody", "second"):
            await client(caller)

    anyio.run(main)


@program("first", "second")
def test_calls_back_from_a_thread_of_anyio_are_of_who_is_at_work_there(span: Spans) -> None:
    async def say(caller: str) -> None:
        span(caller)

    async def main() -> None:
        for caller in ("first", "second"):
            with called_by(caller):
                await anyio.to_thread.run_sync(anyio.from_thread.run, say, caller)

    anyio.run(main)


@program("first", "second", "nobody")
def test_tasks_of_a_group_of_anyio_are_of_who_started_each(span: Spans) -> None:
    async def work(caller: str) -> None:
        await anyio.sleep(0)
        span(caller)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for caller in ("first", "second"):
                with called_by(caller):
                    group.start_soon(work, caller)
            group.start_soon(work, "nobody")

    anyio.run(main)


@program("first?", "second?", "nobody")
def test_a_worker_on_a_stream_of_anyio_is_no_other_s(span: Spans) -> None:
    async def work(items: Any, done: anyio.Semaphore) -> None:
        async for item in items:
            span(item)
            done.release()

    async def main() -> None:
        sending, receiving = anyio.create_memory_object_stream[str](math.inf)
        done = anyio.Semaphore(0)
        async with anyio.create_task_group() as group, sending:
            with called_by("first"):
                group.start_soon(work, receiving, done)
                await sending.send("first?")
                await done.acquire()
            with called_by("second"):
                await sending.send("second?")
                await done.acquire()
            await sending.send("nobody")
            await done.acquire()

    anyio.run(main)


@program("first", "second", "nobody")
def test_a_portal_that_one_caller_opened_works_for_each_that_calls(span: Spans) -> None:
    async def say(caller: str) -> None:
        await anyio.sleep(0)
        span(caller)

    with called_by("first"):
        opened = anyio.from_thread.start_blocking_portal()
        portal = opened.__enter__()
        portal.call(say, "first")
    with called_by("second"):
        portal.call(say, "second")
    portal.call(say, "nobody")
    opened.__exit__(None, None, None)


class Named:
    """A middleware that says whose a request is."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        user = dict(scope.get("headers", [])).get(b"user")
        if user is None:
            await self.app(scope, receive, send)
        else:
            with called_by(user.decode()):
                await self.app(scope, receive, send)


def web(handler: Callable[[Request], Any], middleware: bool = True) -> Starlette:
    return Starlette(routes=[Route("/", handler)], middleware=[Middleware(Named)] if middleware else [])


async def ask(app: Any, user: str) -> None:
    """One request, as a server makes it."""
    headers = [] if user == "nobody" else [(b"user", user.encode())]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    await app({**scope, "asgi": {"version": "3.0", "spec_version": "2.4"}}, receive, send)


async def three_at_once(app: Any) -> None:
    await asyncio.gather(*(ask(app, user) for user in ("first", "second", "nobody")))


def user_of(request: Request) -> str:
    return request.headers.get("user", "nobody")


@program("first", "second", "nobody")
def test_a_web_handler_on_a_thread(span: Spans) -> None:
    def handler(request: Request) -> Response:
        span(user_of(request))
        return PlainTextResponse("done")

    asyncio.run(three_at_once(web(handler)))


@program(*["first"] * 3, *["second"] * 3, *["nobody"] * 3)
def test_a_web_handler_s_background_tasks_under_a_middleware(span: Spans) -> None:
    async def later(user: str) -> None:
        await asyncio.sleep(0)
        span(user)

    async def handler(request: Request) -> Response:
        user = user_of(request)
        span(user)
        tasks = BackgroundTasks([BackgroundTask(span, user), BackgroundTask(later, user)])
        return PlainTextResponse("done", background=tasks)

    asyncio.run(three_at_once(web(handler)))


@program(*["first"] * 2, *["second"] * 2)
def test_a_web_handler_s_background_task_that_runs_after_the_handler_s_own_block(span: Spans) -> None:
    async def handler(request: Request) -> Response:
        user = user_of(request)
        with called_by(user):
            span(user)
            return PlainTextResponse("done", background=BackgroundTask(span, user))

    async def main() -> None:
        await asyncio.gather(*(ask(web(handler, middleware=False), user) for user in ("first", "second")))

    asyncio.run(main())


@program(*["first"] * 3, *["second"] * 3, *["nobody"] * 3)
def test_a_response_that_streams_under_a_middleware(span: Spans) -> None:
    async def handler(request: Request) -> Response:
        user = user_of(request)

        async def body() -> AsyncIterator[str]:
            for part in "abc":
                await asyncio.sleep(0)
                span(user)
                yield part

        return StreamingResponse(body())

    asyncio.run(three_at_once(web(handler)))


@program(*["first"] * 3, *["second"] * 3, *["nobody"] * 3)
def test_a_response_that_streams_from_threads_under_a_middleware(span: Spans) -> None:
    def handler(request: Request) -> Response:
        user = user_of(request)

        def body() -> Iterator[str]:
            for part in "abc":
                span(user)
                yield part

        return StreamingResponse(body())

    asyncio.run(three_at_once(web(handler)))


@program(*["first"] * 3, *["second"] * 3)
def test_a_response_that_streams_with_a_block_of_its_own_from_threads(span: Spans) -> None:
    def handler(request: Request) -> Response:
        user = user_of(request)

        def body() -> Iterator[str]:
            with called_by(user):
                for part in "abc":
                    span(user)
                    yield part

        return StreamingResponse(body())

    async def main() -> None:
        await asyncio.gather(*(ask(web(handler, middleware=False), user) for user in ("first", "second")))

    asyncio.run(main())


@program("first", "second")
def test_a_process_of_multiprocessing_that_is_a_thread(span: Spans) -> None:
    for caller in ("first", "second"):
        with called_by(caller):
            process = multiprocessing.dummy.Process(target=span, args=(caller,))
            process.start()
        process.join()


@program("first", "second", "nobody")
def test_a_pool_of_multiprocessing_that_is_of_threads(span: Spans) -> None:
    with called_by("first"):
        pool = multiprocessing.dummy.Pool(1)
        pool.map(span, ["first"])
    with called_by("second"):
        pool.map(span, ["second"])
    pool.map(span, ["nobody"])
    pool.close()
    pool.join()


class Own(Executor):
    """An executor that somebody wrote: a thread that is started with the first job, and a queue."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.thread: threading.Thread | None = None

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.thread is None:
            self.thread = threading.Thread(target=self.loop)
            self.thread.start()
        self.jobs.put((future, function, args, kwargs))
        return future

    def loop(self) -> None:
        while (job := self.jobs.get()) is not None:
            future, function, args, kwargs = job
            future.set_result(function(*args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.jobs.put(None)
        if self.thread is not None:
            self.thread.join()


@program("first?", "second?", "nobody", "second", "first")
def test_an_executor_that_somebody_wrote_is_no_other_s(span: Spans) -> None:
    with Own() as pool:
        begin = threading.Event()
        with called_by("first"):
            pool.submit(span, "first?").result()
            pool.submit(begin.wait).add_done_callback(lambda _: span("first"))
        with called_by("second"):
            pool.submit(span, "second?").add_done_callback(lambda _: span("second"))
        job = pool.submit(span, "nobody")
        begin.set()
        job.result()


@program("first?", "second?", "nobody")
def test_a_coroutine_that_hands_over_to_such_an_executor_is_no_other_s(span: Spans) -> None:

    async def main(pool: Executor) -> None:
        loop = asyncio.get_running_loop()
        for caller in ("first", "second"):
            with called_by(caller):
                await loop.run_in_executor(pool, span, f"{caller}?")
        await loop.run_in_executor(pool, span, "nobody")

    with Own() as pool:
        asyncio.run(main(pool))


@program("second", "second", "nobody")
def test_listeners_that_the_first_registered_are_called_by_and_for_who_raises_the_event(span: Spans) -> None:
    listeners: list[Callable[[str], Any]] = []
    with called_by("first"):
        listeners.append(span)
        listeners.append(lambda marker: threading.Thread(target=span, args=(marker,)).run())
    with called_by("second"):
        for listener in listeners:
            listener("second")
    listeners[0]("nobody")
