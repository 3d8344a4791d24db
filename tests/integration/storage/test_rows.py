"""What becomes of a span, through the raw OTLP bytes and the real engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, Value, logs, row, traces

SECOND = 10**9
HOUR = 3600 * SECOND


def stamp(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // SECOND, timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{nanoseconds % SECOND:09}"


def test_a_log_row_is_stored_whole(store: Store) -> None:
    store.send(
        traces(
            row(
                7,
                rvbbit__kind="log",
                rvbbit__caller__origin="sql",
                rvbbit__log__role="assistant",
                rvbbit__log__node_type="agent",
                rvbbit__log__content="Apple",
                rvbbit__log__metadata='{"a": 1}',
                rvbbit__cell__name="extract",
                rvbbit__take__index=1,
                rvbbit__cascade__id="extract_brand",
                rvbbit__session__parent_id="s0",
                rvbbit__usage__counted=True,
                rvbbit__usage__cost=0.25,
                rvbbit__duration_ms=12.5,
                gen_ai__usage__input_tokens=10,
                gen_ai__usage__output_tokens=3,
                gen_ai__response__model="stub/brand-1",
            )
        )
    )
    assert store.whole("SELECT * FROM unified_logs") == [
        {
            "timestamp": stamp(NOW),
            "session_id": "s1",
            "trace_id": f"{8:032x}",
            "span_id": f"{8:016x}",
            "parent_id": "",
            "parent_session_id": "s0",
            "kind": "log",
            "node_type": "agent",
            "role": "assistant",
            "name": "log",
            "cascade_id": "extract_brand",
            "cell_name": "extract",
            "tool_name": "",
            "take_index": 1,
            "model": "stub/brand-1",
            "provider": "",
            "response_id": "",
            "user_id": "",
            "usage_counted": True,
            "tokens_in": 10,
            "tokens_out": 3,
            "tokens_cached": 0,
            "tokens_cache_write": 0,
            "tokens_reasoning": 0,
            "tokens_audio_in": 0,
            "tokens_audio_out": 0,
            "cost": 0.25,
            "cost_source": "stated",
            "told_tokens_in": 10,
            "told_tokens_out": 3,
            "told_cost": 0.25,
            "duration_ms": 12.5,
            "status": "ok",
            "error": "",
            "content": "Apple",
            "metadata": '{"a": 1}',
            "caller_id": "sql-fox",
            "caller_source": "echo",
            "caller_origin": "sql",
            "caller_conflict": "",
            "caller_candidate": "",
            "claim": "session",
            "service_name": "runner",
        }
    ]


def test_a_session_is_one_row_of_each_table_from_its_start_to_its_end(store: Store) -> None:
    start = row(1, rvbbit__kind="session", rvbbit__session__event="start", rvbbit__session__status="running")
    store.send(traces(start))
    assert store.rows("SELECT caller_id, session_id, status, ended_at FROM session_state") == [
        ("sql-fox", "s1", "running", None)
    ]
    assert store.rows("SELECT * FROM cascade_sessions") == []
    cascade = row(
        2,
        at=NOW + SECOND,
        rvbbit__kind="cascade",
        rvbbit__session__event="end",
        rvbbit__session__status="completed",
        rvbbit__cascade__id="extract_brand",
        rvbbit__cascade__input='{"product_name": "Apple"}',
        rvbbit__cascade__depth=1,
        rvbbit__session__parent_id="s0",
    )
    store.send(traces(cascade))
    end = stamp(NOW + SECOND + 1_000_000)
    assert store.whole("SELECT * FROM session_state") == [
        {
            "caller_id": "sql-fox",
            "session_id": "s1",
            "status": "completed",
            "started_at": stamp(NOW),
            "last_seen_at": end,
            "ended_at": end,
            "parent_session_id": "s0",
            "cascade_id": "extract_brand",
            "error": "",
        }
    ]
    assert store.whole("SELECT * FROM cascade_sessions") == [
        {
            "caller_id": "sql-fox",
            "session_id": "s1",
            "cascade_id": "extract_brand",
            "created_at": stamp(NOW),
            "input": '{"product_name": "Apple"}',
            "depth": 1,
            "parent_session_id": "s0",
            "cost": 0,
            "tokens_in": 0,
            "tokens_out": 0,
            "usage_rows": 0,
        }
    ]


def test_a_late_row_without_a_caller_erases_nothing_and_an_earlier_status_does_not_win(store: Store) -> None:
    store.send(traces(row(1, at=NOW + HOUR, rvbbit__session__event="end", rvbbit__session__status="completed")))
    store.send(traces(row(2, "s1", "", at=NOW + 2 * HOUR), row(3, at=NOW, rvbbit__session__status="running")))
    # An hour after the end, in a trace of its own: of that run, or of another one? So it is nobody's, and shown as that.
    assert store.rows("SELECT caller_id, status, started_at FROM session_state ORDER BY caller_id") == [
        ("", "", stamp(NOW + 2 * HOUR)),
        ("sql-fox", "completed", stamp(NOW)),
    ]


def test_a_session_that_two_callers_ran_is_a_row_of_each_with_a_status_times_and_cost_of_its_own(store: Store) -> None:
    def run(first: int, caller: str, at: int, cost: float, **end: Value) -> list[SpanRecord]:
        cascade = {"rvbbit__kind": "cascade", "rvbbit__cascade__id": "ask", "rvbbit__cascade__input": caller}
        return [
            row(first, "chat-7", caller, at=at, rvbbit__kind="session", rvbbit__session__event="start"),
            row(first + 1, "chat-7", caller, at=at + SECOND, rvbbit__usage__counted=True, rvbbit__usage__cost=cost),
            row(first + 2, "chat-7", caller, at=at + 2 * SECOND, **cascade, **end),
        ]

    first = run(10, "sql-fox", NOW, 0.25, rvbbit__session__event="end")
    second = run(20, "sql-owl", NOW + HOUR, 0.5)
    store.send(traces(*second), traces(*first), traces(*first))
    assert store.rows(
        "SELECT caller_id, session_id, status, started_at, ended_at FROM session_state ORDER BY caller_id"
    ) == [
        ("sql-fox", "chat-7", "completed", stamp(NOW), stamp(NOW + 2 * SECOND + 1_000_000)),
        ("sql-owl", "chat-7", "running", stamp(NOW + HOUR), None),
    ]
    assert store.rows(
        "SELECT caller_id, input, cost, usage_rows, created_at FROM cascade_sessions ORDER BY caller_id"
    ) == [
        ("sql-fox", "sql-fox", 0.25, 1, stamp(NOW)),
        ("sql-owl", "sql-owl", 0.5, 1, stamp(NOW + HOUR)),
    ]


def test_a_session_begun_anew_and_killed_is_unfinished_whatever_its_earlier_runs_end_says(store: Store) -> None:
    start = {"rvbbit__kind": "session", "rvbbit__session__event": "start"}
    end = {"rvbbit__kind": "cascade", "rvbbit__session__event": "end"}
    store.send(traces(row(3, at=NOW + 2 * SECOND, **start)))
    store.send(traces(row(1, at=NOW, **start), row(2, at=NOW + SECOND, **end)))
    query = "SELECT status, started_at, ended_at FROM session_state"
    assert store.rows(query) == [("running", stamp(NOW), None)]
    # A row of the first run that comes late, and says its status again, ends nothing.
    store.send(traces(row(4, at=NOW + SECOND + 5, rvbbit__session__status="completed")))
    assert store.rows(query) == [("running", stamp(NOW), None)]
    store.send(traces(row(5, at=NOW + 3 * SECOND, **end)))
    assert store.rows(query) == [("completed", stamp(NOW), stamp(NOW + 3 * SECOND + 1_000_000))]


def test_rows_of_two_callers_in_one_trace_and_session_are_each_counted_for_their_own(store: Store) -> None:
    """A run, and inside it a row that names its caller itself."""
    usage = {"rvbbit__usage__counted": True, "gen_ai__usage__input_tokens": 7, "rvbbit__cascade__id": "ask"}
    own = [row(number, **usage) for number in range(3)]
    other = row(3, "s1", "sql-owl", rvbbit__caller__source="explicit", rvbbit__caller__conflict="sql-fox", **usage)
    store.send(traces(*(replace(span, trace=b"t" * 16) for span in (*own, other))))
    by_caller = "SELECT caller_id, sum(tokens_in), count() FROM unified_logs GROUP BY caller_id ORDER BY caller_id"
    assert store.rows(by_caller) == [("sql-fox", 21, 3), ("sql-owl", 7, 1)]
    assert store.rows("SELECT caller_id, tokens_in, usage_rows FROM cascade_sessions ORDER BY caller_id") == store.rows(
        by_caller
    )


@pytest.mark.parametrize("source", ["explicit", "echo", "baggage", "inherited", "repair"])
def test_how_a_caller_is_known_is_stored_as_the_program_says(store: Store, source: str) -> None:
    store.send(traces(row(1, rvbbit__caller__source=source, rvbbit__caller__candidate="sql-owl")))
    assert store.rows("SELECT caller_id, caller_source, caller_candidate FROM unified_logs") == [
        ("sql-fox", source, "")
    ]


def test_whom_a_row_of_nobodys_was_inherited_from_is_stored_and_not_believed(store: Store) -> None:
    nobody = {"rvbbit__caller__source": "none"}
    store.send(
        traces(
            row(1),
            row(2, "s1", "", rvbbit__caller__candidate="sql-fox", **nobody),
            row(3, "s1", "", rvbbit__caller__candidate="no good", **nobody),
            row(4, "s1", "", rvbbit__caller__id="no good", **nobody),
        )
    )
    columns = "span_id, caller_id, caller_source, caller_candidate, claim"
    assert store.rows(f"SELECT {columns} FROM unified_logs ORDER BY span_id") == [
        (f"{2:016x}", "sql-fox", "echo", "", "session"),
        (f"{3:016x}", "", "none", "sql-fox", "nobody"),
        (f"{4:016x}", "sql-fox", "repair", "", "none"),
        (f"{5:016x}", "", "none", "", "nobody"),
    ]


def test_a_failed_cascade_tells_its_error(store: Store) -> None:
    failed = SpanRecord(
        1,
        {"session.id": "s1", "rvbbit.kind": "cascade", "rvbbit.session.event": "end", "rvbbit.cascade.id": "c"},
        error="boom",
    )
    by_exception = SpanRecord(
        2, {"session.id": "s2", "rvbbit.kind": "cell"}, error="", exception="the tool is out of order"
    )
    store.send(traces(failed, by_exception))
    assert store.rows("SELECT session_id, status, error FROM session_state ORDER BY session_id") == [
        ("s1", "error", "boom"),
        ("s2", "", ""),
    ]
    assert store.rows("SELECT error FROM unified_logs WHERE session_id = 's2'") == [("the tool is out of order",)]


def test_tokens_and_cost_of_one_call_count_once_however_many_spans_tell_of_it(store: Store) -> None:
    usage = {"gen_ai__usage__input_tokens": 10, "gen_ai__usage__output_tokens": 5}
    runner_row = row(1, rvbbit__kind="log", rvbbit__usage__counted=True, rvbbit__usage__cost=0.5, **usage)
    our_span = row(
        2,
        rvbbit__kind="llm",
        rvbbit__usage__counted=False,
        rvbbit__usage__cost=0.5,
        gen_ai__operation__name="chat",
        **usage,
    )
    third_party = row(3, gen_ai__operation__name="chat", gen_ai__usage__cost=0.5, **usage)
    agent_span = row(4, gen_ai__operation__name="invoke_agent", operation__cost=0.5, **usage)
    store.send(traces(runner_row, our_span, third_party, agent_span))
    assert store.rows("SELECT count(), sum(tokens_in), sum(tokens_out), sum(cost) FROM unified_logs") == [
        (4, 10, 5, 0.5)
    ]
    assert store.rows("SELECT kind FROM unified_logs ORDER BY span_id") == [("log",), ("llm",), ("llm",), ("span",)]


@pytest.mark.parametrize("name", ["gen_ai.usage.cost", "gen_ai.usage.cost.amount", "operation.cost"])
def test_a_third_partys_call_counts_where_no_instrumented_runner_holds_the_session(store: Store, name: str) -> None:
    span = SpanRecord(
        1,
        {
            "session.id": "s1",
            "rvbbit.caller.id": "sql-fox",
            "rvbbit.caller.source": "baggage",
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 7,
            name: 0.25,
        },
    )
    store.send(traces(span))
    assert store.rows("SELECT tokens_in, cost, usage_counted FROM unified_logs") == [(7, 0.25, True)]


@pytest.mark.parametrize("source", ["echo", "inherited", "repair"])
def test_a_third_partys_call_counts_in_a_runners_session_too_where_no_row_of_the_runners_tells_of_it(
    store: Store, source: str
) -> None:
    usage = {"gen_ai__operation__name": "chat", "gen_ai__usage__input_tokens": 7, "gen_ai__usage__cost": 0.25}
    store.send(traces(row(1, rvbbit__caller__source=source, **usage)))
    assert store.rows("SELECT tokens_in, cost, usage_counted FROM unified_logs") == [(7, 0.25, True)]


def test_a_callers_root_span_is_no_row_but_tells_its_metadata(store: Store) -> None:
    root = SpanRecord(
        1,
        {
            "rvbbit.kind": "caller",
            "rvbbit.caller.id": "sql-fox",
            "rvbbit.caller.source": "explicit",
            "rvbbit.caller.origin": "sql",
            "rvbbit.caller.metadata": '{"sql_query": "SELECT \'\\t\\\\"}',
            "rvbbit.caller.digest": "abc",
        },
        name="query",
    )
    store.send(traces(root))
    assert store.one("SELECT count() FROM unified_logs") == 0
    assert store.rows("SELECT caller_id, origin, metadata, digest FROM callers") == [
        ("sql-fox", "sql", '{"sql_query": "SELECT \'\\t\\\\"}', "abc")
    ]
    assert store.rows("SELECT SpanName, caller_id, session_id FROM otel_traces") == [("query", "sql-fox", "")]


def test_values_of_every_kind_become_text_as_the_collectors_exporter_writes_it(store: Store) -> None:
    attributes = {
        "text": "a'b\\c\td",
        "yes": True,
        "whole": -5,
        "zero": 0,
        "real": 0.1,
        "bytes": b"\x00\xff",
        "list": ["a", 1, True],
        "map": {"b": 1, "a": "x"},
    }
    store.send(traces(SpanRecord(1, attributes)))
    assert store.one("SELECT SpanAttributes FROM otel_traces") == {
        "text": "a'b\\c\td",
        "yes": "true",
        "whole": "-5",
        "zero": "0",
        "real": "0.1",
        "bytes": "AP8=",
        "list": '["a",1,true]',
        "map": '{"a":"x","b":1}',
    }


def test_the_collectors_own_shape_gives_the_same_rows_as_raw_otlp(store: Store) -> None:
    span = row(1, rvbbit__kind="log", rvbbit__log__role="user")
    store.send(traces(span))
    raw = store.whole("SELECT * FROM unified_logs")
    stock = store.whole("SELECT * EXCEPT (caller_id, session_id) FROM otel_traces")
    for table in ("otel_traces", "unified_logs", "session_facts"):
        store.engine.command(f"TRUNCATE TABLE {table}")
    columns = ", ".join(f"`{name}`" for name in stock[0])
    # As the exporter writes: by column names, into the landing table of the stock shape.
    store.engine.command(
        f"INSERT INTO otel_traces_in ({columns}) SELECT toDateTime64('{stamp(NOW)}', 9), '{2:032x}', '{2:016x}', '', '', 'log', 'Internal', "
        "'runner', map('service.name', 'runner'), 'test', '', map('session.id', 's1', 'rvbbit.caller.id', 'sql-fox', 'rvbbit.caller.source', 'echo', "
        "'rvbbit.kind', 'log', 'rvbbit.log.role', 'user'), 1000000, 'Unset', '', [], [], [], [], [], [], []"
    )
    assert store.whole("SELECT * FROM unified_logs") == raw
    assert store.whole("SELECT * EXCEPT (caller_id, session_id) FROM otel_traces") == stock


def test_one_broken_span_costs_its_neighbours_nothing_and_is_counted(store: Store) -> None:
    good = row(1)
    broken = [
        SpanRecord(2, {"session.id": "x" * 257}),
        SpanRecord(3, {"session.id": "a\x00b"}),
        SpanRecord(4, {"session.id": ""}),
        SpanRecord(5, {"session.id": "s1"}, trace=b"short"),
        SpanRecord(6, {"session.id": "s1"}, span=bytes(8)),
        SpanRecord(7, {"session.id": "s1"}, at=0),
        SpanRecord(8, {"session.id": "s1"}, at=2**63),
        SpanRecord(9, {"session.id": "s1"}, at=2**64 - 1),
        SpanRecord(10, {"session.id": "s1", "rvbbit.caller.id": "no good"}),
    ]
    store.send(traces(good, *broken))
    assert store.rows("SELECT session_id, caller_id, caller_source FROM unified_logs ORDER BY span_id") == [
        ("s1", "sql-fox", "echo"),
        ("s1", "", "none"),
    ]
    assert store.rows("SELECT reason, sum(count) FROM rejected_spans GROUP BY reason ORDER BY reason") == [
        ("caller_id", 1),
        ("session_id", 3),
        ("span_id", 1),
        ("time", 3),
        ("trace_id", 1),
    ]
    assert store.one("SELECT count() FROM otel_traces") == 5


def test_log_records_get_their_columns_and_are_stored_once(store: Store) -> None:
    body = logs([("hello", {"session.id": "s1", "rvbbit.caller.id": "sql-fox"}), ("hello", {}), ("other", {})])
    store.send_logs(body, body)
    assert store.rows("SELECT Body, session_id, caller_id, SeverityText FROM otel_logs ORDER BY Body, session_id") == [
        ("hello", "", "", "INFO"),
        ("hello", "s1", "sql-fox", "INFO"),
        ("other", "", "", "INFO"),
    ]
