"""Ways that work is handed over, or comes back, without a file of their own: stacks of callbacks, subclasses, finalizers, signals, own loops."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import gc
import os
import queue
import signal
import socket
import socketserver
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import trio
import trio.testing
from tests.contract.programs import Spans, alone, program

from rvbbit_otel import called_by, current_caller


@program("first", "second", "nobody")
def test_a_stack_of_blocks_and_what_it_calls_after_them(span: Spans) -> None:
    with contextlib.ExitStack() as stack:
        stack.callback(span, "nobody")
        stack.enter_context(called_by("first"))
        span("first")
        stack.enter_context(called_by("second"))
        span("second")


@program("second", "nobody")
def test_a_stack_of_callbacks_is_work_of_who_closes_it(span: Spans) -> None:
    stack = contextlib.ExitStack()
    with called_by("first"):
        stack.callback(span, "second")
    with called_by("second"):
        stack.close()
    stack.callback(span, "nobody")
    stack.close()


@program("first", "second", "nobody")
def test_a_pool_whose_submit_is_its_own(span: Spans) -> None:
    class Own(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            return super().submit(lambda: fn(*args, **kwargs))

    with Own(1) as pool:
        with called_by("first"):
            pool.submit(span, "first")
        with called_by("second"):
            pool.submit(span, marker="second")
        pool.submit(span, "nobody")


@program("first", "second", "nobody")
def test_jobs_that_are_partials_dispatched_or_named_as_our_own_arguments_are(span: Spans) -> None:
    @functools.singledispatch
    def job(item: object) -> None:
        span(str(item))

    def named(function: str, self: str) -> None:
        span(function + self)

    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            pool.submit(functools.partial(job, "first"))
        with called_by("second"):
            pool.submit(named, function="sec", self="ond")
        pool.submit(job, "nobody")


@program("nobody", "first", "second")
def test_what_a_thread_s_own_variables_begin_with_is_of_that_thread(span: Spans) -> None:
    markers = ["nobody"]

    class Own(threading.local):
        def __init__(self) -> None:
            span(markers.pop())

    own = Own()
    for marker in ("first", "second"):
        markers.append(marker)
        with called_by(marker):
            thread = threading.Thread(target=lambda: vars(own))
            thread.start()
            thread.join()


@program("second?", "nobody")
def test_a_queue_of_a_class_of_its_own_that_is_iterated(span: Spans) -> None:
    class Own(queue.SimpleQueue):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Any]:
            return iter(self.get, None)

    items, done = Own(), threading.Semaphore(0)

    def worker() -> None:
        for item in items:
            span(item)
            done.release()

    with called_by("first"):
        thread = threading.Thread(target=worker)
        thread.start()
        with called_by("second"):
            items.put("second?")
        done.acquire()
    items.put("nobody")
    done.acquire()
    items.put(None)
    thread.join()


@program("second?", "nobody")
def test_a_server_whose_requests_go_to_a_pool(span: Spans) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            span(self.request.recv(32).decode())
            self.request.send(b"k")

    class Server(socketserver.TCPServer):
        pool = ThreadPoolExecutor(2)

        def process_request(self, request: Any, client_address: Any) -> None:
            self.pool.submit(self.process, request, client_address)

        def process(self, request: Any, client_address: Any) -> None:
            self.finish_request(request, client_address)
            self.shutdown_request(request)

    with Server(("127.0.0.1", 0), Handler) as server:
        with called_by("first"):
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()

        def ask(what: bytes) -> None:
            with socket.create_connection(server.server_address) as client:  # type: ignore[arg-type]
                client.send(what)
                client.recv(1)

        with called_by("second"):
            ask(b"second?")
        ask(b"nobody")
        server.shutdown()
        thread.join()
        server.pool.shutdown()


@program("second?", "nobody")
def test_a_coroutine_of_old_that_others_send_items_to(span: Spans) -> None:
    def worker() -> Iterator[None]:
        while True:
            span((yield))  # type: ignore[misc]

    with called_by("first"):
        sink: Any = worker()
        next(sink)
    with called_by("second"):
        sink.send("second?")
    sink.send("nobody")


@program("first", "first", "second")
def test_generators_that_somebody_s_own_loop_drives_in_turn(span: Spans) -> None:
    def job(marker: str, turns: int) -> Iterator[None]:
        with called_by(marker):
            for _ in range(turns):
                span(marker)
                yield

    jobs = [job("first", 2), job("second", 1)]
    while jobs:
        each = jobs.pop(0)
        with contextlib.suppress(StopIteration):
            next(each)
            jobs.append(each)


@program("first", "second", "nobody")
def test_what_runs_as_the_last_reference_goes(span: Spans) -> None:
    class Thing: ...

    finalized, called_back, of_nobody = Thing(), Thing(), Thing()
    with called_by("first"):
        weakref.finalize(finalized, span, "first")
    weakref.finalize(of_nobody, span, "nobody")
    back = weakref.ref(called_back, lambda _: span("second"))
    with called_by("second"):
        del finalized, called_back, of_nobody
        gc.collect()
    assert back() is None


@program("first", "first")
def test_a_copied_context_that_is_run_elsewhere(span: Spans) -> None:
    with called_by("first"):
        span("first")
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(span, "first"))
        with called_by("second"):
            thread.start()
            thread.join()


@program("second?", "nobody")
def test_a_trio_task_that_others_let_go_on(span: Spans) -> None:
    async def main() -> None:
        waiting: list[Any] = []
        items: list[str] = []

        async def worker() -> None:
            for _ in range(2):
                waiting.append(trio.lowlevel.current_task())
                await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
                span(items.pop())

        async with trio.open_nursery() as nursery:
            with called_by("first"):
                nursery.start_soon(worker)
            await trio.testing.wait_all_tasks_blocked()
            with called_by("second"):
                items.append("second?")
                trio.lowlevel.reschedule(waiting.pop())
            await trio.testing.wait_all_tasks_blocked()
            items.append("nobody")
            trio.lowlevel.reschedule(waiting.pop())

    trio.run(main)


@program("first", "first", "first", "second", "second", "second")
def test_agents_whose_batches_and_connections_somebody_wrote_with_futures(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[None]] = []

        def answer() -> None:
            for future in waiting:
                future.set_result(None)
            waiting.clear()

        async def ask() -> None:
            future = loop.create_future()
            waiting.append(future)
            if len(waiting) == 1:
                loop.call_soon(answer)
            await future

        async def agent(marker: str) -> None:
            turns = 0
            while turns < 3:
                await ask()
                span(marker)
                turns += 1

        for marker in ("first", "second"):
            with called_by(marker):
                await asyncio.create_task(agent(marker))

    asyncio.run(main())


@program("second~", "nobody~")
def test_a_child_s_output_that_one_thread_reads_for_others(span: Spans) -> None:
    reading, writing = os.pipe()
    done = threading.Semaphore(0)

    def reader() -> None:
        with os.fdopen(reading) as lines:
            for line in lines:
                span(line.strip())
                done.release()

    with called_by("first"):
        thread = threading.Thread(target=reader)
        thread.start()
    with called_by("second"):
        os.write(writing, b"second~\n")
    done.acquire()
    os.write(writing, b"nobody~\n")
    done.acquire()
    os.close(writing)
    thread.join()


@program("nobody~")
def test_a_task_that_starts_its_own_successor(span: Spans) -> None:
    async def main() -> None:
        items: list[str] = []
        tasks: list[Any] = []
        over = asyncio.Event()

        async def turn() -> None:
            if items:
                span(items.pop())
                over.set()
                return
            await asyncio.sleep(0)
            tasks.append(asyncio.create_task(turn()))

        with called_by("first"):
            tasks.append(asyncio.create_task(turn()))
        await asyncio.sleep(0)
        items.append("nobody~")
        await over.wait()

    asyncio.run(main())


@alone("first", "nobody", "first")
def test_a_signal_s_handler_is_of_whom_it_interrupts(span: Spans) -> None:
    seen: list[Any] = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append(getattr(current_caller(), "id", None)))
    with called_by("first"):
        span("first")
        os.kill(os.getpid(), signal.SIGUSR1)
        span("first")
    os.kill(os.getpid(), signal.SIGUSR1)
    span("nobody")
    assert seen == ["first", None]
