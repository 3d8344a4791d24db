"""One store for all programs, each of which is run once; and the table of what each left there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest
from tests.frameworks import running
from tests.frameworks.books import Used, in_the_books, stored_by
from tests.frameworks.known import FRAMEWORKS, Framework
from tests.frameworks.running import Ran
from tests.support.all_in_one import AllInOne, running_all_in_one

_TABLE = pytest.StashKey[list[str]]()
Runs = Callable[[Framework, str], Ran]
_CASES = [(framework, beside) for framework in FRAMEWORKS for beside in framework.beside]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("store") / "data") as running_store:
        yield running_store


@pytest.fixture(scope="session")
def runs(store: AllInOne, request: pytest.FixtureRequest) -> Runs:
    table = request.config.stash.setdefault(_TABLE, [])

    @cache
    def made(framework: Framework, beside: str) -> Ran:
        ran = running.run(framework, beside, store)
        table.append(_line(framework, beside, ran))
        return ran

    return made


@pytest.fixture(params=_CASES, ids=lambda case: f"{case[0].name}-{case[1]}", scope="session")
def case(request: pytest.FixtureRequest) -> tuple[Framework, str]:
    found: tuple[Framework, str] = request.param
    return found


@pytest.fixture
def ran(case: tuple[Framework, str], runs: Runs) -> Ran:
    return runs(*case)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_TABLE, []):
        terminalreporter.write_line(line)


def _line(framework: Framework, beside: str, ran: Ran) -> str:
    (seen,) = ran.ask(
        "SELECT count() AS rows, uniqExact(session_id) AS sessions FROM unified_logs WHERE service_name = '{service}'"
    )
    calls = [call for each in ran.callers for call in ran.books.of(each)]
    (ours,) = stored_by(ran, "service_name").values()
    books = in_the_books(calls)
    return (
        f"{framework.packages[0]:<34} {beside:<14} {len(calls):>4} calls, books {_used(books):<22} ours {_used(ours):<22} "
        f"{seen['rows']:>5} rows {seen['sessions']:>4} sessions"
    )


def _used(used: Used) -> str:
    return f"{used[0]}/{used[1]} ${used[2].normalize():f}"
