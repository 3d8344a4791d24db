"""ClickHouse's JDBC driver, as DBeaver loads it: as shipped, and with each of its ways to pack requests and answers."""

from __future__ import annotations

import pytest
from tests.clients import environment
from tests.clients.conftest import Verdict
from tests.support.all_in_one import AllInOne

_COUNT = 87
# What release 0.8 says of itself that it can't do.
_OLD = frozenset({"read_only", "network_timeout", "large_max_rows"})


@pytest.mark.parametrize(
    ("version", "settings", "unsupported"),
    [
        ("0.10.0", (), frozenset()),
        ("0.9.9", (), frozenset()),
        ("0.8.6", (), _OLD),
        ("0.10.0", ("client.use_http_compression=true",), frozenset()),
        ("0.10.0", ("decompress=true",), frozenset()),
        ("0.10.0", ("compress=false",), frozenset()),
        ("0.8.6", ("client.use_http_compression=true",), _OLD),
    ],
)
def test_jdbc(
    server: AllInOne, verdict: Verdict, version: str, settings: tuple[str, ...], unsupported: frozenset[str]
) -> None:
    url = f"jdbc:clickhouse:{server.clickhouse.removeprefix('http:')}/"
    program = environment.HERE / "jdbc" / "Checks.java"
    found = environment.checks(["java", "-cp", environment.jdbc(version), program, url, *settings])
    verdict(f"JDBC {version} {' '.join(settings)}", found, _COUNT, unsupported)
