"""The web frameworks and the libraries of jobs that are installed here, and what names the callers of their requests and jobs."""

from __future__ import annotations

import importlib.metadata
from typing import Final

from rvbbit_otel.doctor.links import Link
from rvbbit_otel.settings import PREFIX, Settings

_WEB: Final = ("fastapi", "starlette", "quart", "flask", "django")
_JOBS: Final = ("celery", "rq", "apscheduler")


def web(settings: Settings) -> Link:
    """Return a link on how the callers of web requests are named."""
    found = _installed(_WEB)
    if not found:
        return Link("web requests", "ok", "no web framework that we know is installed here")
    by = [f"{PREFIX}REQUEST_CALLER"] * bool(settings.request_caller)
    by += [f"{PREFIX}CALLER_HEADER"] * bool(settings.caller_header and settings.caller_hosts)
    if settings.caller_header and not settings.caller_hosts:
        seen = (
            f"{', '.join(found)}: {PREFIX}CALLER_HEADER is believed from {PREFIX}CALLER_HOSTS, of which there are none"
        )
        return Link("web requests", "broken", seen, "name the hosts, or unset the header")
    named = (
        f"callers are named by {' and '.join(by)}" if by else "callers are named where a middleware of ours is added"
    )
    return Link("web requests", "ok", f"{', '.join(found)}: {named}")


def jobs(settings: Settings) -> Link:
    """Return a link on whether workers believe the callers that job messages name."""
    found = _installed(_JOBS)
    if not found:
        return Link("jobs", "ok", "no library of jobs that we know is installed here")
    seen = f"{', '.join(found)}: a job is whose who handed it over"
    if settings.trust_inbound:
        return Link("jobs", "ok", f"{seen}, as its message says, whoever wrote it")
    if settings.job_key:
        return Link("jobs", "ok", f"{seen}, if its message is sealed with the key that is set")
    remedy = f"set {PREFIX}JOB_KEY to one secret where jobs are handed over and where they run"
    return Link("jobs", "note", f"{seen} in this process; in another one it is nobody's, since there is no key", remedy)


def _installed(names: tuple[str, ...]) -> list[str]:
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
