"""What may come in, what is taken out of it, and where it goes."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.pipeline.conftest import TOKEN, only_clickhouse
from tests.support.all_in_one import AllInOne
from tests.support.collector import Collector, Place, running_collector
from tests.support.otlp import NOW, SpanRecord, logs, row, traces
from tests.support.otlp_values import any_value
from tests.support.programs import until
from tests.support.recording import Sender, otlp_listener, spans_of

from rvbbit_otel import attributes
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.database import Database

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
KEY = "sk-" + "a1B2c3D4" * 4


def stored(database: Database, table: str, count: int, collector: Collector) -> None:
    rows = f"SELECT count() FROM {table}"
    until(f"{count} in {table}", lambda: database.query(rows).rows == [(count,)], why=collector.log)


def test_secrets_are_taken_out_wherever_they_stand(store: AllInOne, tmp_path: Path) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    spans = (
        row(1, http__request__header__authorization="Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", openai__api_key="plain"),
        row(
            2, session__token="plain", auth__token=["a", "b"], gen_ai__usage__input_tokens=12, rvbbit__log__content=KEY
        ),
        row(3, process__command_args=["run", "--password=hunter2"], db__query__text=f"SELECT '{KEY}', 'kept'"),
        row(4, url__full="postgres://me:hunter2@db.example.com/x", body='{"password": "x1", "user": "me"}'),
        SpanRecord(5, {"session.id": "s1"}, error=f"Incorrect API key {KEY}", exception=f"with password=hunter2 {KEY}"),
        row(6, max_tokens=100, token_count=3, key="kept"),
    )
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        Sender(place.http).deliver([traces(*spans)])
        Sender(place.http, "/v1/logs").deliver([logs([(f"failed: {KEY}", {"session.id": "s1", "password": "plain"})])])
        stored(database, "otel_traces", 6, collector)
        stored(database, "otel_logs", 1, collector)
    found = database.query(
        "SELECT SpanAttributes, StatusMessage, Events.Attributes FROM otel_traces ORDER BY SpanId"
    ).rows
    ours = {"session.id": "s1", "rvbbit.caller.id": "sql-fox", "rvbbit.caller.source": "echo"}
    assert [attributes for attributes, _, _ in found] == [
        {**ours, "http.request.header.authorization": "****", "openai.api_key": "****"},
        {
            **ours,
            "session.token": "****",
            "auth.token": "****",
            "gen_ai.usage.input_tokens": "12",
            "rvbbit.log.content": "****",
        },
        {**ours, "process.command_args": '["run","--****"]', "db.query.text": "SELECT '****', 'kept'"},
        {
            **ours,
            "url.full": "postgres****db.example.com/x",
            "body": '{"****", "user": "me"}',
        },
        {"session.id": "s1"},
        {**ours, "max_tokens": "100", "token_count": "3", "key": "kept"},
    ]
    assert found[4][1:] == ("Incorrect API key ****", [{"exception.message": "with **** ****"}])
    assert database.query("SELECT error FROM unified_logs WHERE error != ''").rows == [("Incorrect API key ****",)]
    assert database.query("SELECT Body, LogAttributes FROM otel_logs").rows == [
        ("failed: ****", {"session.id": "s1", "password": "****"})
    ]


def test_what_attribution_and_accounting_read_passes_as_it_came(store: AllInOne, tmp_path: Path) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    names = {value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)}
    free_text = {attributes.CALLER_METADATA, attributes.CASCADE_INPUT, attributes.CASCADE_FILE}
    free_text |= {attributes.LOG_CONTENT, attributes.LOG_METADATA, attributes.DB_QUERY_TEXT, attributes.ERROR_TYPE}
    # Ids may look like secrets; what tells whose a row is, and what it cost, may not be touched.
    sent: Mapping[str, str] = {name: f"plain {name}" if name in free_text else KEY for name in names}
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        Sender(place.http).deliver([traces(SpanRecord(1, sent))])
        stored(database, "otel_traces", 1, collector)
    assert database.query("SELECT SpanAttributes, session_id, caller_id FROM otel_traces").rows == [(sent, KEY, KEY)]


def test_spans_of_no_session_and_no_caller_go_where_the_user_says(store: AllInOne, tmp_path: Path) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    ours = (row(1), row(2, "s2", ""), SpanRecord(3, {"rvbbit.caller.id": "sql-fox"}))
    others = (SpanRecord(4, {"rvbbit.caller.source": "none"}), SpanRecord(5))
    with otlp_listener() as (endpoint, bodies):
        environ = {"RVBBIT_OTEL_REST_EXPORTERS": "[otlp_http/rest]", "RVBBIT_OTEL_REST_ENDPOINT": endpoint}
        with running_collector(place, {**only_clickhouse(store.clickhouse), **environ}) as collector:
            Sender(place.http).deliver([traces(*ours, *others)])
            stored(database, "otel_traces", 3, collector)
            until("the rest is there", lambda: bool(bodies), why=collector.log)
    rest = {span.span_id.hex() for body in bodies for span in spans_of(body)}
    assert rest == {f"{number + 1:016x}" for number in (4, 5)}
    kept = {span for (span,) in database.query("SELECT SpanId FROM otel_traces").rows}
    assert kept == {f"{number + 1:016x}" for number in (1, 2, 3)}


# Each kind of value, nested in each other. Not here: NaN in a list, for which the exporter writes nothing at all and we a text.
VALUES: Mapping[str, Any] = {
    "messages": [
        {"role": "user", "parts": [{"type": "text", "content": "What <b>is</b> & was\u2028 this? 🦊\x00\x7f\t/\\"}]}
    ],
    "mapped": {"b": {"d": [1, 2.5, None, True], "a": {}}, "a": [], "é": "x", "": None},
    "numbers": [0, -1, 2**63 - 1, -(2**63), 0.1, -0.0, 1.0, 1e20, 1e21, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308],
    "bytes": [b"", b"\x00\xff\xfe", {"in": b"a"}],
    "empty list": [],
    "empty map": {},
    "nothing": None,
    "lists": [[[[]]], [[1], ["a"]]],
    "flat": ["stop", "length"],
    "1e21": 1e21,
    "-1e300": -1e300,
    "nan": float("nan"),
    "inf": float("inf"),
    "small": 1e-7,
    "whole": 5.0,
    "raw": b"\x00\xff",
    "true": True,
}


def test_every_value_is_the_same_text_by_the_collector_and_by_our_own_door(store: AllInOne, tmp_path: Path) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    deep: Any = "deep"
    for _ in range(40):
        deep = [deep]

    def request(number: int) -> ExportTraceServiceRequest:
        made = ExportTraceServiceRequest.FromString(traces(row(number)))
        group = made.resource_spans[0]
        span = group.scope_spans[0].spans[0]
        for holder in (span, span.events.add(name="e"), span.links.add(trace_id=b"\x01" * 16), group.resource):
            for key, value in {**VALUES, "deep": deep}.items():
                holder.attributes.add(key=key).value.CopyFrom(any_value(value))
        return made

    def records(number: int) -> bytes:
        made = ExportLogsServiceRequest()
        group = made.resource_logs.add()
        group.resource.attributes.add(key="service.name").value.string_value = f"logs-{number}"
        scope = group.scope_logs.add()
        scope.scope.attributes.add(key="listed").value.CopyFrom(any_value(VALUES["messages"]))
        for at, value in enumerate(VALUES.values()):
            record = scope.log_records.add(time_unix_nano=NOW + at, span_id=b"\x01" * 8, trace_id=b"\x01" * 16)
            record.body.CopyFrom(any_value(value))
            record.attributes.add(key="rvbbit.kind").value.string_value = "log"
            record.attributes.add(key="session.id").value.string_value = "s1"
            record.attributes.add(key="value").value.CopyFrom(any_value(value))
        return made.SerializeToString()

    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        Sender(place.http).deliver([request(1).SerializeToString()])
        Sender(place.http, "/v1/logs").deliver([records(1)])
        Sender(store.otlp_http).deliver([request(2).SerializeToString()])
        Sender(store.otlp_http, "/v1/logs").deliver([records(2)])
        stored(database, "otel_traces", 2, collector)
        stored(database, "otel_logs", 2 * len(VALUES), collector)
    spans = "SELECT SpanAttributes, Events.Attributes, Links.Attributes, ResourceAttributes, ServiceName FROM otel_traces ORDER BY SpanId"
    by_collector, by_door = database.query(spans).rows
    assert by_door == by_collector
    wanted = "SELECT Body, LogAttributes, ScopeAttributes, ServiceName FROM otel_logs WHERE ServiceName = {name:String} ORDER BY Timestamp"
    by_each = [database.query(wanted, {"name": f"logs-{number}"}).rows for number in (1, 2)]
    assert [row[:3] for row in by_each[1]] == [row[:3] for row in by_each[0]]


def posted(url: str, body: bytes, secrets: Mapping[str, str], headers: Mapping[str, str]) -> int | str:
    context = ssl.create_default_context(cafile=secrets["RVBBIT_OTEL_TLS_CERT"])
    given = {"Content-Type": "application/x-protobuf", **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, given), timeout=20, context=context) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        return type(error.reason).__name__


def called(address: str, body: bytes, secrets: Mapping[str, str], token: str | None) -> str:
    authority = grpc.ssl_channel_credentials(Path(secrets["RVBBIT_OTEL_TLS_CERT"]).read_bytes())
    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.secure_channel(address, authority) as channel:
        try:
            channel.unary_unary(EXPORT)(body, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return str(error.code().name)  # type: ignore[attr-defined]
    return "OK"


@pytest.mark.parametrize(
    "configs", [("config.yaml", "tls.yaml", "auth.yaml"), ("gateway.yaml",)], ids=["overlays", "gateway"]
)
def test_doors_with_tls_and_a_token_take_only_who_has_both(
    store: AllInOne, tmp_path: Path, secrets: dict[str, str], configs: tuple[str, ...]
) -> None:
    place = Place(tmp_path / "collector")
    url = place.http.replace("http", "https", 1) + "/v1/traces"
    with running_collector(place, {**only_clickhouse(store.clickhouse), **secrets}, configs=configs) as collector:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert posted(url, traces(row(1)), secrets, bearer) == 200
        assert called(place.grpc, traces(row(2)), secrets, TOKEN) == "OK"
        for wrong in ({}, {"Authorization": "Bearer wrong"}):
            assert posted(url, traces(row(3)), secrets, wrong) == 401
        assert called(place.grpc, traces(row(4)), secrets, None) == "UNAUTHENTICATED"
        assert called(place.grpc, traces(row(5)), secrets, "wrong") == "UNAUTHENTICATED"
        assert posted(f"{place.http}/v1/traces", traces(row(6)), secrets, bearer) == 400
        stored(ClickHouseDatabase(store.clickhouse), "otel_traces", 2, collector)
    assert TOKEN not in collector.log()


def test_a_request_that_is_too_large_is_refused_for_good_and_the_next_one_is_taken(
    store: AllInOne, tmp_path: Path
) -> None:
    place = Place(tmp_path / "collector")
    large = traces(row(1, rvbbit__log__content="x" * 9 * 1024 * 1024))
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        request = urllib.request.Request(f"{place.http}/v1/traces", large, {"Content-Type": "application/x-protobuf"})
        with pytest.raises((urllib.error.HTTPError, urllib.error.URLError)) as refused:
            urllib.request.urlopen(request, timeout=20)
        assert getattr(refused.value, "code", 400) == 400
        with grpc.insecure_channel(place.grpc) as channel, pytest.raises(grpc.RpcError) as exhausted:
            channel.unary_unary(EXPORT)(large, timeout=20)
        assert exhausted.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        # Just below the limit it is stored, as one value of 7 MiB.
        Sender(place.http).deliver([traces(row(2, rvbbit__log__content="x" * 7 * 1024 * 1024))])
        stored(ClickHouseDatabase(store.clickhouse), "otel_traces", 1, collector)
