"""What is answered before it is prepared: nothing that could not be prepared, and nothing that its sender must be told of."""

from __future__ import annotations

from collections import Counter

import pytest
from benchmarks.recorded import Bodies
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.otlp import SpanRecord, row, traces
from tests.support.otlp_fuzz import Fuzz
from tests.support.sizes import SEED, sized

from rvbbit_otel.all_in_one.http.body_errors import BodyTooLargeError
from rvbbit_otel.all_in_one.otlp import costs
from rvbbit_otel.all_in_one.otlp.rejections import left_out
from rvbbit_otel.all_in_one.otlp.requests import CHUNK, Request, UnreadableBodyError, checked, prepare, prepared
from rvbbit_otel.all_in_one.otlp.schema import kind_of


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_whatever_is_answered_unprepared_can_be_prepared_without_a_word_to_its_sender(signal: str) -> None:
    fuzz, seen = Fuzz(SEED), Counter[str]()
    for _ in range(sized(3_000, full=100_000)):
        body = fuzz.request(signal)
        message = checked(signal, body)
        if message is None:
            try:
                later = prepare(signal, body)
                seen["prepared before the answer, with notes" if later.notes else "prepared before the answer"] += 1
            except UnreadableBodyError:
                seen["refused"] += 1
            continue
        ready = prepare(signal, body)
        assert ready.notes == ""
        assert left_out(signal, message) == left_out(signal, kind_of(signal).plain.FromString(ready.body))
        seen["answered unprepared"] += 1
    assert seen["answered unprepared"] > 200
    assert seen["refused"] > 50
    assert seen["prepared before the answer, with notes"] > 10


def test_a_batch_of_an_exporter_is_answered_unprepared_and_a_larger_one_is_not() -> None:
    assert checked("traces", Bodies(512)(0)) is not None
    large = Bodies(1024)(0)
    assert len(large) > CHUNK
    assert checked("traces", large) is None


def _with_resource(size: int, attributes: int, spans: int, *, scope: bool = False) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    scope_spans = group.scope_spans.add()
    shared = scope_spans.scope if scope else group.resource
    for _ in range(attributes):
        shared.attributes.add()
    shared.attributes.add(key="k").value.string_value = "x" * size
    for _ in range(spans):
        scope_spans.spans.add(kind=1)
    return request.SerializeToString()


@pytest.mark.parametrize(
    "body",
    [
        _with_resource(250_000, 0, 4_000),
        _with_resource(250_000, 0, 4_000, scope=True),
        _with_resource(0, 100_000, 4_000),
    ],
    ids=["a large resource", "a large scope", "a resource of many attributes"],
)
def test_what_would_cost_too_much_is_refused_before_the_answer_though_its_body_is_small(body: bytes) -> None:
    assert len(body) < CHUNK
    with pytest.raises(BodyTooLargeError, match="send fewer"):
        prepare("traces", body)
    assert checked("traces", body) is None


@pytest.mark.parametrize(
    "body", [b"\x0a\x00" * 5000, b"\x0a\x02\x12\x00" * 3000, traces(*map(SpanRecord, range(5000)))]
)
def test_what_has_many_rows_or_groups_is_not_looked_at_on_an_event_loop(body: bytes) -> None:
    assert len(body) < CHUNK
    assert checked("traces", body) is None


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_the_most_that_a_small_request_is_said_to_cost_is_never_less_than_what_it_costs(
    signal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuzz, compared = Fuzz(SEED + 1), 0
    for _ in range(sized(1_000, full=30_000)):
        body = fuzz.request(signal)
        if checked(signal, body) is None:
            continue
        ready = prepare(signal, body)
        # With a byte less than it costs, it would be refused later: so it must not be small then.
        with monkeypatch.context() as patch:
            patch.setattr(costs, "MAX_COST", ready.cost - 1)
            if ready.cost:
                assert checked(signal, body) is None
                compared += 1
    assert compared > 50


def test_a_request_is_prepared_once() -> None:
    body = traces(row(1, listed=[1, 2])) + b"\x08\x01"
    ready = prepared(Request("traces", body))
    assert ready == prepare("traces", body)
    assert prepared(ready) is ready
    assert prepared(Request("traces", b"")) == Request("traces", b"")
