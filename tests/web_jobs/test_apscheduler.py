from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from tests.web_jobs import environment
from tests.web_jobs.running import USERS, Program, of_each

THREE = "tests.web_jobs.programs.apscheduler3_app"
FOUR = "tests.web_jobs.programs.apscheduler4_app"
STEPS = ["plain", "later", "fails"]
TICKS = 3


def expected(steps: list[str], users: list[str] = USERS) -> Counter[tuple[str, str]]:
    nobodys = Counter({(f"nobody {step}", ""): 1 for step in steps})
    return of_each(users, steps) + nobodys + Counter({("nobody ticks", ""): TICKS, ("clock ticks", "clock"): TICKS})


@pytest.mark.parametrize("executor", ["threads", "processes", "asyncio"])
def test_a_job_of_version_3_is_whose_who_scheduled_it_and_the_clock_s_is_whose_it_is_named(
    executor: str, program: Callable[..., Program]
) -> None:
    ours = program(OTEL_PYTHON_RVBBIT_JOB_CALLER=f"{THREE}:caller")
    ours.run("python", "-m", THREE, executor)
    assert ours.marks() == expected([*STEPS, "awaited"] if executor == "asyncio" else STEPS)
    assert ours.endings("apscheduler fails") == dict.fromkeys(((user, "error") for user in USERS), 1)
    assert ours.endings("apscheduler plain") == dict.fromkeys(((user, "completed") for user in USERS), 2)
    assert ours.endings("apscheduler ticks") == {("clock", "completed"): TICKS}


@pytest.mark.parametrize("executor", ["async", "threadpool", "processpool"])
def test_a_job_of_version_4_is_whose_who_scheduled_it_and_the_clock_s_is_whose_it_is_named(
    executor: str, program: Callable[..., Program]
) -> None:
    users = USERS[:2] if executor == "processpool" else USERS  # Each job there waits until its spans have left.
    ours = program(environment.apscheduler_4(), OTEL_PYTHON_RVBBIT_JOB_CALLER=f"{FOUR}:caller", USERS=str(len(users)))
    ours.run("python", "-m", FOUR, executor)
    assert ours.marks() == expected(STEPS, users)
    assert ours.endings("apscheduler fails") == dict.fromkeys(((user, "error") for user in users), 1)
    assert ours.endings("apscheduler plain") == dict.fromkeys(((user, "completed") for user in users), 2)
    assert ours.endings("apscheduler ticks") == {("clock", "completed"): TICKS}


def test_a_job_of_version_4_by_a_synchronous_scheduler_is_whose_who_added_it(program: Callable[..., Program]) -> None:
    ours = program(environment.apscheduler_4())
    ours.run("python", "-m", FOUR, "sync")
    assert ours.marks() == of_each(USERS, ["plain"])
