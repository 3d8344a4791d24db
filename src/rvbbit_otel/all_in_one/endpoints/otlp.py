"""Handle an OTLP body, for both listeners: read it, write it to the journal, and report what is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from google.protobuf.message import Message

from rvbbit_otel.all_in_one.http.bodies import BodyTooLargeError
from rvbbit_otel.all_in_one.ingest.ingest import Ingest
from rvbbit_otel.all_in_one.otlp import json_encoding
from rvbbit_otel.all_in_one.otlp.rejections import in_words, left_out
from rvbbit_otel.all_in_one.otlp.requests import Request, UnreadableBodyError, checked, prepare
from rvbbit_otel.all_in_one.otlp.schema import kind_of
from rvbbit_otel.counters import Counters

# Threads that read bodies. They share the interpreter, so more would only hold more memory at once.
_THREADS = 2

_T = TypeVar("_T")


class OtlpDoor:
    """In front of `ingest`, for any number of event loops."""

    def __init__(self, ingest: Ingest, counters: Counters) -> None:
        """Threads of its own: what SQL does must not keep a body waiting."""
        self.ingest = ingest
        self.counters = counters
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="otlp-read")

    async def store(self, signal: str, body: bytes, answer: Message, *, is_json: bool = False) -> Message:
        """Have a body written to the journal, and fill in what its sender is to hear of it.

        Raises UnreadableBodyError, BodyTooLargeError or StoreUnavailableError.
        """
        try:
            if is_json:
                body = await self._in_thread(lambda: json_encoding.to_protobuf(signal, body))
            message = checked(signal, body)
            request = await self._prepared(signal, body) if message is None else Request(signal, body)
        except (UnreadableBodyError, BodyTooLargeError):
            self.counters.add("refused.for_good")
            raise
        except Exception as error:
            # Nothing but the body was looked at, so it is the body's doing.
            self.counters.error("otlp.read", error)
            self.counters.add("refused.for_good")
            raise UnreadableBodyError(
                f"the body can't be read ({type(error).__name__}): don't send it again"
            ) from error
        written = asyncio.wrap_future(self.ingest.submit(request))
        # While the disk is waited for.
        if message is None:
            counts = await self._in_thread(lambda: left_out(signal, kind_of(signal).plain.FromString(request.body)))
        else:
            counts = left_out(signal, message)
            del message  # It may be 90 times as large as the body.
        await written
        return self._say(answer, request, counts)

    async def _prepared(self, signal: str, body: bytes) -> Request:
        return await self._in_thread(lambda: prepare(signal, body))

    def _say(self, answer: Message, request: Request, counts: Mapping[str, int]) -> Message:
        if not counts and not request.notes:
            return answer
        for reason, count in counts.items():
            self.counters.add(f"left_out.{request.signal}_{reason}", count)
        said = "; ".join(filter(None, (in_words(request.signal, counts), request.notes)))
        answer.partial_success.error_message = said
        if counts:
            name = "rejected_spans" if request.signal == "traces" else "rejected_log_records"
            setattr(answer.partial_success, name, sum(counts.values()))
        return answer

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
