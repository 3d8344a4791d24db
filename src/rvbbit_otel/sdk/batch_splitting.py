"""Our encoder in the place of the OTLP exporters' own, and batches of a size that a receiver takes.

A receiver refuses a request over its limit as a whole, and every span in it is lost: prompts and answers make one of a batch of 512. An exporter
sends what it is given as one request. So its batch is encoded before it is given to it, and where that is too large, in halves.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from rvbbit_otel.counters import Counters
from rvbbit_otel.sdk.clean_spans import cleaned_span

# Of the 4 MiB (4,194,304 bytes) that a gRPC server takes unless it is told otherwise, and so the collector's receiver.
MOST_BYTES: Final = 4_000_000
_EXPORTERS: Final = (
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)
# Both exporters look it up here, in their own module, once a request.
_NAME: Final = "encode_spans"
_Encoder = Callable[[Sequence[ReadableSpan]], Any]


class _Ready(threading.local):
    """The encoded request that the exporter on this thread is about to ask for."""

    spans: Sequence[ReadableSpan] | None = None
    request: Any = None


_ready: Final = _Ready()


def quicken(exporter: object) -> Callable[[], None] | None:
    """Let this exporter, and others of its kind, send what `in_parts` has encoded; gives what undoes that, None where it is no OTLP exporter."""
    module = _module_of(exporter)
    theirs: _Encoder | None = getattr(module, _NAME, None)
    if module is None or theirs is None:
        return None
    if getattr(theirs, "stands_in_for", None) is not None:
        return lambda: None  # It stands there already, by another exporter; whoever put it there takes it out.

    def ours(spans: Sequence[ReadableSpan]) -> Any:
        if spans is _ready.spans:
            return _ready.request
        try:
            return theirs(spans)
        except Exception:  # noqa: BLE001 - a text that is no Unicode costs theirs the whole batch
            return theirs(_cleaned(spans))

    ours.stands_in_for = theirs  # type: ignore[attr-defined]
    setattr(module, _NAME, ours)

    def undo() -> None:
        if getattr(module, _NAME) is ours:
            setattr(module, _NAME, theirs)

    return undo


def in_parts(spans: Sequence[ReadableSpan], counters: Counters) -> Iterator[Sequence[ReadableSpan]]:
    """The spans in their order, each part encoded and not over MOST_BYTES; a span that is larger goes alone, and last, since it may well be refused.

    A part is for the exporter's `export`, on this thread, before the next one is asked for. What ours fails on is counted, and encoded by theirs.
    """
    large: list[ReadableSpan] = []
    yield from _in_parts(spans, counters, MOST_BYTES, large)
    for span in large:
        yield from _in_parts([span], counters, None, large)


def _in_parts(
    spans: Sequence[ReadableSpan], counters: Counters, most: int | None, large: list[ReadableSpan]
) -> Iterator[Sequence[ReadableSpan]]:
    try:
        request = _request(spans, counters, most)
    except Exception as error:  # noqa: BLE001 - spans are exported whatever becomes of a shortcut
        counters.error("encoder", error)
        yield spans
        return
    if request is None and len(spans) == 1:
        large.append(spans[0])
        return
    if request is None:
        counters.add("split.too_large")
        middle = len(spans) // 2
        yield from _in_parts(spans[:middle], counters, most, large)
        yield from _in_parts(spans[middle:], counters, most, large)
        return
    _ready.spans, _ready.request = spans, request
    try:
        yield spans
    finally:
        _ready.spans = _ready.request = None


def _request(spans: Sequence[ReadableSpan], counters: Counters, most: int | None) -> Any:
    """The spans as one request, None where that has too many bytes. By theirs where another version lacks what ours is made of: slower."""

    def lost(error: Exception) -> None:
        counters.error("encoder.span", error)
        counters.add("dropped.not_encodable")

    try:
        from rvbbit_otel.sdk import otlp_encoder

        encoded = otlp_encoder.encoded(spans, lost)
        return otlp_encoder.as_request(encoded) if most is None or len(encoded) <= most else None
    except (ImportError, AttributeError) as error:
        counters.error("encoder", error)
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    try:
        request = encode_spans(spans)
    except Exception:  # noqa: BLE001 - as in `quicken`
        request = encode_spans(_cleaned(spans))
    return request if most is None or request.ByteSize() <= most else None


def _cleaned(spans: Sequence[ReadableSpan]) -> Sequence[ReadableSpan]:
    return [cleaned_span(span) for span in spans]


def _module_of(exporter: object) -> ModuleType | None:
    names = (kind.__module__ for kind in type(exporter).__mro__)
    return next((sys.modules[name] for name in names if name in _EXPORTERS and name in sys.modules), None)
