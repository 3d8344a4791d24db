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
# What the migrations themselves write.
_FILLED = frozenset({"schema_migrations"})


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


class _Stores:
    """Migrated stores that a test has given back as it got them: to migrate one takes a second, to empty it a hundredth."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._free: list[tuple[Store, object]] = []

    def take(self) -> tuple[Store, object]:
        """An empty one, and its mark."""
        if self._free:
            store, mark = self._free.pop()
            self._engine.command(f"USE {store.name}")
            return store, mark
        store = Store(self._engine)
        apply(store.engine)
        return store, self._mark(store)

    def give_back(self, store: Store, mark: object) -> None:
        """Empty it; one whose schema, or what the migrations put into it, is another now is no longer used."""
        self._engine.command("USE default")
        exists = store.rows(f"SELECT 1 FROM system.databases WHERE name = '{store.name}'")
        if exists and self._emptied(store) == mark:
            self._free.append((store, mark))
        elif exists:
            self._engine.command(f"DROP DATABASE {store.name}")

    def _emptied(self, store: Store) -> object:
        for (table,) in self._tables(store):
            if table not in _FILLED:
                self._engine.command(f"TRUNCATE TABLE {store.name}.{table}")
        return self._mark(store)

    def _tables(self, store: Store) -> list[tuple[object, ...]]:
        return store.rows(
            f"SELECT name FROM system.tables WHERE database = '{store.name}' AND engine LIKE '%MergeTree' ORDER BY name"
        )

    def _mark(self, store: Store) -> object:
        schema = store.rows(
            f"SELECT name, create_table_query FROM system.tables WHERE database = '{store.name}' ORDER BY name"
        )
        rows = [
            (table, store.rows(f"SELECT count(), sum(cityHash64(*)) FROM {store.name}.{table}"))
            for (table,) in self._tables(store)
        ]
        return schema, rows


@pytest.fixture(scope="session")
def _stores(engine: Engine) -> _Stores:
    return _Stores(engine)


@pytest.fixture
def store(_stores: _Stores) -> Iterator[Store]:
    store, mark = _stores.take()
    yield store
    _stores.give_back(store, mark)
