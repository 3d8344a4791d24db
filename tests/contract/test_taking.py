"""What a job lets go of when it takes up other work: what it inherited, and not what somebody has said in it."""

from __future__ import annotations

import asyncio
import multiprocessing
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import partial

import anyio
from opentelemetry.context import attach, get_current
from opentelemetry.trace import use_span
from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


@program("second", "nobody")
def test_a_job_that_is_left_with_a_block_of_its_own_that_is_over_takes_another_s_item(spans: Spans) -> None:
    items: queue.SimpleQueue[str] = queue.SimpleQueue()

    def job() -> None:
        with called_by("second"):
            kept = get_current()
            spans("second")
        attach(kept)
        spans(items.get())

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    with called_by("third"):
        items.put("nobody")
    thread.join()


@program("second", "first")
def test_what_a_generator_s_block_takes_in_a_job_costs_the_job_nothing(spans: Spans) -> None:
    items: queue.SimpleQueue[str] = queue.SimpleQueue()

    def steps() -> Iterator[None]:
        with called_by("second"):
            spans(items.get())
            yield

    def job() -> None:
        for _ in steps():
            pass
        spans("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    with called_by("third"):
        items.put("second")
    thread.join()


@program("nobody", "nobody", "nobody", "nobody")
def test_tasks_that_wait_for_another_s_word_again_and_again_are_nobody_s(spans: Spans) -> None:
    async def main() -> None:
        event, turns = asyncio.Event(), asyncio.Semaphore(0)

        async def by_event() -> None:
            for _ in range(2):
                await event.wait()
                event.clear()
                spans("nobody")

        async def by_turns() -> None:
            for _ in range(2):
                await turns.acquire()
                spans("nobody")

        with called_by("first"):
            tasks = [asyncio.create_task(by_event()), asyncio.create_task(by_turns())]
        with called_by("second"):
            for _ in range(2):
                await asyncio.sleep(0)
                event.set()
                turns.release()
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(main())


@program("first", "nobody", "nobody")
def test_a_worker_on_a_memory_channel_keeps_its_caller_for_what_that_one_put(spans: Spans) -> None:
    async def main() -> None:
        put, take = anyio.create_memory_object_stream[str](9)

        async def work() -> None:
            spans(await take.receive())
            spans(await take.receive())
            spans("nobody")

        with called_by("first"):
            put.send_nowait("first")
            task = asyncio.create_task(work())
        with called_by("second"):
            put.send_nowait("nobody")
        await task

    anyio.run(main)


@program("nobody", "nobody")
def test_a_task_that_waits_for_another_s_event_of_anyio_again_and_again_is_nobody_s(spans: Spans) -> None:
    async def main() -> None:
        events = [anyio.Event(), anyio.Event()]

        async def work() -> None:
            for event in events:
                await event.wait()
                spans("nobody")

        with called_by("first"):
            task = asyncio.create_task(work())
        with called_by("second"):
            for event in events:
                await asyncio.sleep(0)
                event.set()
        await task

    anyio.run(main)


@program("nobody", "nobody")
def test_a_thread_that_reads_what_others_send_to_its_socket_is_nobody_s(spans: Spans) -> None:
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.bind(("127.0.0.1", 0))

    def work() -> None:
        for _ in range(2):
            here.recvfrom(9)
            spans("nobody")

    with here, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        with called_by("first"):
            thread = threading.Thread(target=work)
            thread.start()
        with called_by("second"):
            for _ in range(2):
                there.sendto(b"x", here.getsockname())
        thread.join()


@program("first", "first", "nobody", "first", "nobody")
def test_one_object_that_is_put_twice_is_whose_it_is_where_one_caller_put_it_both_times(spans: Spans) -> None:
    items: queue.Queue[object] = queue.Queue()
    thing = object()

    def takes(*names: str) -> None:
        for name in names:
            items.get()
            spans(name)

    def put_and_take(second: str, *names: str) -> None:
        with called_by("first"):
            items.put(thing)
        with called_by(second):
            items.put(thing)
        with called_by("first"):
            thread = threading.Thread(target=takes, args=names)
            thread.start()
        thread.join()

    put_and_take("first", "first", "first")
    put_and_take("second", "nobody")
    items.get()
    put_and_take("first", "first")
    items.get()
    put_and_take("second", "nobody")


@program("first", "first", "nobody")
def test_a_queue_of_a_manager_is_a_shared_place_and_what_else_it_answers_is_not(spans: Spans) -> None:
    with multiprocessing.get_context("spawn").Manager() as manager:
        items, words = manager.Queue(), manager.dict(first="first")

        def job() -> None:
            items.put("nobody")
            spans("first")
            spans(words.get("first"))
            spans(items.get())

        with called_by("first"):
            thread = threading.Thread(target=job)
            thread.start()
        thread.join()


@program("nobody")
def test_a_thread_whose_very_function_waits_for_a_condition_has_taken_what_another_put(spans: Spans) -> None:
    condition, waits, items = threading.Condition(), threading.Event(), list[str]()

    def work() -> None:
        with condition:
            waits.set()
            while not items:
                condition.wait()
            spans(items.pop())

    with called_by("first"):
        thread = threading.Thread(target=work)
        thread.start()
    waits.wait()
    with called_by("second"), condition:
        items.append("nobody")
        condition.notify()
    thread.join()


@program("first", "first", "first")
def test_a_job_that_waits_in_a_loop_for_what_it_has_itself_made_stays_whose_it_is(spans: Spans) -> None:
    def by_event() -> None:
        done = threading.Event()
        threading.Timer(0.01, done.set).start()
        while not done.wait(5):
            pass

    def by_semaphore() -> None:
        done = threading.Semaphore(0)
        threading.Timer(0.01, done.release).start()
        while not done.acquire(timeout=5):
            pass

    def by_condition() -> None:
        done, said = threading.Condition(), list[bool]()

        def say() -> None:
            with done:
                said.append(True)
                done.notify()

        with done:
            threading.Timer(0.01, say).start()
            while not said:
                done.wait()

    def job() -> None:
        for waits in (by_event, by_semaphore, by_condition):
            waits()
            spans("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    thread.join()


@program("first", "first", "nobody")
def test_the_span_that_a_job_has_opened_itself_stays_around_what_it_takes_up(spans: Spans) -> None:
    items: queue.Queue[str] = queue.Queue()
    opened = []

    def job() -> None:
        own = spans.start("first")
        opened.append(own)
        with use_span(own, end_on_exit=True):
            spans(items.get())

    with called_by("first"), use_span(spans.start("first"), end_on_exit=True):
        thread = threading.Thread(target=job)
        thread.start()
    with called_by("second"):
        items.put("nobody")
    thread.join()
    (taken,) = (span for span in spans.at_once.get_finished_spans() if span.name == "nobody")
    assert taken.parent == opened[0].get_span_context()


@program("nobody")
def test_whoever_takes_in_the_context_of_a_block_that_is_over_is_nobody(spans: Spans) -> None:
    items: queue.Queue[str] = queue.Queue()
    with called_by("first"):
        kept = get_current()
        items.put("nobody")
    attach(kept)
    spans(items.get())


@program("nobody")
def test_a_generator_s_block_that_is_open_elsewhere_keeps_no_job_from_letting_go(spans: Spans) -> None:
    items: queue.Queue[str] = queue.Queue()

    def steps() -> Iterator[None]:
        with called_by("second"):
            yield

    suspended = steps()
    next(suspended)
    with called_by("first"):
        thread = threading.Thread(target=lambda: spans(items.get()))
        thread.start()
    with called_by("second"):
        items.put("nobody")
    thread.join()
    next(suspended, None)


@program("nobody")
def test_a_job_to_which_the_program_gave_its_context_itself_lets_go_of_it(spans: Spans) -> None:
    items: queue.Queue[str] = queue.Queue()
    jobs: queue.Queue[Callable[[], None]] = queue.Queue()
    thread = threading.Thread(target=lambda: jobs.get()())
    thread.start()
    with called_by("first"):
        jobs.put(partial(copy_context().run, lambda: spans(items.get())))
    with called_by("second"):
        items.put("nobody")
    thread.join()


@program("first", "first", "nobody")
def test_a_simple_queue_knows_whose_its_items_are_whether_they_are_waited_for_or_not(spans: Spans) -> None:
    items: queue.SimpleQueue[str] = queue.SimpleQueue()

    def job() -> None:
        spans(items.get())
        spans(items.get_nowait())
        spans(items.get_nowait())

    with called_by("first"):
        items.put("first")
        items.put_nowait("first")
    with called_by("second"):
        items.put("nobody")
    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    thread.join()
