"""Work that waits for its own results, for a lock or for an answer has taken no work of others, and stays whose it is."""

from __future__ import annotations

import asyncio
import logging
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


def inherits(job: Callable[[], Any]) -> None:
    """Run a job on a thread that is the first's by inheritance; its block ends meanwhile."""
    begin = threading.Event()

    def main() -> None:
        begin.wait()
        job()

    with called_by("first"):
        thread = threading.Thread(target=main)
        thread.start()
    begin.set()
    thread.join()


@program("first", "first")
def test_a_job_that_waits_for_a_lock_stays_whose_it_is(span: Spans) -> None:
    for lock in (threading.Lock(), threading.RLock()):
        lock.acquire()
        waiting = threading.Event()

        def job(lock: Any = lock, waiting: threading.Event = waiting) -> None:
            waiting.set()
            with lock:
                span("first")

        with called_by("first"):
            thread = threading.Thread(target=job)
            thread.start()
        waiting.wait()
        lock.release()
        thread.join()


@program("first", "nobody")
def test_a_job_that_waits_for_a_semaphore_stays_whose_it_is(span: Spans) -> None:
    free = threading.Semaphore(0)

    def job() -> None:
        free.acquire()
        span("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    span("nobody")
    free.release()
    thread.join()


@program("first", "second")
def test_jobs_that_meet_at_a_barrier_stay_whose_they_are(span: Spans) -> None:
    barrier = threading.Barrier(2)
    threads = []
    for caller in ("first", "second"):
        with called_by(caller):
            threads.append(threading.Thread(target=lambda caller=caller: (barrier.wait(), span(caller))))
            threads[-1].start()
    for thread in threads:
        thread.join()


@program("first")
def test_a_job_that_sleeps_once_stays_whose_it_is(span: Spans) -> None:
    inherits(lambda: (time.sleep(0.01), span("first")))


@program("first")
def test_a_job_that_waits_once_for_an_event_with_a_limit_stays_whose_it_is(span: Spans) -> None:
    inherits(lambda: (threading.Event().wait(0.01), span("first")))


@program("first", "first", "first")
def test_a_job_that_tries_again_after_a_pause_stays_whose_it_is(span: Spans) -> None:
    def job() -> None:
        for _ in range(3):
            span("first")
            time.sleep(0.001)

    inherits(job)


@program("first?")
def test_a_job_that_looks_for_its_own_result_in_a_loop_is_no_other_s(span: Spans) -> None:
    def job() -> None:
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(time.sleep, 0.01)
            while not result.done():
                time.sleep(0.002)
        span("first?")

    inherits(job)


@program("first", "first")
def test_a_job_that_joins_its_own_threads_stays_whose_it_is(span: Spans) -> None:
    def job() -> None:
        inner = threading.Thread(target=span, args=("first",))
        inner.start()
        inner.join()
        span("first")

    inherits(job)


@program(*["first"] * 5)
def test_a_job_that_waits_for_its_own_futures_stays_whose_it_is(span: Spans) -> None:
    def job() -> None:
        with ThreadPoolExecutor(2) as pool:
            pool.submit(time.sleep, 0.01).result()
            span("first")
            wait([pool.submit(time.sleep, 0.01)])
            span("first")
            list(as_completed([pool.submit(time.sleep, 0.01)]))
            span("first")
            list(pool.map(time.sleep, [0.01]))
            span("first")
        span("first")

    inherits(job)


@program("first", "first", "nobody")
def test_a_job_that_puts_into_a_full_queue_or_joins_one_stays_whose_it_is(span: Spans) -> None:
    items: queue.Queue[int] = queue.Queue(1)
    items.put(0)
    begun = threading.Event()

    def job() -> None:
        begun.set()
        items.put(1)
        span("first")
        items.join()
        span("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    begun.wait()
    for _ in range(2):
        items.get()
        items.task_done()
    thread.join()
    span("nobody")


@program("first", "first")
def test_a_job_that_runs_a_program_and_reads_what_it_says_stays_whose_it_is(span: Spans) -> None:
    def job() -> None:
        subprocess.run([sys.executable, "-S", "-E", "-c", "print(1)"], capture_output=True, check=True)
        span("first")
        with subprocess.Popen([sys.executable, "-S", "-E", "-c", "print(1)"], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in child.stdout:
                span("first")

    inherits(job)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@program("first", "first")
def test_a_job_that_asks_a_server_stays_whose_it_is(span: Spans) -> None:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def job() -> None:
            for _ in range(2):
                urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}", timeout=5).read()
                span("first")

        inherits(job)
        server.shutdown()
        thread.join()


@program("first")
def test_a_job_that_reads_the_answer_on_its_own_socket_stays_whose_it_is(span: Spans) -> None:
    mine, other = socket.socketpair()
    with mine, other:
        other.sendall(b"answer")
        inherits(lambda: (mine.recv(16), span("first")))


@program("first", "first", "first")
def test_a_job_that_runs_an_event_loop_of_its_own_stays_whose_it_is(span: Spans) -> None:
    async def main() -> None:
        await asyncio.sleep(0.01)
        span("first")
        await asyncio.create_task(asyncio.sleep(0.01))
        span("first")

    inherits(lambda: (asyncio.run(main()), span("first")))


@program(*["first"] * 9)
def test_a_task_that_waits_for_what_is_its_own_stays_whose_it_is(span: Spans) -> None:
    over = asyncio.Event()

    async def job() -> None:
        await over.wait()
        span("first")
        lock, free = asyncio.Lock(), asyncio.Semaphore(1)
        async with lock, free:
            span("first")
        await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0.001))
        span("first")
        await asyncio.wait_for(asyncio.sleep(0.001), 5)
        span("first")
        await asyncio.wait([asyncio.create_task(asyncio.sleep(0.001))])
        span("first")
        for each in asyncio.as_completed([asyncio.sleep(0.001)]):
            await each
        span("first")
        await asyncio.to_thread(time.sleep, 0.001)
        span("first")
        await asyncio.shield(asyncio.sleep(0.001))
        span("first")
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.001)
        span("first")

    async def main() -> None:
        with called_by("first"):
            task = asyncio.create_task(job())
            await asyncio.sleep(0)
        over.set()
        await task

    asyncio.run(main())


@program("first", "first")
def test_a_task_that_runs_a_program_or_asks_a_server_stays_whose_it_is(span: Spans) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def job(port: int) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-E", "-c", "print(1)", stdout=asyncio.subprocess.PIPE
        )
        assert (await child.communicate())[0] == b"1\n"
        span("first")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        span("first")
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            with called_by("first"):
                task = asyncio.create_task(job(server.sockets[0].getsockname()[1]))
            await task

    asyncio.run(main())


@program("first", "first", "second", "second")
def test_a_flow_that_named_its_caller_keeps_it_whatever_it_takes(span: Spans) -> None:
    """Its own block says whose all of this is, also the handling of what others have left in a queue."""
    items: queue.Queue[str] = queue.Queue()
    for caller in ("second", "first"):
        with called_by(caller):
            items.put(caller)
    for caller in ("first", "second"):
        with called_by(caller):
            items.get()
            span(caller)
            while items.qsize():
                time.sleep(0.001)
                break
            span(caller)


@program("first", "first", "first")
def test_a_flow_that_named_its_caller_keeps_it_through_conditions_pipes_and_loops(span: Spans) -> None:
    ready = threading.Condition()
    mine, other = socket.socketpair()
    with called_by("first"), mine, other:
        with ready:
            ready.wait(0.01)
        span("first")
        other.sendall(b"x")
        mine.recv(1)
        span("first")
        left = [1, 2]
        while left:
            time.sleep(0.001)
            left.pop()
        span("first")


@program("first")
def test_a_job_that_logs_through_a_handler_stays_whose_it_is(span: Spans) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            span(record.getMessage())

    logger = logging.getLogger("tests.contract.waits")
    handler = Handler()
    logger.addHandler(handler)
    try:
        inherits(lambda: logger.warning("first"))
    finally:
        logger.removeHandler(handler)
