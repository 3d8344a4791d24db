"""Every audit, beside reading all columns of the tables that they ask once."""

from __future__ import annotations

from benchmarks.harness import Row, Size, interleaved, row
from benchmarks.store import OURS, ask, filled
from rvbbit_otel.storage.audits import load_audits

ROWS: dict[Size, int] = {"smoke": 20_000, "short": 1_000_000, "full": 5_000_000}
_LIMIT = 3.0


def run(rounds: int, size: Size) -> list[Row]:
    """All of them together have the limit; each is shown."""
    rounds = min(rounds, 3)
    # All in memory: what is written to a file meanwhile says more of the disk than of the audit.
    roomy = {
        "max_memory_usage": 8 * 2**30,
        "max_bytes_before_external_group_by": 0,
        "max_bytes_before_external_sort": 0,
    }
    with filled(ROWS[size]) as store, store.engine.reader(roomy) as reader:
        store.merge(*OURS, "otel_traces")

        def read_all() -> float:
            return sum(ask(reader, f"SELECT * FROM {table} FORMAT Null")[0] for table in (*OURS, "otel_traces"))

        variants = {
            audit.name: lambda audit=audit: ask(
                reader, audit.sql, **{each.name: each.default for each in audit.parameters}
            )[0]
            for audit in load_audits()
        }
        seen = interleaved({"read": read_all, **variants}, rounds)
        together = [sum(seen[name][number] for name in variants) for number in range(rounds)]
        rows = [row(f"all {len(variants)} audits, {store.rows} rows", "ms", together, seen["read"], _LIMIT)]
        return [*rows, *(row(f"{name}, {store.rows} rows", "ms", seen[name], seen["read"]) for name in variants)]
