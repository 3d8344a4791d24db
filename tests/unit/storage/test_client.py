"""A DSN says where the store is; what goes wrong there is said in our words."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from rvbbit_otel.errors import ConfigurationError, StoreError, StoreUnavailableError
from rvbbit_otel.storage.client import ClickHouseDatabase


@pytest.mark.parametrize(
    ("dsn", "address"),
    [
        ("http://host", "host:8123"),
        ("clickhouse://host", "host:8123"),
        ("https://host", "host:8443"),
        ("clickhouses://user:p%40ss@host/database", "host:8443"),
        ("http://[::1]:9000/", "::1:9000"),
    ],
)
def test_each_scheme_has_its_port(dsn: str, address: str) -> None:
    assert ClickHouseDatabase(dsn).address == address


@pytest.mark.parametrize(
    ("dsn", "wrong"),
    [
        ("", "scheme"),
        ("host:8123", "scheme"),
        ("postgres://host", "scheme is 'postgres'"),
        ("http://", "names no host"),
        ("http://host:99999", "port"),
        ("http://host:x", "port"),
        ("http://host/a/b", "ends with the database"),
        ("http://host/?a=b", "ends with the database"),
        ("http://[::1/", "host can't be read"),
    ],
)
def test_a_bad_dsn_is_refused_by_the_part_that_is_wrong(dsn: str, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=wrong):
        ClickHouseDatabase(dsn)


def test_an_error_never_shows_the_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClickHouseDatabase("http://user:hunter2@host:x")
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def hanging() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def answering() -> Iterator[str]:
    """A server that answers every request with what is no ClickHouse."""

    def serve(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_store_that_is_not_there_is_unavailable_and_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(StoreUnavailableError, match=rf"127\.0\.0\.1:{port}.*rvbbit-otel up.*--dsn") as caught:
        ClickHouseDatabase(f"http://user:hunter2@127.0.0.1:{port}").query("SELECT 1")
    assert caught.value.__cause__ is not None
    assert "hunter2" not in str(caught.value)


def test_a_store_that_never_answers_is_unavailable_in_bounded_time(hanging: str) -> None:
    with pytest.raises(StoreUnavailableError):
        ClickHouseDatabase(hanging, connect_seconds=1, answer_seconds=1).query("SELECT 1")


def test_a_server_that_is_no_clickhouse_is_an_error_of_ours(answering: str) -> None:
    with pytest.raises(StoreError):
        ClickHouseDatabase(answering, connect_seconds=1, answer_seconds=1).query("SELECT 1")
