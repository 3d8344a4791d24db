"""Instruments a runner that nobody edited: a RunnerSpec says, as data, which of its callables matter; one set of wrappers does the rest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rvbbit_otel.instrumentation.hooks import HookReport
    from rvbbit_otel.instrumentation.instrumentor import RvbbitInstrumentor, report
    from rvbbit_otel.instrumentation.runners.toml_file import load_spec
    from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

__all__ = ["Hook", "HookReport", "Role", "RunnerSpec", "RvbbitInstrumentor", "load_spec", "report"]

# Imported when asked for: the launcher is of this package too, and only starts another process.
_HOME: Final = {
    "Hook": "spec.model",
    "HookReport": "hooks",
    "Role": "spec.model",
    "RunnerSpec": "spec.model",
    "RvbbitInstrumentor": "instrumentor",
    "load_spec": "runners.toml_file",
    "report": "instrumentor",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
