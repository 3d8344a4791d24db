"""Senders that are slow, many, fat or costly, at the doors of a real process: a good client is served beside them."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces
from tests.support.sizes import in_time

from rvbbit_otel.storage.client import ClickHouseDatabase

TOKEN = "let-me-in"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
# More than there are places at either door: 512 connections by HTTP, 64 messages on their way by gRPC.
MANY = 600


@pytest.fixture(scope="module", params=[None, TOKEN], ids=["open", "with a token"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    arguments = ["--token", request.param] if request.param else []
    with running_all_in_one(tmp_path_factory.mktemp("hostile") / "data", *arguments) as running:
        yield running


# Spans that good clients have sent to each server.
sent: Counter[int] = Counter()


class Good:
    """A client as it should be, by each door."""

    def __init__(self, server: AllInOne) -> None:
        self._server = server

    def __call__(self) -> None:
        assert self.by_grpc(self._next(), 30) == "OK"
        assert self.by_http(self._next(), 30) == 200

    def _next(self) -> bytes:
        sent[self._server.pid] += 1
        return traces(row(sent[self._server.pid], "good"))

    def by_grpc(self, body: bytes, seconds: float = 60) -> str:
        with grpc.insecure_channel(self._server.otlp_grpc) as channel:
            try:
                channel.unary_unary(EXPORT)(body, timeout=seconds, metadata=[("authorization", f"Bearer {TOKEN}")])
            except grpc.RpcError as error:
                return str(error.code().name)  # type: ignore[attr-defined]
            return "OK"

    def by_http(self, body: bytes, seconds: float = 60, **headers: str) -> int:
        named = {"Content-Type": PROTOBUF, "Authorization": f"Bearer {TOKEN}", **headers}
        request = urllib.request.Request(f"{self._server.otlp_http}/v1/traces", body, named)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code


@contextmanager
def sockets(address: str, begun: bytes, count: int = MANY) -> Iterator[list[socket.socket]]:
    """Connections that have sent this and go on no more. One that the server has ended already is one of them all the same."""
    host, port = address.removeprefix("http://").split(":")
    with ExitStack() as opened:
        made = []
        for _ in range(count):
            made.append(opened.enter_context(socket.create_connection((host, int(port)), timeout=30)))
            with suppress(ConnectionError):
                made[-1].sendall(begun)
        yield made


def head(token: str | None, length: int) -> bytes:
    lines = ["POST /v1/traces HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {PROTOBUF}", f"Content-Length: {length}"]
    return "\r\n".join([*lines, *([f"Authorization: Bearer {token}"] if token else []), "", ""]).encode()


@pytest.mark.parametrize("token", [None, TOKEN], ids=["no token", "its token"])
def test_slow_bodies_by_http(server: AllInOne, token: str | None) -> None:
    with sockets(server.otlp_http, head(token, 20_000_000) + b"x" * 1000) as slow:
        good = Good(server)
        good()
        for each in slow:
            with suppress(ConnectionError):
                each.send(b"x")
        good()


def test_large_bodies_that_stop_before_their_end_by_http(server: AllInOne) -> None:
    # Twenty of them are more than all bodies on their way may take.
    with ThreadPoolExecutor(8) as pool, ExitStack() as opened:

        def stop_before_the_end(_: int) -> None:
            (slow,) = opened.enter_context(sockets(server.otlp_http, head(TOKEN, 20_000_000), 1))
            with suppress(OSError):
                slow.sendall(b"x" * 19_900_000)

        list(pool.map(stop_before_the_end, range(20)))
        Good(server)()


@pytest.mark.parametrize("token", [None, TOKEN], ids=["no token", "its token"])
def test_calls_whose_message_never_comes_by_grpc(server: AllInOne, token: str | None) -> None:
    ended = threading.Event()

    def nothing() -> Iterator[bytes]:
        ended.wait(60)
        yield from ()

    with ExitStack() as opened:
        opened.callback(ended.set)
        channels = [
            opened.enter_context(
                grpc.insecure_channel(server.otlp_grpc, options=[("grpc.use_local_subchannel_pool", 1)])
            )
            for _ in range(6)
        ]
        metadata = [("authorization", f"Bearer {token}")] if token else None
        calls = [
            channels[number % 6].stream_unary(EXPORT).future(nothing(), metadata=metadata) for number in range(300)
        ]
        Good(server)()
        for call in calls:
            call.cancel()


@pytest.mark.parametrize("door", ["otlp_http", "otlp_grpc"])
def test_a_burst_of_connections(server: AllInOne, door: str) -> None:
    with sockets(getattr(server, door), b""):
        Good(server)()


@pytest.mark.parametrize(
    "fat_one",
    [
        b"POST /v1/traces?" + b"y" * 5_000_000,
        b"POST /v1/traces HTTP/1.1\r\nX: " + b"y" * 5_000_000,
        head(TOKEN, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"0\r\nX: " + b"y" * 5_000_000,
        head(TOKEN, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"1;" + b"y" * 5_000_000,
    ],
    ids=["target", "header", "trailer", "extension of a chunk"],
)
def test_what_is_fat_and_no_body(server: AllInOne, fat_one: bytes) -> None:
    with sockets(server.otlp_http, fat_one, 1) as (fat,):
        with suppress(ConnectionError):
            while fat.recv(4096):
                pass
        Good(server)()


def test_fat_metadata_by_grpc(server: AllInOne) -> None:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(EXPORT)(b"", timeout=30, metadata=[("x", "y" * 1_000_000)])
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    Good(server)()


def delimited(field: int, content: bytes) -> bytes:
    length, out = len(content), bytearray([field << 3 | 2])
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*out, length]) + content


def nested(depth: int) -> bytes:
    """A span with a list in a list in a list."""
    value = b"\x08\x01"
    for _ in range(depth):
        value = delimited(5, delimited(1, value))
    return delimited(1, delimited(2, delimited(2, delimited(9, delimited(2, value)))))


MIB = 1024 * 1024
# A frame of one block of 128 KiB of zeros, and more of them: the door serves no zstd, so it must not begin to look.
ZSTD_ZEROS = bytes.fromhex("28b52ffd0058") + bytes.fromhex("02001000") * 8191 + bytes.fromhex("03001000")
BOMBS: dict[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "empty spans": lambda: (delimited(1, delimited(2, b"\x12\x00" * (10 * MIB - 8))), {}),
    "empty attributes": lambda: (delimited(1, delimited(2, delimited(2, b"\x4a\x00" * (10 * MIB - 12)))), {}),
    "a resource for many spans": lambda: (
        delimited(
            1,
            delimited(1, delimited(1, delimited(1, b"k") + delimited(2, delimited(1, b"x" * MIB))))
            + delimited(2, b"\x12\x02\x30\x01" * 100_000),
        ),
        {},
    ),
    "zeros": lambda: (gzip.compress(bytes(1 << 30), 1), {"Content-Encoding": "gzip"}),
    "zeros in zlib": lambda: (zlib.compress(bytes(1 << 30), 1), {"Content-Encoding": "deflate"}),
    "zeros packed twice": lambda: (gzip.compress(gzip.compress(bytes(1 << 30), 1), 1), {"Content-Encoding": "gzip"}),
    "zeros packed twice and said so": lambda: (
        gzip.compress(gzip.compress(bytes(1 << 30), 1), 1),
        {"Content-Encoding": "gzip, gzip"},
    ),
    "zeros in zstd": lambda: (ZSTD_ZEROS, {"Content-Encoding": "zstd"}),
    "members": lambda: (gzip.compress(b"x") * 900_000, {"Content-Encoding": "gzip"}),
    "objects": lambda: (b'{"resourceSpans":[' + b",".join([b"{}"] * 6_000_000) + b"]}", {"Content-Type": JSON}),
    "brackets": lambda: (b"[" * 20 * MIB, {"Content-Type": JSON}),
}


@pytest.mark.figure(12)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_and_takes_little_memory(server: AllInOne, name: str) -> None:
    good = Good(server)
    good()
    body, headers = BOMBS[name]()
    before = peak_mib(server, clear=True)
    begun = time.monotonic()
    assert good.by_http(body, **headers) in (400, 413, 415)
    in_time("the refusal", time.monotonic() - begun, 1)
    if not headers:
        assert good.by_grpc(body) == "RESOURCE_EXHAUSTED"
    # What the bytes themselves take at each door, twice; unpacked they would be gigabytes.
    assert peak_mib(server) - before < 250
    good()


@pytest.mark.figure(12)
@pytest.mark.parametrize("depth", [10, 100, 1000, 20_000])
def test_a_value_of_any_depth_is_taken_or_costs_itself_and_little_memory(server: AllInOne, depth: int) -> None:
    good, body = Good(server), nested(depth)
    good()
    before = peak_mib(server, clear=True)
    assert (good.by_http(body), good.by_grpc(body)) == (200, "OK")
    assert peak_mib(server) - before < 250
    good()


def test_refused_bodies_are_not_kept_in_memory(server: AllInOne) -> None:
    good = Good(server)
    attribute = delimited(9, delimited(2, delimited(5, b"\x0a\x00" * (10 * MIB - 40))))
    body = delimited(1, delimited(2, delimited(2, attribute)))
    for _ in range(2):
        assert good.by_grpc(body) == "RESOURCE_EXHAUSTED"
    before = peak_mib(server, clear=True)
    for _ in range(10):
        assert good.by_grpc(body) == "RESOURCE_EXHAUSTED"
    assert peak_mib(server) - before < 250
    good()


def peak_mib(server: AllInOne, *, clear: bool = False) -> int:
    """The most resident memory since the last `clear`."""
    if clear:
        Path(f"/proc/{server.pid}/clear_refs").write_text("5")
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))


def test_all_that_the_good_client_sent_is_there_once_and_nothing_else(server: AllInOne) -> None:
    Good(server)()
    database = ClickHouseDatabase(server.clickhouse.replace("//", f"//default:{TOKEN}@"))
    rows = database.query("SELECT session_id, count(), uniqExact(span_id) FROM unified_logs GROUP BY session_id").rows
    assert rows == [("good", sent[server.pid], sent[server.pid])]
    request = urllib.request.Request(server.otlp_http + "/healthz", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.loads(response.read())["queued_bytes"] == 0
