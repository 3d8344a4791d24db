from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.web_jobs import environment
from tests.web_jobs.redis_server import running_redis
from tests.web_jobs.running import USERS, Program, of_each

MODULE = "tests.web_jobs.programs.celery_app"
KEY = "a secret of the tests, which both sides have"
STEPS = [
    *("plain", "eta", "again 0", "again 1", "again 2", "fails", "error link", "ignored"),
    *("links", "link", "nested", "chain 0", "chain 1", "chain 2", "group 0", "group 1"),
    *("chord 0", "chord 1", "chord body"),
]
POOLS = {"prefork": ("prefork", "2"), "threads": ("threads", "4"), "solo": ("solo", "1")}
# Nobody's work of every kind, and a task that names its caller itself.
OTHERS = Counter({("cron-nightly wrapped", "cron-nightly"): 1, **{(f"nobody {step}", ""): 1 for step in STEPS}})


def files(folder: Path) -> dict[str, str]:
    return {"BROKER": "filesystem://", "BACKEND": f"db+sqlite:///{folder}/results.db", "FOLDER": str(folder)}


@contextmanager
def worker(ours: Program, pool: str, log: Path, *more: str) -> Iterator[None]:
    kind, size = POOLS[pool]
    command = ("celery", "-A", MODULE, "worker", "-P", kind, "-c", size, "-l", "INFO", *more)
    with ours.running(*command, log=log):
        yield


@contextmanager
def brokers(kind: str, folder: Path) -> Iterator[dict[str, str]]:
    if kind == "files":
        yield files(folder)
        return
    with running_redis(environment.web_jobs(), folder) as url:
        yield {"BROKER": url, "BACKEND": url, "FOLDER": str(folder)}


@pytest.mark.parametrize(
    ("pool", "kind"), [("prefork", "redis"), ("threads", "redis"), ("solo", "redis"), ("threads", "files")]
)
def test_a_task_is_whose_who_sent_it_in_every_pool_and_process(
    pool: str, kind: str, program: Callable[..., Program], tmp_path: Path
) -> None:
    with brokers(kind, tmp_path) as broker:
        ours = program(**broker, OTEL_PYTHON_RVBBIT_JOB_KEY=KEY)
        with worker(ours, pool, tmp_path / "log"):
            ours.run("python", "-m", MODULE, "send", OTEL_SERVICE_NAME="the sender")
            ours.until_marked(len(STEPS) * (len(USERS) + 1) + 1)
    assert ours.marks() == of_each(USERS, STEPS) + OTHERS
    assert ours.endings("celery jobs.again") == Counter(
        {(user, status): times for user in USERS for status, times in (("error", 2), ("completed", 1))}
    )
    assert ours.endings("celery jobs.fails") == dict.fromkeys(((user, "error") for user in USERS), 1)
    assert ours.endings("celery jobs.ignored") == dict.fromkeys(((user, "completed") for user in USERS), 1)


def test_what_runs_by_the_clock_is_nobodys_unless_a_function_names_it(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    with running_redis(environment.web_jobs(), tmp_path) as url:
        ours = program(BROKER=url, BACKEND=url, FOLDER=str(tmp_path), TICK="yes", OTEL_PYTHON_RVBBIT_JOB_KEY=KEY)
        # As a block would start it: what a worker was started by is in its environment.
        theirs = {"BAGGAGE": "rvbbit.caller.id=whoever-started-the-worker"}
        kind, size = POOLS["threads"]
        command = ("celery", "-A", MODULE, "worker", "-B", "-P", kind, "-c", size)
        with ours.running(*command, log=tmp_path / "log", **theirs):
            ours.until_marked(3)
        assert {caller for _, caller in ours.marks()} == {""}
        named = Program(f"{ours.name} named", ours.store, ours.venv, {**ours.environ, **theirs})
        named.environ["OTEL_SERVICE_NAME"] = named.name
        naming = {"OTEL_PYTHON_RVBBIT_JOB_CALLER": f"{MODULE}:caller"}
        with named.running(*command, log=tmp_path / "log", **naming):
            named.until_marked(3)
        assert set(named.marks()) == {("clock tick", "clock")}


@pytest.mark.parametrize(
    ("worker_says", "copied", "forged"),
    [
        ({"OTEL_PYTHON_RVBBIT_JOB_KEY": KEY}, "user-0", ""),
        ({"OTEL_PYTHON_RVBBIT_JOB_KEY": "another key than the sender has"}, "", ""),
        ({}, "", ""),
        ({"OTEL_PYTHON_RVBBIT_TRUST_INBOUND": "true"}, "user-0", "user-0"),
    ],
    ids=["same key", "another key", "no key", "trusts all"],
)
def test_a_message_is_believed_if_it_is_sealed_for_this_job(
    worker_says: dict[str, str], copied: str, forged: str, program: Callable[..., Program], tmp_path: Path
) -> None:
    with running_redis(environment.web_jobs(), tmp_path) as url:
        ours = program(BROKER=url, BACKEND=url, FOLDER=str(tmp_path))
        ours.run("python", "-m", MODULE, "forge", OTEL_PYTHON_RVBBIT_JOB_KEY=KEY)
        command = ("celery", "-A", MODULE, "worker", "-P", "solo", "-l", "INFO")
        with ours.running(*command, log=tmp_path / "log", **worker_says):
            ours.until_marked(2)
    assert ours.marks() == {("user-0 copied", copied): 1, ("forged forged", forged): 1}
    candidates = ours.ask(
        "SELECT name, caller_candidate FROM unified_logs WHERE service_name = '{service}' AND tokens_in > 0 AND caller_id = ''"
    )
    assert {row["caller_candidate"] for row in candidates} <= {"user-0"}
    warned = (tmp_path / "log").read_text().count("is sealed with another key than ours")
    assert warned == (0 if forged else 1)
