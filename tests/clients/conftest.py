"""One server for all clients, with a small past in it; and the table of what each client could do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces

_TABLE = pytest.StashKey[list[str]]()
Verdict = Callable[[str, dict[str, str], int, frozenset[str]], None]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    """Six rows of the caller sql-fox, four in session s1 and two in s2."""
    with running_all_in_one(tmp_path_factory.mktemp("clients") / "data") as running:
        with grpc.insecure_channel(running.otlp_grpc) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            export(traces(*(row(number, "s1" if number < 4 else "s2") for number in range(6))))
        yield running


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> Verdict:
    """Holds a client's checks against how many there must be and what that client itself can't do, and notes them for the table."""
    table = request.config.stash.setdefault(_TABLE, [])

    def hold(client: str, found: dict[str, str], count: int, unsupported: frozenset[str] = frozenset()) -> None:
        failed = {name: why for name, why in found.items() if why not in ("ok", "unsupported")}
        passed = sum(why == "ok" for why in found.values())
        table.append(
            f"{client:<44}{passed:>5} passed {len(failed):>4} failed {len(found) - passed - len(failed):>4} not in this client"
        )
        assert failed == {}
        assert {name for name, why in found.items() if why == "unsupported"} == unsupported
        assert len(found) == count

    return hold


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_TABLE, []):
        terminalreporter.write_line(line)
