"""A runner as data: a RunnerSpec says which of its callables matter and where their values come from."""

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

__all__ = ["Hook", "Role", "RunnerSpec"]
