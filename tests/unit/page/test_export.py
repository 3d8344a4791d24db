"""What leaves as CSV or JSON: exact, and no formula."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timezone
from decimal import Decimal

import pytest

from rvbbit_otel.errors import StoreError
from rvbbit_otel.page.asking import Answer, decode
from rvbbit_otel.page.export import as_csv, as_json

_BODY = json.dumps(
    {
        "meta": [
            {"name": "at", "type": "SimpleAggregateFunction(min, DateTime64(9))"},
            {"name": "seen", "type": "Nullable(DateTime)"},
            {"name": "cost", "type": "Decimal(38, 12)"},
            {"name": "rows", "type": "UInt64"},
            {"name": "who", "type": "LowCardinality(String)"},
            {"name": "on", "type": "Bool"},
            {"name": "times", "type": "Array(DateTime)"},
        ],
        "data": [["1769731200.123456789", None, "0.000000000001", 18446744073709551615, "=1+1", True, ["1"]]],
    }
).encode()


def test_an_answer_keeps_every_digit() -> None:
    columns, types, rows = decode(_BODY)
    assert columns == ("at", "seen", "cost", "rows", "who", "on", "times")
    assert len(types) == 7
    assert rows == [
        {
            "at": datetime(2026, 1, 30, 0, 0, 0, 123456, timezone.utc),
            "seen": None,
            "cost": Decimal("0.000000000001"),
            "rows": 18446744073709551615,
            "who": "=1+1",
            "on": True,
            "times": ["1"],
        }
    ]
    with pytest.raises(StoreError, match="is no JSONCompact"):
        decode(b"Code: 1")


def test_csv_and_json_are_exact_and_a_formula_is_text() -> None:
    answer = Answer("q", "SELECT 1", {"caller": "x"}, *decode(_BODY), 0.1)
    ((at, seen, cost, rows, who, on, times),) = list(csv.reader(io.StringIO(as_csv(answer).decode())))[1:]
    assert (at, seen, cost, rows, who, on, times) == (
        "2026-01-30T00:00:00.123456Z", "", "0.000000000001", "18446744073709551615", "'=1+1", "True", '["1"]',
    )  # fmt: skip
    (question,) = json.loads(as_json("rows", [answer]))["questions"]
    assert (question["sql"], question["parameters"], question["rows"][0]["cost"]) == (
        "SELECT 1",
        {"caller": "x"},
        "0.000000000001",
    )
