"""A job while it runs: a session of its caller's, a child of the one that handed it over; else nobody's, whoever started the worker."""

from __future__ import annotations

import secrets
from contextvars import Token
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context, get_current

from rvbbit_otel.attribution import work
from rvbbit_otel.attribution.propagation import without_attribution
from rvbbit_otel.attribution.scope import called_by
from rvbbit_otel.attribution.work import WORK_KEY, Work
from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation.carry.processes import inherited_from
from rvbbit_otel.instrumentation.emit.spans import without_span
from rvbbit_otel.instrumentation.execution import enter, leave
from rvbbit_otel.instrumentation.jobs.messages import Said


@dataclass(frozen=True, slots=True)
class Job:
    """The argument of a user's function that names the caller of a job; the function returns None to leave it to who
    handed the job over.

    library: ``celery``, ``rq`` or ``apscheduler``. name: of the task or the function. id: the library's own. caller: who handed it over, None for a
    periodic job, or where that is not known. raw: the library's task request, job, or job.
    """

    library: str
    name: str
    id: str
    caller: str | None
    raw: Any


class Running:
    """``with`` it: the job runs. Whatever goes wrong with that, the job runs and has its result."""

    def __init__(self, job: Job, said: Said, named: str | None) -> None:
        """`named`: by the user's function."""
        self._job = job
        self._said = said
        self._named = named
        self._error: BaseException | None = None
        self._block: called_by | None = None
        self._token: Token[Context] | None = None
        self._fresh: Any = None

    def ends_by(self, error: BaseException | None) -> None:
        """The library keeps to itself what the job raised: this."""
        self._error = error

    def __enter__(self) -> Running:
        """It begins."""
        try:
            self._fresh = work.begin_afresh()
            self._token = enter(around(self._said))
            self._block = self._opened()
            if self._block is not None:
                self._block.__enter__()
                if self._said.weak and self._named is None:
                    _weaken()
        except Exception as error:  # noqa: BLE001 - the host's job runs, for nobody
            failed("jobs.begin", error)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: Any) -> None:
        """It is over."""
        try:
            if self._block is not None:
                self._block.__exit__(kind, error or self._error, traceback)
            if self._token is not None:
                leave(self._token)
            if self._fresh is not None:
                work.go_on(self._fresh)
        except Exception as failure:  # noqa: BLE001 - the host's job has its result
            failed("jobs.end", failure)

    def _opened(self) -> called_by | None:
        caller, job = self._said.caller, self._job
        if self._named is not None:
            block = called_by(self._named, {"job": job.name, "job_id": job.id}, origin=job.library)
            block._apart = True
        elif caller is not None:
            block = called_by(
                caller.id, caller.metadata, origin=caller.origin, session=f"{caller.id}/{secrets.token_hex(6)}"
            )
        else:
            return None
        block._name = f"{job.library} {job.name}"
        return block


def around(said: Said) -> Context:
    """The context that a job begins in: of whoever handed it over, else nobody's."""
    if said.context is None:
        return without_span(without_attribution(get_current(), said.candidate))
    if isinstance(said.context.get(WORK_KEY), Work):
        return said.context  # Of this process.
    return inherited_from(said.context)


def _weaken() -> None:
    """The block is known by what its sender had only inherited, and is no better known here."""
    mine = get_current().get(WORK_KEY)
    if isinstance(mine, Work):
        mine.root = Work(None)
        mine.root.end()
