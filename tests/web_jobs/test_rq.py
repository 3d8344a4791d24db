from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.web_jobs.redis_server import running_redis
from tests.web_jobs.running import USERS, Program, of_each

MODULE = "tests.web_jobs.programs.rq_app"
KEY = "a secret of the tests, which both sides have"
STEPS = [
    *("plain", "again 0", "again 1", "again 2", "fails", "on failure", "answers", "on success"),
    *("nested", "first", "depends", "later", "of many"),
]
TWICE = ["repeats"]


# A process for each job takes its time.
@pytest.mark.parametrize(("worker", "count"), [("fork", 2), ("spawn", 1), ("simple", 8)])
def test_a_job_is_whose_who_enqueued_it_in_every_worker(
    worker: str, count: int, program: Callable[..., Program], tmp_path: Path
) -> None:
    users = USERS[:count]
    ours = program(OTEL_PYTHON_RVBBIT_JOB_KEY=KEY, USERS=str(count))
    with running_redis(ours.venv, tmp_path) as url:
        ours.run("python", "-m", MODULE, "send", url)
        with ours.running("python", "-m", MODULE, "work", url, worker, log=tmp_path / "log"):
            ours.until_marked((len(STEPS) + 2) * (count + (count > 1)))
    nobodys = Counter({(f"nobody {step}", ""): 1 for step in STEPS}) + Counter({("nobody repeats", ""): 2})
    if count == 1:
        nobodys.clear()
    assert ours.marks() == of_each(users, STEPS) + of_each(users, TWICE, 2) + nobodys
    assert ours.endings(f"rq {MODULE}.fails") == dict.fromkeys(((user, "error") for user in users), 1)
    assert ours.endings(f"rq {MODULE}.again") == Counter(
        {(user, status): times for user in users for status, times in (("error", 2), ("completed", 1))}
    )
