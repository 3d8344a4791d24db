"""Recorded OTLP into the three tables over loopback, deduplication on: eight senders beside one sender in the same run.

Sending all of it again must change no count. The rates are absolute, for the record; the ratios are the result.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from tests.support.otlp import NOW, SpanRecord, traces

from benchmarks.harness import Row, Size, row
from rvbbit_otel.storage.client import ClickHouseDatabase

SPANS = 5_000  # A body of the exporters' batches is 512; a collector's is some thousands.
BODIES: dict[Size, int] = {"smoke": 2, "short": 4, "full": 20}  # Of each way, a round.
SENDERS = 8


def run(rounds: int, size: Size) -> list[Row]:
    """gRPC and HTTP, then everything again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ready = folder / "ready.json"
        ports = [word for door in ("otlp-grpc", "otlp-http", "clickhouse") for word in (f"--{door}-port", "0")]
        up = [
            sys.executable,
            "-m",
            "rvbbit_otel",
            "up",
            "--data",
            str(folder / "data"),
            *ports,
            "--ready-file",
            str(ready),
        ]
        process = subprocess.Popen(up, stderr=subprocess.DEVNULL)
        try:
            while not ready.exists():
                time.sleep(0.05)
            return _measure(json.loads(ready.read_text()), rounds, BODIES[size])
        finally:
            process.terminate()
            process.wait(60)


def _measure(addresses: dict[str, str], rounds: int, count: int) -> list[Row]:
    database = ClickHouseDatabase(addresses["clickhouse"])
    figures: dict[str, list[float]] = {"grpc": [], "http": [], "replay": [], "one sender": []}
    with grpc.insecure_channel(addresses["otlp_grpc"]) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")

        def by_http(body: bytes) -> None:
            headers = {"Content-Type": "application/x-protobuf"}
            urllib.request.urlopen(urllib.request.Request(addresses["otlp_http"] + "/v1/traces", body, headers)).close()

        for number in range(rounds):
            first, second, third = (_bodies(3 * number + part, count) for part in range(3))
            figures["grpc"].append(_rate(export, first, SENDERS))
            figures["http"].append(_rate(by_http, second, SENDERS))
            figures["one sender"].append(_rate(export, third, 1))
            before = database.query("SELECT count() FROM unified_logs").rows
            figures["replay"].append(_rate(export, first, SENDERS))
            if database.query("SELECT count() FROM unified_logs").rows != before:
                raise AssertionError("sending everything again changed the count")
    base = figures["one sender"]
    # Rates: more is better, so each ratio is baseline over figure as the harness wants it, lower is better.
    return [
        row("gRPC, 8 senders", "us a span", _microseconds(figures["grpc"]), _microseconds(base)),
        row("HTTP, 8 senders", "us a span", _microseconds(figures["http"]), _microseconds(base)),
        row("gRPC, all of it again", "us a span", _microseconds(figures["replay"]), _microseconds(base)),
        *(
            Row(f"{name}, rate", round(sorted(rates)[len(rates) // 2]), "spans/s", 0.0, 0.0, 0.0, None, True)
            for name, rates in figures.items()
        ),
    ]


def _bodies(number: int, count: int) -> list[bytes]:
    """Log rows as the example runner's are: a session of twenty, fifteen attributes each."""
    made = []
    for body in range(count):
        first = (number * count + body) * SPANS
        made.append(traces(*(_span(first + index) for index in range(SPANS))))
    return made


def _span(number: int) -> SpanRecord:
    session = number // 20
    return SpanRecord(
        number,
        {
            "session.id": f"session-{session:016x}",
            "rvbbit.caller.id": f"sql-clever-fox-{session // 20:06x}",
            "rvbbit.caller.source": "echo",
            "rvbbit.caller.origin": "sql",
            "rvbbit.kind": "log",
            "rvbbit.log.role": "assistant",
            "rvbbit.log.node_type": "agent",
            "rvbbit.cell.name": "extract",
            "rvbbit.take.index": number % 2,
            "rvbbit.cascade.id": "extract_brand",
            "rvbbit.usage.counted": True,
            "rvbbit.usage.cost": 0.000012,
            "gen_ai.usage.input_tokens": 8,
            "gen_ai.usage.output_tokens": 1,
            "gen_ai.response.model": "stub/brand-1",
        },
        at=NOW + number * 1000,
    )


def _rate(send: Callable[[bytes], object], bodies: list[bytes], senders: int) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(send, bodies))
    return len(bodies) * SPANS / (time.perf_counter() - start)


def _microseconds(rates: list[float]) -> list[float]:
    return [1e6 / rate for rate in rates]
