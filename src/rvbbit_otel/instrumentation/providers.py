"""Notices the providers of OpenTelemetry, set before us or after, and lets the pipeline into each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import _logs, metrics, trace
from opentelemetry._logs import _internal as _logs_internal
from opentelemetry.metrics import _internal as _metrics_internal
from opentelemetry.sdk.trace import TracerProvider

from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation.wrapping.patches import Patches, TargetMissingError
from rvbbit_otel.sdk.install import Pipeline

# Where each kind is set. The private one is what every way of setting a provider comes through; the public one is for versions without it.
_SETTERS: Final = (
    (trace.__name__, ("_set_tracer_provider", "set_tracer_provider")),
    (_logs_internal.__name__, ("_set_logger_provider", "set_logger_provider")),
    (_metrics_internal.__name__, ("_set_meter_provider", "set_meter_provider")),
    ("opentelemetry.propagate", ("set_global_textmap",)),
)


class Providers:
    """Installs the pipeline into the process's providers."""

    def __init__(self, pipeline: Pipeline, patches: Patches, counters: Counters) -> None:
        """Nothing is installed yet."""
        self._pipeline = pipeline
        self._patches = patches
        self._counters = counters
        self._on = True
        self._installing = False

    def install(self, *given: object) -> None:
        """Install into these providers and into the global ones, now and whenever one is set."""
        for provider in given:
            self._install_into(provider)
        for module, names in _SETTERS:
            self._watch(module, names)
        self._install_into_global()

    def remove(self) -> None:
        """Install into nothing more."""
        self._on = False

    def _watch(self, module: str, names: tuple[str, ...]) -> None:
        def watching(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            result = wrapped(*args, **kwargs)
            try:
                if self._on and not self._installing:
                    self._install_into_global()
            except Exception as error:  # noqa: BLE001 - the host sets its provider whatever we find
                self._counters.error("providers.install", error)
            return result

        for name in names:
            try:
                self._patches.put(sys.modules[module], name, lambda plain, bound: watching)
                return
            except TargetMissingError as error:
                missing = error
        self._counters.error("providers.watch", missing)

    def _install_into_global(self) -> None:
        self._installing = True  # Guarding the propagator sets it.
        try:
            for provider in (_tracer_provider(), _logger_provider(), _meter_provider()):
                self._install_into(provider)
            self._pipeline.install_propagation()
        except Exception as error:  # noqa: BLE001 - the host sets its provider whatever we find
            self._counters.error("providers.install", error)
        finally:
            self._installing = False

    def _install_into(self, provider: Any) -> None:
        if isinstance(provider, TracerProvider):
            self._pipeline.install_tracing(provider)
        elif _is_of(provider, "opentelemetry.sdk._logs", "LoggerProvider"):
            self._pipeline.install_logging(provider)
        elif _is_of(provider, "opentelemetry.sdk.metrics", "MeterProvider"):
            self._pipeline.install_metrics(provider)


# As it is, and not `get_*_provider()`, which would make one from the environment.
def _tracer_provider() -> object:
    return getattr(trace, "_TRACER_PROVIDER", None) or trace.get_tracer_provider()


def _logger_provider() -> object:
    return getattr(_logs_internal, "_LOGGER_PROVIDER", None) or _logs.get_logger_provider()


def _meter_provider() -> object:
    return getattr(_metrics_internal, "_METER_PROVIDER", None) or metrics.get_meter_provider()


def _is_of(provider: Any, module: str, name: str) -> bool:
    """Return whether an object is an instance of this SDK class. The class's module is not imported for that: if
    nobody has, there are no instances.
    """
    known = getattr(sys.modules.get(module), name, None)
    return known is not None and isinstance(provider, known)
