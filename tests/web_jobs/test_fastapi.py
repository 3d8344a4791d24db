from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.web_jobs.clients import ask_all, ask_in_one_write
from tests.web_jobs.running import USERS, Program, free_port, of_each, until_it_listens

APP = "tests.web_jobs.programs.fastapi_app:app"
PATHS = {
    "/sync": ("sync",),
    "/async": ("async",),
    "/background": ("background", "background sync", "background async"),
    "/stream-async": ("stream-async 0", "stream-async 1", "stream-async 2"),
    "/stream-sync": ("stream-sync 0", "stream-sync 1", "stream-sync 2"),
    "/dependency": (
        "dependency",
        *(f"dependency {kind} {end}" for kind in ("sync", "async") for end in ("begins", "ends")),
    ),
    "/pool": ("pool", "pool task"),
    "/detached": ("detached task",),
    "/fails": ("fails",),
    "/refuses": ("refuses",),
}
STATUS = {"/fails": 500, "/refuses": 404}
STEPS = [step for steps in PATHS.values() for step in steps]


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_every_way_of_an_endpoint_is_its_users(http: str, program: Callable[..., Program], tmp_path: Path) -> None:
    ours, port, log = program(), free_port(), tmp_path / "log"
    with ours.running("uvicorn", APP, "--port", str(port), "--http", http, log=log) as process:
        until_it_listens(port, process, log)
        answers = ask_all(port, list(PATHS))
        assert {status for (_, path), (status, _) in answers.items() if path not in STATUS} == {200}
        assert {path: status for (_, path), (status, _) in answers.items() if path in STATUS} == STATUS
        piped = ask_in_one_write(port, "/background", USERS)
        assert piped.count("HTTP/1.1 200") == len(USERS)
        ours.until_marked((len(STEPS) + len(PATHS["/background"])) * len(USERS))
    background = of_each(USERS, PATHS["/background"])
    assert ours.marks() == of_each(USERS, STEPS) + background
    failed, asked = 1, len(PATHS) + 1
    assert ours.endings("http GET") == Counter(
        {(user, status): n for user in USERS for status, n in (("error", failed), ("completed", asked - failed))}
    )
    parents = ours.ask(
        "SELECT DISTINCT parent_session_id FROM session_state WHERE session_id IN "
        "(SELECT session_id FROM unified_logs WHERE service_name = '{service}')"
    )
    assert parents == [{"parent_session_id": ""}]


def test_a_websocket_is_its_users_for_as_long_as_it_is_open(program: Callable[..., Program], tmp_path: Path) -> None:
    ours, port, log = program(), free_port(), tmp_path / "log"
    client = [str(ours.venv / "bin" / "python"), "-m", "tests.web_jobs.programs.websocket_client", str(port), *USERS]
    with ours.running("uvicorn", APP, "--port", str(port), log=log) as process:
        until_it_listens(port, process, log)
        ours.run(*client, OTEL_SERVICE_NAME="the client")
        ours.until_marked(3 * len(USERS))
    assert ours.marks() == of_each(USERS, [f"websocket {number}" for number in range(3)])
    assert ours.endings("http WEBSOCKET") == dict.fromkeys(((user, "completed") for user in USERS), 1)
