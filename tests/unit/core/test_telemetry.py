from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from rvbbit_otel.counters import Counters, Once, observe


def test_no_increment_is_lost_between_threads() -> None:
    counters = Counters()

    def work(_: int) -> None:
        for _ in range(10_000):
            counters.add("stamped.echo")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert counters.snapshot() == {"stamped.echo": 80_000}


def test_an_error_is_counted_each_time_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    with caplog.at_level(logging.ERROR, "rvbbit_otel"):
        for _ in range(3):
            counters.error("processor.on_start", ValueError("x"))
        counters.error("processor.on_start", KeyError("y"))
    assert counters.snapshot() == {"errors.processor.on_start": 4}
    assert [record.getMessage().split(" failed")[0] for record in caplog.records] == [
        "rvbbit-otel: processor.on_start"
    ] * 2


def test_a_warning_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    once = Once()
    with caplog.at_level(logging.WARNING, "rvbbit_otel"):
        once.warn("a")
        once.warn("a")
        once.warn("b")
    assert [record.getMessage() for record in caplog.records] == ["rvbbit-otel: a", "rvbbit-otel: b"]


def test_the_counters_are_shown_as_metrics_without_callers_or_sessions() -> None:
    counters, reader = Counters(), InMemoryMetricReader()
    observe(MeterProvider([reader]).get_meter("rvbbit_otel"), counters, lambda: 7)
    counters.add("stamped.echo", 3)
    counters.add("stamped.none")
    counters.add("evicted", 2)
    data = reader.get_metrics_data()
    assert data is not None
    seen = {
        (metric.name, tuple(dict(point.attributes or {}).items())): point.value
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
    }
    assert seen == {
        ("rvbbit.attribution.stamped", (("label", "echo"),)): 3,
        ("rvbbit.attribution.stamped", (("label", "none"),)): 1,
        ("rvbbit.attribution.evicted", ()): 2,
        ("rvbbit.attribution.sessions", ()): 7,
    }
