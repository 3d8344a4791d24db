"""Every library of jobs that is known, each once it is imported."""

from __future__ import annotations

from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.jobs.apscheduler import Apscheduler3, Apscheduler4
from rvbbit_otel.instrumentation.jobs.celery import Celery
from rvbbit_otel.instrumentation.jobs.rq import Rq
from rvbbit_otel.instrumentation.jobs.tools import Tools
from rvbbit_otel.settings import Settings


def install(wrapping: Wrapping, settings: Settings) -> None:
    """Wrap them."""
    tools = Tools(wrapping, settings)
    for library in (Celery, Rq, Apscheduler3, Apscheduler4):
        library(tools).install()
