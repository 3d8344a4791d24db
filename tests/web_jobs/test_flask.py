from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.web_jobs.clients import ask_all
from tests.web_jobs.running import USERS, Program, free_port, of_each, until_it_listens

MODULE = "tests.web_jobs.programs.flask_app"
PATHS = {
    "/plain": ("plain",),
    "/teardown": ("teardown", "teardown request"),
    "/after": ("after this request", "after close"),
    "/stream": ("stream 0", "stream 1", "stream 2"),
    "/stream-context": ("stream-context 0", "stream-context 1", "stream-context 2"),
    "/pool": ("pool",),
    "/thread": ("thread",),
    "/async": ("async",),
    "/fails": ("fails",),
    "/refuses": ("refuses",),
}
STEPS = [step for steps in PATHS.values() for step in steps]
SERVERS = {
    "werkzeug": ("flask", "--app", MODULE, "run", "--with-threads", "--port"),
    "waitress": ("waitress-serve", "--host", "127.0.0.1", "--threads", "8", "--port"),
}


@pytest.mark.parametrize("server", SERVERS)
def test_every_way_of_a_view_is_its_users(server: str, program: Callable[..., Program], tmp_path: Path) -> None:
    ours, port, log = program(), free_port(), tmp_path / "log"
    app = (f"{MODULE}:app",) if server == "waitress" else ()
    with ours.running(*SERVERS[server], str(port), *app, log=log) as process:
        until_it_listens(port, process, log)
        answers = ask_all(port, list(PATHS))
        statuses = {path: status for (_, path), (status, _) in answers.items()}
        assert statuses == {**dict.fromkeys(PATHS, 200), "/fails": 500, "/refuses": 404}
        ours.until_marked(len(STEPS) * len(USERS))
    assert ours.marks() == of_each(USERS, STEPS)
    assert ours.endings("http GET") == Counter(
        {(user, status): n for user in USERS for status, n in (("error", 1), ("completed", len(PATHS) - 1))}
    )
