"""OTLP over HTTP: ``/v1/traces`` and ``/v1/logs``, protobuf and JSON. https://opentelemetry.io/docs/specs/otlp/#otlphttp"""

from __future__ import annotations

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rvbbit_otel.all_in_one.endpoints.otlp import OtlpDoor
from rvbbit_otel.all_in_one.engine.parts import PartCheck
from rvbbit_otel.all_in_one.http import bodies
from rvbbit_otel.all_in_one.http.exposition import CONTENT_TYPE, exposition
from rvbbit_otel.all_in_one.otlp.requests import UnreadableBodyError
from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_ANSWERS: dict[str, type[Message]] = {"traces": ExportTraceServiceResponse, "logs": ExportLogsServiceResponse}
# HTTP status and google.rpc code by error. Only 429, 502, 503 and 504 make a client send again.
_STATUS: tuple[tuple[type[RvbbitOtelError], int, int], ...] = (
    (bodies.BodyTooLargeError, 413, 8),
    (bodies.UnknownEncodingError, 415, 3),
    (bodies.CorruptBodyError, 400, 3),
    (UnreadableBodyError, 400, 3),
    (StoreUnavailableError, 503, 14),
)


def make_app(door: OtlpDoor, budget: bodies.Budget, max_body: int, parts: PartCheck) -> Starlette:
    """The listener, in front of `door`; it tells of the store's `parts` too."""
    ingest, counters = door.ingest, door.counters.snapshot
    journal = ingest.journal

    async def export(request: Request) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in (PROTOBUF, JSON):
            await bodies.discard(request.stream())
            text = f"Content-Type {content_type[:60]!r} is not served; {PROTOBUF} and {JSON} are"
            return JSONResponse({"code": 3, "message": text}, 415)
        signal = request.url.path.removeprefix("/v1/")
        try:
            with budget.share() as share:
                encoding = request.headers.get("content-encoding", "")
                body = await bodies.read(request.stream(), encoding, max_body, share)
                answer = await door.store(signal, body, _ANSWERS[signal](), is_json=content_type == JSON)
        except ClientDisconnect:
            return Response(status_code=400)
        except RvbbitOtelError as error:
            return _failure(error, content_type)
        return _encoded(answer, content_type, 200)

    async def metrics_signal(request: Request) -> Response:
        return JSONResponse({"code": 12, "message": "metrics are not stored here: set OTEL_METRICS_EXPORTER=none"}, 404)

    async def health(request: Request) -> Response:
        # Never an error: what restarts a program that is unwell would not mend a part.
        return JSONResponse(
            {
                "status": "damaged"
                if parts.set_aside or journal.damaged
                else "not storing"
                if ingest.stuck
                else "serving",
                "parts_set_aside": parts.set_aside,
                "parts_checked": parts.done,
                "queued_bytes": journal.waiting_bytes,
                "journal_bytes": journal.disk_bytes,
                "journal_damaged": journal.damaged,
                "quarantined": len(ingest.quarantine.all()),
                "counters": counters(),
            }
        )

    async def metrics(request: Request) -> Response:
        gauges = {
            "queued_bytes": journal.waiting_bytes,
            "journal_bytes": journal.disk_bytes,
            "journal_damaged": len(journal.damaged),
            "quarantined": len(ingest.quarantine.all()),
            "parts_set_aside": len(parts.set_aside),
        }
        return Response(exposition(counters(), gauges), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/v1/traces", export, methods=["POST"]),
            Route("/v1/logs", export, methods=["POST"]),
            Route("/v1/metrics", metrics_signal, methods=["POST"]),
            Route("/healthz", health),
            Route("/metrics", metrics),
        ]
    )


def _failure(error: RvbbitOtelError, content_type: str) -> Response:
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            response = _encoded(Status(code=code, message=str(error)[:2000]), content_type, status)
            if status == 503:
                response.headers["Retry-After"] = "1"
            if isinstance(error, bodies.SlowBodyError):
                response.headers["Connection"] = "close"
            return response
    raise error


def _encoded(message: Message, content_type: str, status: int) -> Response:
    body = message.SerializeToString() if content_type == PROTOBUF else MessageToJson(message, indent=None).encode()
    return Response(body, status, media_type=content_type)
