"""What a job lets go of when it takes up other work: what it inherited, and not what somebody has said in it."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator

from opentelemetry.context import attach, get_current
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
