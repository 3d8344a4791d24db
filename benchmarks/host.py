"""What a runner pays: the example runner at full speed, its real log calls, a stub model that answers at once.

By turns without us, with plain OpenTelemetry spans (one for each of our rows, no attribution), and with us; spans are batched and encoded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.harness import Row, Size, interleaved, nanoseconds_a_call, row
from benchmarks.plain import plain_spans
from benchmarks.sink import provider_with_sink
from rvbbit_otel.instrumentation import RvbbitInstrumentor
from small_rvbbit import caller_context, echo, logs, runner

SESSIONS: dict[Size, int] = {"smoke": 2, "short": 60, "full": 150}
LOG_CALLS: dict[Size, int] = {"smoke": 50, "short": 2_000, "full": 4_000}
ROWS_A_SESSION = 20
_CASCADE = Path(runner.__file__).parent / "cascades" / "traits" / "extract_brand.yaml"
_AGENT: dict[str, Any] = {
    "node_type": "agent",
    "cell_name": "extract",
    "take_index": 1,
    "model": "stub/brand-1",
    "tokens_in": 8,
    "tokens_out": 1,
    "cost": 0.00001,
    "duration_ms": 12.5,
}


def run(rounds: int, size: Size) -> list[Row]:
    """Wall and processor time of a session; then one log row by itself."""
    with _stub_model() as url:
        os.environ["SMALL_RVBBIT_LLM"] = url
        seen = interleaved(
            {name: _sessions(around, SESSIONS[size]) for name, around in _VARIANTS.items()},
            rounds,
        )
    wall, cpu = ({name: [each[place] for each in figures] for name, figures in seen.items()} for place in (0, 1))
    rows = []
    for what, figures, limit in (("processor time", cpu, 1.05), ("wall time", wall, None)):
        rows += [
            row(f"with us, {what}, beside plain spans", "us a session", figures["ours"], figures["plain"], limit),
            row(f"with us, {what}, beside none", "us a session", figures["ours"], figures["none"]),
            row(f"plain spans, {what}, beside none", "us a session", figures["plain"], figures["none"]),
        ]
    return rows + _log_row(rounds, LOG_CALLS[size])


# Each gives what flushes the spans that wait.
@contextmanager
def _none() -> Iterator[Callable[[], object]]:
    yield lambda: None


@contextmanager
def _ours() -> Iterator[Callable[[], object]]:
    provider = provider_with_sink()
    RvbbitInstrumentor().instrument(tracer_provider=provider, runners=("small_rvbbit",))
    try:
        yield provider.force_flush
    finally:
        RvbbitInstrumentor().uninstrument()
        provider.shutdown()


@contextmanager
def _plain() -> Iterator[Callable[[], object]]:
    provider = provider_with_sink()
    with plain_spans(provider.get_tracer("plain")):
        yield provider.force_flush
    provider.shutdown()


_VARIANTS = {"none": _none, "plain": _plain, "ours": _ours}


def _sessions(around: Callable[[], Any], sessions: int) -> Callable[[], tuple[float, float]]:
    """Microseconds of wall and processor time of one session, the export of its spans counted."""

    def measure() -> tuple[float, float]:
        with around() as flush:
            caller_context.set_caller_context("sql-clever-fox-abc123", {"origin": "sql"}, "1")
            # Looked up here: what is instrumented replaces it.
            run_cascade = runner.run_cascade
            run_cascade(str(_CASCADE), {"product_name": "Apple iPhone"})
            wall, cpu = time.perf_counter(), time.process_time()
            for number in range(sessions):
                run_cascade(str(_CASCADE), {"product_name": f"Apple iPhone {number}"}, f"session-{number:012x}")
            wall = time.perf_counter() - wall
            flush()  # What waited is the process's work too.
            cpu = time.process_time() - cpu
            caller_context.clear_caller_context("1")
        return wall / sessions * 1e6, cpu / sessions * 1e6

    return measure


def _log_row(rounds: int, calls: int) -> list[Row]:
    """A log call in a session that runs, over the runner's own; a bare SDK span with the same attributes stands beside it."""

    session = "session-00000000abcd"

    def unwrapped() -> float:
        return nanoseconds_a_call(lambda: logs.log_message(session, "assistant", "Apple", **_AGENT), calls)

    def with_us() -> float:
        provider = TracerProvider(shutdown_on_exit=False)
        RvbbitInstrumentor().instrument(tracer_provider=provider, runners=("small_rvbbit",))
        try:
            caller_context.set_caller_context("sql-clever-fox-abc123", {"origin": "sql"}, "1")
            echo.sessions.get_session(session)
            tools = RvbbitInstrumentor._current.tools
            token = attach(tools.sessions.attached(session, tools.sessions.context_for(session)))
            try:
                return nanoseconds_a_call(lambda: logs.log_message(session, "assistant", "Apple", **_AGENT), calls)
            finally:
                detach(token)
                caller_context.clear_caller_context("1")
                echo.sessions.forget(session)
        finally:
            RvbbitInstrumentor().uninstrument()

    def bare() -> float:
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("bare")
        attributes: dict[str, Any] = {
            "session.id": session,
            "rvbbit.kind": "log",
            "rvbbit.log.role": "assistant",
            "rvbbit.log.node_type": "agent",
            "rvbbit.cell.name": "extract",
            "rvbbit.take.index": 1,
            "rvbbit.duration_ms": 12.5,
            "gen_ai.request.model": "stub/brand-1",
            "gen_ai.usage.input_tokens": 8,
            "gen_ai.usage.output_tokens": 1,
            "rvbbit.usage.cost": 0.00001,
            "rvbbit.usage.counted": True,
        }
        return nanoseconds_a_call(lambda: tracer.start_span("log assistant", attributes=dict(attributes)).end(), calls)

    seen = interleaved({"ours": with_us, "none": unwrapped, "bare": bare}, rounds)
    extra = [(mine - none) / 1000 for mine, none in zip(seen["ours"], seen["none"], strict=True)]
    return [row("one log row", "us extra a row", extra, [each / 1000 for each in seen["bare"]])]


@contextmanager
def _stub_model() -> Iterator[str]:
    """The stub in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        ready = Path(name) / "ready.json"
        command = [sys.executable, "-m", "small_rvbbit.stub_llm", "--ready-file", str(ready)]
        path = os.pathsep.join([str(Path(runner.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})
        try:
            until = time.monotonic() + 60
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError("the stub model did not start")
                time.sleep(0.01)
            yield json.loads(ready.read_text())["url"]
        finally:
            process.terminate()
            process.wait(30)
