"""RQ: a job's `meta` says who made it, so that what runs later, again, or after another one is still theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rvbbit_otel.instrumentation.jobs.messages import HEADER
from rvbbit_otel.instrumentation.jobs.tools import Tools

_RUNNING = "_rvbbit_running"


class Rq:
    """Wraps the making of jobs, and their running."""

    def __init__(self, tools: Tools) -> None:
        """Nothing wrapped yet."""
        self._tools = tools

    def install(self) -> None:
        """Once it is imported."""
        wrapping = self._tools.wrapping
        wrapping.after("rq.job", "Job.create", lambda instance, job: self._hand_over(job))
        for name in ("enqueue_job", "schedule_job"):
            wrapping.before("rq.queue", f"Queue.{name}", self._enqueued)
        wrapping.put("rq.worker", "BaseWorker.perform_job", self._perform)
        wrapping.put("rq.job", "Job.perform", self._performed)
        self._tools.serve("rq.worker", "BaseWorker.work")
        self._tools.serve("rq.cron", "CronScheduler.start")

    def _enqueued(self, instance: Any, args: Any, kwargs: Any) -> None:
        self._hand_over(args[0] if args else kwargs["job"])

    def _hand_over(self, job: Any) -> None:
        """Whoever made the job hands it over; else who enqueues it first. A worker that enqueues it again is neither."""
        if HEADER not in job.meta:
            text = self._tools.messages.written(_known_as(job))
            if text is not None:
                job.meta = {**job.meta, HEADER: text}

    def _perform(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if not self._tools.wrapping.on:
            return wrapped(*args, **kwargs)
        try:
            job = args[0] if args else kwargs["job"]
            said = self._tools.messages.read(_known_as(job), job.meta.get(HEADER))
            running = self._tools.running("rq", job.func_name, job.id, said, job)
        except Exception as error:  # noqa: BLE001 - the host's job runs whatever we find
            self._tools.wrapping.counters.error("jobs.rq", error)
            return wrapped(*args, **kwargs)
        vars(job)[_RUNNING] = running
        try:
            with running:
                return wrapped(*args, **kwargs)
        finally:
            vars(job).pop(_RUNNING, None)
            if instance.is_horse:
                self._tools.flush()

    def _performed(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        try:
            return wrapped(*args, **kwargs)
        except BaseException as error:
            running = vars(instance).get(_RUNNING)
            if running is not None:
                running.ends_by(error)  # The worker keeps it to itself.
            raise


def _known_as(job: Any) -> str:
    return f"rq {job.func_name} {job.id}"
