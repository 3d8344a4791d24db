"""By settings alone: the same applications, without a middleware of ours in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.web_jobs.clients import ask_all
from tests.web_jobs.running import USERS, Program, free_port, of_each, until_it_listens

PROGRAMS = "tests.web_jobs.programs"
APPS = {
    "FastAPI": ("uvicorn", f"{PROGRAMS}.plain_apps:starlette", "--port"),
    "Flask": ("waitress-serve", "--call", f"{PROGRAMS}.plain_apps:flask", "--port"),
    "Django": ("uvicorn", f"{PROGRAMS}.django_app:asgi", "--port"),
}
HEADER = {"OTEL_PYTHON_RVBBIT_CALLER_HEADER": "X-User"}


def serve(ours: Program, app: str, log: Path) -> None:
    port = free_port()
    command, *app_then_port = APPS[app]
    *named, option = app_then_port
    arguments = [option, str(port), *named]
    with ours.running(command, *arguments, log=log) as process:
        until_it_listens(port, process, log)
        answers = ask_all(port, ["/sync"])
        assert {status for status, _ in answers.values()} == {200}
        ours.until_marked(len(USERS))


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(
    "says",
    [
        {**HEADER, "OTEL_PYTHON_RVBBIT_CALLER_HOSTS": "10.0.0.0/8,127.0.0.1"},
        {"OTEL_PYTHON_RVBBIT_REQUEST_CALLER": f"{PROGRAMS}.callers:of_request"},
    ],
    ids=["header", "function"],
)
def test_settings_name_the_caller_of_a_request(
    says: dict[str, str], app: str, program: Callable[..., Program], tmp_path: Path
) -> None:
    ours = program(**says, LIST="none")
    serve(ours, app, tmp_path / "log")
    assert ours.marks() == of_each(USERS, ["sync"])


@pytest.mark.parametrize("app", APPS)
def test_a_header_from_elsewhere_names_nobody(app: str, program: Callable[..., Program], tmp_path: Path) -> None:
    ours = program(**HEADER, OTEL_PYTHON_RVBBIT_CALLER_HOSTS="10.0.0.0/8", LIST="none")
    serve(ours, app, tmp_path / "log")
    marks = ours.marks()
    assert Counter(name for name, _ in marks) == {f"{user} sync": 1 for user in USERS}
    callers = {caller for _, caller in marks}
    assert len(callers) == len(USERS)
    assert {caller[:4] for caller in callers} == {"web-"}
