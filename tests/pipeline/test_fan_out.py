"""Runner, real collector, stock clickhouseexporter, store, three tables: nothing but real parts."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from tests.pipeline.conftest import instrumented
from tests.support.all_in_one import AllInOne
from tests.support.collector import Place, running_collector
from tests.support.programs import until
from tests.support.truth import assert_whole, counted, stored_ids

import drive
from rvbbit_otel.storage.client import ClickHouseDatabase


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_one_query_over_three_rows_gives_sixty_three_and_three_rows(store: AllInOne, tmp_path: Path, door: str) -> None:
    place = Place(tmp_path / "collector")
    environ = {"RVBBIT_OTEL_CLICKHOUSE_ENDPOINT": store.clickhouse, "RVBBIT_OTEL_SESSION_EXPORTERS": "[clickhouse]"}
    protocol = "http/protobuf" if door == "http" else "grpc"
    endpoint = place.http if door == "http" else f"http://{place.grpc}"
    with running_collector(place, environ) as collector:
        with (
            drive.processes(
                tmp_path / "runner", instrumented(endpoint), {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
            ) as dsn,
            psycopg.connect(dsn, autocommit=True) as connection,
        ):
            assert len(connection.execute(drive.ACCEPTANCE_QUERY).fetchall()) == 3
        database = ClickHouseDatabase(store.clickhouse)
        until("60 rows", lambda: counted(database)[0] >= 60 and not collector.queued(), why=collector.log)
    owners = {each.session_id: {each.owner} for each in drive.truth(tmp_path / "runner" / "journal.jsonl")}
    assert (len(owners), len(set.union(*owners.values()))) == (3, 1)
    # The caller's own span beside the rows.
    assert counted(database) == (60, 3, 3, 61)
    assert_whole(store.clickhouse, owners, stored_ids(database))
