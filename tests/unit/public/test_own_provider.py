"""The stamps alone, in a provider that the host builds, and the test of a RunnerSpec."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rvbbit_otel import (
    CallerLogRecordProcessor,
    CallerSpanProcessor,
    Hook,
    Role,
    RunnerSpec,
    SpecError,
    called_by,
    check_spec,
)


def test_spans_and_log_records_of_an_own_provider_are_stamped() -> None:
    spans, records = InMemorySpanExporter(), InMemoryLogRecordExporter()
    tracing, logging = TracerProvider(shutdown_on_exit=False), LoggerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(CallerSpanProcessor())
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    logging.add_log_record_processor(CallerLogRecordProcessor())
    logging.add_log_record_processor(SimpleLogRecordProcessor(records))
    with called_by("web-1", origin="http"):
        tracing.get_tracer("t").start_span("ask").end()
        logging.get_logger("t").emit(body="asked")
    tracing.get_tracer("t").start_span("idle").end()
    assert {span.name: dict(span.attributes or {}) for span in spans.get_finished_spans()} == {
        "ask": {"rvbbit.caller.id": "web-1", "rvbbit.caller.source": "baggage", "rvbbit.caller.origin": "http"},
        "idle": {"rvbbit.caller.source": "none"},
    }
    (record,) = records.get_finished_logs()
    assert dict(record.log_record.attributes or {})["rvbbit.caller.id"] == "web-1"


@pytest.fixture
def assistant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "spec_assistant.py").write_text("def login(user): ...\ndef ask(run_id): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spec_assistant", raising=False)
    return "spec_assistant"


def test_a_spec_is_checked_hook_by_hook_and_nothing_stays_wrapped(assistant: str) -> None:
    spec = RunnerSpec(
        name="assistant",
        module=assistant,
        hooks=(
            Hook(Role.CALLER_SET, f"{assistant}:login", {"caller_id": "user"}),
            Hook(Role.CASCADE, f"{assistant}:ask", {"session_id": "run_id"}),
            Hook(Role.CALLER_CLEARED, f"{assistant}:logout"),
        ),
    )
    seen = check_spec(spec)
    assert [(line.target, line.state) for line in seen] == [
        (f"{assistant}:login", "matched"),
        (f"{assistant}:ask", "matched"),
        (f"{assistant}:logout", "missing"),
    ]
    assert seen[2].lost
    assert type(sys.modules[assistant].login).__name__ == "function"


def test_a_spec_of_a_runner_that_is_not_installed_is_an_error_that_says_so() -> None:
    spec = RunnerSpec(name="x", module="no_such_runner", hooks=(Hook(Role.CALLER_CLEARED, "no_such_runner:logout"),))
    with pytest.raises(SpecError, match="x: its module no_such_runner can't be imported: install the runner"):
        check_spec(spec)
