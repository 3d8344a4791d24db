"""What came in by OTLP goes into the engine in groups, and is acknowledged when it is stored.

Serialized requests can be put one after another: the result is one valid request. So what waits is stored by one insert, without a look at any span.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rvbbit_otel.all_in_one.engine import Engine, EngineError
from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.otlp import logs_insert, traces_insert
from rvbbit_otel.telemetry import Counters

_DAY_NS = 86_400 * 10**9
_OLDEST_NS = 90 * _DAY_NS
# Bytes of one insert: about 60,000 spans, a second of the engine's time. A small group wastes the 50 ms that any insert costs, and leaves more
# parts to merge: 48 us of processor a span by groups of 8 MiB, 30 by these, on a busy machine (ADR 60).
_GROUP_BYTES = 32 * 1024 * 1024


class UnreadableBodyError(RvbbitOtelError):
    """A body that is no OTLP request, or that the engine refuses for good."""


@dataclass
class _Waiting:
    signal: str
    body: bytes
    done: Future[int] = field(default_factory=Future)


class Ingest:
    """A bounded queue in front of the engine's one writer."""

    def __init__(self, engine: Engine, max_queued: int, counters: Counters) -> None:
        """Start the thread that stores."""
        self._engine = engine
        self._max_queued = max_queued
        self._counters = counters
        self._waiting: deque[_Waiting] = deque()
        self._queued = 0
        self._closed = False
        self._changed = threading.Condition()
        self._rejections = 0
        self._inserts = {"traces": traces_insert(), "logs": logs_insert()}
        self._thread = threading.Thread(target=self._work, name="rvbbit-ingest", daemon=True)
        self._thread.start()

    def submit(self, signal: str, body: bytes) -> Future[int]:
        """Take a request of ``traces`` or ``logs``; the future is done when it is stored, or holds why it can't be.

        Its result is the number of spans that had to be left out, for what their senders did to their ids or times.

        Raises UnreadableBodyError for what is no request, StoreUnavailableError if too much waits already.
        """
        _check(signal, body)
        item = _Waiting(signal, body)
        with self._changed:
            if self._closed:
                self._counters.add("refused.closing")
                raise StoreUnavailableError("the store is closing: send it again later")
            if self._queued + len(body) > self._max_queued:
                self._counters.add("refused.queue_full")
                raise StoreUnavailableError("too much waits to be stored: send it again later")
            self._queued += len(body)
            self._waiting.append(item)
            self._changed.notify()
        return item.done

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be stored."""
        return self._queued

    def close(self) -> None:
        """Take nothing more, and return when all that was taken is stored."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                group = self._next_group()
            self._store(group)
            with self._changed:
                self._queued -= sum(len(item.body) for item in group)

    def _next_group(self) -> list[_Waiting]:
        group = [self._waiting.popleft()]
        size = len(group[0].body)
        while self._waiting and self._waiting[0].signal == group[0].signal:
            size += len(self._waiting[0].body)
            if size > _GROUP_BYTES:
                break
            group.append(self._waiting.popleft())
        return group

    def _store(self, group: list[_Waiting]) -> None:
        try:
            self._insert(group)
            refused = self._refused()
        except EngineError as error:
            if len(group) > 1 and not error.retryable:
                # One of them is bad for good, and its neighbours must not suffer. What of the group was stored already is not stored twice.
                for item in group:
                    self._store([item])
            else:
                self._fail(group, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            self._fail(group, error)
        else:
            for item in group:
                item.done.set_result(count_refused(item.signal, item.body) if refused else 0)

    def _insert(self, group: list[_Waiting]) -> None:
        body = b"".join(item.body for item in group)
        if body:
            self._engine.insert(self._inserts[group[0].signal], body, "ProtobufSingle")
        self._counters.add(f"stored.{group[0].signal}", len(group))

    def _refused(self) -> bool:
        """Whether the engine left anything out of the last insert; only then is anybody's request looked at span by span."""
        seen = int(str(self._engine.query(read("count_rejections.sql")).rows[0][0]))
        before, self._rejections = self._rejections, seen
        return seen > before

    def _fail(self, group: list[_Waiting], error: Exception) -> None:
        final = isinstance(error, EngineError) and not error.retryable
        told: Exception = UnreadableBodyError(str(error)) if final else StoreUnavailableError(str(error))
        self._counters.error("ingest", error)
        self._counters.add("refused.for_good" if final else "refused.not_stored", len(group))
        for item in group:
            item.done.set_exception(told)


def count_refused(signal: str, body: bytes) -> int:
    """Spans of a request that all tables leave out: the rule of `spans_in_mv`, for the answer to one sender among several."""
    if signal != "traces":
        return 0
    now = time.time_ns()
    request = ExportTraceServiceRequest.FromString(body)
    return sum(
        not (
            len(span.trace_id) == 16
            and any(span.trace_id)
            and len(span.span_id) == 8
            and any(span.span_id)
            and now - _OLDEST_NS <= span.start_time_unix_nano <= now + _DAY_NS
        )
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    )


def accepted(answer: Message, refused: int) -> Message:
    """An export response that says how many spans were left out, and nothing more if none was."""
    if refused:
        answer.partial_success.rejected_spans = refused
        answer.partial_success.error_message = (
            "left out: a trace id that is not 16 bytes, a span id that is not 8, or a start over 90 days ago or a day ahead; "
            "the rest is stored"
        )
    return answer


def _check(signal: str, body: bytes) -> None:
    message = ExportTraceServiceRequest if signal == "traces" else ExportLogsServiceRequest
    try:
        message.FromString(body)
    except DecodeError as error:
        raise UnreadableBodyError(f"the body is no {message.DESCRIPTOR.name}: {error}") from error
