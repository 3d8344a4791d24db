"""The instrumentor and OpenTelemetry's global providers, each case in a process of its own."""

from __future__ import annotations

import sys
import textwrap

import pytest
from tests.integration.instrumentation.conftest import Run

HEAD = """
import logging, sys
from opentelemetry import trace, propagate, _logs
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor, InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rvbbit_otel.instrumentation import RvbbitInstrumentor
exporter, records = InMemorySpanExporter(), InMemoryLogRecordExporter()
def set_up():
    provider = TracerProvider(); provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    logs = LoggerProvider(); logs.add_log_record_processor(SimpleLogRecordProcessor(records))
    _logs.set_logger_provider(logs)
def work():
    from small_rvbbit import caller_context, echo
    caller_context.set_caller_context("c-1", {})
    echo.sessions.get_session("s-1")
    trace.get_tracer("third").start_span("third").end()
    _logs.get_logger("third").emit(body="hello")
    caller_context.clear_caller_context()
    for span in exporter.get_finished_spans(): print(span.name, span.attributes.get("rvbbit.caller.source"))
    for record in records.get_finished_logs(): print(record.log_record.body, record.log_record.attributes["rvbbit.caller.id"])
"""
EXPECTED = (
    "caller start explicit\nsession start echo\nthird baggage\ncaller unknown explicit\n[redacted, 5 characters] c-1\n"
)


def program(run: Run, body: str, **more: str) -> tuple[int, str, str]:
    done = run(sys.executable, "-c", HEAD + textwrap.dedent(body), **more)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "order", ["set_up(); RvbbitInstrumentor().instrument()", "RvbbitInstrumentor().instrument(); set_up()"]
)
def test_providers_set_before_or_after_us_are_stamped_alike(order: str, run: Run) -> None:
    assert program(run, f"{order}; work()") == (0, EXPECTED, "")


def test_instrumenting_twice_warns_and_changes_nothing(run: Run) -> None:
    body = "set_up(); RvbbitInstrumentor().instrument(); RvbbitInstrumentor().instrument(); work()"
    assert program(run, body) == (0, EXPECTED, "Attempting to instrument while already instrumented\n")


def test_instrumenting_again_after_uninstrumenting_works_and_stamps_once(run: Run) -> None:
    body = """
    set_up()
    for _ in range(3):
        RvbbitInstrumentor().instrument(); RvbbitInstrumentor().uninstrument()
    RvbbitInstrumentor().instrument()
    work()
    """
    assert program(run, body) == (0, EXPECTED, "")


def test_without_an_sdk_it_says_once_that_nothing_is_recorded(run: Run) -> None:
    code, out, err = program(run, "RvbbitInstrumentor().instrument(); work(); work()")
    assert (code, out) == (0, "")
    assert len(err.splitlines()) == 1
    assert err.startswith(
        "rvbbit-otel: no OpenTelemetry SDK is configured, so nothing is recorded; start the program with"
    )


def test_a_mistyped_option_raises_and_leaves_nothing_in_place(run: Run) -> None:
    body = """
    set_up()
    try:
        RvbbitInstrumentor().instrument(contents="full")
    except Exception as error:
        print(type(error).__name__, error)
    print(RvbbitInstrumentor().current, hasattr(trace._set_tracer_provider, "__wrapped__"))
    """
    code, out, err = program(run, body)
    assert (code, err) == (0, "")
    assert out.startswith("ConfigurationError contents is no setting; there are caller_header, caller_hosts,")
    assert out.endswith("None False\n")


def test_options_go_before_the_environment(run: Run) -> None:
    body = """
    RvbbitInstrumentor().instrument(content="truncated")
    print(RvbbitInstrumentor().current.settings.content, RvbbitInstrumentor().current.settings.content_limit)
    """
    more = {"OTEL_PYTHON_RVBBIT_CONTENT": "full", "OTEL_PYTHON_RVBBIT_CONTENT_LIMIT": "7"}
    assert program(run, body, **more) == (0, "truncated 7\n", "")


def test_the_propagator_is_guarded_even_if_it_is_set_after_us(run: Run) -> None:
    body = """
    from opentelemetry.baggage.propagation import W3CBaggagePropagator
    RvbbitInstrumentor().instrument()
    propagate.set_global_textmap(W3CBaggagePropagator())
    set_up()
    from small_rvbbit import caller_context
    caller_context.set_caller_context("c-1", {})
    carrier = {}; propagate.inject(carrier); print(carrier)
    RvbbitInstrumentor().uninstrument(); print(type(propagate.get_global_textmap()).__name__)
    """
    assert program(run, body) == (0, "{}\nW3CBaggagePropagator\n", "")


def test_a_provider_that_is_no_sdk_is_left_alone(run: Run) -> None:
    body = """
    class Other(trace.NoOpTracerProvider): pass
    RvbbitInstrumentor().instrument()
    trace.set_tracer_provider(Other())
    print(RvbbitInstrumentor().current.counters.snapshot())
    """
    assert program(run, body) == (0, "{}\n", "")
