"""The engine for tests: one a process, as chDB wants it, and a database of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import settings
from tests.support.figures import pytest_collection_modifyitems, pytest_terminal_summary  # noqa: F401

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.otlp.requests import prepare
from rvbbit_otel.storage.migrations import apply
from rvbbit_otel.storage.otlp import logs_insert, traces_insert

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
_numbers = itertools.count()


class Store:
    """A migrated database of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = f"test_{next(_numbers)}"
        engine.command(f"CREATE DATABASE {self.name}")
        engine.command(f"USE {self.name}")

    def send(self, *bodies: bytes) -> None:
        """Each body by an insert of its own, as the doors have it stored."""
        for body in bodies:
            self.engine.insert(traces_insert(), prepare("traces", body).body, "ProtobufSingle")

    def send_logs(self, *bodies: bytes) -> None:
        for body in bodies:
            self.engine.insert(logs_insert(), prepare("logs", body).body, "ProtobufSingle")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.engine.query(sql).rows

    def one(self, sql: str) -> object:
        ((value,),) = self.rows(sql)
        return value

    def whole(self, sql: str) -> list[dict[str, object]]:
        result = self.engine.query(sql)
        return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(Options(tmp_path_factory.mktemp("store")))
    yield engine
    engine.close()


@pytest.fixture
def empty_store(engine: Engine) -> Iterator[Store]:
    store = Store(engine)
    yield store
    engine.command("USE default")
    engine.command(f"DROP DATABASE {store.name}")


@pytest.fixture
def store(empty_store: Store) -> Store:
    apply(empty_store.engine)
    return empty_store
