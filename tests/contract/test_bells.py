"""A worker that is called to its work by what is no queue: a lock, a semaphore, a signal, a poller, a flag of another process; or that never ends."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import select
import selectors
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from multiprocessing import shared_memory
from multiprocessing.connection import wait
from typing import Any

import trio
from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


class Tray:
    """Items for a worker, and a bell that whoever puts one there rings."""

    def __init__(self, span: Spans, ring: Callable[[], Any]) -> None:
        self.items: deque[str | None] = deque()
        self.span, self.ring = span, ring
        self.done = threading.Semaphore(0)

    def take(self) -> bool:
        """What the worker does once the bell has rung; False in the end."""
        item = self.items.popleft()
        if item is not None:
            self.span(item)
        self.done.release()
        return item is not None

    def put(self, item: str | None) -> None:
        self.items.append(item)
        self.ring()
        self.done.acquire()

    def serve(self, worker: Callable[[], Any]) -> None:
        """The first starts the worker; the second puts an item while the first's block is open, and then nobody one."""
        with called_by("first"):
            thread = threading.Thread(target=worker)
            thread.start()
            with called_by("second"):
                self.put("second?")
        self.put("nobody")
        self.put(None)
        thread.join()


def rung(lock: threading.Lock) -> threading.Lock:
    lock.acquire()
    return lock


@program("second?", "nobody")
def test_a_bare_lock(span: Spans) -> None:
    bell = rung(threading.Lock())
    tray = Tray(span, bell.release)

    def worker() -> None:
        while True:
            bell.acquire()
            if not tray.take():
                return

    tray.serve(worker)


@program("second?", "nobody")
def test_a_bare_lock_of_an_object_s_own_with_a_limit(span: Spans) -> None:
    class Worker:
        def __init__(self) -> None:
            self.bell = rung(threading.Lock())

        def run(self) -> None:
            on = True
            while on:
                if self.bell.acquire(timeout=5):
                    on = tray.take()

    worker = Worker()
    tray = Tray(span, worker.bell.release)
    tray.serve(worker.run)


@program("second?", "nobody")
def test_a_bare_lock_that_the_thread_is_given(span: Spans) -> None:
    bell = rung(threading.Lock())
    tray = Tray(span, bell.release)

    def worker(wait_here: threading.Lock, take: Callable[[], bool]) -> None:
        wait_here.acquire()
        while take():
            wait_here.acquire()

    tray.serve(partial(worker, bell, tray.take))


@program("first?", "second?", "nobody")
def test_an_executor_of_the_program_s_own_with_a_bare_lock(span: Spans) -> None:
    class Own(Executor):
        def __init__(self) -> None:
            self.jobs: deque[tuple[Future[Any], Any] | None] = deque()
            self.bell = rung(threading.Lock())
            self.thread: threading.Thread | None = None

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            future: Future[Any] = Future()
            self.jobs.append((future, partial(fn, *args, **kwargs)))
            if self.thread is None:
                self.thread = threading.Thread(target=self.loop)
                self.thread.start()
            self.bell.release()
            return future

        def loop(self) -> None:
            while True:
                self.bell.acquire()
                job = self.jobs.popleft()
                if job is None:
                    return
                job[0].set_result(job[1]())

    pool = Own()
    with called_by("first"):
        pool.submit(span, "first?").result()
    with called_by("second"):
        pool.submit(span, "second?").result()
    pool.submit(span, "nobody").result()
    pool.jobs.append(None)
    pool.bell.release()
    assert pool.thread is not None
    pool.thread.join()


@program("second?", "nobody")
def test_a_job_of_a_pool_that_waits_for_a_bare_lock(span: Spans) -> None:
    bell = rung(threading.Lock())
    tray = Tray(span, bell.release)

    def worker() -> None:
        while True:
            bell.acquire()
            if not tray.take():
                return

    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            pool.submit(worker)
        with called_by("second"):
            tray.put("second?")
        tray.put("nobody")
        tray.put(None)


@program("first", "first", "first")
def test_locks_that_are_given_back_and_a_limit_of_a_rate_are_no_bells(span: Spans) -> None:
    lock = threading.Lock()

    class Limit:
        def acquire(self) -> None: ...

    limit = Limit()

    def job() -> None:
        for _ in range(2):
            lock.acquire()
            try:
                limit.acquire()
            finally:
                lock.release()
            span("first")
        rung(lock)
        span("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    thread.join()


@program("second?", "nobody")
def test_a_semaphore_of_processes(span: Spans) -> None:
    bell = multiprocessing.Semaphore(0)
    tray = Tray(span, bell.release)

    def worker() -> None:
        while True:
            bell.acquire()
            if not tray.take():
                return

    tray.serve(worker)


@program("second?", "nobody")
def test_an_event_of_processes(span: Spans) -> None:
    bell = multiprocessing.Event()
    tray = Tray(span, bell.set)

    def worker() -> None:
        on = True
        while on:
            bell.wait()
            bell.clear()
            on = tray.take()

    tray.serve(worker)


@program("second?", "nobody")
def test_a_condition_of_processes(span: Spans) -> None:
    bell = multiprocessing.Condition()

    def ring() -> None:
        with bell:
            bell.notify()

    tray = Tray(span, ring)

    def worker() -> None:
        with bell:
            on = True
            while on:
                bell.wait_for(lambda: tray.items)
                on = tray.take()

    tray.serve(worker)


@program("second?", "nobody")
def test_an_event_of_a_manager(span: Spans) -> None:
    with multiprocessing.get_context("spawn").Manager() as manager:
        bell = manager.Event()
        tray = Tray(span, bell.set)

        def worker() -> None:
            on = True
            while on:
                bell.wait()
                bell.clear()
                on = tray.take()

        tray.serve(worker)


@program("second?", "nobody")
def test_a_flag_in_shared_memory(span: Spans) -> None:
    shared = shared_memory.SharedMemory(create=True, size=1)
    try:
        shared.buf[0] = 0
        tray = Tray(span, lambda: shared.buf.__setitem__(0, 1))

        def worker() -> None:
            on = True
            while on:
                while not shared.buf[0]:
                    time.sleep(0.001)
                shared.buf[0] = 0
                on = tray.take()

        tray.serve(worker)
    finally:
        shared.close()
        shared.unlink()


@program("second?", "nobody")
def test_a_signal_that_a_thread_waits_for(span: Spans) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        threads: list[int] = []
        started = threading.Event()

        def ring() -> None:
            started.wait()
            signal.pthread_kill(threads[0], signal.SIGUSR2)

        tray = Tray(span, ring)

        def worker() -> None:
            threads.append(threading.get_ident())
            started.set()
            on = True
            while on:
                signal.sigwait([signal.SIGUSR2])
                on = tray.take()

        tray.serve(worker)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])


def polls(span: Spans, make: Callable[[int], Callable[[], Any]]) -> None:
    """A worker that waits at a pipe by a poller; each byte is for an item."""
    reading, writing = os.pipe()
    tray = Tray(span, lambda: os.write(writing, b"x"))
    look = make(reading)

    def worker() -> None:
        on = True
        while on:
            look()
            os.read(reading, 1)
            on = tray.take()

    tray.serve(worker)
    os.close(reading)
    os.close(writing)


@program("second?", "nobody")
def test_an_epoll_by_hand(span: Spans) -> None:
    with select.epoll() as poller:

        def make(reading: int) -> Callable[[], Any]:
            poller.register(reading, select.EPOLLIN)
            return partial(poller.poll, 5)

        polls(span, make)
        assert isinstance(poller, select.epoll)
        assert not poller.closed
        other = select.epoll.fromfd(os.dup(poller.fileno()))
        assert isinstance(other, select.epoll)
        assert other.poll(0) == []
        other.close()
    assert poller.closed


@program("second?", "nobody")
def test_a_poll_by_hand(span: Spans) -> None:
    poller = select.poll()

    def make(reading: int) -> Callable[[], Any]:
        poller.register(reading, select.POLLIN)
        return lambda: poller.poll(5000)

    polls(span, make)


@program("second?", "nobody")
def test_a_selector_that_calls_what_was_registered(span: Spans) -> None:
    there, here = socket.socketpair()
    with there, here, selectors.DefaultSelector() as selector:
        tray = Tray(span, lambda: here.send(b"x"))
        selector.register(there, selectors.EVENT_READ, data=lambda: there.recv(1) and tray.take())

        def worker() -> None:
            on = True
            while on:
                for key, _ in selector.select(5):
                    on = key.data()

        tray.serve(worker)


@program("second?", "nobody")
def test_whichever_connection_is_ready(span: Spans) -> None:
    reading, writing = multiprocessing.Pipe(duplex=False)
    with reading, writing:
        tray = Tray(span, lambda: os.write(writing.fileno(), b"x"))

        def worker() -> None:
            on = True
            while on:
                for ready in wait([reading]):
                    os.read(ready.fileno(), 1)  # type: ignore[union-attr]
                    on = tray.take()

        tray.serve(worker)


@program("nobody?", "nobody?")
def test_a_for_loop_that_has_no_end(span: Spans) -> None:
    turns: list[str] = []

    def ticks() -> None:
        for turn in itertools.count():
            if turn > 2:
                return
            if turn:
                span("nobody?")
            time.sleep(0.001)

    def cycles() -> None:
        for _ in itertools.cycle([1]):
            time.sleep(0.001)
            turns.append("")
            if len(turns) > 2:
                return

    with called_by("first"):
        threads = [threading.Thread(target=target) for target in (ticks, cycles)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()


@program("first", "first")
def test_a_for_loop_that_has_one(span: Spans) -> None:
    def job() -> None:
        for _, _ in zip(range(2), itertools.count()):
            time.sleep(0.001)
            span("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    thread.join()


@program("second?", "nobody")
def test_a_lock_of_asyncio(span: Spans) -> None:
    async def main() -> None:
        bell, seen = asyncio.Lock(), asyncio.Semaphore(0)
        await bell.acquire()
        items: list[str] = []

        async def worker() -> None:
            for _ in range(2):
                await bell.acquire()
                span(items.pop())
                seen.release()

        with called_by("first"):
            task = asyncio.create_task(worker())
        await asyncio.sleep(0)
        with called_by("second"):
            items.append("second?")
            bell.release()
        await seen.acquire()
        items.append("nobody")
        bell.release()
        await task

    asyncio.run(main())


@program("second?", "nobody")
def test_events_of_trio_one_for_each_item(span: Spans) -> None:
    async def main() -> None:
        bells = [trio.Event(), trio.Event()]
        seen = trio.Semaphore(0)
        items: list[str] = []

        async def worker() -> None:
            for bell in bells:
                await bell.wait()
                span(items.pop())
                seen.release()

        async with trio.open_nursery() as nursery:
            with called_by("first"):
                nursery.start_soon(worker)
            await trio.lowlevel.checkpoint()
            with called_by("second"):
                items.append("second?")
                bells[0].set()
            await seen.acquire()
            items.append("nobody")
            bells[1].set()

    trio.run(main)
