"""Exports into nothing: what a process pays for its spans without a store that competes for its processors."""

from __future__ import annotations

from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# As `rvbbit-otel run` sets it.
_QUEUE_SIZE = 65_536


class _Nowhere:
    """Stands in for the connection of the real exporter: takes a request apart into bytes as it does, and sends them nowhere."""

    def Export(self, request: Any, metadata: object = None, timeout: float | None = None) -> None:  # noqa: N802 - gRPC's name
        request.SerializeToString()


def provider_with_sink() -> TracerProvider:
    """A provider as a configured process has it, with the real exporter, but for where its spans go."""
    exporter = OTLPSpanExporter(endpoint="127.0.0.1:1", insecure=True)
    exporter._client = _Nowhere()  # type: ignore[assignment]
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE_SIZE))
    return provider
