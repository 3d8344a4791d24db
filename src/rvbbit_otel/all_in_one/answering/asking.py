"""One question on its way through the engine and back: its turn, its memory, its answer, and its end whatever happens.

A question first gets half of the memory that one may take. One at a time gets all of it, where half did not do and nothing was sent yet: so the
memory of all that run has a bound, and a question alone is not held to it (ADR 78).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from starlette.responses import Response

from rvbbit_otel.all_in_one.answering.answers import HELD, AnswerPipe, HeldAnswer, StreamedAnswer
from rvbbit_otel.all_in_one.answering.packing import Packer
from rvbbit_otel.all_in_one.answering.questions import GRACE_SECONDS, Question, Questions
from rvbbit_otel.all_in_one.answering.replies import answered
from rvbbit_otel.all_in_one.engine.engine import Engine, ExternalTable
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.engine.reader import Cost, Reader
from rvbbit_otel.all_in_one.http import bodies
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.statements.query_settings import Value

Reply = Response | HeldAnswer | StreamedAnswer

# Bytes of an answer that a connection takes without waiting for its client.
_SMALL = 64 * 1024
# Seconds that an answer may take to reach its client after the engine's own limit.
_SENDING_SECONDS = 60
# The engine's code for a limit of memory.
_MEMORY = 241
_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Work:
    """A question that was checked and is ready to be asked.

    write: writes the answer that a reader gives to a descriptor. tables: reads the tables that came with it. packer: makes what packs the answer.
    whole: nothing is sent before all is there. progress: whether its headers say how far it came.
    """

    write: Callable[[Reader, int], Cost]
    tables: Callable[[], Sequence[ExternalTable]]
    settings: Mapping[str, Value]
    database: str
    packer: Callable[[], Packer]
    whole: bool
    progress: bool


class Asking:
    """Runs questions. For one event loop."""

    def __init__(self, engine: Engine, options: Options, questions: Questions, gave_up: Callable[[], None]) -> None:
        """`gave_up` is called for each question that the engine does not stop."""
        self._engine = engine
        self._options = options
        self._questions = questions
        self._gave_up = gave_up
        # What is held of answers until their queries have ended, or their clients have taken them.
        self._held = bodies.Budget(2 * options.result_bytes)
        # Those that run, those that are given up and still run, and two that wait for their turn.
        self._threads = ThreadPoolExecutor(2 * options.readers + 2, thread_name_prefix="sql-question")
        self._all_memory = asyncio.Lock()

    async def answer(
        self, work: Work, question: Question, left: asyncio.Future[None], headers: Mapping[str, str]
    ) -> Reply:
        """The answer as a whole if it is short, as a stream if not; if the client goes away first (`left`), its query is stopped, or never begun.

        The question has ended when this raises, or when its answer was sent.
        """
        most = int(work.settings.get("max_memory_usage", self._options.query_memory))
        half = replace(work, settings={**work.settings, "max_memory_usage": min(most, self._options.query_memory // 2)})
        try:
            return await self._attempt(half, question, left, headers, lambda: None)
        except EngineError as error:
            if error.code != _MEMORY or most == half.settings["max_memory_usage"]:
                raise
            if not await question.wait(self._all_memory.acquire(), self._options.query_seconds):
                raise
        return await self._attempt(work, question, left, headers, self._all_memory.release)

    async def _attempt(
        self,
        work: Work,
        question: Question,
        left: asyncio.Future[None],
        headers: Mapping[str, str],
        out_of_engine: Callable[[], None],
    ) -> Reply:
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as failing:
            failing.callback(out_of_engine)
            question.check()
            pipe = AnswerPipe(self._options.result_bytes)
            await pipe.open()
            failing.pop_all()

        def ask() -> Cost:
            try:
                question.check()
                tables = work.tables()
                with self._engine.reader(work.settings, work.database, tables) as reader:
                    seconds = float(work.settings.get("max_execution_time", self._options.query_seconds))
                    loop.call_soon_threadsafe(question.ends_by, loop.time() + seconds + GRACE_SECONDS)
                    question.readers.append(reader.name)
                    question.check()
                    return work.write(reader, pipe.descriptor)
            finally:
                pipe.end_writing()

        asking = loop.run_in_executor(self._threads, ask)
        # Its turn, its time, and a moment more.
        question.ends_by(loop.time() + 2 * self._options.query_seconds + GRACE_SECONDS)
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        asking.add_done_callback(lambda _: out_of_engine())

        def stop() -> None:
            pipe.end_reading()
            self._end(asking, question, min(question.deadline, loop.time() + GRACE_SECONDS))

        room = contextlib.ExitStack()
        streamed = False
        try:
            share = room.enter_context(self._held.share())
            held, more = await self._first(work, question, pipe, share)
            if more:
                streamed = True
                raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
                deadline = loop.time() + self._options.query_seconds + _SENDING_SECONDS

                def sent() -> None:
                    stop()
                    left.cancel()
                    self._questions.end(question)

                return StreamedAnswer(
                    raw, held, pipe, work.packer(), asking, left, deadline, self._options.send_seconds, sent
                )
            cost = await asking
            body = await work.packer().pack(held, last=True)
            answer = answered(cost, body, len(held), headers, work.progress)
            if len(body) <= _SMALL:
                return answer
            # Given back when the answer has left, by whichever way.
            return HeldAnswer(answer.raw_headers, body, self._options.send_seconds, room.pop_all().close)
        finally:
            room.close()
            if not streamed:
                stop()

    async def _first(self, work: Work, question: Question, pipe: AnswerPipe, share: bodies.Share) -> tuple[bytes, bool]:
        """All of a short answer, or what is held of a long one, and whether there may be more."""
        held = bytearray()
        while True:
            reading = asyncio.ensure_future(pipe.read())
            try:
                await question.wait_for(reading)
            except BaseException:
                reading.cancel()
                raise
            piece = reading.result()
            share.take(len(piece))
            held += piece
            if not piece or (len(held) > HELD and not work.whole):
                return bytes(held), bool(piece)

    def _end(self, asking: asyncio.Future[Cost], question: Question, deadline: float) -> None:
        """Stop what nobody waits for. The engine may be told a moment before the question reaches it: so it is told again."""
        if asking.done():
            return
        self._questions.leave(question)
        loop = asyncio.get_running_loop()
        if loop.time() < deadline:
            loop.call_later(_AGAIN_SECONDS, self._end, asking, question, deadline)
        elif question.readers:
            self._engine.give_up(question.readers[-1])
            self._gave_up()
