"""`--keep 30d` is thirty days for every table, whatever its partitions are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Store
from tests.support.all_in_one import running_all_in_one
from tests.support.otlp import NOW, SpanRecord, Value, logs, row, traces

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.keeping import keep

DAY = 86_400 * 10**9
HOUR = DAY // 24
# A table, and its column of whose rows they are.
TABLES = {
    "otel_traces": "caller_id",
    "otel_logs": "caller_id",
    "unified_logs": "caller_id",
    "session_facts": "caller",
    "caller_facts": "caller_id",
}


def of_caller(number: int, caller: str, age: int) -> tuple[bytes, bytes]:
    """A caller's own span, a row with usage that has a parent, and a log record, so long ago."""
    metadata: dict[str, Value] = {"rvbbit.kind": "caller", "rvbbit.caller.id": caller}
    usage = row(number + 1, f"s-{caller}", caller, at=NOW - age, gen_ai__usage__input_tokens=1)
    spans = traces(
        SpanRecord(number, metadata, f"caller {caller}", at=NOW - age),
        SpanRecord(number + 1, usage.attributes, at=NOW - age, parent=(number + 1).to_bytes(8, "big")),
    )
    return spans, logs([("text", {"rvbbit.caller.id": caller})], at=NOW - age)


def send(store: Store) -> None:
    ages = {"now": 0, "in-time": 29 * DAY, "late": 30 * DAY + 2 * HOUR, "later": 45 * DAY}
    for number, (caller, age) in enumerate(ages.items()):
        spans, records = of_caller(10 * number, caller, age)
        store.send(spans)
        store.send_logs(records)


def callers(store: Store) -> dict[str, list[object]]:
    """Whose rows each table has once what is past its time was dropped."""
    found = {}
    for table, column in TABLES.items():
        store.engine.command(f"OPTIMIZE TABLE {table} FINAL")
        found[table] = [each for (each,) in store.rows(f"SELECT DISTINCT {column} FROM {table} ORDER BY {column}")]
    return found


def test_what_is_older_leaves_every_table_and_nothing_that_is_younger(store: Store) -> None:
    send(store)
    # The others do so from the start.
    assert keep(store.engine, 30) == [
        "unified_logs",
        "session_facts",
        "caller_facts",
        "calls_told",
        "span_parents",
    ]
    kept: list[object] = ["in-time", "now"]
    # Days are dropped as a whole: the one in which the thirtieth day ends stays until it is over.
    whole_days: list[object] = ["in-time", "late", "now"]
    found = callers(store)
    assert {table: found[table] for table in ("session_facts", "caller_facts")} == {
        "session_facts": kept,
        "caller_facts": kept,
    }
    for table in ("otel_traces", "otel_logs", "unified_logs"):
        assert found[table] in (kept, whole_days)
    # What comes late is kept by the same rule.
    send(store)
    found = callers(store)
    assert found["session_facts"] == found["caller_facts"] == kept
    assert store.one("SELECT count() FROM callers") == 2
    assert keep(store.engine, 30) == []


def test_a_longer_time_holds_too_and_helpers_of_the_count_do_not_outlive_their_use(store: Store) -> None:
    keep(store.engine, 80)
    send(store)
    assert {tuple(found) for found in callers(store).values()} == {("in-time", "late", "later", "now")}
    for table in ("calls_told", "span_parents"):
        store.engine.command(f"OPTIMIZE TABLE {table} FINAL")
    assert store.rows("SELECT count() FROM span_parents") == [(1,)]
    assert store.one("SELECT max(now() - start) < 36 * 86400 FROM calls_told") == 1


@pytest.mark.parametrize("days", [0, -1, 40_000])
def test_a_number_of_days_that_is_none_is_refused(store: Store, days: int) -> None:
    with pytest.raises(ConfigurationError, match="it is 1 to 36500"):
        keep(store.engine, days)


def test_a_running_store_keeps_rows_as_it_was_told_and_says_so_once(tmp_path: Path) -> None:
    life = "SELECT extract(engine_full, 'TTL .*') LIKE '%toIntervalDay(_CAST(30,%' FROM system.tables WHERE name = 'session_facts'"
    said = "5 tables keep their rows for 30 days from now on"
    with running_all_in_one(tmp_path / "data", "--keep", "30d") as server:
        assert ClickHouseDatabase(server.clickhouse).query(life).rows == [(1,)]
        assert server.log().count(said) == 1
    with running_all_in_one(tmp_path / "data", "--keep", "30d") as server:
        assert server.log().count(said) == 0
    with running_all_in_one(tmp_path / "data") as server:
        assert ClickHouseDatabase(server.clickhouse).query(life).rows == [(1,)]
