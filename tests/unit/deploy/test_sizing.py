"""The page about sizes says what the arithmetic gives, and the arithmetic stands on the figures that were measured."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import replace

import pytest
from benchmarks import sizing
from tests.support.files import ROOT

PAGE = (ROOT / "docs/explanation/sizing.md").read_text()


def test_the_page_is_what_the_script_writes() -> None:
    assert sizing.written(PAGE) == PAGE
    for name, part in sizing.PARTS.items():
        assert f"<!-- {name} -->\n{part()}\n<!-- /{name} -->" in PAGE


def test_each_figure_is_that_of_the_results() -> None:
    rows = {
        (each["benchmark"], row["case"]): row["figure"]
        for each in json.loads((ROOT / "benchmarks/results.json").read_text())
        for row in each["rows"]
    }
    found = sizing.measured()
    assert found.cpu_us == rows["ingest", "sustained, processor time of the server, merges included"]
    for table in ("unified_logs", "session_facts", "otel_traces"):
        assert found.bytes[table] == rows["storage", f"{table}, on disk"]
    # Another figure in the file is another page.
    more = replace(found, cpu_us=found.cpu_us * 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizing, "measured", lambda: more)
        assert sizing.written(PAGE) != PAGE


def test_a_billion_spans_a_day_add_up() -> None:
    spans = 1_000_000_000
    found, figures = sizing.size(spans), sizing.measured()
    one_copy = sum(spans * figures.bytes[table] * sizing.KEPT[table] for table in sizing.KEPT)
    assert found.fast == pytest.approx(2 * one_copy / 0.7)
    assert found.shards == math.ceil(one_copy / 0.7 / 8e12)
    assert found.hours_to_copy == pytest.approx(one_copy / found.shards / 200e6 / 3600)
    tiered = sizing.size(spans, tiered=True)
    assert tiered.fast + tiered.cold == pytest.approx(found.fast)


def test_a_node_has_the_memory_that_a_question_may_take() -> None:
    (limit,) = re.findall(r"max_memory_usage = (\d+)", (ROOT / "clickhouse/users/20_audits.sql").read_text())
    assert 2 * int(limit) <= sizing.LEAST_CORES * 4e9


def test_the_lifetimes_are_those_that_the_decision_names() -> None:
    lifetimes = (ROOT / "docs/adr/0015-sizes-keys-and-lifetimes.md").read_text()
    for table, days in sizing.KEPT.items():
        assert re.search(rf"`{table}` \|.*\| {days} days", lifetimes)


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
            assert larger.cores_a_replica / larger.shards >= sizing.LEAST_CORES


def test_the_figures_of_content_and_of_the_queue_are_right() -> None:
    assert 100 * 365 * 2 * 1_000_000 / 1e9 == 73
    assert "so an hour wants 42 GB" in PAGE
    assert round(3600 * 11_574 * 1000 / 1e9) == 42
    assert "1 GiB in 93 s" in PAGE
    assert round(2**30 / (11_574 * 1000)) == 93
