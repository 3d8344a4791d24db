"""The page about sizes says what the arithmetic gives, and the arithmetic stands on the figures that were measured."""

from __future__ import annotations

import itertools
import re

from benchmarks import sizing
from tests.support.files import ROOT

PAGE = (ROOT / "docs/explanation/sizing.md").read_text()


def test_the_tables_are_what_the_arithmetic_gives() -> None:
    for tiered in (False, True):
        assert sizing.table(tiered=tiered) in PAGE


def test_the_worked_example_adds_up() -> None:
    spans = 1_000_000_000
    mean = spans / 86_400
    rows, sessions, raw = (
        spans * sizing.BYTES[table] * sizing.KEPT[table] / 1e12
        for table in ("unified_logs", "session_facts", "otel_traces")
    )
    lines = {
        "mean": f"{mean:,.0f} spans/s",
        "peak": f"{round(mean) * 3:,} spans/s",
        "cores": f"{mean * 3 * 3 / 23_750:.1f}, so 5 a replica",
        "rows": f"{rows:.1f} TB",
        "sessions": f"{sessions:.1f} TB",
        "raw spans": f"{raw:.1f} TB",
        "disk": f"{(rows + sessions + raw) * 2:.1f} TB",
        "shards": "3",
    }
    for name, result in lines.items():
        (found,) = re.findall(rf"^    {name} .*= +(.*)$", PAGE, re.M)
        assert found.startswith(result)
    found = sizing.size(spans)
    assert (found.cores_a_replica, found.shards) == (6, 3)
    assert round(found.fast / 1e12, 1) == round((rows + sessions + raw) * 2, 1)


def test_the_figures_are_those_that_the_decisions_name() -> None:
    lifetimes = (ROOT / "docs/adr/0015-sizes-keys-and-lifetimes.md").read_text()
    assert f"`unified_logs` {sizing.UNIFIED_LOGS} bytes a row" in lifetimes
    assert f"`otel_traces` {sizing.OTEL_TRACES:.0f} bytes a row" in lifetimes
    assert re.search(r"`unified_logs` \|.*\| 365 days", lifetimes)
    assert re.search(r"`otel_traces` \|.*\| 30 days", lifetimes)
    sessions = next((ROOT / "docs/adr").glob("0011-*")).read_text()
    assert f"{sizing.SESSION_FACTS * 20:.0f} bytes a session of 20 rows" in sessions


def test_the_tiers_are_those_of_the_sql() -> None:
    text = (ROOT / "clickhouse/tiered/tiered.sql").read_text()
    for table, days in sizing.FAST.items():
        (line,) = re.findall(rf"^ALTER TABLE {table} MODIFY TTL .*$", text, re.M)
        assert re.findall(r"INTERVAL (\d+) DAY", line) == [str(days), str(sizing.KEPT[table])]


def test_more_spans_never_ask_for_less() -> None:
    for tiered in (False, True):
        found = [sizing.size(10**power, tiered=tiered) for power in range(4, 12)]
        for smaller, larger in itertools.pairwise(found):
            assert larger.cores_a_replica >= smaller.cores_a_replica
            assert larger.shards >= smaller.shards
            assert larger.dollars > smaller.dollars
            assert larger.cores_a_replica / larger.shards >= 2


def test_the_figures_of_content_and_of_the_queue_are_right() -> None:
    assert 100 * 365 * 2 * 1_000_000 / 1e9 == 73
    assert "so an hour wants 42 GB" in PAGE
    assert round(3600 * 11_574 * 1000 / 1e9) == 42
    assert "1 GiB in 93 s" in PAGE
    assert round(2**30 / (11_574 * 1000)) == 93
