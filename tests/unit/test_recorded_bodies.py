"""The bodies that benchmarks send by the million are what the protobuf library writes."""

from __future__ import annotations

from benchmarks.recorded import Bodies, span
from tests.support.otlp import traces


def test_a_body_has_the_bytes_of_the_library() -> None:
    bodies = Bodies(spans=50)
    for number in (0, 1, 123_456):
        assert bodies(number) == traces(*(span(number * 50 + index) for index in range(50)))
