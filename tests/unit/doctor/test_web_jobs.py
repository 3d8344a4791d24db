from __future__ import annotations

import importlib.metadata

import pytest

from rvbbit_otel.doctor import web_jobs
from rvbbit_otel.settings import Settings


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    return versions


def test_what_is_installed_is_named_with_what_names_its_callers(installed: dict[str, str]) -> None:
    assert web_jobs.web(Settings()).seen == "no web framework that we know is installed here"
    assert web_jobs.jobs(Settings()).seen == "no library of jobs that we know is installed here"
    installed.update(flask="3.1.3", celery="5.7.0", rq="3.0.0")
    link = web_jobs.web(Settings())
    assert (link.state, link.seen) == ("ok", "flask 3.1.3: callers are named where a middleware of ours is added")
    link = web_jobs.web(Settings(request_caller="shop:caller", caller_header="X-Caller", caller_hosts=("::1",)))
    assert link.state == "ok"
    assert "OTEL_PYTHON_RVBBIT_REQUEST_CALLER and OTEL_PYTHON_RVBBIT_CALLER_HEADER" in link.seen
    assert web_jobs.web(Settings(caller_header="X-Caller")).state == "broken"


def test_jobs_without_a_key_are_noted(installed: dict[str, str]) -> None:
    installed.update(celery="5.7.0", rq="3.0.0")
    link = web_jobs.jobs(Settings())
    assert link.state == "note"
    assert link.seen.startswith("celery 5.7.0, rq 3.0.0: ")
    assert "OTEL_PYTHON_RVBBIT_JOB_KEY" in (link.remedy or "")
    assert web_jobs.jobs(Settings(job_key="a secret of a test")).state == "ok"
    assert web_jobs.jobs(Settings(trust_inbound=True)).state == "ok"
