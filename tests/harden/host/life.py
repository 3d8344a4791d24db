"""One life of a host: started with us as a launcher does it, its scenes, its end; and all that is seen of it from outside."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import requests
import urllib3
from opentelemetry import _logs, metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.contract.programs import SPEC
from tests.harden.host.scenes import SCENES, Host, HostError, Nothing
from tests.harden.host.strikes import MESSAGE, SIGNALS, Blow

HOSTED: Final = str(Path(__file__).with_name("hosted.toml"))
# With all that may be on; and with nothing let out, limits of the SDK's, a registry that is full, and a caller from another process.
OPEN, CLOSED = "open", "closed"
OWNERS: Final = ("first", "second", "web", "nobody")
# Longer than any life takes on a machine that others use: one that is not over by then hangs.
HANGS_SECONDS: Final = 30
HUNG: Final = f"it ended by {signal.SIGKILL.value}"
_TIME_IS_OVER: Final = "its time is over"


class _Target(requests.adapters.BaseAdapter):
    """Takes all requests, and keeps their bodies."""

    def __init__(self, bodies: list[bytes]) -> None:
        super().__init__()
        self._bodies = bodies

    def send(self, request: Any, **kwargs: Any) -> requests.Response:
        import gzip

        self._bodies.append(gzip.decompress(request.body) if request.headers.get("Content-Encoding") else request.body)
        response = requests.Response()
        response.status_code, response.request = 200, request
        response.raw = urllib3.HTTPResponse(io.BytesIO(), status=200, preload_content=False)
        response.url = request.url
        return response

    def close(self) -> None: ...


def _session(bodies: list[bytes]) -> requests.Session:
    session = requests.Session()
    session.mount("http://", _Target(bodies))
    return session


class Heard(logging.Handler):
    """What was logged: by us, and of what was struck by others."""

    def __init__(self) -> None:
        super().__init__()
        self.ours: list[str] = []
        self.escaped: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        struck = MESSAGE in said or (error is not None and MESSAGE in str(error))
        if record.name == "rvbbit_otel":
            kind = None if error is None else type(error).__name__ if struck else str(error)
            self.ours.append(f"{said[:200]}{'' if kind is None else ' ' + kind}")
            # Redaction tells of what went wrong in it by the type alone.
            if error is not None and not struck and str(error) not in ("Struck", "MemoryError", "RecursionError"):
                self.escaped.append(f"logged by us, and not what was struck: {error!r}")
        elif struck or record.name == "asyncio":
            self.escaped.append(f"logged by {record.name}: {said[:200]} {error!r}")


def _read(spans: list[bytes], records: list[bytes]) -> tuple[dict[str, int], list[str]]:
    """How many spans and records of the host's arrived, and those that were credited to another than whose they are."""
    arrived, wrong = dict.fromkeys((*OWNERS, "records"), 0), []
    for body in spans:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    said = {pair.key: pair.value.string_value for pair in span.attributes}
                    owner = span.name.removesuffix("?")
                    if scope.scope.name != "third-party":
                        continue
                    if owner not in arrived:
                        continue  # Redacted, or a route's name.
                    arrived[owner] += 1
                    caller = said.get("rvbbit.caller.id")
                    if caller is not None and caller != owner and not (owner == "web" and caller.startswith("web-")):
                        wrong.append(f"{span.name} is {caller}'s ({said.get('rvbbit.caller.source')})")
    for body in records:
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    if scope.scope.name != "host":
                        continue
                    arrived["records"] += 1
                    said = {pair.key: pair.value.string_value for pair in record.attributes}
                    if said.get("rvbbit.caller.id") not in (None, "first"):
                        wrong.append(f"a record is {said['rvbbit.caller.id']}'s")
    return arrived, wrong


def _work_of_hosts(number: int, frame: Any) -> None:
    """A handler of the host's, which works."""
    trace.get_tracer("third-party").start_span("handled").end()
    logging.getLogger("host.handler").info("handled")


def _time_is_over(number: int, frame: Any) -> None:
    raise HostError(_TIME_IS_OVER)


def _instrumented(variant: str) -> None:
    from rvbbit_otel.instrumentation import RvbbitInstrumentor

    if variant == OPEN:
        RvbbitInstrumentor().instrument(
            runner_files=(SPEC, HOSTED), propagate_hosts=("allowed.example",), content="truncated", exit_patience=0.2
        )
    else:
        RvbbitInstrumentor().instrument(trust_inbound=True, caller_sql="shape")


def live(
    scenes: list[str],
    ours: bool,
    variant: str = OPEN,
    rounds: int = 1,
    each: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """`each` is told which part begins."""
    heard = Heard()
    root = logging.getLogger()
    root.handlers[:] = [heard]
    escaped = heard.escaped
    threading.excepthook = lambda args: escaped.append(f"left a thread: {args.exc_value!r}")
    sys.unraisablehook = lambda args: escaped.append(
        f"{args.err_msg or 'ignored in'} {args.object!r}: {args.exc_value!r}"
    )
    signal.signal(signal.SIGUSR1, _work_of_hosts)
    signal.signal(signal.SIGUSR2, _time_is_over)
    warnings.simplefilter("ignore")
    bodies: list[bytes] = []
    records: list[bytes] = []
    called_by: Any = Nothing
    counting: list[Any] = []
    each("start")
    if ours:
        from rvbbit_otel import called_by, counters
        from rvbbit_otel.instrumentation import RvbbitInstrumentor

        if variant == CLOSED:
            os.environ.update(
                OTEL_PYTHON_RVBBIT_RUNNER_FILES=f"{SPEC},{HOSTED}",
                OTEL_PYTHON_RVBBIT_MAX_SESSIONS="2",
                OTEL_PYTHON_RVBBIT_EXIT_PATIENCE="0.2",
                OTEL_PYTHON_RVBBIT_MEND_RUNNER="true",
                OTEL_PYTHON_RVBBIT_CONTENT_LIMIT="wrong",
                BAGGAGE="rvbbit.caller.id=first",
                TRACEPARENT=f"00-{1:032x}-{2:016x}-01",
            )
        try:
            _instrumented(variant)
        except Exception as error:
            escaped.append(f"left instrument(): {error!r}")
        counting = [counters._nobodys, *counters._at_work]
    try:
        reader = InMemoryMetricReader()
        limits = SpanLimits(max_span_attributes=24, max_span_attribute_length=40) if variant == CLOSED else None
        traced, logged = TracerProvider(span_limits=limits), LoggerProvider()
        trace.set_tracer_provider(traced)
        _logs.set_logger_provider(logged)
        metrics.set_meter_provider(MeterProvider([reader]))
        traced.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
        exporter = OTLPSpanExporter("http://target/v1/traces", session=_session(bodies))
        traced.add_span_processor(BatchSpanProcessor(exporter, 65_536, 600_000, 65_536))
        records_exporter = OTLPLogExporter("http://target/v1/logs", session=_session(records))
        logged.add_log_record_processor(
            BatchLogRecordProcessor(records_exporter, 600_000, 65_536, max_queue_size=65_536)
        )
        root.addHandler(LoggingHandler(logger_provider=logged))
    except Exception as error:
        escaped.append(f"left the setting up of the SDK: {error!r}")
    host = Host(called_by)
    printed: dict[str, list[str]] = {}
    told_before = 0
    for number in range(rounds):
        if Blow.signalled >= 0:
            Blow.place = Blow.signalled if number == 0 else -1
        for name in scenes:
            each(name)
            host.printed = []
            try:
                SCENES[name](host)
            except KeyboardInterrupt:
                host.printed = ["interrupted"]
            except HostError as error:
                host.printed = [f"its own: {error}"]
            except BaseException as error:
                # Or a database's error, which says what was raised in a function that it called.
                if _TIME_IS_OVER in str(error):
                    host.printed = [f"its own: {_TIME_IS_OVER}"]
                else:
                    escaped.append(f"left the scene {name}: {error!r}")
            printed[f"{name} {number}"] = host.printed
        if number == 0:
            gc.collect()
            told_before = len(heard.ours)
    each("end")
    try:
        traced.force_flush()
        logged.force_flush()
        reader.get_metrics_data()
    except Exception as error:
        escaped.append(f"left the flush: {error!r}")
    told_in_scenes = len(heard.ours)
    for end in (traced.shutdown, logged.shutdown):
        try:
            end()
        except Exception as error:
            escaped.append(f"left the shutdown: {error!r}")
    if ours:
        try:
            RvbbitInstrumentor().uninstrument()
        except Exception as error:
            escaped.append(f"left uninstrument(): {error!r}")
    with contextlib.redirect_stderr(io.StringIO()) as said:
        atexit._run_exitfuncs()
    if MESSAGE in said.getvalue():
        escaped.append(f"left an exit handler: {said.getvalue()[-300:]}")
    arrived, wrong = _read(bodies, records)
    errors: dict[str, int] = {}
    Blow.place = -1
    for counters in counting:
        errors.update({name: count for name, count in counters.snapshot().items() if name.startswith("errors")})
    return {
        "printed": printed,
        "escaped": escaped,
        "arrived": arrived,
        "wrong": sorted(set(wrong)),
        "errors": errors,
        "told": heard.ours,
        "told again": told_in_scenes - told_before,
        "strikes": Blow.strikes,
    }


def apart(action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a fork of this process finds, and what it wrote to its standard error; one that hangs is ended."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            os.close(reading)
            os.dup2(errors.fileno(), 2)
            try:
                found = json.dumps(action()).encode()
            except BaseException as error:
                import traceback

                found = json.dumps({"broken": "".join(traceback.format_exception(error))}).encode()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(found)
            os._exit(0)
        os.close(writing)
        over = threading.Timer(HANGS_SECONDS, os.kill, (child, signal.SIGKILL))
        over.daemon = True
        over.start()
        with os.fdopen(reading, "rb") as pipe:
            found = pipe.read()
        _, status = os.waitpid(child, 0)
        over.cancel()
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    seen: dict[str, Any] = json.loads(found) if found else {"broken": f"it ended by {status}: {said[-1000:]}"}
    seen["stderr"] = said
    return seen


def looked_at(scenes: list[str], variant: str) -> dict[str, Any]:
    """A life in which nothing is struck: the places that each part of it reaches, and the seconds that it takes."""

    def look() -> dict[str, Any]:
        parts: dict[str, set[int]] = {}
        times: dict[str, float] = {}

        def each(name: str) -> None:
            Blow.reached = parts.setdefault(name, set())
            times[name] = time.monotonic()

        seen = live(scenes, True, variant, each=each)
        Blow.reached = None
        marks = [*times.items(), ("", time.monotonic())]
        took = {name: after - at for (name, at), (_, after) in pairwise(marks)}
        return {**seen, "parts": {name: sorted(found) for name, found in parts.items()}, "took": took}

    return apart(look)


def struck(place: int, kind: str, scenes: list[str], variant: str, rounds: int, database: bool) -> dict[str, Any]:
    """A life in which one place is struck. `database`: in a host that has DuckDB, whose hooks are most of what a start takes."""

    def strike() -> dict[str, Any]:
        if not database:
            for name in [name for name in sys.modules if name.partition(".")[0] in ("duckdb", "_duckdb")]:
                del sys.modules[name]
        Blow.kind = kind
        if kind in SIGNALS:
            Blow.signalled, Blow.left = place, 1
        else:
            Blow.place = place
        begun = time.monotonic()
        seen = live(scenes, True, variant, rounds)
        return {**seen, "seconds": time.monotonic() - begun}

    return apart(strike)
