"""The real Jaeger, fed by the real collector: what its search and its traces show of a caller's query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from tests.pipeline.conftest import instrumented
from tests.support.all_in_one import AllInOne
from tests.support.collector import Place, running_collector
from tests.support.jaeger import running_jaeger
from tests.support.programs import until
from tests.support.recording import Recording, Sender
from tests.support.truth import assert_whole

import drive

SERVICE = "small_rvbbit"


def tags(span: dict[str, Any]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in span["tags"]}


def test_a_callers_whole_query_is_one_trace_with_its_sessions_under_it(store: AllInOne, tmp_path: Path) -> None:
    place = Place(tmp_path / "collector")
    with running_jaeger(tmp_path / "jaeger") as jaeger:
        environ = {
            "RVBBIT_OTEL_CLICKHOUSE_ENDPOINT": store.clickhouse,
            "RVBBIT_OTEL_JAEGER_ENDPOINT": jaeger.otlp,
        }
        with running_collector(place, environ) as collector:
            with drive.processes(tmp_path / "runner", instrumented(f"http://{place.grpc}")) as dsn:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    assert len(connection.execute(drive.ACCEPTANCE_QUERY).fetchall()) == 3
                assert drive.drive(dsn, 1, 4, first=1) == 4
            until("Jaeger has them", lambda: collector.sent("otlp_grpc/jaeger") >= 144, why=collector.log)
        sessions = drive.truth(tmp_path / "runner" / "journal.jsonl")
        mine = [each for each in sessions if each.client is None]
        (owner,) = {each.owner for each in mine}
        assert SERVICE in jaeger.ask("/api/services")

        (trace,) = jaeger.traces(SERVICE, {"rvbbit.caller.id": owner})
        spans = {span["spanID"]: span for span in trace["spans"]}
        assert len(spans) == 3 * 20 + 2
        assert {tags(span)["rvbbit.caller.id"] for span in spans.values()} == {owner}
        (root,) = [span for span in spans.values() if not span["references"]]
        assert tags(root)["rvbbit.kind"] == "caller"
        # Each session hangs under the caller's own span, and each of its spans under the session.
        found: dict[str, set[str]] = {}
        for span in spans.values():
            way = [span]
            while way[-1]["references"]:
                (reference,) = way[-1]["references"]
                way.append(spans[reference["spanID"]])
            assert way[-1] is root
            found.setdefault(str(tags(span).get("session.id", "")), set()).add(way[-1]["spanID"])
        assert found.keys() == {"", *(each.session_id for each in mine)}

        for each in mine:
            (by_session,) = jaeger.traces(SERVICE, {"session.id": each.session_id})
            assert by_session["traceID"] == trace["traceID"]
        assert jaeger.traces(SERVICE, {"session.id": "nobody's"}) == []
        (other,) = {each.owner for each in sessions} - {owner}
        (others,) = jaeger.traces(SERVICE, {"rvbbit.caller.id": other})
        assert (others["traceID"] != trace["traceID"], len(others["spans"])) == (True, 4 * 20 + 2)


def test_a_jaeger_that_is_down_holds_nothing_up(recording: Recording, store: AllInOne, tmp_path: Path) -> None:
    place = Place(tmp_path / "collector")
    environ = {
        "RVBBIT_OTEL_CLICKHOUSE_ENDPOINT": store.clickhouse,
        "RVBBIT_OTEL_JAEGER_ENDPOINT": f"127.0.0.1:{place.ports[0] + 1 if place.ports[0] < 65535 else 1}",
    }
    with running_collector(place, environ) as collector:
        sender = Sender(place.http)
        sender.deliver(recording.bodies)
        spans = len(recording.ids)
        until("the store has them", lambda: collector.sent() >= spans and not collector.queued(), why=collector.log)
        # What Jaeger can't have is dropped there, counted, within seconds: its queue never fills for good.
        until(
            "Jaeger's share is given up",
            lambda: collector.metric("otelcol_exporter_send_failed_spans", exporter="otlp_grpc/jaeger") == spans,
            why=collector.log,
        )
        assert not collector.queued("otlp_grpc/jaeger")
    assert sender.refused == 0
    assert_whole(store.clickhouse, recording.owners, recording.ids)
