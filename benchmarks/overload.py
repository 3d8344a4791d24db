"""Many more senders of large bodies than there is room for, over gRPC and HTTP, beside as many as there is room for.

Memory stays bounded, what is acknowledged is stored once, and each request that is refused is counted where `/metrics` shows it.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.all_in_one import running_all_in_one

from benchmarks.harness import Row, Size, absolute, row, shown
from benchmarks.load import (
    SENDERS,
    by_grpc,
    by_http,
    counts,
    for_seconds,
    peak_mib,
    refusals,
    send_all,
    wait_until_stored,
)
from benchmarks.recorded import SPANS, Bodies
from rvbbit_otel.storage.client import ClickHouseDatabase

SECONDS: dict[Size, float] = {"smoke": 2.0, "short": 10.0, "full": 60.0}
# Bodies of 2.8 MB: 360 MB offered at once, where 128 MiB may wait for the journal, and the journal may hold 1 GiB.
_SENDERS_EACH = 64
# What may wait, what one group needs while it is stored, merges, and the engine's own caches.
_MOST_MIB = 2048.0


def run(rounds: int, size: Size) -> list[Row]:
    """One time each: as many as there is room for, and many more."""
    bodies, seconds = Bodies(), SECONDS[size]
    with (
        tempfile.TemporaryDirectory() as name,
        running_all_in_one(Path(name) / "data", stop_seconds=300) as store,
        by_grpc(store.otlp_grpc) as grpc,
        ThreadPoolExecutor(2) as both,
    ):
        database = ClickHouseDatabase(store.clickhouse)
        usual = send_all(grpc, bodies, for_seconds(0, seconds))
        usual_rate = usual.bodies * SPANS / usual.seconds
        wait_until_stored(store.otlp_http)
        starts = ((grpc, 100_000), (by_http(store.otlp_http), 200_000))
        sent = list(both.map(lambda way: send_all(way[0], bodies, for_seconds(way[1], seconds), _SENDERS_EACH), starts))
        taken = sum(each.bodies for each in sent)
        spans = (usual.bodies + taken) * SPANS
        wait_until_stored(store.otlp_http)
        found = counts(database)
        if found[:2] != (spans, spans):
            raise AssertionError(f"{spans} spans were acknowledged, {found} are stored")
        refused, told = usual.refused + sum(each.refused for each in sent), refusals(store.otlp_http)
        if told != refused:
            raise AssertionError(f"senders were asked {refused} times to come again, the server counted {told}")
        rate = taken * SPANS / max(each.seconds for each in sent)
        return [
            absolute(
                f"most memory, {2 * _SENDERS_EACH} senders for {seconds:g} s", "MiB", [peak_mib(store.pid)], _MOST_MIB
            ),
            row(f"{2 * _SENDERS_EACH} senders, beside {SENDERS}", "us a span", [1e6 / rate], [1e6 / usual_rate]),
            shown("asked to come again, as senders and server say alike", "requests", refused),
            shown("acknowledged meanwhile", "requests", taken),
        ]
