"""Whoever triggered the work is on every row it left behind.

The names of `__all__` are what programs may use; docs/reference/api.md describes each of them. Every name is imported
when it is first asked for, so that `import rvbbit_otel` alone costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rvbbit_otel.caller import Caller, CallerId, SessionId
    from rvbbit_otel.errors import (
        ConfigurationError,
        InvalidIdError,
        RvbbitOtelError,
        SchemaError,
        SpecError,
        StoreCorruptError,
        StoreError,
        StoreLockedError,
        StoreUnavailableError,
    )
    from rvbbit_otel.instrumentation.hooks import HookReport
    from rvbbit_otel.instrumentation.inspection import check_spec
    from rvbbit_otel.instrumentation.instrumentor import RvbbitInstrumentor, report
    from rvbbit_otel.instrumentation.spec import Hook, Role, RunnerSpec
    from rvbbit_otel.instrumentation.specfile import load_spec
    from rvbbit_otel.log_fields import CallerLogFilter
    from rvbbit_otel.log_processor import CallerLogRecordProcessor
    from rvbbit_otel.processor import CallerSpanProcessor
    from rvbbit_otel.registry import EchoRegistry
    from rvbbit_otel.scope import called_by, current_caller
    from rvbbit_otel.settings import Settings

# The one place of the version: the build reads it from here.
__version__ = "0.1.0"

__all__ = [
    "Caller",
    "CallerId",
    "CallerLogFilter",
    "CallerLogRecordProcessor",
    "CallerSpanProcessor",
    "ConfigurationError",
    "EchoRegistry",
    "Hook",
    "HookReport",
    "InvalidIdError",
    "Role",
    "RunnerSpec",
    "RvbbitInstrumentor",
    "RvbbitOtelError",
    "SchemaError",
    "SessionId",
    "Settings",
    "SpecError",
    "StoreCorruptError",
    "StoreError",
    "StoreLockedError",
    "StoreUnavailableError",
    "__version__",
    "called_by",
    "check_spec",
    "current_caller",
    "load_spec",
    "report",
]

# The module of each public name.
_HOME: Final = {
    **dict.fromkeys(("Caller", "CallerId", "SessionId"), "caller"),
    **dict.fromkeys(("called_by", "current_caller"), "scope"),
    "CallerLogFilter": "log_fields",
    "CallerLogRecordProcessor": "log_processor",
    "CallerSpanProcessor": "processor",
    "EchoRegistry": "registry",
    "Settings": "settings",
    **dict.fromkeys(("Hook", "Role", "RunnerSpec"), "instrumentation.spec"),
    "HookReport": "instrumentation.hooks",
    "check_spec": "instrumentation.inspection",
    **dict.fromkeys(("RvbbitInstrumentor", "report"), "instrumentation.instrumentor"),
    "load_spec": "instrumentation.specfile",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME.get(name, 'errors')}"), name)
    globals()[name] = value  # Asked for once.
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
