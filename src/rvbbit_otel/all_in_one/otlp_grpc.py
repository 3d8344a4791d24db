"""OTLP over gRPC: the trace and logs services, as raw bytes."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from rvbbit_otel.all_in_one.ingest import Ingest, UnreadableBodyError, accepted
from rvbbit_otel.errors import ConfigurationError, StoreUnavailableError

_SERVICES = {
    "traces": ("opentelemetry.proto.collector.trace.v1.TraceService", ExportTraceServiceResponse),
    "logs": ("opentelemetry.proto.collector.logs.v1.LogsService", ExportLogsServiceResponse),
}
# A request waits in its thread until it is stored, so this many can share one insert. With fewer, senders of large bodies would wait here, where
# nobody refuses them, and not in the queue, which asks them to come again.
_THREADS = 64


def serve_grpc(ingest: Ingest, host: str, port: int, token: str | None, max_body: int) -> tuple[grpc.Server, int]:
    """A started server and its port; raises ConfigurationError if the port is taken."""
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="otlp-grpc"),
        options=[
            ("grpc.max_receive_message_length", max_body),  # Of the unpacked message: gRPC stops unpacking there.
            ("grpc.so_reuseport", 0),
            ("grpc.max_concurrent_streams", 1024),
        ],
    )
    for signal, (name, answer) in _SERVICES.items():
        export = grpc.unary_unary_rpc_method_handler(_export(ingest, signal, answer, token))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": export}),))
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise ConfigurationError(
            f"--otlp-grpc-port {port} on {host} can't be listened on: is it taken? 0 picks a free one"
        ) from error
    server.start()
    return server, bound


def _export(
    ingest: Ingest, signal: str, answer: type[Message], token: str | None
) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        if token is not None and not _has_token(context, token):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a token is needed")
        try:
            refused = ingest.submit(signal, body).result()
        except UnreadableBodyError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)[:2000])
        except StoreUnavailableError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error)[:2000])
        return bytes(accepted(answer(), refused).SerializeToString())

    return export


def _has_token(context: grpc.ServicerContext, token: str) -> bool:
    offered = dict(context.invocation_metadata()).get("authorization", "")
    text = offered.decode("latin-1") if isinstance(offered, bytes) else offered
    return hmac.compare_digest(text.encode(), f"Bearer {token}".encode())
