"""More than it can take: senders are asked to come again, each time counted, and what is acknowledged is stored once."""

from __future__ import annotations

import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.load import by_grpc, by_http, counts, send_all
from benchmarks.recorded import Bodies
from tests.support.all_in_one import running_all_in_one
from tests.support.programs import until

from rvbbit_otel.storage.client import ClickHouseDatabase

SPANS, BODIES, SENDERS = 500, 24, 12


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:
        return str(response.read().decode())


def test_a_queue_that_is_too_small_for_its_senders_refuses_retryably_and_shows_how_often(tmp_path: Path) -> None:
    made = Bodies(SPANS)
    size = len(made(0))
    with (
        running_all_in_one(tmp_path / "data", limits={"max_queued": 2 * size}) as server,
        by_grpc(server.otlp_grpc) as grpc,
        ThreadPoolExecutor(2) as both,
    ):
        # Each door has six times the senders that there is room for.
        ways = [(grpc, range(BODIES)), (by_http(server.otlp_http), range(BODIES, 2 * BODIES))]
        sent = list(both.map(lambda way: send_all(way[0], made, way[1], SENDERS), ways))
        assert [each.bodies for each in sent] == [BODIES, BODIES]
        assert min(each.refused for each in sent) > 0
        spans = 2 * BODIES * SPANS
        assert counts(ClickHouseDatabase(server.clickhouse)) == (spans, spans, spans // 20)
        # The last acknowledgement comes a moment before its bytes are counted off.
        until("nothing waits", lambda: json.loads(get(server.otlp_http + "/healthz"))["queued_bytes"] == 0)
        shown = dict(re.findall(r"^(rvbbit_otel_\S+) (\d+)$", get(server.otlp_http + "/metrics"), re.MULTILINE))
        refused = [int(count) for name, count in shown.items() if name.startswith("rvbbit_otel_refused_total")]
        assert sum(refused) == sum(each.refused for each in sent)
        assert shown['rvbbit_otel_stored_total{label="traces"}'] == str(2 * BODIES)
        assert shown["rvbbit_otel_queued_bytes"] == "0"
        assert json.loads(get(server.otlp_http + "/healthz"))["counters"]["stored.traces"] == 2 * BODIES
