"""Specs that leave out all that they may: what they tell still fills the tables, and no rule finds a fault that isn't there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.context import Context, attach, get_current
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.conftest import Store

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec, RvbbitInstrumentor
from rvbbit_otel.storage.audits import load_audits, run_audit


class Runner:
    def __init__(self, session: str) -> None:
        self.session = session

    def run(self, body: Callable[[], Any]) -> Any:
        return body()

    def run_again(self, body: Callable[[], Any]) -> Any:
        return self.run(body)


def opened(session: str, cascade: str) -> None:
    pass


def step(name: str, body: Callable[[], Any]) -> Any:
    return body()


def complete(tokens: int) -> Any:
    return {"tokens": tokens}


def log(session: str) -> None:
    pass


RUN = Hook(Role.CASCADE, f"{__name__}:Runner.run", {"session_id": "self.session"})
AGAIN = Hook(Role.CASCADE, f"{__name__}:Runner.run_again", {"session_id": "self.session"})
CELL = Hook(Role.CELL, f"{__name__}:step", {"name": "name"})
LLM = Hook(Role.LLM, f"{__name__}:complete", {"tokens_in": "result.tokens"}, accounts=True)
LOG = Hook(Role.LOG, f"{__name__}:log", {"session_id": "session"})
OPENED = Hook(Role.SESSION_OPENED, f"{__name__}:opened", {"session_id": "session", "cascade_id": "cascade"})


class Stage:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._exporter = InMemorySpanExporter()

    def drive(self, *hooks: Hook) -> None:
        """Two sessions of a caller, under these hooks, and their spans into the store."""
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        instrumentor = RvbbitInstrumentor()
        instrumentor.instrument(tracer_provider=provider)
        assert instrumentor.current is not None
        instrumentor.current.hooks.apply(RunnerSpec("spare", "tests", hooks), by_name=True)
        for session in ("s-1", "s-2"):
            with called_by("web-1"):
                opened(session, "planned")
                Runner(session).run_again(lambda session=session: step("one", lambda: (complete(7), log(session))))
        instrumentor.uninstrument()
        self._store.send(encode_spans(self._exporter.get_finished_spans()).SerializeToString())

    def broken(self) -> dict[str, list[tuple[object, ...]]]:
        found = {}
        for audit in load_audits():
            # Nothing is to be waited for: all of it has ended.
            values = {"idle_seconds": "0"} if audit.name == "sessions-never-ended" else {}
            rows = run_audit(self._store.engine, audit, values).rows
            if audit.is_rule and rows:
                found[audit.name] = rows
        return found


@pytest.fixture
def stage(store: Store) -> Iterator[Stage]:
    before = get_current()
    attach(Context())
    yield Stage(store)
    if RvbbitInstrumentor().is_instrumented_by_opentelemetry:
        RvbbitInstrumentor().uninstrument()
    attach(before)


@pytest.mark.parametrize(
    "hooks",
    [(RUN,), (RUN, AGAIN), (RUN, CELL), (RUN, LLM), (RUN, CELL, LLM, LOG), (AGAIN,)],
    ids=lambda hooks: "+".join(hook.qualname for hook in hooks),
)
def test_a_cascade_that_names_no_cascade_is_in_all_three_tables(
    stage: Stage, store: Store, hooks: tuple[Hook, ...]
) -> None:
    stage.drive(*hooks)
    assert stage.broken() == {}
    name = "Runner.run" if hooks[-1] is not AGAIN else "Runner.run_again"
    of_runs = "WHERE session_id LIKE 's-%' ORDER BY session_id"
    assert store.rows(f"SELECT caller_id, session_id, cascade_id FROM cascade_sessions {of_runs}") == [
        ("web-1", "s-1", name),
        ("web-1", "s-2", name),
    ]
    assert store.rows(f"SELECT caller_id, session_id, status FROM session_state {of_runs}") == [
        ("web-1", "s-1", "completed"),
        ("web-1", "s-2", "completed"),
    ]
    tokens = 14 if LLM in hooks else 0
    rows = "session_id LIKE 's-%' AND caller_id = 'web-1'"
    assert store.one(f"SELECT sum(tokens_in) FROM unified_logs WHERE {rows}") == tokens
    # The start, the cascade, and one for each hook inside; two ways into one cascade are one.
    assert store.one(f"SELECT count() FROM unified_logs WHERE {rows}") == 2 * (
        2 + sum(hook.role is not Role.CASCADE for hook in hooks)
    )


def test_a_cascade_that_names_none_is_the_one_that_its_session_was_opened_for(stage: Stage, store: Store) -> None:
    stage.drive(OPENED, RUN)
    assert stage.broken() == {}
    names = store.rows("SELECT DISTINCT cascade_id FROM cascade_sessions WHERE session_id LIKE 's-%'")
    assert names == [("planned",)]


@pytest.mark.parametrize("hooks", [(LLM,), (CELL,), (LOG,), (CELL, LLM, LOG)], ids=lambda hooks: str(len(hooks)))
def test_a_spec_without_sessions_tells_rows_of_the_block_or_session_that_they_name(
    stage: Stage, store: Store, hooks: tuple[Hook, ...]
) -> None:
    stage.drive(*hooks)
    assert stage.broken() == {}
    # Two of each block itself.
    assert store.one("SELECT count() FROM unified_logs WHERE caller_id = 'web-1'") == 2 * (2 + len(hooks))
    assert store.one("SELECT sum(tokens_in) FROM unified_logs") == (14 if LLM in hooks else 0)
