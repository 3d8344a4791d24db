"""What is set for later belongs to who set it; what looks again and again for something to do belongs to nobody."""

from __future__ import annotations

import asyncio
import itertools
import sched
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


@program("first", "second", "nobody")
def test_calls_that_a_loop_makes_later_belong_to_who_set_them(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        for caller in ("first", "second"):
            with called_by(caller):
                loop.call_later(0.01, span, caller)
        loop.call_at(loop.time() + 0.01, span, "nobody")
        loop.call_later(0.02, done.set)
        await done.wait()

    asyncio.run(main())


@program("first", "first?", "first?", "second")
def test_a_chain_of_later_calls_is_no_other_s_than_who_began_it(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def tick(left: int) -> None:
            span("first" if left == 2 else "first?")
            if left:
                loop.call_later(0.001, tick, left - 1)
            else:
                done.set()

        with called_by("first"):
            loop.call_later(0.001, tick, 2)
        with called_by("second"):
            await done.wait()
            span("second")

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_chain_of_later_calls_that_looks_for_work_is_no_other_s(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        items: deque[str | None] = deque()
        done = asyncio.Event()

        def tick() -> None:
            while items:
                item = items.popleft()
                if item is None:
                    done.set()
                    return
                span(item)
            loop.call_later(0.001, tick)

        with called_by("first"):
            loop.call_later(0.001, tick)
            items.append("first?")
        await asyncio.sleep(0.01)
        with called_by("second"):
            items.append("second?")
        items.extend(["nobody", None])
        await done.wait()

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_timer_that_sets_itself_again_and_looks_for_work_is_no_other_s(span: Spans) -> None:
    items: deque[str | None] = deque()
    done = threading.Event()

    def tick() -> None:
        while items:
            item = items.popleft()
            if item is None:
                done.set()
                return
            span(item)
        threading.Timer(0.001, tick).start()

    with called_by("first"):
        items.append("first?")
        threading.Timer(0.001, tick).start()
    while items:
        time.sleep(0.001)
    with called_by("second"):
        items.append("second?")
    items.extend(["nobody", None])
    done.wait()


@program("first?", "second?", "nobody")
def test_a_loop_that_sleeps_and_looks_is_no_other_s(span: Spans) -> None:
    items: deque[str | None] = deque(["first?"])

    def loop() -> None:
        while True:
            time.sleep(0.001)
            if items:
                item = items.popleft()
                if item is None:
                    return
                span(item)

    with called_by("first"):
        thread = threading.Thread(target=loop)
        thread.start()
    with called_by("second"):
        items.append("second?")
    items.extend(["nobody", None])
    thread.join()


@program("second~", "nobody~")
def test_a_loop_of_ticks_without_an_end_is_no_other_s(span: Spans) -> None:
    items: deque[str] = deque()
    end = threading.Event()

    def loop() -> None:
        for _ in itertools.count():
            if end.is_set() and not items:
                return
            time.sleep(0.001)
            while items:
                span(items.popleft())

    with called_by("first"):
        thread = threading.Thread(target=loop)
        thread.start()
    with called_by("second"):
        items.append("second~")
    items.append("nobody~")
    end.set()
    thread.join()


@program("first?", "second?", "nobody")
def test_a_loop_that_waits_for_its_end_with_a_limit_is_no_other_s(span: Spans) -> None:
    items: deque[str] = deque(["first?"])
    end = threading.Event()

    def loop() -> None:
        while not end.wait(0.001):
            while items:
                span(items.popleft())
        while items:
            span(items.popleft())

    with called_by("first"):
        thread = threading.Thread(target=loop)
        thread.start()
    with called_by("second"):
        items.append("second?")
    items.append("nobody")
    end.set()
    thread.join()


@program("first?", "second?", "nobody")
def test_a_task_that_sleeps_and_looks_is_no_other_s(span: Spans) -> None:
    async def main() -> None:
        items: deque[str | None] = deque(["first?"])

        async def loop() -> None:
            while True:
                await asyncio.sleep(0.001)
                if items:
                    item = items.popleft()
                    if item is None:
                        return
                    span(item)

        with called_by("first"):
            task = asyncio.create_task(loop())
        with called_by("second"):
            items.append("second?")
        items.extend(["nobody", None])
        await task

    asyncio.run(main())


@program("first?", "first?", "second")
def test_a_beat_that_goes_on_for_its_own_caller_is_no_other_s(span: Spans) -> None:
    async def main() -> None:
        end = asyncio.Event()
        beats = asyncio.Semaphore(0)

        async def beat() -> None:
            for _ in range(2):
                span("first?")
                beats.release()
                await asyncio.sleep(0.001)

        with called_by("first"):
            task = asyncio.create_task(beat())
        with called_by("second"):
            await beats.acquire()
            span("second")
        await task
        end.set()

    asyncio.run(main())


@program("first?", "second?", "nobody")
def test_a_scheduler_on_a_thread_is_no_other_s(span: Spans) -> None:
    scheduler = sched.scheduler()
    begin = threading.Event()

    def run() -> None:
        begin.wait()
        scheduler.run()

    with called_by("first"):
        thread = threading.Thread(target=run)
        thread.start()
        scheduler.enter(0.001, 1, span, ("first?",))
    with called_by("second"):
        scheduler.enter(0.002, 1, span, ("second?",))
    scheduler.enter(0.003, 1, span, ("nobody",))
    begin.set()
    thread.join()


@program("first", "first", "second")
def test_a_scheduler_that_a_block_fills_and_runs_to_its_end_works_for_that_block(span: Spans) -> None:
    scheduler = sched.scheduler(time.monotonic, time.sleep)
    with called_by("first"):
        for delay in (0.001, 0.002):
            scheduler.enter(delay, 1, span, ("first",))
        scheduler.run()
    with called_by("second"):
        span("second")


@program("second?", "second")
def test_a_job_that_submits_itself_again_and_looks_for_work_is_no_other_s(span: Spans) -> None:
    items: deque[str] = deque()
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def look() -> None:
            if items:
                span(items.popleft())
                done.set()
            else:
                time.sleep(0.001)
                pool.submit(look)

        with called_by("first"):
            pool.submit(look)
        with called_by("second"):
            items.append("second?")
            done.wait()
            span("second")


@program("first", "second", "nobody")
def test_timers_that_are_set_before_and_fire_in_another_s_block_are_their_setter_s(span: Spans) -> None:
    fired = threading.Semaphore(0)

    def fire(marker: str) -> None:
        span(marker)
        fired.release()

    for caller in ("first", "second"):
        with called_by(caller):
            threading.Timer(0.005, fire, [caller]).start()
    threading.Timer(0.005, fire, ["nobody"]).start()
    with called_by("second"):
        for _ in range(3):
            fired.acquire()


@program("second", "nobody")
def test_a_timer_that_is_cancelled_leaves_nothing(span: Spans) -> None:
    with called_by("first"):
        timer = threading.Timer(60, span, ["first"])
        timer.start()
    timer.cancel()
    timer.join()
    with called_by("second"):
        span("second")
    span("nobody")


@program("first", "first", "second?")
def test_a_later_call_that_starts_a_task_hands_its_caller_on(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        async def task() -> None:
            span("first")
            await asyncio.sleep(0)
            span("first")
            done.set()

        tasks = []
        with called_by("first"):
            loop.call_later(0.001, lambda: tasks.append(asyncio.create_task(task())))
        with called_by("second"):
            await done.wait()
            span("second?")

    asyncio.run(main())


@program("nobody")
def test_a_callback_of_a_polling_task_is_of_what_that_took_up(span: Spans) -> None:
    def work(marker: str, done: asyncio.Future[None]) -> None:
        span(marker)
        done.set_result(None)

    async def poll(jobs: list[str]) -> None:
        while jobs:
            await asyncio.sleep(0)
            done = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(work, jobs.pop(), done)
            await done

    async def main() -> None:
        with called_by("first"):
            task = asyncio.create_task(poll(["nobody"]))
        await task

    asyncio.run(main())
