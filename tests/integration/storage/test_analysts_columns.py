"""What an analyst asks for by a column: the tool, the cascade, the tree, the caller's user and query, a call's duration, times with their zone."""

from __future__ import annotations

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, Value, row, traces

MS = 1_000_000


def tool(number: int, /, name: str = "search", **attributes: Value) -> SpanRecord:
    of = row(number, **attributes)
    return SpanRecord(number, of.attributes, name=name)


def test_a_call_of_a_tool_names_its_tool_by_whichever_convention(store: Store) -> None:
    store.send(
        traces(
            tool(1, "execute_tool a", gen_ai__operation__name="execute_tool"),
            tool(2, "execute_tool x", gen_ai__operation__name="execute_tool", gen_ai__tool__name="b"),
            tool(3, "ToolNode", openinference__span__kind="TOOL", tool__name="c"),
            tool(4, "d.tool", traceloop__span__kind="tool", traceloop__entity__name="d"),
            tool(5, "e", langfuse__observation__type="tool"),
            tool(6, "chat gpt", gen_ai__operation__name="chat", tool__name="no tool of its own"),
        )
    )
    assert store.rows("SELECT span_id, kind, tool_name FROM unified_logs ORDER BY span_id") == [
        ("0000000000000002", "tool", "a"),
        ("0000000000000003", "tool", "b"),
        ("0000000000000004", "tool", "c"),
        ("0000000000000005", "tool", "d"),
        ("0000000000000006", "tool", "e"),
        ("0000000000000007", "llm", ""),
    ]


def test_the_duration_of_a_call_that_two_spans_tell_of_is_in_the_sum_once(store: Store) -> None:
    usage: dict[str, Value] = {"gen_ai__usage__input_tokens": 10, "gen_ai__operation__name": "chat"}
    trace = (7).to_bytes(16, "big")
    outer, inner = (
        SpanRecord(
            number,
            row(number, gen_ai__request__model="m", **usage).attributes,
            name=f"chat {number}",
            at=NOW + number * MS,
            took=(100 - number) * MS,
            trace=trace,
            parent=parent,
        )
        for number, parent in ((1, b""), (2, (2).to_bytes(8, "big")))
    )
    store.send(traces(outer, inner))
    # The same call, its price in a row that comes later: with the duration of the call, again.
    of_runner: dict[str, Value] = {
        "rvbbit__usage__counted": True,
        "rvbbit__duration_ms": 50,
        "gen_ai__request__model": "n",
        "gen_ai__response__id": "response-1",
    }
    store.send(
        traces(
            row(10, "s2", gen_ai__usage__input_tokens=5, rvbbit__usage__cost_awaited=True, **of_runner),
            row(11, "s2", rvbbit__usage__cost=0.5, rvbbit__log__node_type="usage", **of_runner),
        )
    )
    assert store.rows(
        "SELECT model, sum(duration_ms), sum(call_ms), countIf(usage_counted) FROM unified_logs GROUP BY model ORDER BY model"
    ) == [("m", 197, 98, 1), ("n", 100, 50, 2)]


def test_a_status_says_how_the_row_ended(store: Store) -> None:
    failed = row(3)
    store.send(
        traces(
            row(1),
            row(2, rvbbit__session__event="start"),
            SpanRecord(3, failed.attributes, error="no"),
            SpanRecord(4, {**failed.attributes, "rvbbit.session.event": "start"}, error="no"),
            row(5, rvbbit__session__event="end"),
            SpanRecord(6, {**failed.attributes, "rvbbit.session.status": "cancelled"}, error="no"),
        )
    )
    assert store.rows("SELECT status, error FROM unified_logs ORDER BY span_id") == [
        ("ok", ""),
        ("running", ""),
        ("error", "no"),
        ("error", "no"),
        ("completed", ""),
        ("cancelled", "no"),
    ]


def caller_span(number: int, caller: str, **attributes: Value) -> SpanRecord:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    stamp: dict[str, Value] = {"rvbbit.kind": "caller", "rvbbit.caller.id": caller, "rvbbit.caller.source": "explicit"}
    return SpanRecord(number, {**stamp, **named}, name=f"caller {caller}")


def test_a_caller_has_its_user_and_its_query_whole_and_by_its_shape(store: Store) -> None:
    long = "SELECT " + ", ".join(f"'{number}'" for number in range(2000))
    store.send(
        traces(
            caller_span(
                1, "a", db__query__text=long, user__id="ann", rvbbit__caller__metadata='{"sql_query": "SELECT"}'
            ),
            caller_span(2, "b", rvbbit__caller__metadata='{"sql_query": "SELECT 1 WHERE a = 2", "user": "bob"}'),
            caller_span(3, "c", rvbbit__caller__metadata='{"sql_query": "SELECT 7 WHERE a = 99", "user_id": "cy"}'),
            caller_span(4, "d", rvbbit__caller__metadata="no json"),
        )
    )
    assert store.rows("SELECT caller_id, user, query_text, query_shape FROM callers ORDER BY caller_id") == [
        ("a", "ann", long, "SELECT ?.."),
        ("b", "bob", "SELECT 1 WHERE a = 2", "SELECT ? WHERE a = ?"),
        ("c", "cy", "SELECT 7 WHERE a = 99", "SELECT ? WHERE a = ?"),
        ("d", "", "", ""),
    ]
    assert store.rows(
        "SELECT groupArray(caller_id) FROM (SELECT * FROM callers ORDER BY caller_id) WHERE query_hash != 0 GROUP BY query_hash ORDER BY 1"
    ) == [(["a"],), (["b", "c"],)]


@pytest.mark.parametrize("table", ["unified_logs", "session_state", "cascade_sessions", "session_trees", "callers"])
def test_times_say_that_they_are_utc(store: Store, table: str) -> None:
    types = store.rows(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND "
        f"table = '{table}' AND position(type, 'DateTime') > 0 ORDER BY name"
    )
    assert types
    assert [str(kind).count("DateTime64(9, 'UTC')") for _, kind in types] == [1] * len(types)


def run(number: int, session: str, caller: str, parent: str = "", cost: float = 1.0) -> SpanRecord:
    usage: dict[str, Value] = {"rvbbit__usage__counted": True, "rvbbit__usage__cost": cost}
    return row(number, session, caller, rvbbit__session__parent_id=parent, rvbbit__cascade__id=f"c-{session}", **usage)


def test_a_tree_of_sessions_costs_what_all_of_its_rows_cost_each_once(store: Store) -> None:
    store.send(
        # The deepest first: what is under a session may come before it.
        traces(run(1, "leaf", "a", "middle", 0.125)),
        traces(run(2, "middle", "a", "root", 0.25), run(3, "other", "a", "root", 0.5), run(4, "root", "a")),
        # The same ids once more, for another caller, and rows that nobody claims.
        traces(run(5, "root", "b", cost=8), run(6, "leaf", "b", "middle", 16)),
        traces(row(7, "leaf", "", rvbbit__usage__counted=True, rvbbit__usage__cost=32)),
        # One whose parent is not here, two that lie in each other, one that lies in itself.
        traces(run(8, "lone", "a", "gone"), run(9, "x", "a", "y"), run(10, "y", "a", "x"), run(11, "z", "a", "z")),
    )
    assert store.rows(
        "SELECT root_session_id, session_id, caller_id, depth, cost FROM session_trees ORDER BY root_session_id, depth, session_id, caller_id"
    ) == [
        ("lone", "lone", "a", 0, 1),
        ("root", "root", "a", 0, 1),
        ("root", "root", "b", 0, 8),
        ("root", "middle", "a", 1, 0.25),
        ("root", "other", "a", 1, 0.5),
        ("root", "leaf", "", 2, 32),
        ("root", "leaf", "a", 2, 0.125),
        ("root", "leaf", "b", 2, 16),
        ("x", "x", "a", 0, 1),
        ("y", "y", "a", 0, 1),
        ("z", "z", "a", 0, 1),
    ]
    assert store.one("SELECT sum(cost) FROM session_trees") == store.one("SELECT sum(cost) FROM unified_logs") == 61.875


def test_a_chain_of_sessions_longer_than_a_tree_may_be_deep_loses_no_dollar(store: Store) -> None:
    store.send(
        traces(*(run(number, f"s{number:03}", "a", f"s{number - 1:03}" if number else "") for number in range(620)))
    )
    assert store.rows(
        "SELECT root_session_id, count(), sum(cost) FROM session_trees GROUP BY root_session_id HAVING count() > 1 ORDER BY root_session_id"
    ) == [("s000", 501, 501)]
    assert store.one("SELECT sum(cost) FROM session_trees") == 620
