"""Runner, real collector, stock clickhouseexporter, store, three tables: nothing but real parts."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from tests.pipeline.conftest import instrumented, only_clickhouse
from tests.support.all_in_one import AllInOne
from tests.support.collector import Place, running_collector
from tests.support.otlp import logs
from tests.support.programs import until
from tests.support.recording import Sender
from tests.support.truth import assert_whole, counted, stored_ids

import drive
from rvbbit_otel.storage.client import ClickHouseDatabase


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_one_query_over_three_rows_gives_sixty_three_and_three_rows(store: AllInOne, tmp_path: Path, door: str) -> None:
    place = Place(tmp_path / "collector")
    protocol = "http/protobuf" if door == "http" else "grpc"
    endpoint = place.http if door == "http" else f"http://{place.grpc}"
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
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
    # A caller leaves two spans of its own: one that tells of it when its first session starts, and its root.
    assert counted(database) == (60, 3, 3, 62)
    assert_whole(store.clickhouse, owners, stored_ids(database))


def test_sixteen_clients_of_twenty_rows_leave_no_row_without_its_caller_and_none_with_anothers(
    store: AllInOne, tmp_path: Path
) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        with drive.processes(tmp_path / "runner", instrumented(f"http://{place.grpc}")) as dsn:
            assert drive.drive(dsn, 16, 20) == 320
        until("6,432 spans", lambda: collector.sent() >= 6432 and not collector.queued(), why=collector.log)
    sessions = drive.truth(tmp_path / "runner" / "journal.jsonl")
    # The test proves nothing unless the runner itself is wrong: on DuckDB's native threads it knows no caller.
    assert any(session.native_thread and session.noted_caller is None for session in sessions)
    owners = {session.session_id: {session.owner} for session in sessions}
    assert (len(owners), len(set.union(*owners.values()))) == (320, 16)
    assert counted(database) == (6400, 320, 320, 6432)
    assert_whole(store.clickhouse, owners, stored_ids(database))
    events = [json.loads(line) for line in (tmp_path / "runner" / "journal.jsonl").read_text().splitlines()]
    calls = [event for event in events if event["event"] == "log" and event["tokens_in"]]
    ((tokens_in, tokens_out, cost),) = database.query(
        "SELECT sum(tokens_in), sum(tokens_out), sum(cost) FROM unified_logs"
    ).rows
    assert (tokens_in, tokens_out) == (sum(e["tokens_in"] for e in calls), sum(e["tokens_out"] for e in calls))
    assert float(str(cost)) == pytest.approx(sum(event["cost"] for event in calls))
    assert len(database.query("SELECT DISTINCT trace_id FROM unified_logs").rows) == 16


def test_log_records_of_sessions_come_to_their_table_once(store: AllInOne, tmp_path: Path) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    body = logs([("ours", {"session.id": "s1", "rvbbit.caller.id": "sql-fox"}), ("another's", {})])
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        sender = Sender(place.http, "/v1/logs")
        sender.deliver([body] * 3)
        until("3 are sent", lambda: collector.metric("otelcol_exporter_sent_log_records", exporter="clickhouse") >= 3)
    query = "SELECT Body, session_id, caller_id, ServiceName FROM otel_logs"
    assert database.query(query).rows == [("ours", "s1", "sql-fox", "runner")]
