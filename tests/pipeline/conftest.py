"""The real parts: a collector and a Jaeger built from their modules, the all-in-one as the store, the example runner. `make test-pipeline` runs these."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.recording import Recording, record

COMMAND = [sys.executable, "-m", "rvbbit_otel"]


def instrumented(endpoint: str) -> list[str]:
    """What stands before a runner's own command."""
    return [*COMMAND, "run", "--endpoint", endpoint, "--"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path / "data") as running:
        yield running


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """16 clients of 20 rows: 320 sessions, 6,400 rows."""
    return record(tmp_path_factory.mktemp("recording"), instrumented, 16, 20)
