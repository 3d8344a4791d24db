"""Exports into nothing: what a process pays for its spans without a store that competes for its processors."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

# As `rvbbit-otel run` sets it.
_QUEUE_SIZE = 65_536


class EncodingExporter(SpanExporter):
    """Encodes spans as the OTLP exporters do, and counts them."""

    def __init__(self) -> None:
        """Nothing exported yet."""
        self.spans = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode."""
        self.spans += len(spans)
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing."""


def provider_with_sink() -> tuple[TracerProvider, EncodingExporter]:
    """A provider as a configured process has it, but for where its spans go."""
    sink = EncodingExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(sink, max_queue_size=_QUEUE_SIZE))
    return provider, sink
