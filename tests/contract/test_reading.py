"""Workers of anyio and trio, of streams, sockets and barriers: what another gave them to do is not the work of who started them."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import trio
import urllib3
from tests.contract.programs import Spans, program

from rvbbit_otel import called_by
from rvbbit_otel.attribution.work import Work


async def settled() -> None:
    """Whoever can go on has done so."""
    for _ in range(9):
        await anyio.lowlevel.checkpoint()


async def works_for_two(work: Callable[..., Any], give: Callable[[str], Any]) -> None:
    """A worker that the first starts, and both give work to."""
    async with anyio.create_task_group() as group:
        with called_by("first"):
            group.start_soon(work)
            await settled()
            await give("first?")
            await settled()
        with called_by("second"):
            await give("second?")
            await settled()
        group.cancel_scope.cancel()


@program(*["first?", "second?"] * 8)
def test_workers_that_wait_by_what_anyio_and_trio_have_for_it(spans: Spans) -> None:
    async def by_condition(condition: Any) -> None:
        jobs: list[str] = []

        async def work() -> None:
            while True:
                async with condition:
                    while not jobs:
                        await condition.wait()
                spans(jobs.pop())

        async def give(marker: str) -> None:
            async with condition:
                jobs.append(marker)
                condition.notify()

        await works_for_two(work, give)

    async def by_bell(wait: Callable[[], Any], ring: Callable[[], Any]) -> None:
        jobs: list[str] = []

        async def work() -> None:
            while True:
                await wait()
                spans(jobs.pop())

        async def give(marker: str) -> None:
            jobs.append(marker)
            ring()

        await works_for_two(work, give)

    async def main() -> None:
        await by_condition(anyio.Condition())
        bell = anyio.Semaphore(0)
        await by_bell(bell.acquire, bell.release)

    async def of_trio() -> None:
        events: list[Any] = [anyio.Event()]

        async def wait() -> None:
            await events[-1].wait()

        def ring() -> None:
            events.append(anyio.Event())
            events[-2].set()

        await main()
        await by_condition(trio.Condition())
        bell, lot = trio.Semaphore(0), trio.lowlevel.ParkingLot()
        await by_bell(bell.acquire, bell.release)
        await by_bell(lot.park, lot.unpark)
        await by_bell(wait, ring)

    anyio.run(main)
    anyio.run(of_trio, backend="trio")


@program(*["nobody"] * 6)
def test_a_task_that_sleeps_and_looks_by_anyio(spans: Spans) -> None:
    async def look() -> None:
        turns = 3
        while turns:
            await anyio.sleep(0)
            spans("nobody")
            turns -= 1

    async def main() -> None:
        async with anyio.create_task_group() as group:
            with called_by("first"):
                group.start_soon(look)

    for backend in ("asyncio", "trio"):
        anyio.run(main, backend=backend)


@program("first", "second?", "nobody")
def test_a_worker_on_a_channel_of_trio_keeps_its_caller_for_what_that_one_sent(spans: Spans) -> None:
    async def main() -> None:
        sends, receives = trio.open_memory_channel[str](0)

        async def work() -> None:
            async for marker in receives:
                spans(marker)

        async with trio.open_nursery() as nursery, sends:
            with called_by("first"):
                nursery.start_soon(work)
                await sends.send("first")
            with called_by("second"):
                await sends.send("second?")
            await sends.send("nobody")

    trio.run(main)


@program(*["first?", "second?"] * 3)
def test_tasks_that_read_what_others_send_by_a_stream(spans: Spans) -> None:
    opened: list[Any] = []

    async def by(work: Callable[[Any], Any], open_stream: Callable[[socket.socket], Any]) -> None:
        here, there = socket.socketpair()
        stream = await open_stream(there)

        async def give(marker: str) -> None:
            seen = len(spans.rows(marker))
            here.sendall(f"{marker}\n".encode())
            while len(spans.rows(marker)) == seen:
                await anyio.sleep(0)

        with here:
            await works_for_two(lambda: work(stream), give)

    async def lines(stream: Any) -> None:
        async for line in stream:
            spans(line.decode().strip())

    async def reader(there: socket.socket) -> Any:
        opened.append(await asyncio.open_connection(sock=there))
        return opened[-1][0]

    async def of_asyncio() -> None:
        await by(lines, reader)

        async def received(there: socket.socket) -> None:
            while line := await asyncio.get_running_loop().sock_recv(there, 99):
                spans(line.decode().strip())

        async def plain(there: socket.socket) -> socket.socket:
            there.setblocking(False)
            return there

        await by(received, plain)

    async def of_trio() -> None:
        async def stream(there: socket.socket) -> Any:
            return trio.SocketStream(trio.socket.from_stdlib_socket(there))

        await by(lines, stream)

    anyio.run(of_asyncio)
    anyio.run(of_trio, backend="trio")


@program("first?", "second?", *["first"] * 3)
def test_threads_that_read_a_socket_as_a_file(spans: Spans) -> None:
    here, there = socket.socketpair()

    def work() -> None:
        with there.makefile() as lines:
            for line in lines:
                spans(line.strip())
                there.sendall(b".")

    def ask_ones_own() -> None:
        mine, its = socket.socketpair()
        with mine, its, its.makefile() as lines:
            while len(spans.rows("first")) < 3:
                mine.sendall(b"x\n")
                lines.readline()
                spans("first")

    with here, there:
        with called_by("first"):
            reader, job = threading.Thread(target=work), threading.Thread(target=ask_ones_own)
            reader.start()
            here.sendall(b"first?\n")
            here.recv(1)
            job.start()
            job.join()
        with called_by("second"):
            here.sendall(b"second?\n")
            here.recv(1)
        here.shutdown(socket.SHUT_WR)
        reader.join()


@program("first", "second?")
def test_a_thread_that_meets_another_at_a_barrier_may_have_its_work_from_there(spans: Spans) -> None:
    barrier = threading.Barrier(2)
    jobs: list[str] = []

    def work() -> None:
        for _ in range(2):
            barrier.wait()
            spans(jobs.pop())
            barrier.wait()

    def give(marker: str) -> None:
        jobs.append(marker)
        barrier.wait()
        barrier.wait()

    with called_by("first"):
        thread = threading.Thread(target=work)
        thread.start()
        give("first")
    with called_by("second"):
        give("second?")
    thread.join()


@program(*["nobody"] * 3)
def test_a_loop_over_a_generator_that_sleeps_and_looks(spans: Spans) -> None:
    def ticks() -> Iterator[int]:
        turn = 0
        while turn < 3:
            time.sleep(0)
            turn += 1
            yield turn

    def work() -> None:
        for _ in ticks():
            spans("nobody")

    with called_by("first"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()


@program("first", "first", "nobody", "nobody")
def test_timers_that_set_each_other_in_turn_are_a_loop(spans: Spans) -> None:
    markers = iter(["first", "first", "nobody", "nobody"])
    done = threading.Event()

    def tick() -> None:
        turn(tock)

    def tock() -> None:
        turn(tick)

    def turn(then: Callable[[], None]) -> None:
        marker = next(markers, None)
        if marker is None:
            done.set()
            return
        spans(marker)
        threading.Timer(0, then).start()

    with called_by("first"):
        threading.Timer(0, tick).start()
        done.wait()


@program("first")
def test_of_a_chain_of_tasks_that_each_start_the_next_few_are_kept(spans: Spans) -> None:
    kept: list[int] = []
    now: list[Any] = []

    def works() -> int:
        gc.collect()
        return sum(isinstance(each, Work) for each in gc.get_objects())

    before = works()  # Of others, in this process.

    async def main() -> None:
        done = asyncio.Event()

        async def step(left: int) -> None:
            if left:
                now[:] = [asyncio.create_task(step(left - 1))]
                return
            kept.append(works() - before)
            spans("first")
            done.set()

        with called_by("first"):
            now[:] = [asyncio.create_task(step(1000))]
        await done.wait()

    asyncio.run(main())
    assert kept[0] < 200


@program("first")
def test_a_connection_that_another_gave_back_to_a_pool_is_no_work(spans: Spans) -> None:
    pool = urllib3.HTTPConnectionPool("127.0.0.1", 9, maxsize=1)
    used = threading.Event()

    def job() -> None:
        used.wait()
        pool._get_conn()
        spans("first")

    with called_by("first"):
        thread = threading.Thread(target=job)
        thread.start()
    with called_by("second"):
        pool._put_conn(pool._get_conn())
    used.set()
    thread.join()
