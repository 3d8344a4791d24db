"""Which session a span belongs to, whoever named it: by the names that are in use, else its trace stands for one."""

from __future__ import annotations

import pytest
from tests.conftest import Store
from tests.support.otlp import SpanRecord, Value, row, traces

from rvbbit_otel.storage.repair import repair

CALLER = {"rvbbit.caller.id": "web-1", "rvbbit.caller.source": "baggage"}
CALL = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 4, "gen_ai.usage.output_tokens": 5}
NAMES = ("session.id", "gen_ai.conversation.id", "langfuse.session.id", "traceloop.association.properties.session_id")
ROWS = "SELECT session_id, caller_id, kind, tokens_in, tokens_out FROM unified_logs ORDER BY timestamp, span_id"


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_the_first_of_the_names_in_use_is_the_session(store: Store, number: int) -> None:
    named: dict[str, Value] = {name: f"s-{name}" for name in NAMES[number:]}
    store.send(traces(SpanRecord(1, {**CALLER, **CALL, **named}, name="chat")))
    assert store.rows(ROWS) == [(f"s-{NAMES[number]}", "web-1", "llm", 4, 5)]
    assert store.rows("SELECT session_id, caller_id FROM session_state") == [(f"s-{NAMES[number]}", "web-1")]


def test_without_any_the_trace_of_a_callers_call_stands_for_one(store: Store) -> None:
    trace = (7).to_bytes(16, "big")
    spans = [SpanRecord(number, {**CALLER, **CALL}, name="chat", trace=trace) for number in (1, 2)]
    store.send(traces(*spans, SpanRecord(3, CALLER, name="POST")))
    session, other = f"trace-{trace.hex()}", f"trace-{4:032x}"
    assert store.rows(ROWS) == [
        (session, "web-1", "llm", 4, 5),
        (session, "web-1", "llm", 4, 5),
        (other, "web-1", "span", 0, 0),
    ]


def test_a_call_that_costs_and_is_nobodys_is_a_row_and_gets_no_caller_of_its_trace(store: Store) -> None:
    trace = (7).to_bytes(16, "big")
    store.send(
        traces(
            SpanRecord(1, {**CALLER, **CALL}, name="chat", trace=trace),
            SpanRecord(2, CALL, name="chat", trace=trace),
            SpanRecord(3, {**CALL, "rvbbit.caller.source": "none"}, name="chat", trace=trace),
        )
    )
    assert repair(store.engine).rows == 0
    session = f"trace-{trace.hex()}"
    assert store.rows(ROWS) == [
        (session, "web-1", "llm", 4, 5),
        (session, "", "llm", 4, 5),
        (session, "", "llm", 4, 5),
    ]


def test_what_nobody_triggered_and_costs_nothing_is_no_row(store: Store) -> None:
    store.send(
        traces(SpanRecord(1, {"http.method": "GET"}, name="GET"), SpanRecord(2, {**CALLER, "rvbbit.kind": "caller"}))
    )
    assert store.rows("SELECT count() FROM unified_logs") == [(0,)]
    assert store.rows("SELECT count() FROM otel_traces") == [(2,)]


def test_callers_of_one_conversation_are_kept_apart(store: Store) -> None:
    conversation = {"gen_ai.conversation.id": "chat-7", **CALL}
    callers = [{"rvbbit.caller.id": f"web-{number}", "rvbbit.caller.source": "baggage"} for number in (1, 2)]
    store.send(traces(*(SpanRecord(n, {**caller, **conversation}, name="chat") for n, caller in enumerate(callers))))
    assert store.rows("SELECT caller_id, session_id FROM session_state ORDER BY caller_id") == [
        ("web-1", "chat-7"),
        ("web-2", "chat-7"),
    ]


def test_a_bad_name_is_refused_and_not_replaced_by_the_next(store: Store) -> None:
    store.send(traces(row(1, "bad\n", gen_ai__conversation__id="chat-7"), row(2)))
    assert store.rows("SELECT session_id FROM unified_logs") == [("s1",)]
    assert store.rows("SELECT reason FROM rejected_spans") == [("session_id",)]
