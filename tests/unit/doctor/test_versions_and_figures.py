"""Versions that clash, clocks that differ, spans that are no rows, calls without a price."""

from __future__ import annotations

import importlib.metadata
import time
from typing import Any, cast

import pytest

from rvbbit_otel.doctor import figures, versions
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.database import Result


class Package:
    def __init__(self, name: str, version: str, *requires: str) -> None:
        self.metadata, self.version, self.requires = {"Name": name}, version, list(requires)


def told(monkeypatch: pytest.MonkeyPatch, *packages: Package) -> tuple[str, str]:
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: iter(packages))
    link = versions.versions()
    return link.state, link.seen


def test_versions_that_clash_are_named_and_extras_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Package("rvbbit-otel", "1", "opentelemetry-sdk>=1.42", "chdb>=4; extra == 'embedded'", "Rich", "=broken=")
    rich, sdk = Package("rich", "13"), Package("opentelemetry-sdk", "1.45", "opentelemetry_api==1.45")
    assert told(monkeypatch, ours, rich, sdk, Package("opentelemetry-api", "1.45")) == (
        "ok",
        "3 packages go together, OpenTelemetry's SDK 1.45 among them",
    )
    assert told(monkeypatch, ours, Package("opentelemetry-sdk", "1.40"), Package("other", "1", "rich>99")) == (
        "broken",
        "rvbbit-otel 1 needs opentelemetry-sdk >=1.42, and 1.40 is installed; rvbbit-otel needs Rich, which is not installed",
    )


def store(*rows: tuple[object, ...]) -> ClickHouseDatabase:
    class Fake:
        def query(self, sql: str, parameters: Any = None) -> Result:
            return Result((), list(rows))

    return cast("ClickHouseDatabase", Fake())


def test_a_clock_that_differs_is_broken_and_says_which_way() -> None:
    assert figures.clock(store((time.time(),))).state == "ok"
    behind = figures.clock(store((time.time() - 120,)))
    assert (behind.state, behind.seen) == ("broken", "the store's clock is 120 s behind this machine's")
    assert "ahead of" in figures.clock(store((time.time() + 60,))).seen


@pytest.mark.parametrize(
    ("spans", "rows", "state", "said"),
    [
        (0, 0, "ok", "no spans in the last day"),
        (5, 5, "ok", "5 spans of the last day, each a row"),
        (5, 2, "note", "2 of 5 spans of the last day are rows"),
        (5, 0, "broken", "5 spans of the last day are stored, and none is a row"),
    ],
)
def test_spans_that_are_no_rows_are_counted(spans: int, rows: int, state: str, said: str) -> None:
    link = figures.rows(store((spans, rows)))
    assert (link.state, link.seen.startswith(said)) == (state, True)


def test_models_without_a_price_are_named_up_to_five() -> None:
    assert figures.prices(store()).state == "ok"
    link = figures.prices(store(*(("p", f"m{number}", 2) for number in range(6)), ("p", "", 1)))
    said = "sums of dollars are lower bounds: no price for m0 (2 calls), m1 (2 calls), m2 (2 calls), m3 (2 calls), m4 (2 calls) and 2 more"
    assert (link.state, link.seen) == ("note", said)
