"""clickhouse-connect, synchronous and asynchronous, in an environment of its own."""

from __future__ import annotations

from tests.clients import environment
from tests.clients.conftest import Verdict
from tests.clients.counts import COUNTS
from tests.support.all_in_one import AllInOne

_PACKAGES = ("clickhouse-connect[async,arrow,numpy,pandas]==1.12.0", "brotli==1.2.1")


def test_clickhouse_connect(server: AllInOne, verdict: Verdict) -> None:
    python = environment.python("clickhouse-connect", *_PACKAGES)
    found = environment.checks([python, environment.HERE / "python" / "connect.py", server.clickhouse])
    verdict("clickhouse-connect 1.12.0", found, COUNTS["clickhouse-connect"])
