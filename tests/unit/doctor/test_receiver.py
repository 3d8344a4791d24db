"""What answers where spans go: real listeners of each kind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest

from rvbbit_otel.doctor.receiver import complaint

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@contextmanager
def http(status: int, kind: str, seen: list[tuple[str, str | None]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (200, "application/x-protobuf", None),
        (503, "text/plain", None),
        (200, "text/html", "answers text/html, which is no OTLP"),
        (404, "text/plain", "answers 404: it takes no OTLP there"),
        (401, "text/plain", "wants to know who sends (401)"),
    ],
)
def test_what_answers_by_http_is_told_apart(status: int, kind: str, said: str | None) -> None:
    seen: list[tuple[str, str | None]] = []
    with http(status, kind, seen) as address:
        found = complaint(address, "http/protobuf", {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20x"})
    assert seen == [("/v1/traces", "Bearer x")]
    assert (found is None) if said is None else (found is not None and said in found[0])


def test_an_endpoint_of_traces_alone_is_used_as_it_is_and_needs_its_path() -> None:
    seen: list[tuple[str, str | None]] = []
    with http(200, "application/x-protobuf", seen) as address:
        for path, wrong in (("", True), ("/", True), ("/custom", False)):
            url = f"{address}{path}"
            found = complaint(url, "http/protobuf", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url})
            assert (found is not None) == wrong
            assert found is None or found[1].startswith(f"write {address}/v1/traces")
    assert [path for path, _ in seen] == ["/custom"]


@contextmanager
def over_grpc(code: grpc.StatusCode | None) -> Iterator[str]:
    def export(request: bytes, context: Any) -> bytes:
        if code is not None:
            context.abort(code, "no")
        return b""

    server = grpc.server(futures.ThreadPoolExecutor(1))
    service, method = _EXPORT[1:].split("/")
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(export)}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(None)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, None),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, None),
        (grpc.StatusCode.UNAUTHENTICATED, "wants to know who sends (unauthenticated)"),
        (grpc.StatusCode.UNIMPLEMENTED, "does not answer as OTLP over gRPC (unimplemented)"),
    ],
)
def test_what_answers_by_grpc_is_told_apart(code: grpc.StatusCode | None, said: str | None) -> None:
    with over_grpc(code) as address:
        found = complaint(address, "grpc", {})
    assert (found is None) if said is None else (found is not None and said in found[0])


def test_the_wrong_protocol_is_said_both_ways() -> None:
    with http(200, "application/x-protobuf", []) as address:
        found = complaint(address, "grpc", {})
    assert found is not None and "does OTEL_EXPORTER_OTLP_PROTOCOL fit the port?" in found[1]
    with over_grpc(None) as address:
        found = complaint(address, "http/protobuf", {})
    assert found is not None and "does not answer as HTTP" in found[0]
