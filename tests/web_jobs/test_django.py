from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.web_jobs.clients import ask_all
from tests.web_jobs.running import USERS, Program, free_port, of_each, until_it_listens

MODULE = "tests.web_jobs.programs.django_app"
PATHS = {
    "/sync": ("sync",),
    "/async": ("async", "async to sync"),
    "/stream-sync": (*(f"stream-sync {number}" for number in range(3)), "stream-sync ends"),
    "/stream-async": ("stream-async 0", "stream-async 1", "stream-async 2"),
    "/closing": ("closing",),
    "/pool": ("pool",),
    "/fails": ("fails",),
    "/refuses": ("refuses",),
}
STEPS = [step for steps in PATHS.values() for step in steps]
SERVERS = {
    "wsgi": ("waitress-serve", "--host", "127.0.0.1", "--threads", "8", "--port"),
    "asgi": ("uvicorn", "--port"),
}


@pytest.mark.parametrize("middleware", ["alone", "before a sync one", "behind a sync one"])
@pytest.mark.parametrize("server", SERVERS)
def test_every_way_of_a_view_is_its_users(
    server: str, middleware: str, program: Callable[..., Program], tmp_path: Path
) -> None:
    ours, port, log = program(LIST=middleware), free_port(), tmp_path / "log"
    with ours.running(*SERVERS[server], str(port), f"{MODULE}:{server}", log=log) as process:
        until_it_listens(port, process, log)
        answers = ask_all(port, list(PATHS))
        statuses = {path: status for (_, path), (status, _) in answers.items()}
        assert statuses == {**dict.fromkeys(PATHS, 200), "/fails": 500, "/refuses": 404}
        ours.until_marked(len(STEPS) * len(USERS))
    assert ours.marks() == of_each(USERS, STEPS)
    assert ours.endings("http GET") == Counter(
        {(user, status): n for user in USERS for status, n in (("error", 1), ("completed", len(PATHS) - 1))}
    )
