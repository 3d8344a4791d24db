"""Our encoder in the place of the OTLP exporters' own, in a process that has these exporters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from rvbbit_otel.telemetry import Counters

_EXPORTERS: Final = (
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)
# Both exporters look it up here, in their own module, once a request.
_NAME: Final = "encode_spans"
_Encoder = Callable[[Sequence[ReadableSpan]], Any]


def quicken(exporter: object, counters: Counters) -> Callable[[], None] | None:
    """Let this exporter, and others of its kind, encode by `otlp_encoding`; gives what undoes that, None where nothing was done.

    A batch on which ours fails is counted, and encoded by theirs.
    """
    module = _module_of(exporter)
    theirs: _Encoder | None = getattr(module, _NAME, None)
    if module is None or theirs is None or getattr(theirs, "stands_in_for", None) is not None:
        return None
    from rvbbit_otel.otlp_encoding import encode_spans  # It imports the protocol, which such a process has loaded.

    def ours(spans: Sequence[ReadableSpan]) -> Any:
        try:
            return encode_spans(spans)
        except Exception as error:  # noqa: BLE001 - spans are exported whatever becomes of a shortcut
            counters.error("encoder", error)
            return theirs(spans)

    ours.stands_in_for = theirs  # type: ignore[attr-defined]
    setattr(module, _NAME, ours)

    def undo() -> None:
        if getattr(module, _NAME) is ours:
            setattr(module, _NAME, theirs)

    return undo


def _module_of(exporter: object) -> ModuleType | None:
    names = (kind.__module__ for kind in type(exporter).__mro__)
    return next((sys.modules[name] for name in names if name in _EXPORTERS and name in sys.modules), None)
