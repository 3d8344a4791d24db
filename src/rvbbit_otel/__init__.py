"""Whoever triggered the work is on every row it left behind.

The names of `__all__` are what programs may use; docs/reference/api.md describes each of them. Every name is imported
when it is first asked for, so that `import rvbbit_otel` alone costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rvbbit_otel.attribution.caller import Caller, CallerId, SessionId
    from rvbbit_otel.attribution.registry import EchoRegistry
    from rvbbit_otel.attribution.scope import called_by, current_caller
    from rvbbit_otel.doctor.inspection import check_spec
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
    from rvbbit_otel.instrumentation.instrumentor import RvbbitInstrumentor
    from rvbbit_otel.instrumentation.runners.toml_file import load_spec
    from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec
    from rvbbit_otel.instrumentation.web.asgi import AsgiCallers
    from rvbbit_otel.instrumentation.web.wsgi import WsgiCallers
    from rvbbit_otel.notebook import NotebookReport, report
    from rvbbit_otel.sdk.log_fields import CallerLogFilter
    from rvbbit_otel.sdk.log_record_processor import CallerLogRecordProcessor
    from rvbbit_otel.sdk.span_processor import CallerSpanProcessor
    from rvbbit_otel.settings import Settings

# The one place of the version: the build reads it from here.
__version__ = "0.1.0"

__all__ = [
    "AsgiCallers",
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
    "NotebookReport",
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
    "WsgiCallers",
    "__version__",
    "called_by",
    "check_spec",
    "current_caller",
    "load_spec",
    "report",
]

# The module of each public name.
_HOME: Final = {
    **dict.fromkeys(("Caller", "CallerId", "SessionId"), "attribution.caller"),
    **dict.fromkeys(("called_by", "current_caller"), "attribution.scope"),
    "CallerLogFilter": "sdk.log_fields",
    "CallerLogRecordProcessor": "sdk.log_record_processor",
    "CallerSpanProcessor": "sdk.span_processor",
    "EchoRegistry": "attribution.registry",
    "Settings": "settings",
    **dict.fromkeys(("Hook", "Role", "RunnerSpec"), "instrumentation.spec.model"),
    "HookReport": "instrumentation.hooks",
    "check_spec": "doctor.inspection",
    **dict.fromkeys(("NotebookReport", "report"), "notebook"),
    "RvbbitInstrumentor": "instrumentation.instrumentor",
    "AsgiCallers": "instrumentation.web.asgi",
    "WsgiCallers": "instrumentation.web.wsgi",
    "load_spec": "instrumentation.runners.toml_file",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME.get(name, 'errors')}"), name)
    globals()[name] = value  # Asked for once.
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
