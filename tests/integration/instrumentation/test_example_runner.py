"""The example runner behind a real Postgres wire, held against its own journal: what really happened, not what we believe."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.context import Context, attach, get_current
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.integration.instrumentation.conftest import ROOT

from rvbbit_otel.instrumentation import RvbbitInstrumentor, report
from small_rvbbit import journal
from small_rvbbit.server import Server

MAP = "RVBBIT MAP 'traits/{cascade}.yaml' AS brand USING (SELECT * FROM (VALUES {rows}) AS t(product_name));"


class Stage:
    """A served runner, instrumented, and what came of it."""

    def __init__(self, dsn: str, exporter: InMemorySpanExporter, journal_file: Path) -> None:
        self.dsn = dsn
        self._exporter = exporter
        self._journal = journal_file

    def query(self, rows: list[str], cascade: str = "extract_brand") -> list[tuple[Any, ...]]:
        values = ", ".join(f"('{row}')" for row in rows)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(MAP.format(cascade=cascade, rows=values)).fetchall()  # type: ignore[arg-type]

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def events(self, kind: str) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self._journal.read_text().splitlines()]
        return [event for event in events if event["event"] == kind]

    def caller_by_marker(self) -> dict[str, str]:
        """The caller of the query that a marker came in with, as the server made it."""
        return {
            marker.split("'")[0]: event["caller_id"]
            for event in self.events("caller")
            for marker in event["sql_query"].split("('")[1:]
        }


@pytest.fixture
def stage(tmp_path: Path, llm: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    context = get_current()
    attach(Context())
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setenv("SMALL_RVBBIT_LLM", llm)
    monkeypatch.chdir(ROOT / "examples" / "small_rvbbit" / "cascades")
    monkeypatch.setattr(journal, "_file", None)
    journal.open_journal(tmp_path / "journal.jsonl")
    RvbbitInstrumentor().instrument(tracer_provider=provider)
    server = Server("127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Stage(
            f"postgresql://demo@127.0.0.1:{server.server_address[1]}/demo", exporter, tmp_path / "journal.jsonl"
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        RvbbitInstrumentor().uninstrument()
        attach(context)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def rows_by_session(stage: Stage) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in stage.spans:
        if "session.id" in attributes(span):
            found.setdefault(attributes(span)["session.id"], []).append(span)
    return found


def test_three_rows_make_three_sessions_of_twenty_spans_in_one_trace_of_one_caller(stage: Stage) -> None:
    products = ["Apple iPhone", "Samsung Galaxy", "Sony Headphones"]
    assert sorted(stage.query(products)) == [(name, name.split()[0]) for name in products]
    (caller,) = stage.events("caller")
    sessions = rows_by_session(stage)
    assert sessions.keys() == {event["session_id"] for event in stage.events("session")}
    assert [len(rows) for rows in sessions.values()] == [20, 20, 20]
    assert {attributes(span)["rvbbit.caller.id"] for span in stage.spans} == {caller["caller_id"]}
    assert len({span.context.trace_id for span in stage.spans}) == 1
    for rows in sessions.values():
        assert Counter(span.name for span in rows) == {
            "session start": 1,
            "cascade extract_brand": 1,
            "cell extract": 3,
            "cell check": 1,
            "chat stub/brand-1": 2,
            "execute_tool validate_brand": 1,
            "log system": 4,
            "log user": 3,
            "log assistant": 2,
            "log tool": 2,
        }
        assert {attributes(span)["rvbbit.caller.source"] for span in rows} == {"echo"}
    assert {line.state for line in report() if line.runner == "small_rvbbit" and not line.optional} == {"matched"}


def test_tokens_and_cost_count_once_and_are_those_of_the_journal(stage: Stage) -> None:
    stage.query(["Apple iPhone"])
    counted = [attributes(span) for span in stage.spans if attributes(span).get("rvbbit.usage.counted")]
    logged = [event for event in stage.events("log") if event["cost"] is not None]
    assert sorted((row["gen_ai.usage.input_tokens"], row["rvbbit.usage.cost"]) for row in counted) == sorted(
        (event["tokens_in"], event["cost"]) for event in logged
    )


def test_eight_clients_of_twenty_rows_none_wrong_and_none_missing(stage: Stage) -> None:
    markers = [[f"brand{client}x{row} thing" for row in range(20)] for client in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(stage.query, markers))
    assert [len(answer) for answer in answers] == [20] * 8
    owner = stage.caller_by_marker()
    marker_of = {event["session_id"]: event["input"]["product_name"] for event in stage.events("session")}
    assert sorted(marker_of.values()) == sorted(marker for each in markers for marker in each)
    sessions = rows_by_session(stage)
    assert sessions.keys() == marker_of.keys()
    assert {len(rows) for rows in sessions.values()} == {20}
    wrong = [
        (span.name, session_id)
        for session_id, rows in sessions.items()
        for span in rows
        if attributes(span).get("rvbbit.caller.id") != owner[marker_of[session_id]]
    ]
    assert wrong == []
    trace_of = {
        attributes(span)["rvbbit.caller.id"]: span.context.trace_id for span in stage.spans if "caller" in span.name
    }
    assert len(set(trace_of.values())) == 8
    for session_id, rows in sessions.items():
        assert {span.context.trace_id for span in rows} == {trace_of[owner[marker_of[session_id]]]}
    # The test is worth something only if some of them ran where no ContextVar reaches.
    assert any(event["native_thread"] for event in stage.events("session"))
    assert any(event["caller_id"] is None for event in stage.events("session"))


def test_sub_cascades_belong_to_the_query_and_name_their_parent(stage: Stage) -> None:
    stage.query(["Apple iPhone", "Sony Headphones"], "nested")
    events = {event["session_id"]: event for event in stage.events("session")}
    (caller,) = stage.events("caller")
    cascades = [span for span in stage.spans if span.name.startswith("cascade ")]
    assert len(cascades) == len(events) > 2
    for span in cascades:
        row = attributes(span)
        assert row["rvbbit.caller.id"] == caller["caller_id"]
        assert row.get("rvbbit.session.parent_id") == events[row["session.id"]]["parent_session_id"]


def test_a_failing_cell_reaches_the_client_as_before_and_ends_its_session_as_error(stage: Stage) -> None:
    with pytest.raises(psycopg.Error, match="out of order"):
        stage.query(["Apple iPhone"], "failing")
    ends = [attributes(span) for span in stage.spans if attributes(span).get("rvbbit.session.event") == "end"]
    assert [(row["rvbbit.session.status"], row["error.type"]) for row in ends] == [("error", "RuntimeError")]
    assert RvbbitInstrumentor().current.counters.snapshot().keys() <= {"stamped.explicit", "stamped.echo"}
