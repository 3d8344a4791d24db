"""The bodies that benchmarks send by the million are what the protobuf library writes."""

from __future__ import annotations

import pytest
from benchmarks.recorded import STEP_NS, Bodies, span
from tests.support.otlp import traces


@pytest.mark.parametrize("step_ns", [STEP_NS, 1_000, 1_000_000])
def test_a_body_has_the_bytes_of_the_library(step_ns: int) -> None:
    bodies = Bodies(spans=50, step_ns=step_ns)
    for number in (0, 1, 123_456):
        assert bodies(number) == traces(*(span(number * 50 + index, step_ns) for index in range(50)))
