"""Tasks, callbacks and coroutines belong to who handed them over, from their begin to their end; the event loop belongs to nobody."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import suppress
from typing import Any

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by


async def works(span: Spans, caller: str, turns: int = 3) -> None:
    for _ in range(turns):
        span(caller)
        await asyncio.sleep(0)


@program("first", "second", "nobody")
def test_a_block_around_a_whole_loop(span: Spans) -> None:
    for caller in ("first", "second"):
        with called_by(caller):
            asyncio.run(works(span, caller, 1))
    asyncio.run(works(span, "nobody", 1))


@program(*["first"] * 3, *["second"] * 3, *["nobody"] * 3)
def test_tasks_of_two_callers_and_nobody_by_turns(span: Spans) -> None:
    async def main() -> None:
        tasks = []
        for caller in ("first", "second"):
            with called_by(caller):
                tasks.append(asyncio.create_task(works(span, caller)))
        await asyncio.gather(*tasks, works(span, "nobody"))

    asyncio.run(main())


@program(*["first"] * 3, *["second"] * 3)
def test_blocks_in_two_tasks_that_overlap(span: Spans) -> None:
    async def client(caller: str) -> None:
        with called_by(caller):
            await works(span, caller)

    async def main() -> None:
        await asyncio.gather(client("first"), client("second"))

    asyncio.run(main())


@program("first", "second", "first")
def test_a_task_that_goes_on_after_its_block_keeps_its_caller(span: Spans) -> None:
    async def main() -> None:
        begin = asyncio.Event()

        async def job() -> None:
            await begin.wait()
            span("first")
            await asyncio.sleep(0)
            span("first")

        with called_by("first"):
            task = asyncio.create_task(job())
        with called_by("second"):
            span("second")
            begin.set()
            await task

    asyncio.run(main())


@program("first", "first", "second")
def test_a_task_that_a_task_starts_after_the_block_hands_the_caller_on(span: Spans) -> None:
    async def main() -> None:
        begin = asyncio.Event()

        async def outer() -> None:
            await begin.wait()
            span("first")
            await asyncio.create_task(works(span, "first", 1))

        with called_by("first"):
            task = asyncio.create_task(outer())
        begin.set()
        with called_by("second"):
            await task
            span("second")

    asyncio.run(main())


@program("second")
def test_a_coroutine_that_is_made_in_one_block_and_awaited_in_another_is_who_awaits_it(span: Spans) -> None:
    async def main() -> None:
        with called_by("first"):
            work = works(span, "second", 1)
        with called_by("second"):
            await work

    asyncio.run(main())


@program("first", "second", "nobody")
def test_calls_that_a_loop_makes_soon_belong_to_who_asked_for_them(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for caller in ("first", "second"):
            with called_by(caller):
                loop.call_soon(span, caller)
        loop.call_soon(span, "nobody")
        await asyncio.sleep(0)

    asyncio.run(main())


@program("second", "nobody", "first")
def test_calls_from_another_thread_belong_to_who_asked_there(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def elsewhere() -> None:
            with called_by("second"):
                loop.call_soon_threadsafe(span, "second")
            loop.call_soon_threadsafe(span, "nobody")
            loop.call_soon_threadsafe(done.set)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        with called_by("first"):
            await done.wait()
            span("first")
        thread.join()

    asyncio.run(main())


@program("first", "second", "first", "second", "nobody")
def test_jobs_in_an_executor_belong_to_the_task_that_handed_them_over(span: Spans) -> None:
    async def client(caller: str) -> None:
        with called_by(caller):
            await asyncio.get_running_loop().run_in_executor(None, span, caller)
            await asyncio.to_thread(span, caller)

    async def main() -> None:
        await asyncio.gather(client("first"), client("second"))
        await asyncio.get_running_loop().run_in_executor(None, span, "nobody")

    asyncio.run(main())


@program("first", "second", "nobody")
def test_a_callback_of_a_future_belongs_to_who_added_it(span: Spans) -> None:
    async def main() -> None:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with called_by("first"):
            answer.add_done_callback(lambda _: span("first"))
        answer.add_done_callback(lambda _: span("nobody"))
        with called_by("second"):
            answer.add_done_callback(lambda _: span("second"))
            answer.set_result(1)
        await answer
        await asyncio.sleep(0)

    asyncio.run(main())


@program("first", "second")
def test_a_callback_of_a_task_belongs_to_who_added_it_and_not_to_the_task(span: Spans) -> None:
    async def main() -> None:
        with called_by("first"):
            task = asyncio.create_task(works(span, "first", 1))
        with called_by("second"):
            task.add_done_callback(lambda _: span("second"))
        await task
        await asyncio.sleep(0)

    asyncio.run(main())


class LoopThread:
    """A loop on a thread of its own, as clients of asynchronous libraries keep one."""

    def __enter__(self) -> asyncio.AbstractEventLoop:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return self.loop

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@program("first", "second", "nobody")
def test_coroutines_sent_to_a_loop_that_another_started_belong_to_who_sent_them(span: Spans) -> None:
    with called_by("first"):
        loops = LoopThread()
        loop = loops.__enter__()
        asyncio.run_coroutine_threadsafe(works(span, "first", 1), loop).result()
    with called_by("second"):
        asyncio.run_coroutine_threadsafe(works(span, "second", 1), loop).result()
    asyncio.run_coroutine_threadsafe(works(span, "nobody", 1), loop).result()
    loops.__exit__()


@program("nobody", "second", "second")
def test_a_loop_that_was_started_for_one_caller_works_for_whoever_calls_into_it(span: Spans) -> None:
    with called_by("first"):
        loops = LoopThread()
        loop = loops.__enter__()
    called = threading.Semaphore(0)
    loop.call_soon_threadsafe(lambda: (span("nobody"), called.release()))
    with called_by("second"):
        loop.call_soon_threadsafe(lambda: (span("second"), called.release()))
        loop.call_soon_threadsafe(
            lambda: loop.create_task(works(span, "second", 1)).add_done_callback(lambda _: called.release())
        )
    for _ in range(3):
        called.acquire()
    loops.__exit__()


@program(*["first"] * 3)
def test_what_is_shielded_goes_on_for_its_caller_when_who_waited_is_cancelled(span: Spans) -> None:
    async def main() -> None:
        begin = asyncio.Event()

        async def job() -> None:
            span("first")
            await begin.wait()
            span("first")

        async def client() -> None:
            with called_by("first"):
                inner.append(asyncio.ensure_future(job()))
                try:
                    await asyncio.shield(inner[0])
                except asyncio.CancelledError:
                    span("first")
                    raise

        inner: list[asyncio.Future[None]] = []
        task = asyncio.create_task(client())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        begin.set()
        await inner[0]

    asyncio.run(main())


@program("first", "first", "second", "second")
def test_limits_of_time_and_what_is_cleaned_up_after_them_stay_whose_they_are(span: Spans) -> None:
    async def slow(caller: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            span(caller)

    async def client(caller: str) -> None:
        with called_by(caller):
            try:
                await asyncio.wait_for(slow(caller), 0.01)
            except (TimeoutError, asyncio.TimeoutError):
                span(caller)

    async def main() -> None:
        await asyncio.gather(client("first"), client("second"))

    asyncio.run(main())


@program("first", "second")
def test_a_task_that_another_cancels_cleans_up_for_its_own_caller(span: Spans) -> None:
    async def main() -> None:
        async def job() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                span("first")

        with called_by("first"):
            task = asyncio.create_task(job())
        await asyncio.sleep(0)
        with called_by("second"):
            task.cancel()
            await asyncio.wait([task])
            span("second")

    asyncio.run(main())


@program("first", "first", "nobody")
def test_tasks_that_are_cancelled_as_the_loop_ends_clean_up_for_their_own_caller(span: Spans) -> None:
    async def job() -> None:
        try:
            span("first")
            await asyncio.sleep(60)
        finally:
            span("first")

    async def main() -> asyncio.Task[None]:
        with called_by("first"):
            task = asyncio.create_task(job())
        await asyncio.sleep(0)
        span("nobody")
        return task

    asyncio.run(main())


@program(*["first"] * 3, "second", "nobody")
def test_what_is_awaited_side_by_side_in_a_block_is_its_caller_s(span: Spans) -> None:
    async def main() -> None:
        with called_by("first"):
            both = asyncio.gather(works(span, "first", 1), works(span, "first", 1))
            for each in asyncio.as_completed([works(span, "first", 1)]):
                await each
        with called_by("second"):
            await both
            span("second")
        span("nobody")

    asyncio.run(main())


@program("second", "first", "second", "first")
def test_blocks_that_nest_across_awaits(span: Spans) -> None:
    async def inner() -> None:
        with called_by("second"):
            await asyncio.sleep(0)
            span("second")
            await asyncio.sleep(0)

    async def main() -> None:
        with called_by("first"):
            await inner()
            span("first")
            await asyncio.create_task(inner())
            span("first")

    asyncio.run(main())


@program("first", "second", "nobody")
def test_a_block_that_is_cancelled_leaves_nothing_to_who_goes_on(span: Spans) -> None:
    async def main() -> None:
        async def client() -> None:
            with called_by("first"):
                span("first")
                await asyncio.sleep(60)

        task = asyncio.create_task(client())
        await asyncio.sleep(0)
        with called_by("second"):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            span("second")
        span("nobody")

    asyncio.run(main())


@program("first", "first", "second", "nobody")
def test_an_async_generator_that_a_task_of_another_drives_holds_its_own_caller(span: Spans) -> None:
    async def parts() -> AsyncGenerator[int, None]:
        with called_by("first"):
            span("first")
            yield 1
            span("first")
            yield 2

    async def drive(stream: Any) -> None:
        with called_by("second"):
            await stream.__anext__()
            span("second")

    async def main() -> None:
        stream = parts()
        await asyncio.create_task(drive(stream))
        await asyncio.create_task(stream.__anext__())  # type: ignore[arg-type]
        span("nobody")
        await stream.aclose()

    asyncio.run(main())


@program("second", "first")
def test_a_coroutine_that_is_driven_by_hand_is_work_of_who_drives_it(span: Spans) -> None:
    class Pause:
        def __await__(self) -> Any:
            yield

    async def job() -> None:
        span("second")
        await Pause()
        span("first")

    with called_by("second"):
        work = job()
        work.send(None)
    with called_by("first"), suppress(StopIteration):
        work.send(None)


@program(*["first"] * 3, *["second"] * 3, *["nobody"] * 6)
def test_coroutines_with_a_block_each_that_are_driven_by_hand_in_turn(span: Spans) -> None:
    in_turn(span)


@program(*["first"] * 3, *["second"] * 3, *["nobody"] * 6, "third", "third")
def test_a_task_that_drives_coroutines_by_hand_is_not_in_their_blocks(span: Spans) -> None:
    async def main() -> None:
        in_turn(span)
        with called_by("third"):
            await asyncio.sleep(0)
            span("third")
            await asyncio.wait_for(last(), 9)

    async def last() -> None:
        span("third")

    asyncio.run(main())


def in_turn(span: Spans) -> None:
    class Pause:
        def __await__(self) -> Any:
            yield

    async def work(caller: str) -> None:
        with called_by(caller):
            for _ in range(2):
                span(caller)
                await Pause()
            span(caller)

    one, two = work("first"), work("second")
    for step in (one, two) * 3:
        with suppress(StopIteration):
            step.send(None)
        span("nobody")


@program(*["first"] * 2, *["nobody"] * 4, *["first"] * 2)
def test_tasks_that_share_one_block_object_are_each_in_it_for_themselves(span: Spans) -> None:
    block = called_by("first")

    async def work(steps: int) -> None:
        with block:
            span("first")
            for _ in range(steps):
                await asyncio.sleep(0)
            span("first")
        span("nobody")
        await asyncio.sleep(0)
        span("nobody")

    async def main() -> None:
        await asyncio.gather(work(1), work(3))

    asyncio.run(main())


@program("first", "second", "nobody")
def test_two_loops_on_two_threads_keep_apart(span: Spans) -> None:
    both = threading.Barrier(3)

    def client(caller: str) -> None:
        async def main() -> None:
            await asyncio.to_thread(both.wait)
            await works(span, caller, 1)

        if caller == "nobody":
            asyncio.run(main())
        else:
            with called_by(caller):
                asyncio.run(main())

    threads = [threading.Thread(target=client, args=(caller,)) for caller in ("first", "second", "nobody")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@program("first", "first", "second")
def test_a_library_s_client_that_keeps_a_loop_for_everybody_asks_for_each(span: Spans) -> None:
    """The synchronous face of an asynchronous library: one loop on a daemon thread, started by who needed it first."""
    loops: list[LoopThread] = []

    def ask(work: Coroutine[Any, Any, None]) -> None:
        if not loops:
            loops.append(LoopThread())
            loops[0].__enter__()
        asyncio.run_coroutine_threadsafe(work, loops[0].loop).result()

    with called_by("first"):
        ask(works(span, "first", 2))
    with called_by("second"):
        ask(works(span, "second", 1))
    loops[0].__exit__()


@program("first", "second")
def test_a_task_factory_of_the_host_s_own_changes_nothing(span: Spans) -> None:
    async def main() -> None:
        def make(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
            return asyncio.Task(work, loop=loop, **more)

        asyncio.get_running_loop().set_task_factory(make)  # type: ignore[arg-type]
        for caller in ("first", "second"):
            with called_by(caller):
                task = asyncio.create_task(works(span, caller, 1))
            await task

    asyncio.run(main())


@program("first", "second")
def test_a_job_in_a_thread_that_comes_back_to_the_loop_stays_whose_it_is(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def client(caller: str) -> None:
            def job() -> None:
                time.sleep(0.001)
                asyncio.run_coroutine_threadsafe(works(span, caller, 1), loop).result()

            with called_by(caller):
                await asyncio.to_thread(job)

        await asyncio.gather(client("first"), client("second"))

    asyncio.run(main())


if sys.version_info >= (3, 11):

    @program(*["first"] * 2, "second", "nobody")
    def test_tasks_of_one_group_belong_to_who_added_each(span: Spans) -> None:
        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                with called_by("first"):
                    group.create_task(works(span, "first", 2))
                with called_by("second"):
                    group.create_task(works(span, "second", 1))
                group.create_task(works(span, "nobody", 1))

        asyncio.run(main())

    @program("first", "second", "nobody")
    def test_a_group_that_fails_in_a_block_leaves_each_what_was_its_own(span: Spans) -> None:
        async def main() -> None:
            async def fails() -> None:
                with called_by("second"):
                    span("second")
                    raise ValueError

            async def cleans_up() -> None:
                try:
                    await asyncio.sleep(60)
                finally:
                    span("first")

            try:
                with called_by("first"):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(cleans_up())
                        group.create_task(fails())
            except Exception:
                span("nobody")

        asyncio.run(main())

    @program("first?", "second?", "nobody")
    def test_a_runner_that_is_kept_works_for_each_that_runs_something(span: Spans) -> None:
        with asyncio.Runner() as runner:
            for caller in ("first", "second"):
                with called_by(caller):
                    runner.run(works(span, f"{caller}?", 1))
            runner.run(works(span, "nobody", 1))

    @program("first?", "second?", "nobody")
    def test_a_runner_that_one_caller_opened_is_not_its_own_for_the_next(span: Spans) -> None:
        with called_by("first"):
            runner = asyncio.Runner()
            runner.run(works(span, "first?", 1))
        with called_by("second"):
            runner.run(works(span, "second?", 1))
        runner.run(works(span, "nobody", 1))
        runner.close()

    @program("first", "first")
    def test_a_task_in_a_context_that_was_copied_in_a_block_is_that_block_s(span: Spans) -> None:
        async def main() -> None:
            with called_by("first"):
                context = contextvars.copy_context()
            with called_by("second"):
                await asyncio.create_task(works(span, "first", 1), context=context)
                asyncio.get_running_loop().call_soon(span, "first", context=context)
                await asyncio.sleep(0)

        asyncio.run(main())
