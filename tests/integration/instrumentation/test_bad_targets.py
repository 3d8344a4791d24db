"""A host whose target is down, hangs, resets, floods or drips ends soon after its own end, with its own result, and holds little more.

Time is not asserted in seconds: a host whose target is bad is killed after ten times what it may take, and what it takes is printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.support.all_in_one import running_all_in_one
from tests.support.bad_targets import BAD, bad_target
from tests.support.files import ROOT

from rvbbit_otel.storage.client import ClickHouseDatabase

# Kilobytes that a host of many spans may hold more than one of ten.
MOST_MORE = 32 * 1024
KILLED_AFTER_SECONDS = 20
PROTOCOLS = ("grpc", "http/protobuf")
HOST = """
import logging, sys, time
from opentelemetry import trace
from rvbbit_otel import called_by

tracer, log = trace.get_tracer("host"), logging.getLogger("host")
log.setLevel(logging.INFO)
with called_by("web-1"):
    for number in range(int(sys.argv[1])):
        with tracer.start_as_current_span("work", attributes={"session.id": f"s{number % 50}", "rvbbit.kind": "log", "text": "x" * 100}):
            if number % 10 == 0:
                log.info("hello")
print("done")
sys.stdout.flush()
open(sys.argv[2], "w").write(str(time.time()))
sys.exit(7)
"""


def run(tmp_path: Path, endpoint: str, protocol: str, spans: int) -> tuple[float, int, list[str]]:
    """Seconds from the host's own end to its process's, kilobytes that it held at most, and what it was told of its losses."""
    (tmp_path / "host.py").write_text(HOST)
    noted = tmp_path / "noted"
    command = [sys.executable, "-m", "rvbbit_otel", "run", "--endpoint", endpoint, "--"]
    process = subprocess.Popen(
        [*command, sys.executable, str(tmp_path / "host.py"), str(spans), str(noted)],
        cwd=ROOT,
        env={**os.environ, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol},
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "stderr").open("w"),
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        killer = threading.Timer(KILLED_AFTER_SECONDS, process.kill)
        killer.start()
        held = 0
        while process.poll() is None:
            # Looked at until the very end; a process that is a zombie already has no such line.
            seen = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
            held = int(seen.group(1)) if seen else held
            time.sleep(0.01)
        ended = time.time()
        killer.cancel()
    assert process.returncode == 7
    told = [line for line in (tmp_path / "stderr").read_text().splitlines() if "did not reach" in line]
    return ended - float(noted.read_text()), held, told


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", BAD)
def test_a_host_of_a_bad_target_ends_with_its_own_result(tmp_path: Path, way: str, protocol: str) -> None:
    with bad_target(way) as port:
        seconds, held, told = run(tmp_path, f"http://127.0.0.1:{port}", protocol, 3000)
    print(f"{way}, {protocol}: {seconds:.2f} s after its own end, {held // 1024} MB")
    if protocol != "grpc" and way in ("floods", "floods without a length"):
        return  # It says first that it has taken all.
    # One line, whose reasons are all that there were: 3,000, and three of the session's own.
    (line,) = [each for each in told if " spans " in each]
    lost, *reasons = [
        int(number.replace(",", "")) for number in re.findall(r"([\d,]*\d) (?:spans|still|were|had)", line)
    ]
    assert lost == sum(reasons) == 3003


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", ["is down", "hangs", "floods an error"])
def test_a_host_that_makes_many_spans_for_a_bad_target_holds_little_more(
    tmp_path: Path, way: str, protocol: str
) -> None:
    with bad_target(way) as port:
        endpoint = f"http://127.0.0.1:{port}"
        _, plain, _ = run(tmp_path, endpoint, protocol, 10)
        seconds, held, told = run(tmp_path, endpoint, protocol, 60_000)
    assert len([line for line in told if "60,003 spans" in line and "had no room to wait" in line]) == 1
    print(f"{way}, {protocol}: {seconds:.2f} s after its own end, {(held - plain) // 1024} MB more")
    assert held - plain < MOST_MORE


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_good_target_takes_is_waited_for(tmp_path: Path, protocol: str) -> None:
    with running_all_in_one(tmp_path / "data") as server:
        endpoint = server.otlp_http if protocol != "grpc" else f"http://{server.otlp_grpc}"
        _, _, told = run(tmp_path, endpoint, protocol, 12_000)
        assert told == []
        counted = "SELECT count(), uniqExact(span_id), uniqExact(caller_id) FROM unified_logs WHERE kind = 'log'"
        assert ClickHouseDatabase(server.clickhouse).query(counted).rows == [(12_000, 12_000, 1)]
