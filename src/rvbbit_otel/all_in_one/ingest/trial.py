"""Find out whether a request that can't be stored is at fault itself, or the store is.

The engine's error numbers do not say: a part that is damaged on the disk and a body that is no protobuf are one number, and a sender that is told
"never" throws its spans away. So the request is stored once more in the same tables, made anew beside the real ones: what fails there too, where
nothing is damaged and a good request as large can be stored, is the request's own.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rvbbit_otel.all_in_one.engine.engine import Engine, Session
from rvbbit_otel.all_in_one.otlp.requests import Request, prepare
from rvbbit_otel.errors import StoreError
from rvbbit_otel.storage.migrations import apply

_DATABASE = "rvbbit_trial"


class Fault(enum.Enum):
    """The reason why a request can't be stored."""

    REQUEST = "no store can take it"
    STORE = "another store could take it"
    MACHINE = "no request can be stored now, not even in empty tables: no disk, no memory"


def find_fault(engine: Engine, statement: str, request: Request) -> Fault:
    """Store a request, which the real tables did not take, in empty ones. Takes about half a second."""
    try:
        with engine.aside(_DATABASE) as store:
            apply(store)
            if _takes(store, statement, request.body):
                return Fault.STORE
            # As large as the one that failed: where memory is short, a small one proves nothing.
            good = prepare(request.signal, _GOOD[request.signal]())
            store.insert(statement, good.body * max(request.cost // good.cost, 1), "ProtobufSingle")
            return Fault.REQUEST
    except StoreError:
        return Fault.MACHINE


def _takes(store: Session, statement: str, body: bytes) -> bool:
    try:
        store.insert(statement, body, "ProtobufSingle")
    except StoreError:
        return False
    return True


def _good_traces() -> bytes:
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\1" * 16, span_id=b"\1" * 8, name="probe")
    )
    span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
    span.attributes.add(key="session.id").value.string_value = "probe"
    return bytes(request.SerializeToString())


def _good_logs() -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
    record.body.string_value = "probe"
    return bytes(request.SerializeToString())


_GOOD: Mapping[str, Callable[[], bytes]] = {"traces": _good_traces, "logs": _good_logs}
