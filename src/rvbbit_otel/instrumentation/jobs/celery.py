"""Celery: a task's message says who sent it, its retries, chains and chords too, since those are sent while it runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from rvbbit_otel.instrumentation.jobs.messages import HEADER
from rvbbit_otel.instrumentation.jobs.tools import Tools

_FAILED = ("FAILURE", "RETRY")


class Celery:
    """Listens to its signals, and stands around each task."""

    def __init__(self, tools: Tools) -> None:
        """Nothing wrapped yet."""
        self._tools = tools

    def install(self) -> None:
        """Once it is imported."""
        wrapping = self._tools.wrapping
        wrapping.when_imported("celery.signals", self._listen)
        # No signal is the first or the last of a task: others' come before and after, and a chain goes on between the two.
        wrapping.put("celery.app.trace", "build_tracer", self._traced)
        self._tools.serve("celery.worker.worker", "WorkController.start")
        self._tools.serve("celery.beat", "Service.start")

    def _listen(self, signals: ModuleType) -> None:
        signals.before_task_publish.connect(self._sent, weak=False, dispatch_uid="rvbbit_otel")
        signals.worker_process_shutdown.connect(self._ends, weak=False, dispatch_uid="rvbbit_otel")

    def _sent(self, sender: str | None = None, headers: Any = None, **_: Any) -> None:
        if not self._tools.wrapping.on or not isinstance(headers, dict) or "id" not in headers:
            return  # The first protocol of Celery has no headers.
        headers.pop(HEADER, None)  # A retry has those of the try before.
        text = self._tools.messages.written(_known_as(headers.get("task"), headers["id"]))
        if text is not None:
            headers[HEADER] = text

    def _ends(self, **_: Any) -> None:
        if self._tools.wrapping.on:
            self._tools.flush()

    def _traced(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        traced = wrapped(*args, **kwargs)
        if kwargs.get("eager"):
            return traced  # A call like any other, of whoever makes it.
        name, tools = str(args[0] if args else kwargs.get("name")), self._tools

        @functools.wraps(traced)
        def trace_task(uuid: str, args: Any, kwargs: Any, request: Any = None) -> Any:
            if not tools.wrapping.on:
                return traced(uuid, args, kwargs, request)
            said = tools.messages.read(_known_as(name, uuid), (request or {}).get(HEADER))
            with tools.running("celery", name, uuid, said, request) as running:
                result = traced(uuid, args, kwargs, request)
                running.ends_by(_error_of(result))
            return result

        return trace_task


def _known_as(name: object, task_id: object) -> str:
    return f"celery {name} {task_id}"


def _error_of(result: Any) -> BaseException | None:
    """Return the exception that a task raised, also if it will be tried again; a task that was ignored or rejected
    did not fail.
    """
    info = getattr(result, "info", None)
    error = getattr(info, "retval", None)
    return error if getattr(info, "state", None) in _FAILED and isinstance(error, BaseException) else None
