"""Fixtures for pytest, found by themselves. Nothing of this package is imported before a test asks for one, so a run without them pays nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rvbbit_otel.testing.recorder import Recorder
    from rvbbit_otel.testing.store import Store


@pytest.fixture
def rvbbit_recorder() -> Iterator[Recorder]:
    """The spans and log records of this test, stamped with their callers: see `rvbbit_otel.testing.Recorder`."""
    from rvbbit_otel.testing.recorder import Recorder

    with Recorder() as recorder:
        yield recorder


@pytest.fixture(scope="session")
def rvbbit_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all tests that ask for it, in a process of its own: see `rvbbit_otel.testing.Store`. It needs rvbbit-otel[embedded]."""
    from rvbbit_otel.testing.store import running_store

    with running_store(tmp_path_factory.mktemp("rvbbit-store")) as store:
        yield store
