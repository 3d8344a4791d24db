"""The store's zone is UTC whatever the machine's is, and whatever it was when the store was written."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import clickhouse_connect
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import NOW, row, traces

HOUR = 3600 * 10**9
DAY = 24 * HOUR
# One row an hour for two days, so that every hour of a day is among them, and with it midnight in every zone.
HOURS = [NOW // DAY * DAY - 3 * DAY + number * HOUR for number in range(48)]
# What another version of ours, or another start of it, left behind: the engine was loaded in the machine's zone.
_IN_ANOTHER_ZONE = """
import sys
import chdb
from pathlib import Path
from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.otlp.requests import prepare
from rvbbit_otel.storage.migrations import apply
from rvbbit_otel.storage.otlp import traces_insert

engine = Engine(Options(Path(sys.argv[1])))
apply(engine)
engine.insert(traces_insert(), prepare("traces", sys.stdin.buffer.read()).body, "ProtobufSingle")
print(engine.query("SELECT timezone(), uniqExact(_partition_id) FROM unified_logs").rows)
engine.close()
"""


def send(server: AllInOne, body: bytes) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    urllib.request.urlopen(urllib.request.Request(f"{server.otlp_http}/v1/traces", body, headers), timeout=60).close()


def ask(server: AllInOne, sql: str) -> tuple[list[list[str]], str]:
    """The answer's rows, and the zone that its header names."""
    with urllib.request.urlopen(urllib.request.Request(server.clickhouse, sql.encode()), timeout=60) as response:
        lines = response.read().decode().splitlines()
        return [line.split("\t") for line in lines], str(response.headers["X-ClickHouse-Timezone"])


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Etc/UTC", ":Pacific/Auckland", "no/such"])
def test_every_client_reads_utc_whatever_the_zone_of_the_server_is(tmp_path: Path, zone: str) -> None:
    with running_all_in_one(tmp_path / "data", environ={"TZ": zone}) as server:
        send(server, traces(*(row(number, at=at) for number, at in enumerate(HOURS))))
        assert ask(server, "SELECT timezone(), serverTimezone()") == ([["UTC", "UTC"]], "UTC")
        assert ask(server, "SELECT abs(toUnixTimestamp(toString(now()), 'UTC') - toUnixTimestamp(now())) < 60")[0] == [
            ["1"]
        ]
        first = HOURS[0] // 10**9
        asked = (
            f"SELECT toString(min(timestamp)) = toString(toDateTime64({first}, 9, 'UTC')), count() FROM unified_logs"
        )
        assert ask(server, asked)[0] == [["1", "48"]]
        days = "SELECT count() FROM unified_logs GROUP BY toDate(timestamp) ORDER BY toDate(timestamp)"
        assert ask(server, days)[0] == [["24"], ["24"]]
        host, _, port = server.clickhouse.removeprefix("http://").partition(":")
        client = clickhouse_connect.get_client(host=host, port=int(port))
        moments = client.query("SELECT toUnixTimestamp(timestamp), timestamp FROM unified_logs ORDER BY 1").result_rows
        assert [text.isoformat(" ") for _, text in moments] == [
            each for (each,) in ask(server, "SELECT toDateTime(timestamp) FROM unified_logs ORDER BY timestamp")[0]
        ]
        assert [unix for unix, _ in moments] == [at // 10**9 for at in HOURS]
        client.close()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_a_store_that_was_written_in_another_zone_misses_no_row_by_time(tmp_path: Path, zone: str) -> None:
    data, body = tmp_path / "data", traces(*(row(number, at=at) for number, at in enumerate(HOURS)))
    written = subprocess.run(
        [sys.executable, "-c", _IN_ANOTHER_ZONE, str(data)],
        input=body,
        env={**os.environ, "TZ": zone},
        capture_output=True,
        check=True,
    )
    assert written.stdout.decode().strip() == f"[('{zone}', 2)]"  # Its days are those of UTC: the columns say so.
    with running_all_in_one(data) as server:
        counts = [
            ask(server, f"SELECT count() FROM unified_logs WHERE timestamp >= toDateTime64({at // 10**9}, 9)")[0]
            for at in HOURS
        ]
        assert counts == [[[str(48 - number)]] for number in range(48)]
        # What is sent again is found where it lies.
        send(server, body)
        assert ask(server, "SELECT count(), uniqExact(span_id) FROM unified_logs")[0] == [["48", "48"]]
