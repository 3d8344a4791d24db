"""What baggage says of a caller and a session, beside what a parent span says: contexts that a library or a server makes itself."""

from __future__ import annotations

import pytest
from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider

from rvbbit_otel.attribution.caller import Caller, CallerId, SessionId
from rvbbit_otel.attribution.propagation import (
    GuardedPropagator,
    caller_of,
    session_of,
    with_caller,
    with_session,
)
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.stamping import Stamper
from rvbbit_otel.attribution.work import work_of
from rvbbit_otel.counters import Counters
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.settings import Settings

FOX, OWL = Caller.of("sql-fox", None), Caller.of("sql-owl", None)


class Given:
    """A parent span of the fox's session s1, and the owl's session s2."""

    def __init__(self) -> None:
        self.registry, self.counters = EchoRegistry(), Counters()
        echo = self.registry.open(SessionId("s1"), FOX)
        self.registry.open(SessionId("s2"), OWL)
        provider = TracerProvider(shutdown_on_exit=False)
        Pipeline(self.registry, Settings()).install_tracing(provider)
        self.parent = provider.get_tracer("test").start_span("parent", with_session(Context(), SessionId("s1"), echo))
        self._stamper = Stamper(self.registry, self.counters)

    def stamp(self, context: Context, **attributes: str) -> dict[str, str]:
        named = {key.replace("_", "."): value for key, value in attributes.items()}
        stamp = self._stamper.stamp(named, context)
        return {key.removeprefix("rvbbit.caller."): value for key, value in stamp.items()}


@pytest.fixture
def given() -> Given:
    return Given()


def said(context: Context, caller: str | None = None, session: str | None = None) -> Context:
    for name, value in (("rvbbit.caller.id", caller), ("session.id", session)):
        if value is not None:
            context = baggage.set_baggage(name, value, context)
    return context


def under(given: Given) -> Context:
    return trace.set_span_in_context(given.parent, Context())


def from_afar() -> Context:
    """As a trusted sender's headers make it: a parent span in another process."""
    remote = trace.SpanContext(1, 2, is_remote=True)
    return trace.set_span_in_context(trace.NonRecordingSpan(remote), Context())


def test_a_session_from_a_sender_that_is_known_here_says_whose_the_work_is(given: Given) -> None:
    stamp = given.stamp(said(from_afar(), session="s2"))
    assert (stamp["id"], stamp["source"], stamp["session.id"]) == ("sql-owl", "echo", "s2")
    assert given.stamp(said(from_afar(), session="s9")) == {"source": "none", "session.id": "s9"}
    assert given.stamp(from_afar()) == {"source": "none"}


def test_a_caller_in_baggage_is_not_joined_to_the_session_of_the_parent_span(given: Given) -> None:
    assert given.stamp(said(under(given), caller="web-1")) == {"id": "web-1", "source": "baggage"}


def test_a_caller_in_baggage_that_differs_from_that_of_its_session_is_named(given: Given) -> None:
    stamp = given.stamp(said(Context(), caller="web-1", session="s2"))
    assert (stamp["id"], stamp["source"], stamp["conflict"]) == ("sql-owl", "echo", "web-1")
    assert "conflict" not in given.stamp(said(Context(), caller="".join(list("sql-owl")), session="s2"))
    assert given.counters.snapshot() == {"conflicts.stamp": 1}


def test_a_session_in_baggage_that_nobody_knows_is_kept_on_what_the_caller_in_baggage_does(given: Given) -> None:
    stamp = given.stamp(said(Context(), caller="web-1", session="s9"))
    assert stamp == {"id": "web-1", "source": "baggage", "session.id": "s9"}


def test_a_span_that_names_its_session_is_that_one_s_and_not_the_parent_span_s(given: Given) -> None:
    assert given.stamp(under(given), session_id="s2")["id"] == "sql-owl"
    assert given.stamp(under(given), session_id="s9") == {"source": "none", "session.id": "s9"}


def test_a_span_that_names_its_caller_keeps_the_session_of_the_parent_span(given: Given) -> None:
    stamp = given.stamp(under(given), rvbbit_caller_id="web-2")
    assert stamp == {"id": "web-2", "source": "explicit", "conflict": "sql-fox", "session.id": "s1"}


def test_a_session_in_baggage_is_the_context_s_where_its_own_work_has_none(given: Given) -> None:
    in_a_block = with_caller(Context(), FOX)
    in_a_run = with_session(Context(), SessionId("s1"))
    assert session_of(said(in_a_block, caller="web-1", session="s9")) == "s9"
    assert session_of(said(in_a_run, caller="web-1", session="s9")) == "s1"
    assert session_of(said(in_a_block, session="s9")) is None
    assert session_of(in_a_run) == "s1"


def test_baggage_of_our_own_work_that_is_over_is_not_taken_for_somebody_else_s(given: Given) -> None:
    within = with_session(from_afar(), SessionId("s1"), given.registry.get("s1"))
    work = work_of(within)
    assert work is not None and given.stamp(within)["id"] == "sql-fox"
    work.end()
    assert given.stamp(within) == {"source": "none"}
    assert given.stamp(said(within, caller="".join(list("sql-fox")), session="".join(list("s1")))) == {"source": "none"}


def test_what_a_trusted_sender_says_goes_before_the_work_around_its_receiver() -> None:
    settings = Settings.from_options({"trust_inbound": True})
    propagator = GuardedPropagator(W3CBaggagePropagator(), settings, Counters())
    around = with_caller(Context(), Caller.of("sql-fox", {"origin": "sql", "sql_query": "SELECT 1"}))
    received = propagator.extract({"baggage": "session.id=s9,rvbbit.caller.id=sql-fox"}, around)
    assert session_of(received) == "s9"
    assert caller_of(received) == Caller(CallerId("sql-fox"))
