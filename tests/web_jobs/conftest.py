from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.web_jobs import environment
from tests.web_jobs.running import Program


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("store") / "data") as running_store:
        yield running_store


@pytest.fixture
def program(store: AllInOne, request: pytest.FixtureRequest) -> Callable[..., Program]:
    """A program of its own for each test."""

    def make(venv: Path | None = None, **environ: str) -> Program:
        return Program(request.node.name, store, venv or environment.web_jobs(), environ)

    return make
