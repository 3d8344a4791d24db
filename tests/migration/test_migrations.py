from __future__ import annotations

import re

import pytest
from tests.conftest import Store
from tests.support.otlp import row, traces

from rvbbit_otel.errors import SchemaError, StoreError
from rvbbit_otel.storage import migrations
from rvbbit_otel.storage.database import Result


def schema(store: Store) -> list[tuple[object, ...]]:
    rows = store.rows(
        f"SELECT name, create_table_query FROM system.tables WHERE database = '{store.name}' ORDER BY name"
    )
    # The engine makes a table of its own for each view's target by UUID; only our names count.
    return [(name, re.sub(rf"\b{store.name}\.", "", str(query))) for name, query in rows]


def test_applying_twice_applies_once(empty_store: Store) -> None:
    assert migrations.apply(empty_store.engine) == list(migrations.packaged())
    before = schema(empty_store)
    assert migrations.apply(empty_store.engine) == []
    assert schema(empty_store) == before


def test_a_fresh_schema_equals_one_migrated_step_by_step_with_data_in_it(empty_store: Store) -> None:
    every = migrations.packaged()
    for end in range(1, len(every) + 1):
        assert migrations.apply(empty_store.engine, every[:end]) == [every[end - 1]]
    empty_store.send(traces(row(1)))
    stepwise = schema(empty_store)
    fresh = Store(empty_store.engine)
    migrations.apply(fresh.engine)
    assert schema(fresh) == stepwise
    assert empty_store.one(f"SELECT count() FROM {empty_store.name}.unified_logs") == 1
    empty_store.engine.command(f"DROP DATABASE {fresh.name}")


def test_a_migration_that_was_interrupted_is_applied_again(empty_store: Store) -> None:
    class Interrupted:
        """Dies when it should record the tenth migration."""

        def command(self, sql: str, parameters: dict[str, object] | None = None) -> None:
            if parameters and parameters.get("version") == 10:
                raise StoreError("power cut")
            empty_store.engine.command(sql, parameters)

        def query(self, sql: str, parameters: dict[str, object] | None = None) -> Result:
            return empty_store.engine.query(sql, parameters)

    with pytest.raises(StoreError, match="power cut"):
        migrations.apply(Interrupted())  # type: ignore[arg-type]
    assert [step.version for step in migrations.apply(empty_store.engine)] == [
        step.version for step in migrations.packaged() if step.version >= 10
    ]


def test_a_newer_schema_is_refused_and_left_as_it_is(store: Store) -> None:
    store.engine.command("INSERT INTO schema_migrations (version, name, checksum) SELECT 999, 'future', 'x'")
    with pytest.raises(SchemaError, match=r"0999_future.*Upgrade rvbbit-otel"):
        migrations.apply(store.engine)


def test_a_migration_edited_after_it_was_applied_is_refused(store: Store) -> None:
    store.engine.command(
        "ALTER TABLE schema_migrations UPDATE checksum = 'edited' WHERE version = 4 SETTINGS mutations_sync = 2"
    )
    with pytest.raises(SchemaError, match="0004_unified_logs was applied with another text"):
        migrations.apply(store.engine)
