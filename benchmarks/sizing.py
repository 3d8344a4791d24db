"""How much machine a number of spans a day asks for: `python -m benchmarks.sizing` writes the tables of docs/explanation/sizing.md.

Arithmetic on paper over the figures of benchmarks/results.json, measured on a small machine. No cluster was measured.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).parent / "results.json"
PAGE: Final = Path(__file__).parent.parent / "docs" / "explanation" / "sizing.md"
# How long each is kept, in days (ADR 15), and how long on fast disks where there are tiers (clickhouse/tiered/tiered.sql).
KEPT: Final = {"unified_logs": 365, "session_facts": 365, "otel_traces": 30, "otel_logs": 30}
FAST: Final = {"unified_logs": 7, "session_facts": 62, "otel_traces": 7, "otel_logs": 7}
# Assumed. The busiest minute is three times the mean of a day. Of a core's time at that minute half is for inserts and merges, half for questions.
PEAK, SHARE_FOR_INSERTS = 3, 1 / 2
# Assumed. No benchmark stores log records: one for each span, as large as a raw span. Your own: the panel *Tables*.
LOG_RECORDS_A_SPAN = 1
# A disk is at most this full: a merge writes a part anew before it lets the old ones go, and the engine moves parts to the next volume at 10 % free.
FULL = 0.7
REPLICAS = 2
# Assumed: what one node should have at most. A question of an audit may take 8 GB (clickhouse/users/20_audits.sql): four cores of 4 GB at least.
CORES_A_NODE, LEAST_CORES, FAST_A_NODE, COLD_A_NODE = 16, 4, 8e12, 40e12
# Assumed: what another replica or a shard's copy comes over the network and onto the disk at, bytes a second.
COPIED_A_SECOND = 200e6
# Assumed, in dollars a month; put yours here.
DOLLARS_A_CORE, DOLLARS_A_FAST_TB, DOLLARS_A_COLD_TB = 25, 90, 25
SPANS_A_DAY: Final = (10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000)


@dataclass(frozen=True)
class Measured:
    """What results.json says: microseconds of processor time for one span in all tables, merges included; bytes a span in each table, merged."""

    cpu_us: float
    bytes: dict[str, float]


@cache
def measured() -> Measured:
    """The figures that all else stands on; raises KeyError where the file lacks one."""
    rows = {
        (each["benchmark"], row["case"]): row["figure"]
        for each in json.loads(RESULTS.read_text(encoding="utf-8"))
        for row in each["rows"]
    }
    sizes = {name: rows["storage", f"{name}, on disk"] for name in ("unified_logs", "session_facts", "otel_traces")}
    sizes["otel_logs"] = LOG_RECORDS_A_SPAN * sizes["otel_traces"]
    return Measured(rows["ingest", "sustained, processor time of the server, merges included"], sizes)


@dataclass(frozen=True)
class Size:
    """What one number of spans a day asks for; cores of one replica of all shards; disks in bytes, as they are to be bought, all nodes together."""

    spans_a_day: int
    spans_a_second: float
    cores_a_replica: int
    fast: float
    cold: float
    shards: int
    hours_to_copy: float
    dollars: float


def size(spans_a_day: int, *, tiered: bool = False) -> Size:
    """Every span is taken for one of a session, so this is the upper end."""
    found = measured()
    mean = spans_a_day / 86_400
    cores = math.ceil(mean * PEAK * found.cpu_us / 1e6 / SHARE_FOR_INSERTS)
    days = FAST if tiered else KEPT
    fast = sum(found.bytes[table] * days[table] for table in KEPT) * spans_a_day
    cold = sum(found.bytes[table] * (KEPT[table] - days[table]) for table in KEPT) * spans_a_day
    shards = max(
        1, *(math.ceil(part) for part in (cores / CORES_A_NODE, fast / FULL / FAST_A_NODE, cold / FULL / COLD_A_NODE))
    )
    cores = max(cores, LEAST_CORES * shards)
    bought = (REPLICAS * fast / FULL, REPLICAS * cold / FULL)
    monthly = (
        REPLICAS * cores * DOLLARS_A_CORE + bought[0] / 1e12 * DOLLARS_A_FAST_TB + bought[1] / 1e12 * DOLLARS_A_COLD_TB
    )
    return Size(spans_a_day, mean, cores, *bought, shards, (fast + cold) / shards / COPIED_A_SECOND / 3600, monthly)


def table(*, tiered: bool) -> str:
    """The sizes as a table of Markdown."""
    lines = [
        "| spans a day | a second, mean | cores, each replica | shards x replicas | fast disk | cold disk | a node is copied in | dollars a month |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for spans in SPANS_A_DAY:
        found = size(spans, tiered=tiered)
        cells = (
            f"{spans:,}",
            f"{found.spans_a_second:,.0f}",
            str(found.cores_a_replica),
            f"{found.shards} x {REPLICAS}",
            _space(found.fast),
            _space(found.cold) if tiered else "none",
            f"{found.hours_to_copy:,.1f} h",
            f"{found.dollars:,.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def figures() -> str:
    """What was measured, as a table of Markdown."""
    found = measured()
    lines = ["| what | figure | by |", "|---|---|---|"]
    rate = 1e6 / found.cpu_us
    cost = f"{found.cpu_us:.1f} us of a core, so {rate:,.0f} a second and core"
    lines.append(
        f"| a span stored in all tables, merges included, content off | {cost} | `python -m benchmarks ingest` |"
    )
    for name in ("unified_logs", "session_facts", "otel_traces"):
        lines.append(f"| `{name}`, merged | {found.bytes[name]:.1f} bytes a span | `python -m benchmarks storage` |")
    return "\n".join(lines)


def example(spans: int = 1_000_000_000) -> str:
    """The arithmetic of one number of spans, a line a step."""
    found, whole = measured(), size(spans)
    mean = spans / 86_400
    terabytes = {name: spans * found.bytes[name] * KEPT[name] / 1e12 for name in KEPT}
    lines = [
        ("mean", f"{spans:,} / 86,400 s", f"{mean:,.0f} spans/s"),
        ("peak", f"{mean:,.0f} x {PEAK}", f"{mean * PEAK:,.0f} spans/s"),
        (
            "cores",
            f"{mean * PEAK:,.0f} x {found.cpu_us:.1f} us / {SHARE_FOR_INSERTS}",
            f"{mean * PEAK * found.cpu_us / 1e6 / SHARE_FOR_INSERTS:.1f} a replica",
        ),
        *(
            (name, f"{spans:,} x {found.bytes[name]:.1f} B x {KEPT[name]} days", f"{terabytes[name]:.1f} TB")
            for name in KEPT
        ),
        ("one copy", "all four", f"{sum(terabytes.values()):.1f} TB"),
        (
            "disk",
            f"{sum(terabytes.values()):.1f} TB x {REPLICAS} replicas / {FULL} full",
            f"{whole.fast / 1e12:.1f} TB",
        ),
        (
            "shards",
            f"{whole.fast / REPLICAS / 1e12:.1f} TB / {FAST_A_NODE / 1e12:.0f} TB a node",
            f"{whole.shards}, so {whole.cores_a_replica} cores a replica",
        ),
    ]
    return "\n".join(f"    {name:<14}{step:<46} = {result}" for name, step, result in lines)


def _space(amount: float) -> str:
    return f"{amount / 1e12:,.1f} TB" if amount >= 1e12 else f"{amount / 1e9:,.0f} GB"


PARTS: Final = {
    "figures": figures,
    "example": example,
    "fast": lambda: table(tiered=False),
    "tiered": lambda: table(tiered=True),
}


def written(page: str) -> str:
    """The page with each part between its two marks made anew."""
    for name, part in PARTS.items():
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda marks, part=part: f"{marks[1]}{part()}\n{marks[2]}",
            page,
            flags=re.S,
        )
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
