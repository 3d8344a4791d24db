"""The other clients that people use, each as its registry gives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients import environment
from tests.clients.conftest import Verdict
from tests.clients.counts import COUNTS
from tests.support.all_in_one import AllInOne

_PACKAGES = (
    "clickhouse-connect==1.12.0",
    "clickhouse-sqlalchemy==0.3.2",
    "ibis-framework[clickhouse]==12.0.0",
    "mcp-clickhouse==0.7.0",
    "polars==2.1.0",
    "sqlalchemy==2.0.58",
)


@pytest.fixture(scope="module")
def python() -> Path:
    return environment.python("frames", *_PACKAGES)


def test_node(server: AllInOne, verdict: Verdict) -> None:
    program = environment.HERE / "node" / "checks.mjs"
    found = environment.checks(["node", program, server.clickhouse, environment.node("1.23.1")])
    verdict("@clickhouse/client 1.23.1 (Node.js)", found, COUNTS["@clickhouse/client"])


@pytest.mark.parametrize("method", ["default", "none", "lz4", "lz4hc", "zstd", "gzip", "deflate", "br"])
def test_go(server: AllInOne, verdict: Verdict, method: str) -> None:
    verdict(
        f"clickhouse-go 2.51.0 {method}",
        environment.checks([environment.go(), server.clickhouse, method]),
        COUNTS["clickhouse-go"],
    )


def test_grafana(server: AllInOne, verdict: Verdict) -> None:
    """What its data source does: the plug-in itself is in no registry of packages."""
    verdict(
        "Grafana's queries",
        environment.checks([environment.go(), server.clickhouse, "grafana"]),
        COUNTS["Grafana's data source"],
    )


@pytest.mark.parametrize("packing", ["lz4", "none"])
def test_rust(server: AllInOne, verdict: Verdict, packing: str) -> None:
    verdict(
        f"clickhouse 0.15.3 (Rust) {packing}",
        environment.checks([environment.rust(), server.clickhouse, packing]),
        COUNTS["clickhouse 0.15.3 (Rust)"],
    )


@pytest.mark.parametrize("dialect", ["connect", "sqlalchemy"])
def test_sqlalchemy(server: AllInOne, verdict: Verdict, python: Path, dialect: str) -> None:
    program = environment.HERE / "python" / "sql_alchemy.py"
    found = environment.checks([python, program, server.clickhouse, dialect])
    verdict(f"SQLAlchemy 2.0.58, dialect of clickhouse-{dialect}", found, COUNTS["SQLAlchemy"])


def test_ibis_and_polars(server: AllInOne, verdict: Verdict, python: Path) -> None:
    found = environment.checks([python, environment.HERE / "python" / "frames.py", server.clickhouse])
    verdict("ibis 12.0.0 and polars 2.1.0", found, COUNTS["ibis"])


def test_mcp_clickhouse(server: AllInOne, verdict: Verdict, python: Path) -> None:
    found = environment.checks([python, environment.HERE / "python" / "mcp_server.py", server.clickhouse])
    verdict("mcp-clickhouse 0.7.0", found, COUNTS["mcp-clickhouse"])
