"""Instruments a runner that nobody edited: a RunnerSpec says, as data, which of its callables matter; one set of wrappers does the rest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rvbbit_otel.instrumentation.hooks import HookReport
    from rvbbit_otel.instrumentation.instrumentor import RvbbitInstrumentor, report
    from rvbbit_otel.instrumentation.spec import Hook, Role, RunnerSpec
    from rvbbit_otel.instrumentation.specfile import load_spec

__all__ = ["Hook", "HookReport", "Role", "RunnerSpec", "RvbbitInstrumentor", "load_spec", "report"]

# Imported when asked for: the launcher is of this package too, and only starts another process.
_HOME: Final = {
    "Hook": "spec",
    "HookReport": "hooks",
    "Role": "spec",
    "RunnerSpec": "spec",
    "RvbbitInstrumentor": "instrumentor",
    "load_spec": "specfile",
    "report": "instrumentor",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
