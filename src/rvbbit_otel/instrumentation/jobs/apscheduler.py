"""APScheduler: what is to run once is whose who scheduled it, what is to run again and again is nobody's."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from rvbbit_otel.instrumentation.execution import Within
from rvbbit_otel.instrumentation.jobs.messages import HEADER
from rvbbit_otel.instrumentation.jobs.running import around
from rvbbit_otel.instrumentation.jobs.tools import Tools

# Of one scheduler's jobs the messages of so many are kept.
_MOST: Final = 10_000
_STORES: Final = (
    ("apscheduler.datastores.memory", "MemoryDataStore"),
    ("apscheduler.datastores.sqlalchemy", "SQLAlchemyDataStore"),
    ("apscheduler.datastores.mongodb", "MongoDBDataStore"),
)
_EXECUTORS: Final = (
    ("apscheduler.executors.async_", "AsyncJobExecutor"),
    ("apscheduler.executors.thread", "ThreadPoolJobExecutor"),
    ("apscheduler.executors.subprocess", "ProcessPoolJobExecutor"),
)


class Apscheduler3:
    """Its jobs have no place for a message, so one is kept beside them, in the process that scheduled them."""

    def __init__(self, tools: Tools) -> None:
        """Nothing wrapped yet."""
        self._tools = tools
        self._kept: weakref.WeakKeyDictionary[Any, dict[str, str]] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Once it is imported."""
        wrapping = self._tools.wrapping
        wrapping.after("apscheduler.schedulers.base", "BaseScheduler.add_job", self._added)
        wrapping.when_imported("apscheduler.executors.base", self._wrap_executors)

    def _wrap_executors(self, module: ModuleType) -> None:
        if not hasattr(module, "run_job"):
            return
        self._tools.wrapping.put(module.__name__, "BaseExecutor.submit_job", self._submit)
        # Functions of the same names, by which a pool of processes finds them.
        self._tools.wrapping.patches.replace(module, "run_job", self._around(module.run_job))
        run_coroutine = self._around_coroutine(module.run_coroutine_job)
        self._tools.wrapping.patches.replace(module, "run_coroutine_job", run_coroutine)

    def _added(self, scheduler: Any, job: Any) -> None:
        messages = self._kept.setdefault(scheduler, {})
        messages.pop(job.id, None)
        text = self._tools.messages.written(_known_as(job.id)) if _is_once(job.trigger) else None
        if text is not None:
            messages[job.id] = text
            while len(messages) > _MOST:
                messages.pop(next(iter(messages)), None)

    def _submit(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        """To the executor's pool, loop or process: as whoever handed it over, and not as whoever keeps the time."""
        context = None
        if self._tools.wrapping.on:
            try:
                job = args[0] if args else kwargs["job"]
                text = self._kept.get(instance._scheduler, {}).pop(job.id, None) if _is_once(job.trigger) else None
                context = around(self._tools.messages.read(_known_as(job.id), text))
            except Exception as error:  # noqa: BLE001 - the host's job runs whatever we find
                self._tools.wrapping.counters.error("jobs.apscheduler", error)
        with Within(context):
            return wrapped(*args, **kwargs)

    def _around(self, run_job: Callable[..., Any]) -> Callable[..., Any]:
        tools = self._tools

        @functools.wraps(run_job)
        def run(job: Any, *args: Any) -> Any:
            if not tools.wrapping.on:
                return run_job(job, *args)
            with tools.running("apscheduler", str(job.name), job.id, tools.said_here(), job) as running:
                events = run_job(job, *args)
                running.ends_by(_error_of(events))
            return events

        return run

    def _around_coroutine(self, run_job: Callable[..., Any]) -> Callable[..., Any]:
        tools = self._tools

        @functools.wraps(run_job)
        async def run(job: Any, *args: Any) -> Any:
            if not tools.wrapping.on:
                return await run_job(job, *args)
            with tools.running("apscheduler", str(job.name), job.id, tools.said_here(), job) as running:
                events = await run_job(job, *args)
                running.ends_by(_error_of(events))
            return events

        return run


class Apscheduler4:
    """Its jobs and schedules have metadata, which is kept with them."""

    def __init__(self, tools: Tools) -> None:
        """Nothing wrapped yet."""
        self._tools = tools

    def install(self) -> None:
        """Once it is imported."""
        wrapping = self._tools.wrapping
        for module, store in _STORES:
            wrapping.before(module, f"{store}.add_job", self._job_added)
            wrapping.before(module, f"{store}.add_schedule", self._schedule_added)
        for module, executor in _EXECUTORS:
            wrapping.put(module, f"{executor}.run_job", self._run)

    def _job_added(self, instance: Any, args: Any, kwargs: Any) -> None:
        job = args[0] if args else kwargs["job"]
        if job.schedule_id is None:
            self._say(job.metadata, str(job.id))

    def _schedule_added(self, instance: Any, args: Any, kwargs: Any) -> None:
        schedule = args[0] if args else kwargs["schedule"]
        if _is_once(schedule.trigger):
            self._say(schedule.metadata, schedule.id)
        else:
            schedule.metadata.pop(HEADER, None)

    def _say(self, metadata: Any, job_id: str) -> None:
        metadata.pop(HEADER, None)
        text = self._tools.messages.written(_known_as(job_id))
        if text is not None:
            metadata[HEADER] = text

    def _run(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        async def run() -> Any:
            job = args[1] if len(args) > 1 else kwargs["job"]
            said = self._tools.messages.read(_known_as(str(job.schedule_id or job.id)), job.metadata.get(HEADER))
            with self._tools.running("apscheduler", str(job.task_id), str(job.id), said, job):
                return await wrapped(*args, **kwargs)

        return run() if self._tools.wrapping.on else wrapped(*args, **kwargs)


def _known_as(job_id: str) -> str:
    return f"apscheduler {job_id}"


def _is_once(trigger: object) -> bool:
    return type(trigger).__name__ == "DateTrigger"


def _error_of(events: Any) -> BaseException | None:
    errors = [each.exception for each in events if getattr(each, "exception", None) is not None]
    return errors[0] if errors else None
