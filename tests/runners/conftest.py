"""The runs that the tests look at: made once, with this package and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runners import environment, runs
from tests.runners.modes import FULL, MODES
from tests.runners.runs import Run
from tests.support.all_in_one import AllInOne, running_all_in_one

# Without the package the defect shows in any mode, most of the time; a pipeline has no caller every time. The bounded run leaves the rest out.
_PLAIN_MODES = ("map", "pipeline")
_TABLE = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def larsql() -> Path:
    """The virtual environment of the published runner, installed if need be; fails where no Python can run it."""
    return environment.installed()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("store") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def with_us(larsql: Path, store: AllInOne, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return runs.run(tmp_path_factory.mktemp("with"), larsql, store)


@pytest.fixture(scope="session")
def without_us(larsql: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    modes = tuple(mode for mode in MODES if FULL or mode.name in _PLAIN_MODES)
    return runs.run(tmp_path_factory.mktemp("without"), larsql, None, modes)


@pytest.fixture(scope="session")
def acceptance_table(with_us: Run, without_us: Run, request: pytest.FixtureRequest) -> list[str]:
    """The table of the acceptance, which is shown when the tests have ended."""
    lines = runs.table(with_us, without_us)
    request.config.stash[_TABLE] = lines
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_TABLE, []):
        terminalreporter.write_line(line)
