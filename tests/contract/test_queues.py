"""Whatever takes its work from a shared place is nobody's until it says whose work it has, whoever started it, at work still or not."""

from __future__ import annotations

import heapq
import logging
import logging.handlers
import multiprocessing
import os
import queue
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work

from rvbbit_otel import called_by

Put = Callable[[Any], Any]
Get = Callable[[], Any]


def works_off(get: Get, work: Callable[[str], Any]) -> None:
    """What a worker does: until there is a None."""
    while (item := get()) is not None:
        work(item)


def hire(get: Get, span: Spans, put: Put, *after: str, own: str = "first?") -> None:
    """A worker that the first starts, who puts an item of its own; then others put theirs: `second?` is the second's, `nobody` is put by nobody."""
    done = threading.Semaphore(0)
    with called_by("first"):
        worker = threading.Thread(target=works_off, args=(get, lambda item: (span(item), done.release())))
        worker.start()
        put(own)
        done.acquire()
    feed(put, done, *after)
    put(None)
    worker.join()


def feed(put: Put, done: threading.Semaphore, *items: str) -> None:
    for item in items:
        if item == "nobody":
            put(item)
        else:
            with called_by(item.removesuffix("?")):
                put(item)
        done.acquire()


@program("first", "second?", "nobody")
def test_a_worker_on_a_queue(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()
    hire(items.get, span, items.put, "second?", "nobody", own="first")


@program("first", "second?", "nobody")
def test_a_worker_on_a_stack(span: Spans) -> None:
    items: queue.LifoQueue[str | None] = queue.LifoQueue()
    hire(items.get, span, items.put, "second?", "nobody", own="first")


@program("first", "second?", "nobody")
def test_a_worker_on_a_queue_by_priority(span: Spans) -> None:
    items: queue.PriorityQueue[tuple[int, str | None]] = queue.PriorityQueue()
    hire(lambda: items.get()[1], span, lambda item: items.put((1, item)), "second?", "nobody", own="first")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_simple_queue(span: Spans) -> None:
    items: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    hire(items.get, span, items.put, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_the_simple_queue_that_is_written_in_python(span: Spans) -> None:
    items = queue._PySimpleQueue()  # type: ignore[attr-defined]
    hire(items.get, span, items.put, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_queue_for_processes(span: Spans) -> None:
    items: multiprocessing.Queue[str | None] = multiprocessing.get_context("spawn").Queue()
    hire(items.get, span, items.put, "second?", "nobody")
    items.close()
    items.join_thread()


@program("first?", "second?", "nobody")
def test_a_worker_on_a_simple_queue_for_processes(span: Spans) -> None:
    items: Any = multiprocessing.get_context("spawn").SimpleQueue()
    hire(items.get, span, items.put, "second?", "nobody")
    items.close()


@program("first?", "second?", "nobody")
def test_a_worker_on_a_joinable_queue_for_processes(span: Spans) -> None:
    items: Any = multiprocessing.get_context("spawn").JoinableQueue()
    hire(items.get, span, items.put, "second?", "nobody")
    items.close()
    items.join_thread()


@program("first?", "second?", "nobody")
def test_a_worker_on_a_connection(span: Spans) -> None:
    there, here = multiprocessing.Pipe(duplex=False)
    with there, here:
        hire(there.recv, span, here.send, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_connection_of_bytes(span: Spans) -> None:
    there, here = multiprocessing.Pipe(duplex=False)
    with there, here:
        get = lambda: there.recv_bytes().decode() or None  # noqa: E731
        hire(get, span, lambda item: here.send_bytes((item or "").encode()), "second?", "nobody")


@program("first?", "second~", "nobody~")
def test_a_worker_on_a_pipe_of_the_system(span: Spans) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines, os.fdopen(writing, "w", buffering=1) as out:
        get = lambda: lines.readline().strip() or None  # noqa: E731
        hire(get, span, lambda item: out.write(f"{item or ''}\n"), "second~", "nobody~")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_socket(span: Spans) -> None:
    there, here = socket.socketpair()
    with there, here:
        get = lambda: there.recv(64).decode().strip() or None  # noqa: E731
        hire(get, span, lambda item: here.sendall((item or " ").encode()), "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_that_selects(span: Spans) -> None:
    there, here = socket.socketpair()
    with there, here:

        def get() -> str | None:
            select.select([there], [], [])
            return there.recv(64).decode().strip() or None

        hire(get, span, lambda item: here.sendall((item or " ").encode()), "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_deque_under_a_condition(span: Spans) -> None:
    items: deque[str | None] = deque()
    ready = threading.Condition()

    def put(item: str | None) -> None:
        with ready:
            items.append(item)
            ready.notify()

    def get() -> str | None:
        with ready:
            while not items:
                ready.wait()
            return items.popleft()

    hire(get, span, put, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_heap_that_waits_for_a_condition_to_hold(span: Spans) -> None:
    items: list[tuple[int, str]] = []
    ready = threading.Condition()

    def put(item: str | None) -> None:
        with ready:
            heapq.heappush(items, (1, item or ""))
            ready.notify()

    def get() -> str | None:
        with ready:
            ready.wait_for(lambda: items)
            return heapq.heappop(items)[1] or None

    hire(get, span, put, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_list_that_an_event_announces(span: Spans) -> None:
    items: list[str | None] = []
    ready = threading.Event()

    def put(item: str | None) -> None:
        items.append(item)
        ready.set()

    def get() -> str | None:
        while True:
            ready.wait()
            if items:
                ready.clear()
                return items.pop()

    hire(get, span, put, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_list_that_a_semaphore_counts(span: Spans) -> None:
    items: list[str | None] = []
    ready = threading.Semaphore(0)

    def get() -> str | None:
        ready.acquire()
        return items.pop()

    hire(get, span, lambda item: (items.append(item), ready.release()), "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_deque_that_it_looks_at_now_and_then(span: Spans) -> None:
    items: deque[str | None] = deque()

    def get() -> str | None:
        while not items:
            time.sleep(0.001)
        return items.popleft()

    hire(get, span, items.append, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_that_asks_a_queue_with_a_limit_of_time(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()

    def get() -> str | None:
        while True:
            try:
                return items.get(timeout=0.001)
            except queue.Empty:
                continue

    hire(get, span, items.put, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_that_never_waits_at_its_queue(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()

    def get() -> str | None:
        while True:
            try:
                return items.get_nowait()
            except queue.Empty:
                time.sleep(0.001)

    hire(get, span, items.put, "second?", "nobody")


class Mailbox:
    """What programs write around a queue."""

    def __init__(self) -> None:
        self._items: queue.Queue[str | None] = queue.Queue()

    def send(self, item: str | None) -> None:
        self._items.put(item)

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._items.get, "never")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_queue_behind_a_class_and_an_iterator(span: Spans) -> None:
    box = Mailbox()
    hire(partial(next, iter(box)), span, box.send, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_on_a_queue_of_a_class_of_its_own(span: Spans) -> None:
    class Unique(queue.Queue):  # type: ignore[type-arg]
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            return super().get(block, timeout)

        def _put(self, item: Any) -> None:
            if item not in self.queue:
                super()._put(item)

    items = Unique()
    hire(items.get, span, items.put, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_worker_whose_queue_is_read_on_another_thread_for_it(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()
    with ThreadPoolExecutor(1) as pool:
        hire(lambda: pool.submit(items.get).result(), span, items.put, "second?", "nobody")


@program("first?", "second?", "nobody")
def test_a_pool_of_the_program_s_own_that_takes_functions_from_a_queue(span: Spans) -> None:
    jobs: queue.Queue[Callable[[], Any] | None] = queue.Queue()
    done = threading.Semaphore(0)
    with called_by("first"):
        worker = threading.Thread(target=works_off, args=(jobs.get, lambda job: (job(), done.release())))
        worker.start()
    feed(lambda item: jobs.put(partial(span, item)), done, "first?", "second?", "nobody")
    jobs.put(None)
    worker.join()


@program("second?", "first")
def test_a_worker_that_is_fed_by_another_while_its_starter_is_still_at_work(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()
    done = threading.Semaphore(0)
    with ThreadPoolExecutor(1) as elsewhere:
        with called_by("first"):
            worker = threading.Thread(
                target=works_off, args=(items.get, lambda item: (span(item), done.release())), daemon=True
            )
            worker.start()
            begin = threading.Event()
        job = elsewhere.submit(lambda: begin.wait() and feed(items.put, done, "second?"))
        with called_by("first"):
            begin.set()
            job.result()
            span("first")
        items.put(None)
        worker.join()


@program("second?", "second?", "nobody", "first")
def test_a_worker_that_is_fed_within_its_starter_s_open_block(span: Spans) -> None:
    items: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    ready: queue.Queue[str | None] = queue.Queue()
    done = threading.Semaphore(0)
    with called_by("first"):
        workers = [
            threading.Thread(target=works_off, args=(each.get, lambda item: (span(item), done.release())))
            for each in (items, ready)
        ]
        for worker in workers:
            worker.start()
        with called_by("second"):
            for each in (items, ready):
                each.put("second?")
                done.acquire()
        with called_by("not a valid id"):
            ready.put("nobody")
            done.acquire()
        span("first")
    for worker, each in zip(workers, (items, ready), strict=True):
        each.put(None)
        worker.join()


@program(*["first"] * 3, "first", *["second"] * 3, "second")
def test_a_producer_and_its_consumer_of_one_caller_stay_that_caller_s(span: Spans) -> None:
    for caller in ("first", "second"):
        items: queue.Queue[str | None] = queue.Queue(1)

        def produce(items: queue.Queue[str | None] = items, caller: str = caller) -> None:
            for item in (caller, caller, caller, None):
                items.put(item)

        with called_by(caller):
            consumer = threading.Thread(target=works_off, args=(items.get, span))
            producer = threading.Thread(target=produce)
            consumer.start()
            producer.start()
            producer.join()
            consumer.join()
            span(caller)


@program("first", "first")
def test_a_producer_and_its_consumer_that_outlive_their_block_stay_their_caller_s(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()
    begin = threading.Event()
    with called_by("first"):
        consumer = threading.Thread(target=works_off, args=(items.get, span))
        producer = threading.Thread(
            target=lambda: begin.wait() and [items.put(each) for each in ("first", "first", None)]
        )
        consumer.start()
        producer.start()
    begin.set()
    producer.join()
    consumer.join()


@program("first", "first", "second?", "first")
def test_a_worker_that_comes_back_to_its_own_caller_s_items_is_that_caller_s_again(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()
    done = threading.Semaphore(0)
    with called_by("first"):
        worker = threading.Thread(target=works_off, args=(items.get, lambda item: (span(item), done.release())))
        worker.start()
    feed(items.put, done, "first", "first", "second?", "first")
    items.put(None)
    worker.join()


@program(*["first"] * 3, "first")
def test_results_gathered_by_a_queue_leave_the_block_that_gathers_its_caller(span: Spans) -> None:
    results: queue.Queue[str] = queue.Queue()
    with called_by("first"):
        for _ in range(3):
            threading.Thread(target=lambda: (span("first"), results.put("done"))).start()
        for _ in range(3):
            results.get()
        span("first")


@program(*["first"] * 3, "first", "second")
def test_results_gathered_by_a_queue_leave_a_job_that_inherited_its_caller_that_caller(span: Spans) -> None:
    def job() -> None:
        results: queue.Queue[str] = queue.Queue()
        for _ in range(3):
            threading.Thread(target=lambda: (span("first"), results.put("done"))).start()
        for _ in range(3):
            results.get()
        span("first")

    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            outer = pool.submit(job)
        with called_by("second"):
            pool.submit(span, "second")
        outer.result()


@program("second?", "first?", "first")
def test_a_job_of_a_pool_that_takes_from_a_queue_is_no_other_s(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()
    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            job = pool.submit(works_off, items.get, span)
        for caller in ("second", "first"):
            with called_by(caller):
                items.put(f"{caller}?")
        items.put(None)
        job.result()
        with called_by("first"):
            pool.submit(span, "first").result()


@program("first", "second", "nobody")
def test_a_worker_that_says_whose_each_item_is_is_believed(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()

    def work(item: str) -> None:
        if item == "nobody":
            span(item)
            return
        with called_by(item):
            span(item)

    with called_by("first"):
        worker = threading.Thread(target=works_off, args=(items.get, work))
        worker.start()
    for item in ("first", "second", "nobody", None):
        items.put(item)
    worker.join()


@program("first?", "second?", "second")
def test_two_workers_in_a_row_credit_nothing_to_the_other_caller(span: Spans) -> None:
    into: queue.Queue[str | None] = queue.Queue()
    out: queue.Queue[str | None] = queue.Queue()
    with called_by("first"):
        front = threading.Thread(target=lambda: (works_off(into.get, out.put), out.put(None)))
        front.start()
    with called_by("second"):
        back = threading.Thread(target=works_off, args=(out.get, span))
        back.start()
        into.put("second?")
    with called_by("first"):
        into.put("first?")
    into.put(None)
    front.join()
    back.join()
    with called_by("second"):
        span("second")


@program("first?", "second?")
def test_a_worker_that_takes_the_next_before_it_works_on_the_one_before_credits_no_other(span: Spans) -> None:
    items: queue.Queue[str] = queue.Queue()

    def work() -> None:
        ahead = [items.get(), items.get()]
        for item in ahead:
            span(item)

    with called_by("first"):
        worker = threading.Thread(target=work)
        worker.start()
        items.put("first?")
    with called_by("second"):
        items.put("second?")
    worker.join()


@program("first?", "second?", "nobody")
def test_a_worker_that_nobody_started_is_not_the_first_s_who_feeds_it(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()
    done = threading.Semaphore(0)
    worker = threading.Thread(target=works_off, args=(items.get, lambda item: (span(item), done.release())))
    worker.start()
    feed(items.put, done, "first?", "second?", "nobody")
    items.put(None)
    worker.join()


@program("first?", "second?", "nobody")
def test_a_worker_that_the_first_job_starts_lazily_and_inside_a_session(span: Spans) -> None:
    items: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    done = threading.Semaphore(0)
    workers: list[threading.Thread] = []

    def put(item: str | None) -> None:
        if not workers:
            work = lambda each: (span(each), done.release())  # noqa: E731
            workers.append(threading.Thread(target=works_off, args=(items.get, work)))
            workers[0].start()
        items.put(item)

    with called_by("first"):
        Work("session-of-first", owner="first").run(feed, put, done, "first?")
    feed(put, done, "second?", "nobody")
    put(None)
    workers[0].join()


@program("first?", "second?", "nobody")
def test_a_listener_of_a_log_queue(span: Spans) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            span(record.getMessage())

    records: queue.SimpleQueue[Any] = queue.SimpleQueue()
    logger = logging.getLogger("tests.contract.queues")
    putting = logging.handlers.QueueHandler(records)
    logger.addHandler(putting)
    listener = logging.handlers.QueueListener(records, Handler())
    with called_by("first"):
        listener.start()
        logger.warning("first?")
    with called_by("second"):
        logger.warning("second?")
    logger.warning("nobody")
    listener.stop()
    logger.removeHandler(putting)


@program(*["first?"] * 4, *["second?"] * 4, *["nobody"] * 4)
def test_two_workers_at_one_queue(span: Spans) -> None:
    items: queue.Queue[str | None] = queue.Queue()
    both = threading.Barrier(2)
    with called_by("first"):
        workers = [
            threading.Thread(target=works_off, args=(items.get, lambda item: (both.wait(), span(item))))
            for _ in range(2)
        ]
        for worker in workers:
            worker.start()
    for _ in range(4):
        for caller in ("first", "second"):
            with called_by(caller):
                items.put(f"{caller}?")
        items.put("nobody")
    for _ in workers:
        items.put(None)
    for worker in workers:
        worker.join()


@program("second?", "first?")
def test_a_subclass_of_thread_that_is_a_worker(span: Spans) -> None:
    class Worker(threading.Thread):
        def __init__(self) -> None:
            super().__init__()
            self.items: queue.Queue[str | None] = queue.Queue()

        def run(self) -> None:
            works_off(self.items.get, span)

    with called_by("first"):
        worker = Worker()
        worker.start()
    for caller in ("second", "first"):
        with called_by(caller):
            worker.items.put(f"{caller}?")
    worker.items.put(None)
    worker.join()
