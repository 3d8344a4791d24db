"""An agent beside the runner, a tier of two gateways behind it: a trace comes to one gateway, always the same."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.support.all_in_one import running_all_in_one
from tests.support.collector import Place, running_collector
from tests.support.programs import until
from tests.support.recording import Recording, Sender
from tests.support.truth import broken_rules, stored_callers, stored_ids

from rvbbit_otel.storage.client import ClickHouseDatabase


def test_each_trace_meets_at_one_gateway_and_what_an_absent_one_should_have_waits_for_it(
    recording: Recording, tmp_path: Path, secrets: dict[str, str]
) -> None:
    places = [Place(tmp_path / "one"), Place(tmp_path / "two")]
    agent_place = Place(tmp_path / "agent")
    addresses = ", ".join(place.grpc for place in places)
    to_tier = {
        "RVBBIT_OTEL_GATEWAYS": f"[{addresses}]",
        "RVBBIT_OTEL_GATEWAY_CA": secrets["RVBBIT_OTEL_TLS_CERT"],
        "RVBBIT_OTEL_TOKEN_FILE": secrets["RVBBIT_OTEL_TOKEN_FILE"],
    }
    with ExitStack() as stack:
        # A store of its own behind each gateway tells where a span went.
        stores = [stack.enter_context(running_all_in_one(tmp_path / f"data-{number}")) for number in (1, 2)]
        databases = [ClickHouseDatabase(store.clickhouse) for store in stores]

        def start(number: int) -> None:
            environ = {
                "RVBBIT_OTEL_CLICKHOUSE_ENDPOINT": stores[number].clickhouse,
                "RVBBIT_OTEL_SESSION_EXPORTERS": "[clickhouse]",
            }
            stack.enter_context(running_collector(places[number], {**environ, **secrets}, configs=("gateway.yaml",)))

        start(0)
        agent = stack.enter_context(running_collector(agent_place, to_tier, configs=("agent.yaml",)))
        Sender(agent_place.http).deliver([body for body in recording.bodies for _ in range(2)])
        until("the first gateway's share is stored", lambda: bool(stored_ids(databases[0])), why=agent.log)
        assert stored_ids(databases[1]) == set()
        start(1)
        until(
            "every span is stored",
            lambda: (
                set.union(*map(stored_ids, databases)) == recording.ids and not agent.queued("load_balancing/spans")
            ),
            why=lambda: f"{[len(stored_ids(each)) for each in databases]}\n{agent.log()[-4000:]}",
        )
        found = [stored_ids(database) for database in databases]
        assert all(found)
        assert {trace for trace, _ in found[0]} & {trace for trace, _ in found[1]} == set()
        assert [len(each) for each in found] == [
            int(str(database.query("SELECT count() FROM otel_traces").rows[0][0])) for database in databases
        ]
        owners = [stored_callers(database, "session_state") for database in databases]
        assert owners[0] | owners[1] == recording.owners
        assert owners[0].keys() & owners[1].keys() == set()
        assert [broken_rules(database) for database in databases] == [{}, {}]
