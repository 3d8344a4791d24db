"""A task that takes its work from a shared place is nobody's until it says whose work it has."""

from __future__ import annotations

import asyncio
import queue
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by

Get = Callable[[], Awaitable[Any]]
Put = Callable[[Any], Any]


async def feed(done: asyncio.Semaphore, put: Put, *items: str) -> None:
    for item in items:
        if item == "nobody":
            put(item)
        else:
            with called_by(item.removesuffix("?")):
                put(item)
        await done.acquire()


async def hire(
    get: Get, span: Spans, put: Put, own: str = "first?", others: tuple[str, str] = ("second?", "nobody")
) -> None:
    """A worker task that the first starts, who puts an item of its own; then the second puts one, and nobody one, in blocks of one task."""
    done = asyncio.Semaphore(0)

    async def works_off() -> None:
        while (item := await get()) is not None:
            span(item)
            done.release()

    with called_by("first"):
        worker = asyncio.create_task(works_off())
        put(own)
        await done.acquire()
    await feed(done, put, *others)
    put(None)
    await worker


@program("first", "second?", "nobody")
def test_a_worker_on_a_queue(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.Queue[Any] = asyncio.Queue()
        await hire(items.get, span, items.put_nowait, own="first")

    asyncio.run(main())


@program("first", "second?", "nobody")
def test_a_worker_on_a_queue_by_priority(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.PriorityQueue[Any] = asyncio.PriorityQueue()

        async def get() -> Any:
            return (await items.get())[1]

        await hire(get, span, lambda item: items.put_nowait((1, item)), own="first")

    asyncio.run(main())


@program("first", "second?", "nobody")
def test_a_worker_on_a_stack(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        await hire(items.get, span, items.put_nowait, own="first")

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_that_waits_for_its_queue_with_a_limit(span: Spans) -> None:
    """Before Python 3.12 `wait_for` takes the item in a task of its own."""

    async def main() -> None:
        items: asyncio.Queue[Any] = asyncio.Queue()
        await hire(lambda: asyncio.wait_for(items.get(), 5), span, items.put_nowait)

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_that_waits_for_its_queue_or_an_end(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.Queue[Any] = asyncio.Queue()
        end = asyncio.Event()

        async def get() -> Any:
            both = [asyncio.create_task(items.get()), asyncio.create_task(end.wait())]
            (done,), _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            both[1].cancel()
            return done.result()

        await hire(get, span, items.put_nowait)

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_that_never_waits_at_its_queue(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.Queue[Any] = asyncio.Queue()

        async def get() -> Any:
            while True:
                try:
                    return items.get_nowait()
                except asyncio.QueueEmpty:
                    await asyncio.sleep(0)

        await hire(get, span, items.put_nowait)

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_on_a_deque_under_a_condition(span: Spans) -> None:
    async def main() -> None:
        items: deque[Any] = deque()
        ready = asyncio.Condition()
        notifying = []

        async def notify() -> None:
            async with ready:
                ready.notify()

        def put(item: Any) -> None:
            items.append(item)
            notifying.append(asyncio.create_task(notify()))

        async def get() -> Any:
            async with ready:
                await ready.wait_for(lambda: items)
                return items.popleft()

        await hire(get, span, put)

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_on_a_list_that_an_event_announces(span: Spans) -> None:
    async def main() -> None:
        items: list[Any] = []
        ready = asyncio.Event()

        def put(item: Any) -> None:
            items.append(item)
            ready.set()

        async def get() -> Any:
            while not items:
                ready.clear()
                await ready.wait()
            return items.pop()

        await hire(get, span, put)

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_on_a_list_that_it_looks_at_now_and_then(span: Spans) -> None:
    async def main() -> None:
        items: list[Any] = []

        async def get() -> Any:
            while not items:
                await asyncio.sleep(0.001)
            return items.pop()

        await hire(get, span, items.append)

    asyncio.run(main())


@program("first?", "second~", "nobody~")
def test_a_worker_on_futures_that_others_complete(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[Any]] = [loop.create_future()]

        def put(item: Any) -> None:
            waiting[0].set_result(item)

        async def get() -> Any:
            item = await waiting[0]
            waiting[0] = loop.create_future()
            return item

        await hire(get, span, put, others=("second~", "nobody~"))

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_whose_queue_is_one_of_threads(span: Spans) -> None:
    async def main() -> None:
        items: queue.Queue[Any] = queue.Queue()
        await hire(lambda: asyncio.to_thread(items.get), span, items.put)

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_whose_queue_is_read_in_an_executor(span: Spans) -> None:
    async def main() -> None:
        items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        loop = asyncio.get_running_loop()
        await hire(lambda: loop.run_in_executor(None, items.get), span, items.put)

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_worker_on_an_async_generator_that_reads_a_queue(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.Queue[Any] = asyncio.Queue()

        async def source() -> Any:
            while True:
                yield await items.get()

        stream = source()
        await hire(stream.__anext__, span, items.put_nowait)
        await stream.aclose()

    asyncio.run(main())


@program("second?", "first")
def test_a_worker_that_is_fed_while_its_starter_is_still_at_work(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.Queue[Any] = asyncio.Queue()
        begin, fed = asyncio.Event(), asyncio.Event()

        async def works_off() -> None:
            while (item := await items.get()) is not None:
                span(item)
                fed.set()

        async def second() -> None:
            await begin.wait()
            with called_by("second"):
                items.put_nowait("second?")

        other = asyncio.create_task(second())
        with called_by("first"):
            worker = asyncio.create_task(works_off())
            begin.set()
            await fed.wait()
            span("first")
        items.put_nowait(None)
        await asyncio.gather(worker, other)

    asyncio.run(main())


@program(*["first"] * 3, "first", *["second"] * 3, "second")
def test_a_producer_and_its_consumer_of_one_caller_stay_that_caller_s(span: Spans) -> None:
    async def client(caller: str) -> None:
        items: asyncio.Queue[Any] = asyncio.Queue(1)

        async def produce() -> None:
            for item in (caller, caller, caller, None):
                await items.put(item)

        async def consume() -> None:
            while (item := await items.get()) is not None:
                span(item)

        with called_by(caller):
            await asyncio.gather(consume(), produce())
            span(caller)

    async def main() -> None:
        await asyncio.gather(client("first"), client("second"))

    asyncio.run(main())


@program("first", "first")
def test_a_producer_and_its_consumer_that_outlive_their_block_stay_their_caller_s(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.Queue[Any] = asyncio.Queue()

        async def produce() -> None:
            for item in ("first", "first", None):
                await items.put(item)

        async def consume() -> None:
            while (item := await items.get()) is not None:
                span(item)

        with called_by("first"):
            tasks = [asyncio.create_task(each()) for each in (consume, produce)]
        await asyncio.gather(*tasks)

    asyncio.run(main())


@program(*["first"] * 3, "first")
def test_results_gathered_by_a_queue_leave_who_gathers_its_caller(span: Spans) -> None:
    async def main() -> None:
        async def gather() -> None:
            results: asyncio.Queue[str] = asyncio.Queue()

            async def part() -> None:
                span("first")
                await results.put("done")

            parts = [asyncio.create_task(part()) for _ in range(3)]
            for _ in parts:
                await results.get()
            span("first")

        with called_by("first"):
            task = asyncio.create_task(gather())
        await task

    asyncio.run(main())


@program("first", "second?", "first")
def test_a_worker_that_comes_back_to_its_own_caller_s_items_is_that_caller_s_again(span: Spans) -> None:
    async def main() -> None:
        items: asyncio.Queue[Any] = asyncio.Queue()
        done = asyncio.Semaphore(0)

        async def works_off() -> None:
            while (item := await items.get()) is not None:
                span(item)
                done.release()

        with called_by("first"):
            worker = asyncio.create_task(works_off())
        await feed(done, items.put_nowait, "first", "second?", "first")
        items.put_nowait(None)
        await worker

    asyncio.run(main())


@program("second?", "nobody", "first")
def test_a_worker_that_is_fed_from_another_thread(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[Any] = asyncio.Queue()

        async def works_off() -> None:
            while (item := await items.get()) is not None:
                span(item)

        def clients() -> None:
            with called_by("second"):
                loop.call_soon_threadsafe(items.put_nowait, "second?")
            loop.call_soon_threadsafe(items.put_nowait, "nobody")
            loop.call_soon_threadsafe(items.put_nowait, None)

        elsewhere = loop.run_in_executor(None, clients)
        with called_by("first"):
            worker = asyncio.create_task(works_off())
            await worker
            span("first")
        await elsewhere

    asyncio.run(main())


if sys.version_info >= (3, 11):

    @program("first?", "second?", "nobody")
    def test_a_worker_that_waits_for_its_queue_inside_a_limit_of_time(span: Spans) -> None:
        async def main() -> None:
            items: asyncio.Queue[Any] = asyncio.Queue()

            async def get() -> Any:
                async with asyncio.timeout(5):
                    return await items.get()

            await hire(get, span, items.put_nowait)

        asyncio.run(main())

    @program("first", "second?", "nobody")
    def test_workers_in_a_group_of_tasks(span: Spans) -> None:
        async def main() -> None:
            items: asyncio.Queue[Any] = asyncio.Queue()
            done = asyncio.Semaphore(0)

            async def works_off() -> None:
                while (item := await items.get()) is not None:
                    span(item)
                    done.release()

            async with asyncio.TaskGroup() as group:
                with called_by("first"):
                    group.create_task(works_off())
                await feed(done, items.put_nowait, "first", "second?", "nobody")
                items.put_nowait(None)

        asyncio.run(main())
