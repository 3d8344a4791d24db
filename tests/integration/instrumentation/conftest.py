from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from small_rvbbit.stub_llm import StubHandler, StubServer

ROOT = Path(__file__).parents[3]


class Sink:
    """An OTLP/HTTP endpoint that remembers every span as name and attributes."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, dict[str, Any]]] = []
        self.trace_ids: set[bytes] = set()
        self.services: set[str] = set()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/traces":
                    sink.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.trace_ids.add(span.trace_id)
                    self.spans.append((span.name, {one.key: value_of(one.value) for one in span.attributes}))

    def of(self, name: str) -> list[dict[str, Any]]:
        return [attributes for each, attributes in self.spans if each == name]


def value_of(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def serve(server: ThreadingHTTPServer) -> Iterator[str]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    for _ in serve(sink.server):
        yield sink


@pytest.fixture(scope="session")
def llm() -> Iterator[str]:
    yield from serve(StubServer(("127.0.0.1", 0), StubHandler))


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(sink: Sink) -> dict[str, str]:
    """A child's environment: OTLP to the sink, nothing of ours set otherwise."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return {
        **clean,
        "PYTHONPATH": str(ROOT / "examples"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs a command with Python's own tools beside it; fails with its output if it hangs."""

    def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
        environ = {**environment, **more, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"}
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=50)

    return run
