"""A small past with everything in it that a dashboard can show: what `make demo` leaves, and one finding for every rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, Value, key_value, traces

CALLER = "sql-keen-wren-055787"
SESSION = "session-1"
TRACE = "a" * 32
_HOUR = 3600 * 10**9


def _span(number: int, name: str = "log", **attributes: Value) -> SpanRecord:
    """A span of CALLER's own trace, with usage and a model."""
    named: dict[str, Value] = {key.replace("__", "."): value for key, value in attributes.items()}
    return SpanRecord(number, named, name, NOW - (60 - number) * 10**9, trace=bytes.fromhex(TRACE))


def _of(session: str, caller: str = CALLER) -> Mapping[str, Value]:
    return {
        "session__id": session,
        "rvbbit__caller__id": caller,
        "rvbbit__caller__source": "echo",
        "rvbbit__caller__origin": "sql",
    }


def tell(store: Store) -> None:
    """Put it in."""
    usage: dict[str, Value] = {
        "rvbbit__usage__counted": True,
        "rvbbit__usage__cost": 0.25,
        "gen_ai__usage__input_tokens": 100,
        "gen_ai__usage__output_tokens": 20,
        "gen_ai__request__model": "gpt-x",
    }
    metadata = '{"origin": "sql", "sql_query": "SELECT 1"}'
    spans = [
        _span(
            1,
            "query",
            rvbbit__kind="caller",
            rvbbit__caller__id=CALLER,
            rvbbit__caller__origin="sql",
            rvbbit__caller__metadata=metadata,
        )
    ]
    for index in range(1, 4):
        of = dict(_of(f"session-{index}"))
        spans += [
            _span(index * 10, rvbbit__kind="session", rvbbit__session__event="start", **of),
            _span(index * 10 + 1, "chat", rvbbit__kind="llm", **of, **usage),
            replace(
                _span(
                    index * 10 + 2,
                    rvbbit__kind="cascade",
                    rvbbit__cascade__id="extract",
                    rvbbit__session__event="end",
                    **of,
                ),
                took=20 * 10**9,
            ),
        ]
    broken = [
        # A row whose work failed, one of a worker that took it from somewhere, one whose baggage was stale, one of another caller while the session
        # runs, a child of another's, one that never ended.
        SpanRecord(
            40,
            {key.replace("__", "."): value for key, value in _of("session-1").items()} | {"rvbbit.kind": "tool"},
            at=NOW,
            error="no such file",
        ),
        _span(41, session__id="nobody's", rvbbit__caller__source="none", rvbbit__caller__candidate=CALLER),
        # That one is a call to a model, of which nobody tells the usage.
        _span(42, **dict(_of("session-2")), rvbbit__caller__conflict="sql-stale", gen_ai__operation__name="chat"),
        _span(43, **dict(_of("session-3", "sql-owl"))),
        _span(
            44, **dict(_of("child", "sql-owl")), rvbbit__session__parent_id="session-1", rvbbit__session__event="end"
        ),
        SpanRecord(
            45, {"session.id": "hung", "rvbbit.session.event": "start", "rvbbit.caller.id": CALLER}, at=NOW - 2 * _HOUR
        ),
        SpanRecord(46, {"session.id": "session-1"}, trace=b"short", at=NOW),
    ]
    store.send(traces(*spans, *broken))
    store.send_logs(_records())
    for setting in ("max_bytes_to_merge_at_max_space_in_pool", "max_bytes_to_merge_at_min_space_in_pool"):
        store.engine.command(f"ALTER TABLE unified_logs MODIFY SETTING {setting} = 1")
    store.engine.command(
        "INSERT INTO unified_logs SELECT * FROM unified_logs WHERE session_id = 'session-1' AND cost > 0 LIMIT 1"
    )
    store.engine.command(
        "DELETE FROM unified_logs WHERE session_id = 'session-3' AND kind = 'session' SETTINGS lightweight_deletes_sync = 2"
    )
    store.engine.command(
        "DELETE FROM session_facts WHERE session_id = 'nobody''s' SETTINGS lightweight_deletes_sync = 2"
    )
    # What two inserts leave that did not see each other: another instrumentation told of the call of session-1 as well.
    store.engine.command(
        "INSERT INTO calls_told SELECT * REPLACE (7 AS scope, false AS own, "
        "(SELECT any(cityHash64(trace_id, span_id)) FROM unified_logs WHERE session_id = 'session-2' AND cost > 0) AS call) "
        "FROM (SELECT * FROM calls_told WHERE call IN "
        "(SELECT cityHash64(trace_id, span_id) FROM unified_logs WHERE session_id = 'session-1' AND cost > 0))"
    )
    store.engine.command("ALTER TABLE schema_migrations DETACH PARTITION ID 'all'")
    store.engine.command(
        "INSERT INTO quarantined_requests (name, signal, size, reason) VALUES ('1-46', 'traces', 100, 'store')"
    )
    store.engine.command(
        "ALTER TABLE unified_logs UPDATE caller_id = 'sql-zebra' WHERE session_id = 'session-2' SETTINGS mutations_sync = 2"
    )
    # An erasure that was cut off.
    store.engine.command("INSERT INTO erased (hash) SELECT sipHash64('caller', 'sql-zebra')")


def _records() -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    record = scope.log_records.add(time_unix_nano=NOW, severity_text="INFO", trace_id=bytes.fromhex(TRACE))
    record.body.string_value = "looked it up"
    record.attributes.append(key_value("session.id", SESSION))
    return request.SerializeToString()
