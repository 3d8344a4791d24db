"""What the integrations of job libraries share: messages, running jobs, and the function that names callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import get_current

from rvbbit_otel.attribution.propagation import caller_of, effective
from rvbbit_otel.instrumentation import flushing
from rvbbit_otel.instrumentation.carry.threads import for_nobody
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.execution import Within
from rvbbit_otel.instrumentation.jobs.messages import Messages, Said
from rvbbit_otel.instrumentation.jobs.running import Job, Running
from rvbbit_otel.instrumentation.named import Named
from rvbbit_otel.settings import Settings


class Tools:
    """For all of them."""

    def __init__(self, wrapping: Wrapping, settings: Settings) -> None:
        """Nothing wrapped yet."""
        self.wrapping = wrapping
        self.messages = Messages(settings)
        self._patience = max(flushing.SECONDS, settings.exit_patience)
        self._named = Named(settings.job_caller, "jobs are whose they are") if settings.job_caller else None

    def running(self, library: str, name: str, job_id: str, said: Said, raw: Any) -> Running:
        """A job that begins now."""
        caller = said.caller
        job = Job(library, name, job_id, caller.id if caller is not None else None, raw)
        return Running(job, said, None if self._named is None else self._named(job))

    def flush(self) -> None:
        """A process of a worker's ends, without exit handlers."""
        flushing.flush(self._patience)

    @staticmethod
    def said_here() -> Said:
        """A job is whose the work is that runs here: somebody carried it here."""
        context = get_current()
        return Said(effective(context)) if caller_of(context) is not None else Said()

    def serve(self, module: str, qualname: str) -> None:
        """Wrap a function that serves everybody's jobs, so that its own work belongs to no caller, whoever started
        it.
        """

        def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            with Within(for_nobody() if self.wrapping.on else None):
                return wrapped(*args, **kwargs)

        self.wrapping.put(module, qualname, call)
