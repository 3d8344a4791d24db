"""ClickHouse's JDBC driver, as DBeaver loads it: as shipped, and with each of its ways to pack requests and answers."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest
from tests.clients import environment
from tests.clients.conftest import Verdict
from tests.clients.counts import COUNTS
from tests.support.all_in_one import AllInOne

PAGE = environment.ROOT / "docs" / "how-to" / "ask-from-dbeaver.md"
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
    verdict(
        f"JDBC {version} {' '.join(settings)}",
        checked(server, version, *settings),
        COUNTS["ClickHouse JDBC"],
        unsupported,
    )


def checked(server: AllInOne, version: str, *settings: str) -> dict[str, str]:
    url = f"jdbc:clickhouse:{server.clickhouse.removeprefix('http:')}/"
    program = environment.HERE / "jdbc" / "Checks.java"
    return environment.checks(["java", "-cp", environment.jdbc(version), program, url, *settings])


def test_the_statements_of_the_page_for_dbeaver_run(server: AllInOne, tmp_path: Path) -> None:
    statements = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    file = tmp_path / "statements.sql"
    file.write_text("\n".join(statements))
    assert checked(server, "0.10.0", f"statements={file}") == {f"statement_{number}": "ok" for number in range(4)}


@pytest.mark.parametrize(("settings", "attempts"), [((), 4), (("retry=0",), 1)])
def test_the_driver_asks_again_what_took_too_long_unless_it_is_told_not_to(
    server: AllInOne, tmp_path: Path, settings: tuple[str, ...], attempts: int
) -> None:
    def timeouts() -> int:
        with urllib.request.urlopen(
            f"{server.clickhouse}/?query=SELECT+sum(value)+FROM+system.errors+WHERE+code=159"
        ) as answer:
            return int(answer.read())

    file = tmp_path / "statements.sql"
    file.write_text(
        "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number) SETTINGS max_execution_time = 0.2;"
    )
    before = timeouts()
    assert "159" in checked(server, "0.10.0", f"statements={file}", *settings)["statement_0"]
    assert timeouts() - before == attempts
