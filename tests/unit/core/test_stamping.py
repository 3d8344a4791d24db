from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rvbbit_otel.attribution.caller import Caller, CallerId, SessionId, _matching
from rvbbit_otel.attribution.propagation import with_caller, with_session
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.settings import Settings

FOX, OWL, CAT = (Caller.of(f"sql-{name}", {"origin": "sql"}) for name in ("fox", "owl", "cat"))


class Setup:
    """A provider with our pipeline and an exporter that keeps what leaves."""

    def __init__(self, **provider_options: object) -> None:
        self.registry = EchoRegistry()
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **provider_options)  # type: ignore[arg-type]
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.pipeline = Pipeline(self.registry, Settings())
        self.pipeline.install_tracing(self.provider)
        self.tracer = self.provider.get_tracer("third.party")

    def attributes(self) -> list[dict[str, object]]:
        return [dict(span.attributes or {}) for span in self.exporter.get_finished_spans()]


@pytest.fixture
def setup() -> Setup:
    return Setup()


@contextmanager
def attached(context: Context) -> Iterator[None]:
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def test_a_third_party_span_in_a_session_gets_the_session_and_its_caller(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    with attached(with_session(Context(), SessionId("s1"))):
        setup.tracer.start_span("GET /").end()
    assert setup.attributes() == [
        {
            "session.id": "s1",
            "rvbbit.caller.id": "sql-fox",
            "rvbbit.caller.source": "echo",
            "rvbbit.caller.origin": "sql",
        }
    ]


def test_a_span_that_names_its_session_is_found_without_any_context(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    setup.tracer.start_span("log", Context(), attributes={"session.id": "s1"}).end()
    assert setup.attributes() == [
        {
            "session.id": "s1",
            "rvbbit.caller.id": "sql-fox",
            "rvbbit.caller.source": "echo",
            "rvbbit.caller.origin": "sql",
        }
    ]


def test_a_stale_baggage_loses_against_the_echo_and_is_named(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    with attached(with_caller(with_session(Context(), SessionId("stale")), OWL)):
        setup.tracer.start_span("log", attributes={"session.id": "s1"}).end()
    assert setup.attributes() == [
        {
            "session.id": "s1",
            "rvbbit.caller.id": "sql-fox",
            "rvbbit.caller.source": "echo",
            "rvbbit.caller.origin": "sql",
            "rvbbit.caller.conflict": "sql-owl",
        }
    ]
    assert setup.registry.counters.snapshot() == {"conflicts.stamp": 1, "stamped.echo": 1}


def test_ids_are_the_same_by_their_text_whatever_objects_hold_them(setup: Setup) -> None:
    def again(text: str) -> str:
        _matching.cache_clear()  # Which makes the same text the same object, for as long as few others come between.
        return "".join(list(text))

    fox = Caller(CallerId(again(FOX.id)), "sql")
    setup.registry.open(SessionId("s1"), FOX)
    named, of_session = {"rvbbit.caller.id": again(FOX.id)}, {"session.id": again("s1")}
    setup.tracer.start_span("explicit", Context(), attributes={**named, **of_session}).end()
    setup.tracer.start_span("explicit", with_caller(Context(), fox), attributes=named).end()
    setup.tracer.start_span("in its session", with_caller(Context(), fox), attributes=of_session).end()
    setup.tracer.start_span("in its run", with_session(with_caller(Context(), fox), SessionId("s1"))).end()
    assert [attributes.get("rvbbit.caller.id") for attributes in setup.attributes()] == ["sql-fox"] * 4
    assert setup.registry.counters.snapshot() == {"stamped.explicit": 2, "stamped.echo": 2}


def test_a_span_that_names_the_session_of_its_work_is_of_that_run_and_not_of_the_one_that_has_its_id_now(
    setup: Setup,
) -> None:
    run = setup.registry.open(SessionId("s1"), FOX)
    setup.registry.end(SessionId("s1"))
    setup.registry.open(SessionId("s1"), OWL)
    with attached(with_session(Context(), SessionId("s1"), run)):
        setup.tracer.start_span("log", attributes={"session.id": "".join(list("s1"))}).end()
    assert [attributes["rvbbit.caller.id"] for attributes in setup.attributes()] == ["sql-fox"]


@pytest.mark.parametrize(("around", "of_run"), [(FOX, OWL), (OWL, FOX)])
def test_work_in_a_run_of_another_caller_s_is_the_run_s_and_names_its_own(
    setup: Setup, around: Caller, of_run: Caller
) -> None:
    setup.registry.open(SessionId("s1"), of_run)
    with attached(with_session(with_caller(Context(), around), SessionId("s1"))):
        setup.tracer.start_span("log").end()
    (attributes,) = setup.attributes()
    assert attributes["rvbbit.caller.id"] == of_run.id
    assert attributes["rvbbit.caller.conflict"] == around.id
    assert setup.registry.counters.snapshot() == {"conflicts.stamp": 1, "stamped.echo": 1}


def test_a_span_that_nobody_claims_is_stamped_none_and_counted(setup: Setup) -> None:
    setup.tracer.start_span("a", Context()).end()
    setup.tracer.start_span("b", Context(), attributes={"session.id": "unknown"}).end()
    assert setup.attributes() == [
        {"rvbbit.caller.source": "none"},
        {"session.id": "unknown", "rvbbit.caller.source": "none"},
    ]
    assert setup.registry.counters.snapshot() == {"stamped.none": 2}


def test_a_session_without_a_caller_keeps_its_id_on_the_span(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"))
    with attached(with_session(Context(), SessionId("s1"))):
        setup.tracer.start_span("a").end()
    assert setup.attributes() == [{"session.id": "s1", "rvbbit.caller.source": "none"}]


def test_an_explicit_caller_wins_and_a_malformed_one_is_nobodys(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    setup.tracer.start_span("a", Context(), attributes={"session.id": "s1", "rvbbit.caller.id": "sql-owl"}).end()
    setup.tracer.start_span("b", Context(), attributes={"session.id": "s1", "rvbbit.caller.id": "no good"}).end()
    explicit, malformed = setup.attributes()
    assert explicit == {
        "session.id": "s1",
        "rvbbit.caller.id": "sql-owl",
        "rvbbit.caller.source": "explicit",
        "rvbbit.caller.conflict": "sql-fox",
    }
    assert malformed == {"session.id": "s1", "rvbbit.caller.source": "none"}
    assert setup.registry.counters.snapshot()["invalid_ids.caller"] == 1


def test_a_broken_session_id_is_counted_and_the_span_keeps_what_baggage_knows(setup: Setup) -> None:
    with attached(with_caller(Context(), FOX)):
        setup.tracer.start_span("a", attributes={"session.id": 7}).end()
        setup.tracer.start_span("b", attributes={"session.id": "x\x00"}).end()
    assert setup.attributes() == [
        {
            "session.id": 7,
            "rvbbit.caller.id": "sql-fox",
            "rvbbit.caller.source": "baggage",
            "rvbbit.caller.origin": "sql",
        },
        {
            "session.id": "x\x00",
            "rvbbit.caller.id": "sql-fox",
            "rvbbit.caller.source": "baggage",
            "rvbbit.caller.origin": "sql",
        },
    ]
    assert setup.registry.counters.snapshot() == {"invalid_ids.session": 2, "stamped.baggage": 2}


def test_a_library_that_passes_only_the_parent_span_keeps_the_session(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    parent = setup.tracer.start_span("cascade", Context(), attributes={"session.id": "s1"})
    setup.tracer.start_span("child", trace.set_span_in_context(parent, Context())).end()
    assert setup.attributes() == [
        {
            "session.id": "s1",
            "rvbbit.caller.id": "sql-fox",
            "rvbbit.caller.source": "echo",
            "rvbbit.caller.origin": "sql",
        }
    ]


_callers = st.sampled_from([None, FOX, OWL, CAT])


@given(explicit=_callers, echo=_callers, baggage=_callers, own=st.booleans(), ambient_session=st.booleans())
def test_the_precedence_holds_for_every_combination(
    explicit: Caller | None, echo: Caller | None, baggage: Caller | None, own: bool, ambient_session: bool
) -> None:
    setup = Setup()
    if echo is not None:
        setup.registry.open(SessionId("s1"), echo)
    context = Context() if baggage is None else with_caller(Context(), baggage)
    if ambient_session:
        context = with_session(context, SessionId("s1"))
    attributes = {"session.id": "s1"} if own else {}
    if explicit is not None:
        attributes["rvbbit.caller.id"] = explicit.id
    setup.tracer.start_span("a", context, attributes=attributes).end()

    found = echo if own or ambient_session else None
    answers = [("explicit", explicit), ("echo", found), ("baggage", baggage)]
    source, caller = next(((name, each) for name, each in answers if each is not None), ("none", None))
    (seen,) = setup.attributes()
    assert seen["rvbbit.caller.source"] == source
    assert seen.get("rvbbit.caller.id") == (caller.id if caller else None)
    assert seen.get("session.id") == ("s1" if own or ambient_session else None)
    loser = (found or baggage) if source == "explicit" else baggage if source == "echo" else None
    differs = loser is not None and caller is not None and loser.id != caller.id
    assert seen.get("rvbbit.caller.conflict") == (loser.id if differs and loser else None)


def test_eight_threads_on_one_pool_never_mix_callers(setup: Setup) -> None:
    def work(number: int) -> None:
        caller = Caller.of(f"sql-{number}")
        session = SessionId(f"session-{number}")
        setup.registry.open(session, caller)
        with attached(with_caller(with_session(Context(), session), caller)):
            for _ in range(5):
                with setup.tracer.start_as_current_span("outer"):
                    setup.tracer.start_span("inner").end()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    seen = setup.attributes()
    assert len(seen) == 2000
    assert all(row["session.id"] == f"session-{str(row['rvbbit.caller.id'])[4:]}" for row in seen)
    assert setup.registry.counters.snapshot() == {"stamped.echo": 2000}


def test_a_session_id_set_after_the_start_is_repaired_at_export_on_a_span_of_nobodys(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    span = setup.tracer.start_span("late", Context(), attributes={"x": 1})
    span.set_attribute("session.id", "s1")
    span.add_event("happened")
    span.end()
    (exported,) = setup.exporter.get_finished_spans()
    assert dict(exported.attributes or {}) == {
        "x": 1,
        "session.id": "s1",
        "rvbbit.caller.id": "sql-fox",
        "rvbbit.caller.source": "repair",
        "rvbbit.caller.origin": "sql",
    }
    assert [event.name for event in exported.events] == ["happened"]
    assert setup.registry.counters.snapshot() == {"stamped.none": 1, "repaired.late_session": 1}


def test_a_stamp_that_a_span_got_at_its_start_is_final_whatever_session_it_names_later(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    with attached(with_caller(Context(), OWL)):
        span = setup.tracer.start_span("late")
    span.set_attribute("session.id", "s1")
    span.end()
    (row,) = setup.attributes()
    assert (row["rvbbit.caller.id"], row["rvbbit.caller.source"]) == ("sql-owl", "baggage")


def test_a_caller_that_is_set_after_the_start_wins_and_says_whom_it_replaced(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    span = setup.tracer.start_span("a", Context(), attributes={"session.id": "s1"})
    span.set_attribute("rvbbit.caller.id", "sql-owl")
    span.end()
    (row,) = setup.attributes()
    assert row == {
        "session.id": "s1",
        "rvbbit.caller.id": "sql-owl",
        "rvbbit.caller.source": "explicit",
        "rvbbit.caller.origin": "sql",
        "rvbbit.caller.conflict": "sql-fox",
    }


@pytest.mark.parametrize("rerun_first", [True, False])
def test_a_session_id_that_comes_again_is_another_run_whichever_came_before(setup: Setup, rerun_first: bool) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    early = setup.tracer.start_span("of the first run", Context())
    early.set_attribute("session.id", "s1")
    setup.registry.end(SessionId("s1"))
    if not rerun_first:
        early.end()
    setup.registry.open(SessionId("s1"), OWL)
    if rerun_first:
        early.end()
    setup.tracer.start_span("of the second", Context(), attributes={"session.id": "s1"}).end()
    first, second = setup.attributes()
    assert first.get("rvbbit.caller.id") == (None if rerun_first else "sql-fox")
    assert second["rvbbit.caller.id"] == "sql-owl"


def test_a_session_that_was_forgotten_is_nobodys_whoever_is_around() -> None:
    setup = Setup()
    setup.registry = EchoRegistry(max_sessions=2)
    setup.provider = TracerProvider(shutdown_on_exit=False)
    setup.provider.add_span_processor(SimpleSpanProcessor(setup.exporter))
    Pipeline(setup.registry, Settings()).install_tracing(setup.provider)
    for number in range(5):
        setup.registry.open(SessionId(f"s{number}"), FOX)
    with attached(with_caller(Context(), OWL)):
        for number in (0, 4, 9):
            setup.provider.get_tracer("t").start_span("a", attributes={"session.id": f"s{number}"}).end()
    seen = [(row.get("rvbbit.caller.id"), row["rvbbit.caller.source"]) for row in setup.attributes()]
    assert seen == [(None, "none"), ("sql-fox", "echo"), ("sql-owl", "baggage")]


@pytest.mark.parametrize("most", [1, 2, 128])
@pytest.mark.parametrize("longest", [1, 9, None])
def test_two_callers_never_become_one_at_any_limit_of_the_sdk(most: int, longest: int | None) -> None:
    setup = Setup(span_limits=SpanLimits(max_span_attributes=most, max_span_attribute_length=longest))
    setup.registry.open(SessionId("session-first"), FOX)
    for caller in ("caller-first", "caller-second"):
        span = setup.tracer.start_span(
            caller, Context(), attributes={"session.id": f"{caller}-session", "rvbbit.caller.id": caller}
        )
        for number in range(200):
            span.set_attribute(f"k{number}", number)
        span.end()
    setup.tracer.start_span("in the session", Context(), attributes={"session.id": "session-first"}).end()
    seen = [(row["rvbbit.caller.id"], row["session.id"]) for row in setup.attributes()]
    assert seen == [
        ("caller-first", "caller-first-session"),
        ("caller-second", "caller-second-session"),
        ("sql-fox", "session-first"),
    ]


def test_a_session_that_opens_while_its_first_span_runs_is_repaired(setup: Setup) -> None:
    span = setup.tracer.start_span("early", Context(), attributes={"session.id": "s1"})
    setup.registry.open(SessionId("s1"), FOX)
    span.end()
    (row,) = setup.attributes()
    assert (row["rvbbit.caller.id"], row["rvbbit.caller.source"]) == ("sql-fox", "repair")


@pytest.mark.parametrize("limit", [1, 3, 128])
def test_a_stamp_evicted_at_the_attribute_limit_is_restored(limit: int) -> None:
    setup = Setup(span_limits=SpanLimits(max_span_attributes=limit))
    setup.registry.open(SessionId("s1"), FOX)
    span = setup.tracer.start_span("wide", Context(), attributes={"session.id": "s1"})
    for number in range(200):
        span.set_attribute(f"k{number}", number)
    span.end()
    (exported,) = setup.exporter.get_finished_spans()
    attributes = dict(exported.attributes or {})
    kept = {f"k{number}": number for number in range(200 - limit, 200)}
    assert attributes == {
        **kept,
        "session.id": "s1",
        "rvbbit.caller.id": "sql-fox",
        "rvbbit.caller.source": "echo",
        "rvbbit.caller.origin": "sql",
    }
    assert exported.dropped_attributes >= 200 - limit


def test_an_explicit_caller_is_not_repaired_away(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX)
    span = setup.tracer.start_span("a", Context(), attributes={"rvbbit.caller.id": "sql-owl"})
    span.set_attribute("session.id", "s1")
    span.end()
    (row,) = setup.attributes()
    assert (row["rvbbit.caller.id"], row["rvbbit.caller.source"]) == ("sql-owl", "explicit")


class _RaisingRegistry(EchoRegistry):
    def __init__(self) -> None:
        super().__init__()
        self.get = self._raise

    def _raise(self, session_id: str) -> None:
        raise RuntimeError("ours")


def test_an_error_of_ours_reaches_no_host_and_the_span_is_exported_unstamped() -> None:
    registry, exporter = _RaisingRegistry(), InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    Pipeline(registry, Settings()).install_tracing(provider)
    provider.get_tracer("t").start_span("a", Context(), attributes={"session.id": "s1"}).end()
    assert [dict(span.attributes or {}) for span in exporter.get_finished_spans()] == [{"session.id": "s1"}]
    assert registry.counters.snapshot() == {"errors.processor.on_start": 1, "errors.repair.export": 1}


def test_the_exporter_is_repaired_whether_it_was_added_before_or_after_us() -> None:
    setup = Setup()
    later = InMemorySpanExporter()
    setup.provider.add_span_processor(SimpleSpanProcessor(later))
    setup.registry.open(SessionId("s1"), FOX)
    span = setup.tracer.start_span("late", Context())
    span.set_attribute("session.id", "s1")
    span.end()
    assert [_source(span) for exporter in (setup.exporter, later) for span in exporter.get_finished_spans()] == [
        "repair"
    ] * 2


def _source(span: ReadableSpan) -> object:
    return (span.attributes or {}).get("rvbbit.caller.source")


def test_the_longest_stamp_takes_no_more_than_the_sdk_s_limit_has_room_for() -> None:
    setup = Setup(span_limits=SpanLimits(max_span_attributes=10))
    setup.registry.open(SessionId("s1"), FOX)
    context = with_session(with_caller(Context(), OWL), SessionId("s1"))
    for many in (5, 6):
        span = setup.tracer.start_span("log", context, attributes={f"key.{number}": number for number in range(many)})
        assert len(span._attributes) == 10  # type: ignore[attr-defined]
        span.end()
    stamp = {
        "session.id": "s1",
        "rvbbit.caller.id": "sql-fox",
        "rvbbit.caller.source": "echo",
        "rvbbit.caller.origin": "sql",
        "rvbbit.caller.conflict": "sql-owl",
    }
    first, second = setup.attributes()
    assert first == {**stamp, **{f"key.{number}": number for number in range(5)}}
    assert second == {**stamp, **{f"key.{number}": number for number in range(1, 6)}}


def test_each_span_in_a_session_names_its_cascade_and_one_that_names_another_keeps_it(setup: Setup) -> None:
    setup.registry.open(SessionId("s1"), FOX, cascade_id="brand")
    setup.registry.open_run(SessionId("s2"), None, cascade_id="lost", unclaimed=True)
    with attached(with_session(Context(), SessionId("s1"))):
        setup.tracer.start_span("GET /").end()
        setup.tracer.start_span("cascade sub", attributes={"rvbbit.cascade.id": "sub"}).end()
        setup.tracer.start_span("by hand", attributes={"rvbbit.caller.id": "sql-owl"}).end()
    setup.tracer.start_span("nobody's", attributes={"session.id": "s2"}).end()
    assert [
        (span.name, (span.attributes or {}).get("rvbbit.cascade.id"), (span.attributes or {}).get("rvbbit.caller.id"))
        for span in setup.exporter.get_finished_spans()
    ] == [
        ("GET /", "brand", "sql-fox"),
        ("cascade sub", "sub", "sql-fox"),
        ("by hand", "brand", "sql-owl"),
        ("nobody's", "lost", None),
    ]
