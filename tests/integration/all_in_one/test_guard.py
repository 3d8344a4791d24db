"""Who may talk to a door: programs of this machine, or whoever has the token; never a page from elsewhere."""

from __future__ import annotations

import base64
import itertools
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from tests.support.all_in_one import AllInOne, running_all_in_one

from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.errors import ConfigurationError

TOKEN = "planted-token"
# {port}: the door's own.
OUR_HOSTS = ("127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}", "[::1]:{port}", "127.0.0.1")
FOREIGN_HOSTS = (
    "evil.example:{port}",
    "evil.example",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example",
    "localhost.:{port}",
    "0.0.0.0:{port}",
    "169.254.169.254",
    "evil.example@127.0.0.1:{port}",
    "127.0.0.1@evil.example:{port}",
    "127.0.0.1:{port}/../evil.example",
    "127.0.0.1:notaport",
    "127.0.0.1:99999",
    "[::1",
    "127.0.0.1, evil.example",
    "",
)
OUR_ORIGINS = (None, "http://127.0.0.1:{port}", "http://localhost:{port}")
FOREIGN_ORIGINS = (
    "null",
    "",
    "http://evil.example",
    "https://127.0.0.1.evil.example:{port}",
    "http://127.0.0.1:{port}@evil.example",
    "http://[::1",
    "http://127.0.0.1:{port}/evil.example",
    "http://127.0.0.1:99999",
    "file://",
    "file://127.0.0.1",
    "moz-extension://2c127fa4",
)
OUR_SITES = (None, "same-origin", "none")
FOREIGN_SITES = ("same-site", "cross-site")


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("guard") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def token_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    folder = tmp_path_factory.mktemp("token")
    with running_all_in_one(folder / "data", "--host", "0.0.0.0", "--token", TOKEN) as server:
        yield server


def port_of(address: str) -> int:
    port = urlsplit(address).port
    assert port is not None
    return port


def status_of(port: int, method: str, path: str, headers: list[str], body: bytes = b"") -> tuple[int, str]:
    """The status and the head of the answer to a request whose headers are sent as they are."""
    lines = [f"{method} {path} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
    return int(head.split(" ", 2)[1]), head


def request_of(server: AllInOne, door: str) -> tuple[int, str, str, list[str], bytes]:
    """Port, method, path, headers and body of a request that a real client of the door would send."""
    if door == "otlp_http":
        return port_of(server.otlp_http), "POST", "/v1/traces", ["Content-Type: application/x-protobuf"], b""
    method, path, body = ("GET", "/?query=SELECT%201", b"") if door == "sql_get" else ("POST", "/", b"SELECT 1")
    return port_of(server.clickhouse), method, path, [], body


@pytest.mark.figure(18)
@pytest.mark.parametrize("door", ["otlp_http", "sql_get", "sql_post"])
def test_only_a_request_that_names_us_and_comes_from_us_is_let_in(open_server: AllInOne, door: str) -> None:
    port, method, path, headers, body = request_of(open_server, door)
    wrong: list[tuple[str, str | None, str | None, object]] = []
    for host, origin, site in itertools.product(
        OUR_HOSTS + FOREIGN_HOSTS, OUR_ORIGINS + FOREIGN_ORIGINS, OUR_SITES + FOREIGN_SITES
    ):
        sent = [*headers, f"Host: {host}"]
        sent += [] if origin is None else [f"Origin: {origin}"]
        sent += [] if site is None else [f"Sec-Fetch-Site: {site}"]
        status, head = status_of(port, method, path, [line.format(port=port) for line in sent], body)
        ours = host in OUR_HOSTS and origin in OUR_ORIGINS and site in OUR_SITES
        # 400 is the HTTP parser's own refusal.
        if (status == 200) is not ours or status not in (200, 400, 403, 421):
            wrong.append((host, origin, site, status))
        if "access-control-" in head.lower():
            wrong.append((host, origin, site, head))
    assert wrong == []


@pytest.mark.figure(18)
@pytest.mark.parametrize("door", ["otlp_http", "sql_get", "sql_post"])
@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["Host: 127.0.0.1", "Host: 127.0.0.1"],
        ["Host: 127.0.0.1", "Host: evil.example"],
        ["Host: evil.example", "Host: 127.0.0.1"],
    ],
)
def test_a_request_names_its_host_once(open_server: AllInOne, door: str, hosts: list[str]) -> None:
    port, method, path, headers, body = request_of(open_server, door)
    assert status_of(port, method, path, [*headers, *hosts], body)[0] in (400, 421)


@pytest.mark.parametrize("door", ["otlp_http", "sql_get", "sql_post"])
def test_one_foreign_origin_among_several_is_enough(open_server: AllInOne, door: str) -> None:
    port, method, path, headers, body = request_of(open_server, door)
    origins = [f"Origin: http://127.0.0.1:{port}", "Origin: http://evil.example"]
    for order in (origins, origins[::-1]):
        assert status_of(port, method, path, [*headers, f"Host: 127.0.0.1:{port}", *order], body)[0] == 403


@pytest.mark.parametrize("door", ["otlp_http", "sql_get"])
def test_a_preflight_is_not_answered_with_leave(open_server: AllInOne, door: str) -> None:
    port, _, path, _, _ = request_of(open_server, door)
    asked = ["Origin: http://evil.example", "Access-Control-Request-Method: POST"]
    status, head = status_of(port, "OPTIONS", path, [f"Host: 127.0.0.1:{port}", *asked])
    assert status == 403
    assert "access-control-" not in head.lower()


def basic(password: str) -> str:
    return base64.b64encode(f"default:{password}".encode()).decode()


@pytest.mark.parametrize("door", ["otlp_http", "sql_get", "sql_post"])
@pytest.mark.parametrize(
    ("offered", "status"),
    [
        ([], 401),
        (["Authorization: Bearer wrong"], 401),
        (["Authorization: Bearer "], 401),
        ([f"Authorization: Bearer {TOKEN}x"], 401),
        ([f"Authorization: Basic {basic('wrong')}"], 401),
        (["Authorization: Basic ***"], 401),
        (["X-ClickHouse-Key: wrong"], 401),
        ([f"X-ClickHouse-User: {TOKEN}"], 401),
        ([f"Authorization: Bearer {TOKEN}"], 200),
        ([f"Authorization: bearer {TOKEN}"], 200),
        ([f"Authorization: Basic {basic(TOKEN)}"], 200),
        (["X-ClickHouse-User: default", f"X-ClickHouse-Key: {TOKEN}"], 200),
    ],
)
def test_a_door_that_others_can_reach_asks_for_the_token(
    token_server: AllInOne, door: str, offered: list[str], status: int
) -> None:
    port, method, path, headers, body = request_of(token_server, door)
    assert status_of(port, method, path, [*headers, f"Host: 127.0.0.1:{port}", *offered], body)[0] == status


@pytest.mark.parametrize("path", ["/", "/ping", "/page", "/replicas_status", "/nothing"])
def test_no_path_of_the_sql_door_is_open_without_the_token(token_server: AllInOne, path: str) -> None:
    port = port_of(token_server.clickhouse)
    assert status_of(port, "GET", path, [f"Host: 127.0.0.1:{port}"])[0] == 401


@pytest.mark.parametrize(("password", "status"), [("wrong", 401), ("", 401), (TOKEN, 200)])
def test_the_token_may_come_as_the_password_of_the_url(token_server: AllInOne, password: str, status: int) -> None:
    port = port_of(token_server.clickhouse)
    path = f"/?query=SELECT%201&user=default&password={password}"
    assert status_of(port, "GET", path, [f"Host: 127.0.0.1:{port}"])[0] == status


def test_the_token_does_not_open_a_door_to_pages_from_elsewhere(token_server: AllInOne) -> None:
    port = port_of(token_server.clickhouse)
    key = f"Authorization: Bearer {TOKEN}"
    rebound = status_of(port, "GET", "/?query=SELECT%201", [f"Host: evil.example:{port}", key])
    foreign = status_of(
        port, "GET", "/?query=SELECT%201", [f"Host: 127.0.0.1:{port}", "Origin: http://evil.example", key]
    )
    assert (rebound[0], foreign[0]) == (421, 403)


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED),
        ((("authorization", "Bearer wrong"),), grpc.StatusCode.UNAUTHENTICATED),
        ((("authorization", f"Bearer {TOKEN}"),), grpc.StatusCode.OK),
    ],
)
def test_the_grpc_door_asks_for_the_token(
    token_server: AllInOne, metadata: tuple[tuple[str, str], ...], code: grpc.StatusCode
) -> None:
    address = f"127.0.0.1:{token_server.otlp_grpc.rpartition(':')[2]}"
    with grpc.insecure_channel(address) as channel:
        call = TraceServiceStub(channel).Export.with_call  # type: ignore[no-untyped-call]
        try:
            _, answered = call(ExportTraceServiceRequest(), timeout=10, metadata=metadata)
            found = answered.code()
        except grpc.RpcError as error:
            found = error.code()
    assert found is code


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.evil.example", ""])
@pytest.mark.parametrize("token", [None, ""])
def test_an_address_that_others_can_reach_needs_a_token(tmp_path: Path, host: str, token: str | None) -> None:
    with pytest.raises(ConfigurationError, match="--token"):
        Options(data=tmp_path / "data", host=host, token=token)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_an_address_of_this_machine_needs_none(tmp_path: Path, host: str) -> None:
    assert Options(data=tmp_path / "data", host=host).token is None


OUTSIDE = (
    "192.0.2.7",
    "192.0.2.7:{port}",
    "[2001:db8::7]:{port}",
    "{machine}",
    "{machine}:{port}",
    "store.example",
    "Store.Example:{port}",
)
NOT_OURS = (
    "evil.example",
    "evil.example:{port}",
    "store.example.evil.example",
    "notstore.example",
    "evil.{machine}",
    "192.0.2.7.evil.example",
    "0.0.0.0",
    "[::]:{port}",
    "2130706433",
    "0x7f.1",
    "192.0.2",
    "192.0.2.7.",
)


@pytest.fixture(scope="module", params=["0.0.0.0", "::"])
def outside_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    data = tmp_path_factory.mktemp("outside") / "data"
    with running_all_in_one(data, "--host", request.param, "--token", TOKEN, "--allow-host", "store.example") as server:
        yield server


@pytest.mark.parametrize("door", ["otlp_http", "sql_get", "sql_post"])
def test_from_outside_it_is_reached_by_address_and_by_its_names_and_by_no_other(
    outside_server: AllInOne, door: str
) -> None:
    port, method, path, headers, body = request_of(outside_server, door)
    names = {"port": port, "machine": socket.gethostname()}
    wrong = []
    for host in OUTSIDE + NOT_OURS:
        sent = [*headers, f"Host: {host.format(**names)}", f"Authorization: Bearer {TOKEN}"]
        status, _ = status_of(port, method, path, sent, body)
        if status != (200 if host in OUTSIDE else 421):
            wrong.append((host, status))
        # The same of an origin: a page of ours may ask, no other may.
        origin = f"Origin: http://{host.format(**names)}"
        local = [*headers, f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {TOKEN}", origin]
        status, _ = status_of(port, method, path, local, body)
        if status != (200 if host in OUTSIDE else 403):
            wrong.append((origin, status))
        status, _ = status_of(port, method, path, sent[:-1], body)
        if status != (401 if host in OUTSIDE else 421):
            wrong.append((host, "without the token", status))
    assert wrong == []


@pytest.mark.parametrize("host", ["192.0.2.7", "{machine}", "store.example"])
def test_what_listens_on_loopback_is_not_reached_by_names_from_outside(open_server: AllInOne, host: str) -> None:
    port, method, path, headers, body = request_of(open_server, "sql_get")
    sent = [*headers, f"Host: {host.format(machine=socket.gethostname())}:{port}"]
    assert status_of(port, method, path, sent, body)[0] == 421
