"""How much machine a number of spans a day asks for: `python -m benchmarks.sizing` prints the tables of docs/explanation/sizing.md.

Arithmetic on paper over figures measured on a small machine. No cluster was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Measured, 2 cores: `python -m benchmarks ingest`, gRPC, content off.
SPANS_A_SECOND_AND_CORE = 47_500 / 2
# Measured after merging 5 M rows in 250,000 sessions, content off (ADR 11, ADR 15): bytes for one span.
UNIFIED_LOGS, SESSION_FACTS, OTEL_TRACES = 20.7, 74 / 20, 48.0
# How long each is kept, in days (ADR 15), and how long on fast disks where there are tiers (clickhouse/tiered/tiered.sql).
KEPT = {"unified_logs": 365, "session_facts": 365, "otel_traces": 30}
FAST = {"unified_logs": 7, "session_facts": 62, "otel_traces": 7}
BYTES = {"unified_logs": UNIFIED_LOGS, "session_facts": SESSION_FACTS, "otel_traces": OTEL_TRACES}
# Assumed. The busiest minute is three times the mean of a day; a third of the cores is for inserts, the rest for merges and questions.
PEAK, SHARE_FOR_INSERTS = 3, 1 / 3
REPLICAS = 2
# Assumed: what one node should hold at most, so that a lost one is copied again within a day at 50 MB/s.
CORES_A_NODE, BYTES_A_NODE = 16, 4e12
# Assumed, in dollars a month; put yours here.
DOLLARS_A_CORE, DOLLARS_A_FAST_TB, DOLLARS_A_COLD_TB = 25, 90, 25


@dataclass(frozen=True)
class Size:
    """What one number of spans a day asks for; disks in bytes, all replicas together."""

    spans_a_day: int
    spans_a_second: float
    cores_a_replica: int
    fast: float
    cold: float
    shards: int
    dollars: float


def size(spans_a_day: int, *, tiered: bool = False) -> Size:
    """Every span is taken for one of a session, so this is the upper end."""
    mean = spans_a_day / 86_400
    cores = max(2, math.ceil(mean * PEAK / SHARE_FOR_INSERTS / SPANS_A_SECOND_AND_CORE))
    days = FAST if tiered else KEPT
    fast = sum(BYTES[table] * days[table] for table in BYTES) * spans_a_day
    cold = sum(BYTES[table] * (KEPT[table] - days[table]) for table in BYTES) * spans_a_day
    shards = max(1, math.ceil(cores / CORES_A_NODE), math.ceil(fast / BYTES_A_NODE))
    # A node has two cores at least, however little there is to do.
    cores = max(cores, 2 * shards)
    monthly = REPLICAS * (cores * DOLLARS_A_CORE + fast / 1e12 * DOLLARS_A_FAST_TB + cold / 1e12 * DOLLARS_A_COLD_TB)
    return Size(spans_a_day, mean, cores, fast * REPLICAS, cold * REPLICAS, shards, monthly)


def table(*, tiered: bool) -> str:
    """The sizes as a table of Markdown."""
    lines = [
        "| spans a day | a second, mean | cores, each replica | shards x replicas | fast disk | cold disk | dollars a month |",
        "|---|---|---|---|---|---|---|",
    ]
    for spans in (1_000_000, 10_000_000, 100_000_000, 1_000_000_000):
        found = size(spans, tiered=tiered)
        cells = (
            f"{spans:,}",
            f"{found.spans_a_second:,.0f}",
            str(found.cores_a_replica),
            f"{found.shards} x {REPLICAS}",
            _space(found.fast),
            _space(found.cold) if tiered else "none",
            f"{found.dollars:,.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _space(amount: float) -> str:
    return f"{amount / 1e12:,.1f} TB" if amount >= 1e12 else f"{amount / 1e9:,.0f} GB"


if __name__ == "__main__":
    print(table(tiered=False))
    print()
    print(table(tiered=True))
