"""Runs a program with a private name of OpenTelemetry's changed in all of its packages, as another version might.

`python -m tests.support.renaming NAME` prints how many spans and records arrived, and how many of them with their caller.
"""

from __future__ import annotations

import importlib.machinery
import re
import sys
import types
from collections.abc import Sequence
from importlib.abc import MetaPathFinder

PROGRAM = """
import http.server, logging, os, sys, threading
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

spans, records = [], []

class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            request = ExportTraceServiceRequest.FromString(body)
            spans.extend(each for r in request.resource_spans for s in r.scope_spans for each in s.spans)
        else:
            request = ExportLogsServiceRequest.FromString(body)
            records.extend(each for r in request.resource_logs for s in r.scope_logs for each in s.log_records)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.server_port}"

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation.instrumentor import RvbbitInstrumentor

RvbbitInstrumentor().instrument()

from opentelemetry import trace, _logs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

traced, logged = TracerProvider(), LoggerProvider()
trace.set_tracer_provider(traced)
_logs.set_logger_provider(logged)
traced.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint + "/v1/traces")))
logged.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint + "/v1/logs")))
tracer, logger = trace.get_tracer("host"), _logs.get_logger("host")

def work(caller):
    with called_by(caller):
        for number in range(5):
            with tracer.start_as_current_span(caller, attributes={"number": number}) as span:
                span.add_event("half way", {"at": number})
                span.add_link(span.get_span_context())
                logger.emit(_logs.LogRecord(body="said", attributes={"order.state": caller}, severity_text="INFO"))

threads = [threading.Thread(target=work, args=(f"web-{number}",)) for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with tracer.start_as_current_span("nobody"):
    pass
traced.shutdown()
logged.shutdown()

def said(each, key):
    return {pair.key: pair.value.string_value for pair in each.attributes}.get(key, "")

def caller(each):
    return said(each, "rvbbit.caller.id")

own = [each for each in spans if each.name.startswith("web-")]
print("spans", len(own), sum(caller(each) == each.name for each in own), sum(len(each.events) + len(each.links) for each in own))
print("records", len(records), sum(caller(each) == said(each, "order.state") for each in records))
print("nobody", [caller(each) for each in spans if each.name == "nobody"])
print("explicit", sum(1 for each in own for pair in each.attributes if pair.key == "rvbbit.caller.source" and pair.value.string_value == "explicit"))
"""


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, old: str) -> None:
        super().__init__(name, path)
        self._old = old

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        text = self.get_data(path).decode()
        renamed = re.sub(rf"\b{self._old}\b", f"{self._old}_then", text)
        return compile(renamed, path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, old: str) -> None:
        self._old = old

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] != "opentelemetry":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(name, spec.loader.path, self._old)
        return spec


def main() -> None:
    """Rename, then run."""
    sys.meta_path.insert(0, _Finder(sys.argv[1]))
    exec(compile(PROGRAM, "program", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main()
