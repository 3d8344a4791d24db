"""What a stamp costs, counted and not timed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from tests.unit.core.held import CONTEXTS

from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.propagation import with_caller, with_session
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.sdk.span_processor import STAMP_SLOT, CallerSpanProcessor

FOX = Caller.of("sql-clever-fox-abc123", {"origin": "sql"})
ROOT = Path(__file__).parents[3]


def _registry() -> EchoRegistry:
    registry = EchoRegistry()
    registry.open(SessionId("s1"), FOX)
    return registry


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_stamped_span_holds_references_and_no_copies(context: str) -> None:
    # The slot of the stamp and room for four entries; one stamp of its own would be 232 bytes more.
    command = [sys.executable, "-m", "tests.unit.core.held", context]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    source, *figures = said.stdout.split()
    stamped, least, plain = map(float, figures)
    assert source == context
    assert stamped == least
    assert stamped - plain < 200


def test_two_spans_of_one_caller_share_their_stamp() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(CallerSpanProcessor(_registry()))
    tracer = provider.get_tracer("t")
    for context in (with_session(with_caller(Context(), FOX), SessionId("s1")), with_caller(Context(), FOX), Context()):
        first, second = (
            getattr(tracer.start_span("log", context)._attributes, STAMP_SLOT)  # type: ignore[attr-defined]
            for _ in range(2)
        )
        assert first is second
