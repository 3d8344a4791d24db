"""What a real run of the example runner sends, recorded once, and a sender that delivers it as OTLP asks: again until it is acknowledged."""

from __future__ import annotations

import gzip
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

import drive

# Statuses after which OTLP over HTTP sends again.
_AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Recording:
    """The export requests of one run, in the order they were sent, and what the runner's journal says happened."""

    bodies: tuple[bytes, ...]
    sessions: tuple[drive.Session, ...]

    @property
    def owners(self) -> dict[str, set[str]]:
        """The caller that must own each session."""
        return {session.session_id: {session.owner} for session in self.sessions}

    @property
    def ids(self) -> set[tuple[str, str]]:
        """(trace id, span id) of each span, in hex."""
        return {(span.trace_id.hex(), span.span_id.hex()) for body in self.bodies for span in spans_of(body)}


def spans_of(body: bytes) -> list[Span]:
    """Every span of an export request."""
    return [
        span
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def regrouped(
    bodies: Iterable[bytes], seed: int, largest: int = 700, change: Callable[[Span], None] = lambda _: None
) -> list[bytes]:
    """The same spans in other batches, of 1 to `largest`, in another order; each changed by `change`."""
    dice = random.Random(seed)
    single: list[ResourceSpans] = []
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    one = ResourceSpans(resource=resource.resource, schema_url=resource.schema_url)
                    part = one.scope_spans.add(scope=scope.scope, schema_url=scope.schema_url)
                    part.spans.add().CopyFrom(span)
                    change(part.spans[0])
                    single.append(one)
    dice.shuffle(single)
    batches = []
    while single:
        size = dice.randint(1, largest)
        batches.append(ExportTraceServiceRequest(resource_spans=single[:size]).SerializeToString())
        del single[:size]
    return batches


@contextmanager
def otlp_listener() -> Iterator[tuple[str, list[bytes]]]:
    """A listener on loopback that acknowledges everything: its endpoint for OTLP over HTTP, and the trace requests that it got so far."""
    bodies: list[bytes] = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keeper) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_address[1]}", bodies
        listener.shutdown()


def record(folder: Path, prefix: Callable[[str], list[str]], clients: int, rows: int) -> Recording:
    """Run the example runner for real, with its OTLP going to a listener that keeps each request; `prefix` makes its launcher from an endpoint."""
    with otlp_listener() as (endpoint, bodies):
        environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        with drive.processes(folder, prefix(endpoint), environ) as dsn:
            assert drive.drive(dsn, clients, rows) == clients * rows
    return Recording(tuple(bodies), tuple(drive.truth(folder / "journal.jsonl")))


class Sender:
    """Posts export requests to a collector, each again until it is acknowledged; counts what it met on the way."""

    def __init__(self, http: str, path: str = "/v1/traces") -> None:
        self.url = f"{http}{path}"
        self.acknowledged = self.refused = self.unreachable = 0
        self.last_failure = ""
        self._lock = threading.Lock()

    def deliver(self, bodies: Sequence[bytes], threads: int = 4, seconds: float = 180) -> None:
        """Return when all are acknowledged; raises AssertionError for one that is refused for good, or is not taken in time."""
        deadline = time.monotonic() + seconds
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda body: self._deliver(body, deadline), bodies))

    def _deliver(self, body: bytes, deadline: float) -> None:
        while (status := self._post(body)) != 200:
            assert status is None or status in _AGAIN, f"the collector refused a request for good: {status}"
            assert time.monotonic() < deadline, (
                f"not taken in time: refused {self.refused}, away {self.unreachable} ({self.last_failure})"
            )
            time.sleep(0.1)  # As Retry-After would ask.

    def _post(self, body: bytes) -> int | None:
        request = urllib.request.Request(self.url, data=body, headers={"Content-Type": "application/x-protobuf"})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                status = int(response.status)
        except urllib.error.HTTPError as error:
            status = error.code
        except (OSError, urllib.error.URLError) as error:
            with self._lock:
                self.unreachable += 1
                self.last_failure = repr(error)
            return None
        with self._lock:
            if status == 200:
                self.acknowledged += 1
            else:
                self.refused += 1
        return status
