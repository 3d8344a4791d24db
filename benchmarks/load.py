"""Senders of OTLP: several at once, some bodies or for some seconds, and what it cost the processes that took it."""

from __future__ import annotations

import itertools
import json
import os
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from tests.support.programs import until

from rvbbit_otel.storage.client import ClickHouseDatabase

SENDERS = 8
# Raises Refused where the sender is asked to come again.
Send = Callable[[bytes], object]
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") / 1024
_COUNTS = (
    "SELECT (SELECT count() FROM unified_logs), (SELECT count() FROM otel_traces), (SELECT count() FROM session_state)"
)
_TIMEOUT = 60.0
_STORED_SECONDS = 600.0


class Refused(Exception):
    """The door asks to come again later, as its protocol says it: `UNAVAILABLE`, or 503 with Retry-After."""


@dataclass(frozen=True)
class Sent:
    """What was sent in how many seconds: bodies that were acknowledged, and how often senders were asked to come again."""

    bodies: int
    refused: int
    seconds: float


@contextmanager
def by_grpc(address: str) -> Iterator[Send]:
    """Send over one channel."""
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")

        def send(body: bytes) -> object:
            try:
                return export(body, timeout=_TIMEOUT)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNAVAILABLE:
                    raise Refused(error.details()) from error
                raise

        yield send


def by_http(address: str) -> Send:
    """Send to a URL, a connection each."""

    def send(body: bytes) -> object:
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(address + "/v1/traces", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            if error.code == 503 and error.headers["Retry-After"]:
                raise Refused(error.read().decode(errors="replace")) from error
            raise

    return send


def send_all(send: Send, make: Callable[[int], bytes], numbers: Iterable[int], senders: int = SENDERS) -> Sent:
    """Send the body of each number, `senders` at a time; what is refused is sent again until it is taken."""
    left, lock, refused = iter(numbers), threading.Lock(), itertools.count()

    def work() -> int:
        for done in itertools.count():
            with lock:
                number = next(left, None)
            if number is None:
                return done
            _until_taken(send, make(number), refused)
        raise AssertionError("count() has no end")

    start = time.perf_counter()
    with ThreadPoolExecutor(senders) as pool:
        done = sum(pool.map(lambda _: work(), range(senders)))
    return Sent(done, next(refused), time.perf_counter() - start)


def for_seconds(first: int, seconds: float, pace: float = 0.0) -> Iterator[int]:
    """Numbers from `first` for so many seconds, one each `pace` seconds at most."""
    start = time.perf_counter()
    for number in itertools.count():
        now = time.perf_counter() - start
        if max(now, number * pace) >= seconds:
            return
        time.sleep(max(number * pace - now, 0))
        yield first + number


@contextmanager
def memory_at(pid: int, seconds: float) -> Iterator[list[float]]:
    """A list in which the memory of a process after so many seconds will be, in MiB; empty if the block ends before."""
    seen: list[float] = []
    timer = threading.Timer(seconds, lambda: seen.append(resident_mib(pid)))
    timer.start()
    try:
        yield seen
    finally:
        timer.cancel()
        timer.join()


def _until_taken(send: Send, body: bytes, refused: itertools.count[int]) -> None:
    while True:
        try:
            send(body)
            return
        except Refused:
            next(refused)
            time.sleep(0.05)


def counts(database: ClickHouseDatabase) -> tuple[int, int, int]:
    """Rows of unified_logs, of otel_traces, and sessions."""
    rows, spans, sessions = (int(str(count)) for count in database.query(_COUNTS).rows[0])
    return rows, spans, sessions


def processor_seconds(*pids: int) -> float:
    """Processor time that processes have used so far."""
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(each[11]) + int(each[12]) for each in fields) / _TICKS


def peak_mib(pid: int) -> float:
    """The most memory in RAM that a process has had."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise AssertionError("the kernel does not tell VmHWM")
    return int(found[1]) / 1024


def refusals(otlp_http: str) -> int:
    """How often the server says that it asked a sender to come again."""
    with urllib.request.urlopen(otlp_http + "/metrics", timeout=_TIMEOUT) as response:
        told = re.findall(r"^rvbbit_otel_refused_total\S* (\d+)$", response.read().decode(), re.MULTILINE)
    return sum(map(int, told))


def wait_until_stored(otlp_http: str) -> None:
    """Until nothing waits in the journal. A question waits for it too, but not longer than a question may take."""

    def queued() -> int:
        with urllib.request.urlopen(otlp_http + "/healthz", timeout=_TIMEOUT) as response:
            return int(json.loads(response.read())["queued_bytes"])

    until("nothing waits in the journal", lambda: queued() == 0, _STORED_SECONDS)


def resident_mib(pid: int) -> float:
    """Memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_KIB / 1024
