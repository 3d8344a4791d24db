"""Instruments a runner that nobody edited: a RunnerSpec says, as data, which of its callables matter; one set of wrappers does the rest."""

from __future__ import annotations

from rvbbit_otel.instrumentation.hooks import HookReport
from rvbbit_otel.instrumentation.instrumentor import RvbbitInstrumentor, report
from rvbbit_otel.instrumentation.spec import Hook, Role, RunnerSpec
from rvbbit_otel.instrumentation.specfile import load_spec

__all__ = ["Hook", "HookReport", "Role", "RunnerSpec", "RvbbitInstrumentor", "load_spec", "report"]
