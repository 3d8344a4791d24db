"""Clients of the SQL listener that are slow, many or fat: a good one, and the page, are served beside them."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces

TOKEN = "let-me-in"
# More than the 512 connections that a listener has.
MANY = 600
# A time far above what any answer here takes, and below what a slow client is given.
SECONDS = 9
HEAD = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
INSERT = f"POST /?query=INSERT+INTO+otlp_traces_in+FORMAT+RowBinary HTTP/1.1\r\nHost: 127.0.0.1\r\nX-ClickHouse-Key: {TOKEN}\r\n"
BEGUN = {
    "nothing at all": "",
    "a word": "PO",
    "half a head": HEAD + "X-More: y",
    "a slow question": HEAD + "Content-Length: 20000\r\n\r\nSELECT 1",
    "a slow question without the token": "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20000\r\n\r\nSELECT 1",
    "a slow insert": INSERT + "Content-Length: 20000000\r\n\r\nx",
    "a slow chunk": INSERT + "Transfer-Encoding: chunked\r\n\r\nff\r\nx",
    "a slow login": "POST /page HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 6000\r\n\r\ntoken=",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("hostile") / "data", "--token", TOKEN) as running:
        yield running


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


def good(server: AllInOne) -> None:
    """A question, an insert and the page, each over a connection of its own."""
    key = {"Authorization": f"Bearer {TOKEN}"}
    asked = urllib.request.Request(server.clickhouse, b"SELECT 40 + 2", key)
    with urllib.request.urlopen(asked, timeout=SECONDS) as response:
        assert response.read() == b"42\n"
    body = (
        b'INSERT INTO otel_traces_in FORMAT JSONEachRow {"TraceId": "too short to be stored, and taken all the same"}'
    )
    with urllib.request.urlopen(urllib.request.Request(server.clickhouse, body, key), timeout=SECONDS) as response:
        assert response.status == 200
    with urllib.request.urlopen(urllib.request.Request(server.page, headers=key), timeout=SECONDS) as response:
        assert b"Callers" in response.read()


@pytest.mark.parametrize("kind", BEGUN)
def test_a_good_client_is_served_beside_many_that_do_not_go_on(server: AllInOne, kind: str) -> None:
    with sockets(server.clickhouse, BEGUN[kind].encode()) as slow:
        good(server)
        for each in slow:
            with suppress(OSError):
                each.send(b"x")
        good(server)


def test_a_good_client_is_served_beside_many_that_do_not_take_their_answers(server: AllInOne) -> None:
    query = "SELECT repeat('x', 1000) FROM numbers(60000)"
    asks = f"{HEAD}Content-Length: {len(query)}\r\n\r\n{query}".encode()
    with sockets(server.clickhouse, asks, 3):
        good(server)


@pytest.mark.parametrize(
    "fat",
    [
        b"POST /" + b"y" * 1_000_000,
        HEAD.encode() + b"X: " + b"y" * 1_000_000,
        HEAD.encode() + b"".join(b"X-%d: y\r\n" % number for number in range(100_000)),
        HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 300_000,
    ],
    ids=["target", "one header", "many headers", "chunks of a byte"],
)
def test_what_is_no_body_has_a_bound(server: AllInOne, fat: bytes) -> None:
    with sockets(server.clickhouse, fat, 1) as (client,):
        with suppress(ConnectionError):
            said = client.recv(65536)
            assert said[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"HTTP/1.1 414", b"")
        good(server)


def test_a_long_url_of_a_question_is_no_fat_head(server: AllInOne) -> None:
    query = "SELECT+length('" + "x" * 60_000 + "')"
    asked = urllib.request.Request(f"{server.clickhouse}/?query={query}", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked, timeout=30) as response:
        assert response.read() == b"60000\n"


def test_a_sender_by_otlp_is_served_beside_them_too(server: AllInOne) -> None:
    headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {TOKEN}"}
    with sockets(server.clickhouse, BEGUN["a slow insert"].encode()):
        asked = urllib.request.Request(f"{server.otlp_http}/v1/traces", traces(row(1)), headers)
        with urllib.request.urlopen(asked, timeout=SECONDS) as response:
            assert response.status == 200
