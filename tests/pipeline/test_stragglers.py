"""Spans with a session and no caller, through the real collector: of another language, of a service that lost the baggage, of before the start."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.pipeline.conftest import COMMAND, only_clickhouse, report
from tests.support.all_in_one import AllInOne
from tests.support.collector import Collector, Place, running_collector
from tests.support.otlp import logs, row, traces
from tests.support.programs import until
from tests.support.recording import Recording, Sender, regrouped, spans_of
from tests.support.truth import assert_whole, broken_rules, counted

from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.database import Database

LOST = ("rvbbit.caller.id", "rvbbit.caller.source", "rvbbit.caller.origin")


def arrived(collector: Collector, spans: int) -> None:
    until(f"{spans} spans sent", lambda: collector.sent() >= spans and not collector.queued(), why=collector.log)


def sources(database: Database) -> dict[str, int]:
    rows = database.query("SELECT caller_source, count() FROM unified_logs GROUP BY caller_source").rows
    return {str(source): int(str(count)) for source, count in rows}


def repaired(store: AllInOne) -> dict[str, int]:
    finished = subprocess.run(
        [*COMMAND, "repair", "--dsn", store.clickhouse, "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, int] = json.loads(finished.stdout)
    return found


def lose_caller(span: Span) -> None:
    kept = [attribute for attribute in span.attributes if attribute.key not in LOST]
    del span.attributes[:]
    span.attributes.extend(kept)


def lose_every_third(span: Span) -> None:
    is_caller = any(each.key == "rvbbit.kind" and each.value.string_value == "caller" for each in span.attributes)
    if span.span_id[-1] % 3 == 0 and not is_caller:
        lose_caller(span)


def test_a_program_in_another_language_gets_the_caller_of_its_session(
    recording: Recording, store: AllInOne, tmp_path: Path
) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    session, owner = recording.sessions[0].session_id, recording.sessions[0].owner
    (run,) = (span for body in recording.bodies for span in spans_of(body) if _is_run_of(session, span))
    # OTLP in JSON as a program in any language writes it: it was given the session's id, by hand, and knows nothing of callers or of its trace.
    # What it does it does while the session runs; what it does later, in a trace of its own, could be of another run of that id.
    times = {1: (run.start_time_unix_nano, run.end_time_unix_nano), 2: (run.start_time_unix_nano,) * 2}
    times[3] = (run.end_time_unix_nano + 1, run.end_time_unix_nano + 2)
    spans = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "name": "rank",
            "kind": 2,
            "startTimeUnixNano": str(times[number][0]),
            "endTimeUnixNano": str(times[number][1]),
            "attributes": [{"key": "session.id", "value": {"stringValue": name}}],
        }
        for number, name in ((1, session), (2, "nobody's"), (3, session))
    ]
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "ranker-in-rust"}}]}
    body = json.dumps({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": spans}]}]}).encode()
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        Sender(place.http).deliver(recording.bodies)
        arrived(collector, len(recording.ids))
        request = urllib.request.Request(f"{place.http}/v1/traces", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.status == 200
        arrived(collector, len(recording.ids) + 3)
    query = "SELECT session_id, caller_id, caller_source FROM unified_logs WHERE service_name = 'ranker-in-rust' ORDER BY span_id"
    expected = [(session, owner, "repair"), ("nobody's", "", "none"), (session, "", "none")]
    assert database.query(query).rows == expected
    # What nobody claims is not guessed, not by repair either: the audit shows it.
    assert repaired(store) == {"rows": 0, "left": 2}
    assert database.query(query).rows == expected
    found = broken_rules(database)["rows-without-caller"]
    assert {each[:2] for each in found} == {("nobody's", 1), (session, 1)}


def _is_run_of(session: str, span: Span) -> bool:
    named = {each.key: each.value.string_value for each in span.attributes}
    return named.get("session.id") == session and named.get("rvbbit.session.event") == "end"


@pytest.mark.parametrize("order", ["the sessions first", "the stragglers first"])
def test_a_service_that_lost_the_baggage_leaves_no_row_without_its_caller(
    recording: Recording, store: AllInOne, tmp_path: Path, order: str
) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    batches = regrouped(recording.bodies, 5, change=lose_every_third)
    bare = [span for body in batches for span in spans_of(body) if not _names_caller(span)]
    assert len(bare) > 1000
    split = [_split(body) for body in batches]
    parts = [[known for known, _ in split if known], [lost for _, lost in split if lost]]
    if order == "the stragglers first":
        parts.reverse()
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        sent = 0
        for part in parts:
            Sender(place.http).deliver(part)
            sent += sum(len(spans_of(body)) for body in part)
            arrived(collector, sent)
            before = sources(database)
    if order == "the sessions first":
        assert before == {"echo": 6400 - len(bare), "repair": len(bare)}
        assert repaired(store) == {"rows": 0, "left": 0}
    else:
        assert before == {"echo": 6400 - len(bare), "none": len(bare)}
        assert sum(int(str(row[1])) for row in broken_rules(database)["rows-without-caller"]) == len(bare)
        assert repaired(store) == {"rows": len(bare), "left": 0}
    assert sources(database) == {"echo": 6400 - len(bare), "repair": len(bare)}
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(before_repair=before, after=sources(database), counts=counted(database))


def _names_caller(span: Span) -> bool:
    return any(each.key == "rvbbit.caller.id" for each in span.attributes)


def _split(body: bytes) -> tuple[bytes, bytes]:
    """Those with a caller, those without; each empty if there are none."""
    parts = []
    for wanted in (True, False):
        request = ExportTraceServiceRequest.FromString(body)
        kept = [
            resource for resource in request.resource_spans if _names_caller(resource.scope_spans[0].spans[0]) == wanted
        ]
        parts.append(ExportTraceServiceRequest(resource_spans=kept).SerializeToString())
    return parts[0], parts[1]


def test_a_span_that_came_before_its_sessions_start_gets_its_caller_by_repair(store: AllInOne, tmp_path: Path) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        Sender(place.http).deliver([traces(row(1, "s1", ""))])
        Sender(place.http, "/v1/logs").deliver([logs([("early", {"session.id": "s1"})])])
        arrived(collector, 1)
        Sender(place.http).deliver([traces(row(2, "s1", "sql-fox", rvbbit__session__event="start"))])
        arrived(collector, 2)
        until(
            "the record is there",
            lambda: database.query("SELECT Body FROM otel_logs").rows == [("early",)],
            why=collector.log,
        )
    query = "SELECT caller_id, caller_source FROM unified_logs ORDER BY span_id"
    assert database.query(query).rows == [("", "none"), ("sql-fox", "echo")]
    assert repaired(store) == {"rows": 1, "left": 0}
    assert database.query(query).rows == [("sql-fox", "repair"), ("sql-fox", "echo")]
    assert database.query("SELECT caller_id FROM otel_logs").rows == [("sql-fox",)]
    assert "rows-without-caller" not in broken_rules(database)
