from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rvbbit_otel.attribution import propagation
from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.propagation import (
    GuardedPropagator,
    caller_id_of,
    caller_of,
    context_from_environment,
    environment_of,
    foreign_caller_id,
    session_of,
    with_caller,
    with_session,
    with_work,
    without_attribution,
)
from rvbbit_otel.attribution.work import Work, work_of
from rvbbit_otel.counters import Counters
from rvbbit_otel.settings import Settings

FOX = Caller.of("sql-fox", {"origin": "sql", "sql_query": "SELECT secret"})
STANDARD = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("client")


def guarded(**options: object) -> GuardedPropagator:
    return GuardedPropagator(STANDARD, Settings.from_options(options), Counters())


def request_context(url: str | None = None, host: str | None = None) -> Context:
    context = baggage.set_baggage("theirs", "kept", with_session(with_caller(Context(), FOX), SessionId("s 1")))
    attributes = {key: value for key, value in (("url.full", url), ("server.address", host)) if value}
    span = TRACER.start_span("GET", context, kind=trace.SpanKind.CLIENT, attributes=attributes)
    return trace.set_span_in_context(span, context)


def sent(propagator: GuardedPropagator, context: Context) -> dict[str, str]:
    headers: dict[str, str] = {}
    propagator.inject(headers, context)
    return headers


def test_by_default_nothing_of_ours_leaves_and_other_baggage_does() -> None:
    headers = sent(guarded(), request_context("https://api.openai.com/v1"))
    assert headers["baggage"] == "theirs=kept"
    assert set(headers) == {"traceparent", "baggage"}


def test_an_allowed_host_gets_the_id_a_digest_and_the_session_but_no_metadata() -> None:
    headers = sent(guarded(propagate_hosts=["api.internal"]), request_context("https://API.internal:8443/x"))
    assert set(headers["baggage"].split(",")) == {
        "theirs=kept",
        "rvbbit.caller.id=sql-fox",
        f"rvbbit.caller.digest={FOX.digest}",
        "rvbbit.caller.source=baggage",
        "session.id=s+1",
    }
    assert "secret" not in str(headers)


@pytest.mark.parametrize(
    ("host", "leaves"),
    [
        ("a.example.com", True),
        ("a.b.example.com", True),
        ("example.com", False),
        ("evilexample.com", False),
        ("example.com.evil.org", False),
        (None, False),
    ],
)
def test_a_wildcard_allows_subdomains_only(host: str | None, leaves: bool) -> None:
    headers = sent(guarded(propagate_hosts=["*.example.com"]), request_context(host=host))
    assert ("sql-fox" in headers["baggage"]) is leaves


@pytest.mark.parametrize(("host", "leaves"), [("b.internal", True), ("a.internal", False), ("c.internal", False)])
def test_a_host_that_is_allowed_by_name_is_that_very_one(host: str, leaves: bool) -> None:
    headers = sent(guarded(propagate_hosts=["b.internal"]), request_context(host=host))
    assert ("sql-fox" in headers["baggage"]) is leaves


@pytest.mark.parametrize("other", ["sql-cat", "sql-owl"])
def test_another_caller_in_baggage_is_the_caller_whatever_work_is_around(other: str) -> None:
    assert caller_id_of(baggage.set_baggage("rvbbit.caller.id", other, with_caller(Context(), FOX))) == other


def test_a_trusted_sender_that_says_nothing_of_a_caller_leaves_the_work_that_is_around() -> None:
    before = without_attribution(Context(), "sql-fox")
    after = guarded(trust_inbound=True).extract({"baggage": "theirs=1"}, before)
    assert baggage.get_baggage("theirs", after) == "1"
    assert work_of(after) is work_of(before)


def test_a_session_that_breaks_its_format_in_baggage_is_none() -> None:
    assert session_of(baggage.set_baggage("session.id", "s\x00", Context())) is None


def test_an_incoming_caller_is_not_believed_by_default() -> None:
    header = {
        "baggage": "rvbbit.caller.id=sql-forged,rvbbit.caller.source=explicit,session.id=s9,rvbbit.caller.digest=1,theirs=1"
    }
    context = guarded().extract(header, Context())
    assert dict(baggage.get_all(context)) == {"theirs": "1"}


def test_an_incoming_header_does_not_change_the_caller_of_the_context_it_lands_in() -> None:
    inside = with_caller(Context(), FOX)
    for header in ("rvbbit.caller.id=sql-forged", "rvbbit.caller.id=", "x" * 20_000, "rvbbit.caller.id=%1b%5b31m"):
        context = guarded().extract({"baggage": header}, inside)
        assert (caller_id_of(context), caller_of(context)) == ("sql-fox", FOX)


def test_what_baggage_says_of_the_work_around_is_no_word_of_another_whatever_object_holds_it() -> None:
    context = with_session(with_caller(Context(), FOX), SessionId("s1"))
    for key, text in (("rvbbit.caller.id", "sql-fox"), ("session.id", "s1")):
        context = baggage.set_baggage(key, "".join(list(text)), context)
    assert (caller_of(context), session_of(context)) == (FOX, "s1")
    assert propagation.foreign_caller_id(context) is None
    assert propagation.foreign_session_id(context) is None


def test_a_trusted_sender_names_the_caller_and_a_malformed_name_is_dropped_and_counted() -> None:
    propagator = guarded(trust_inbound=True)
    good = propagator.extract({"baggage": "rvbbit.caller.id=sql-far,session.id=s+9"}, Context())
    assert (caller_id_of(good), session_of(good)) == ("sql-far", "s 9")
    bad = propagator.extract({"baggage": "rvbbit.caller.id=%1b%5b31m,session.id=%00"}, Context())
    assert dict(baggage.get_all(bad)) == {}
    assert propagator._counters.snapshot() == {"invalid_ids.baggage": 2}


@pytest.mark.parametrize("said", ["", ",rvbbit.caller.source=explicit", ",rvbbit.caller.source=echo"])
def test_whatever_a_trusted_sender_says_of_its_knowledge_here_it_is_baggage(said: str) -> None:
    propagator = guarded(trust_inbound=True)
    received = propagator.extract({"baggage": f"rvbbit.caller.id=sql-far{said}"}, Context())
    assert dict(baggage.get_all(received)) == {"rvbbit.caller.id": "sql-far", "rvbbit.caller.source": "baggage"}
    unnamed = propagator.extract({"baggage": f"theirs=1{said}"}, Context())
    assert dict(baggage.get_all(unnamed)) == {"theirs": "1"}


def test_our_baggage_says_that_it_is_baggage_and_takes_29_bytes_for_it() -> None:
    whole = environment_of(with_session(with_caller(Context(), FOX), SessionId("s1")))["BAGGAGE"]
    entry = ",rvbbit.caller.source=baggage"
    assert (whole.count(entry), len(entry)) == (1, 29)
    assert whole.replace(entry, "") == f"rvbbit.caller.id=sql-fox,rvbbit.caller.digest={FOX.digest},session.id=s1"


def test_what_is_sent_to_an_allowed_host_is_what_a_trusting_receiver_reads() -> None:
    propagator = guarded(propagate_hosts=["peer"], trust_inbound=True)
    context = propagator.extract(sent(propagator, request_context(host="peer")), Context())
    assert (caller_id_of(context), session_of(context)) == ("sql-fox", "s 1")
    caller = caller_of(context)
    assert caller is not None
    assert caller.metadata == {}


def test_a_span_with_a_strange_url_sends_nothing_and_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    propagator = guarded(propagate_hosts=["peer"])
    with caplog.at_level(logging.CRITICAL, "rvbbit_otel"):
        headers = sent(propagator, request_context("http://[broken"))
    assert "baggage" not in headers
    assert propagator._counters.snapshot() == {"errors.propagation.inject": 1}


def test_a_child_process_gets_ours_and_only_ours_through_its_environment() -> None:
    environ = environment_of(request_context())
    assert set(environ) == {"TRACEPARENT", "BAGGAGE"}
    assert "theirs" not in environ["BAGGAGE"]
    context = context_from_environment({**environ, "PATH": "/bin"})
    assert (caller_id_of(context), session_of(context)) == ("sql-fox", "s 1")
    assert trace.get_current_span(context).get_span_context().is_remote


def test_an_environment_without_a_caller_is_an_empty_context() -> None:
    assert environment_of(Context()) == {}
    assert context_from_environment({"PATH": "/bin"}) == Context()
    assert caller_id_of(context_from_environment({"BAGGAGE": "rvbbit.caller.id=bad%20id"})) is None


def test_leaving_attribution_behind_keeps_the_span_and_other_baggage() -> None:
    context = request_context()
    left = without_attribution(context)
    assert (caller_of(left), caller_id_of(left), session_of(left)) == (None, None, None)
    assert dict(baggage.get_all(left)) == {"theirs": "kept"}
    assert trace.get_current_span(left) is trace.get_current_span(context)


@given(st.text(max_size=300))
def test_no_header_makes_the_propagator_raise_or_adopt_a_caller(header: str) -> None:
    assert caller_id_of(guarded().extract({"baggage": header}, Context())) is None
    adopted = caller_id_of(guarded(trust_inbound=True).extract({"baggage": header}, Context()))
    assert adopted is None or len(adopted) <= 128


@pytest.mark.parametrize("trusting", [True, False])
def test_a_request_is_served_in_the_context_that_was_there_where_we_fail_to_read_it(
    monkeypatch: pytest.MonkeyPatch, trusting: bool
) -> None:
    def broken(*_: object) -> Context:
        raise RuntimeError("ours")

    monkeypatch.setattr(propagation, "_checked", broken)
    monkeypatch.setattr(propagation, "_with_baggage_of", broken)
    counters, before = Counters(), with_caller(Context(), FOX)
    propagator = GuardedPropagator(STANDARD, Settings.from_options({"trust_inbound": trusting}), counters)
    assert propagator.extract({"baggage": "rvbbit.caller.id=sql-owl"}, before) == before
    assert counters.snapshot() == {"errors.propagation.extract": 1}


def test_a_trusted_request_that_names_nobody_is_not_of_whoever_started_the_server() -> None:
    work = Work(FOX)
    started = with_work(Context(), work)
    propagator = guarded(trust_inbound=True)
    assert caller_id_of(propagator.extract({}, started)) == FOX.id  # The block is there: work of its own.
    work.ended = True
    after = propagator.extract({"baggage": "theirs=1"}, started)
    assert (foreign_caller_id(after), baggage.get_baggage("theirs", after)) == (None, "1")
    named = propagator.extract({"baggage": "rvbbit.caller.id=web-1"}, started)
    assert (foreign_caller_id(named), caller_id_of(named)) == ("web-1", "web-1")
