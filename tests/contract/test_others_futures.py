"""Whoever looks in a loop at futures that others made or complete takes its work from them; one's own are one's own answers."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from typing import Any

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by

Worker = Callable[[list[Any], Callable[[Any], None]], Any]


def complete_for_others(worker: Worker, span: Spans) -> None:
    """The first starts a worker on two futures that nobody made; the second completes one while the first's block is open, then nobody the other."""
    futures: list[Future[str]] = [Future(), Future()]
    done = threading.Semaphore(0)
    with called_by("first"):
        thread = threading.Thread(target=worker, args=(futures, lambda item: (span(item), done.release())))
        thread.start()
        with called_by("second"):
            futures[0].set_result("second?")
        done.acquire()
    futures[1].set_result("nobody")
    done.acquire()
    thread.join()


@program("second?", "nobody")
def test_a_thread_that_waits_for_whichever_is_done_first(span: Spans) -> None:
    def worker(futures: list[Any], work: Callable[[Any], None]) -> None:
        waiting = set(futures)
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                work(future.result())

    complete_for_others(worker, span)


@program("second?", "nobody")
def test_a_thread_that_looks_at_one_after_the_other(span: Spans) -> None:
    complete_for_others(lambda futures, work: [work(future.result()) for future in futures], span)


@program("second?", "nobody")
def test_a_thread_that_looks_at_them_as_they_complete(span: Spans) -> None:
    complete_for_others(lambda futures, work: [work(future.result()) for future in as_completed(futures)], span)


@program("second?", "nobody?")
def test_a_thread_that_looks_at_what_failed(span: Spans) -> None:
    with called_by("second"), ThreadPoolExecutor(1) as pool:
        failed = [pool.submit(int, marker) for marker in ("second?", "nobody?")]

    def worker() -> None:
        for future in failed:
            error = future.exception()
            span(str(error).rpartition(" ")[2].strip("'"))

    with called_by("first"):
        thread = threading.Thread(target=worker)
        thread.start()
        thread.join()


@program("second?", "nobody")
def test_a_thread_on_the_jobs_of_others_in_a_pool(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        with called_by("second"):
            jobs = [pool.submit(str, "second?")]
        jobs.append(pool.submit(str, "nobody"))

        def worker() -> None:
            for job in as_completed(jobs):
                span(job.result())

        with called_by("first"):
            thread = threading.Thread(target=worker)
            thread.start()
            thread.join()


@program("first", "first", "first", "first")
def test_a_thread_on_its_own_jobs_stays_whose_it_is(span: Spans) -> None:
    def worker() -> None:
        with ThreadPoolExecutor(2) as pool:
            for job in as_completed([pool.submit(str), pool.submit(str)]):
                job.result()
                span("first")
            turns = 0
            while turns < 2:  # An agent's loop, of questions and answers.
                pool.submit(str).result()
                span("first")
                turns += 1

    with called_by("first"):
        thread = threading.Thread(target=worker)
        thread.start()
    thread.join()


@program("first")
def test_a_thread_that_needs_one_answer_that_another_has_asked_for_stays_whose_it_is(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        with called_by("second"):
            shared = pool.submit(str)

        def job() -> None:
            shared.result()
            span("first")

        with called_by("first"):
            thread = threading.Thread(target=job)
            thread.start()
        thread.join()


@program("first", "second", "first")
def test_a_result_that_is_waited_for_in_a_block_of_its_own(span: Spans) -> None:
    with ThreadPoolExecutor(1) as pool:
        with called_by("second"):
            jobs = [pool.submit(str)]

        def job() -> None:
            for each in jobs:
                with called_by("first"):
                    each.result()
                    span("first")

        with called_by("first"):
            span("first")
            thread = threading.Thread(target=job)
        with called_by("second"):
            thread.start()
            span("second")
            thread.join()


@program("first", "first")
def test_a_library_that_waits_for_its_own_answers_in_a_loop_stays_whose_it_is(span: Spans) -> None:
    library: dict[str, Any] = {"__name__": "httpx._answers"}
    exec("def look(futures, work):\n    for each in futures:\n        each.result()\n        work('first')", library)
    with called_by("second"), ThreadPoolExecutor(1) as pool:
        answers = [pool.submit(str), pool.submit(str)]
    with called_by("first"):
        thread = threading.Thread(target=library["look"], args=(answers, span))
        thread.start()
    thread.join()


# The same for tasks.

Step = Callable[[list["asyncio.Future[str]"], Callable[[str], None]], Coroutine[Any, Any, None]]


def complete_for_other_tasks(worker: Step, span: Spans) -> None:
    """As `complete_for_others`; the second completes one in a task of its own, once the worker waits."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[str]] = [loop.create_future(), loop.create_future()]
        done = asyncio.Semaphore(0)
        with called_by("first"):
            task = asyncio.create_task(worker(futures, lambda item: (span(item), done.release())[1]))
        await asyncio.sleep(0)

        async def complete() -> None:
            futures[0].set_result("second?")

        with called_by("second"):
            await asyncio.create_task(complete())
        await done.acquire()
        futures[1].set_result("nobody")
        await done.acquire()
        await task

    asyncio.run(main())


@program("second?", "nobody")
def test_a_task_that_awaits_one_after_the_other(span: Spans) -> None:
    async def worker(futures: Any, work: Any) -> None:
        for future in futures:
            work(await future)

    complete_for_other_tasks(worker, span)


@program("second?", "nobody")
def test_a_task_that_awaits_a_pending_one_again_and_again(span: Spans) -> None:
    async def worker(futures: Any, work: Any) -> None:
        waiting = list(futures)
        while waiting:
            work(await asyncio.wait_for(asyncio.shield(waiting.pop(0)), 5))

    complete_for_other_tasks(worker, span)


@program("second?", "nobody")
def test_a_task_that_waits_for_whichever_is_done_first(span: Spans) -> None:
    async def worker(futures: Any, work: Any) -> None:
        waiting = set(futures)
        while waiting:
            ready, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in ready:
                work(future.result())

    complete_for_other_tasks(worker, span)


@program("second?", "nobody")
def test_a_task_that_awaits_them_as_they_complete(span: Spans) -> None:
    async def worker(futures: Any, work: Any) -> None:
        for future in asyncio.as_completed(futures):
            work(await future)

    complete_for_other_tasks(worker, span)


@program("second?", "nobody")
def test_a_task_that_gathers_one_after_the_other(span: Spans) -> None:
    async def worker(futures: Any, work: Any) -> None:
        for future in futures:
            (item,) = await asyncio.gather(future)
            work(item)

    complete_for_other_tasks(worker, span)


@program("second?", "nobody")
def test_a_task_on_a_generator_that_awaits_them(span: Spans) -> None:
    async def items(futures: Any) -> AsyncIterator[str]:
        waiting = list(futures)
        while waiting:
            yield await waiting.pop(0)

    async def worker(futures: Any, work: Any) -> None:
        async for item in items(futures):
            work(item)

    complete_for_other_tasks(worker, span)


@program("second?", "nobody")
def test_a_task_on_futures_of_threads(span: Spans) -> None:
    async def main() -> None:
        futures: list[Future[str]] = [Future(), Future()]
        done = asyncio.Semaphore(0)

        async def worker() -> None:
            for future in futures:
                span(await asyncio.wrap_future(future))
                done.release()

        with called_by("first"):
            task = asyncio.create_task(worker())
        await asyncio.sleep(0)
        with called_by("second"):
            await asyncio.to_thread(futures[0].set_result, "second?")
        await done.acquire()
        await asyncio.to_thread(futures[1].set_result, "nobody")
        await task

    asyncio.run(main())


@program("second?", "nobody")
def test_a_task_on_a_queue_that_somebody_wrote_with_futures(span: Spans) -> None:
    class Mailbox:
        def __init__(self) -> None:
            self.items: list[str | None] = []
            self.getters: list[asyncio.Future[str | None]] = []

        def put(self, item: str | None) -> None:
            if self.getters:
                self.getters.pop(0).set_result(item)
            else:
                self.items.append(item)

        async def get(self) -> str | None:
            if self.items:
                return self.items.pop(0)
            self.getters.append(asyncio.get_running_loop().create_future())
            return await self.getters[-1]

    async def main() -> None:
        box, done = Mailbox(), asyncio.Semaphore(0)

        async def worker() -> None:
            while (item := await box.get()) is not None:
                span(item)
                done.release()

        with called_by("first"):
            task = asyncio.create_task(worker())
        await asyncio.sleep(0)
        with called_by("second"):
            box.put("second?")
        await done.acquire()
        box.put("nobody")
        await done.acquire()
        box.put(None)
        await task

    asyncio.run(main())


@program("first", "first", "first", "first", "second", "second")
def test_a_task_on_what_it_has_set_going_itself_stays_whose_it_is(span: Spans) -> None:
    async def main() -> None:
        async def one() -> None:
            await asyncio.sleep(0)

        async def worker(marker: str) -> None:
            waiting = {asyncio.create_task(one()), asyncio.create_task(one())}
            while waiting:
                ready, waiting = await asyncio.wait(waiting)
                for _ in ready:
                    span(marker)
            if marker == "first":
                for future in asyncio.as_completed([one(), one()]):
                    await future
                    span(marker)

        with called_by("first"):
            first = asyncio.create_task(worker("first"))
        with called_by("second"):
            second = asyncio.create_task(worker("second"))
        await first
        await second

    asyncio.run(main())


@program("first", "first", "second", "second")
def test_tasks_that_wait_for_each_other_s_turn_at_a_lock_stay_whose_they_are(span: Spans) -> None:
    async def main() -> None:
        lock, limit = asyncio.Lock(), asyncio.Semaphore(1)

        async def worker(marker: str) -> None:
            turns = 0
            while turns < 2:
                async with lock, limit:
                    await asyncio.to_thread(str)
                async with limit:
                    span(marker)
                turns += 1

        with called_by("first"):
            first = asyncio.create_task(worker("first"))
        with called_by("second"):
            second = asyncio.create_task(worker("second"))
        await first
        await second

    asyncio.run(main())


@program("first", "first")
def test_a_task_whose_answers_come_by_a_reader_that_is_nobody_s_stays_whose_it_is(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[None]] = []

        async def ask() -> None:  # A client that somebody wrote: its answers come in by the loop.
            waiting.append(loop.create_future())
            await waiting[-1]

        async def agent() -> None:
            turns = 0
            while turns < 2:
                await ask()
                span("first")
                turns += 1

        with called_by("first"):
            task = asyncio.create_task(agent())
        while not task.done():
            await asyncio.sleep(0)
            if waiting:
                waiting.pop().set_result(None)

    asyncio.run(main())


@program("first")
def test_a_task_that_awaits_one_answer_that_another_has_asked_for_stays_whose_it_is(span: Spans) -> None:
    async def main() -> None:
        async def ask() -> None:
            await asyncio.sleep(0)

        with called_by("second"):
            shared = asyncio.create_task(ask())

        async def job() -> None:
            await shared
            span("first")

        with called_by("first"):
            task = asyncio.create_task(job())
        await task

    asyncio.run(main())


@program("second~", "nobody~")
def test_a_task_on_futures_that_are_done_before_it_looks(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[str]] = [loop.create_future(), loop.create_future()]

        async def worker() -> None:
            for future in futures:
                span(await future)

        with called_by("first"):
            task = asyncio.create_task(worker())
        with called_by("second"):
            futures[0].set_result("second~")
        futures[1].set_result("nobody~")
        await task

    asyncio.run(main())


if sys.version_info >= (3, 12):

    @program("first", "second?", "nobody")
    def test_tasks_that_begin_at_once(span: Spans) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_task_factory(asyncio.eager_task_factory)
            future: asyncio.Future[str] = loop.create_future()
            done = asyncio.Semaphore(0)

            async def worker() -> None:
                span("first")
                for _ in range(2):
                    nonlocal future
                    item = await future
                    future = loop.create_future()
                    span(item)
                    done.release()

            with called_by("first"):
                task = asyncio.create_task(worker())
            with called_by("second"):
                future.set_result("second?")
            await done.acquire()
            future.set_result("nobody")
            await task

        asyncio.run(main())
