"""Every query that Grafana would send, against the real engine over a small past with everything in it."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import Store
from tests.support.files import ROOT, load_yaml
from tests.support.grafana import Range, expand
from tests.support.otlp import NOW
from tests.support.story import CALLER, SESSION, TRACE, tell

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.storage import migrations
from rvbbit_otel.storage.audits import load_audits

GRAFANA = ROOT / "grafana"
BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
RULES = [rule for group in load_yaml(GRAFANA / "provisioning/alerting/rules.yaml")["groups"] for rule in group["rules"]]
SOURCES = {
    each["uid"]: each for each in load_yaml(GRAFANA / "provisioning/datasources/datasources.yaml")["datasources"]
}
# To well after the tests' own end: a refused span is entered with the clock's time.
TIME = Range(NOW // 10**9 - 3 * 3600, NOW // 10**9 + 3600)
VALUES = {"caller": CALLER, "session": SESSION, "trace_id": TRACE}
STORE, METRICS = "rvbbit-clickhouse", "rvbbit-prometheus"


def targets(board: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(panel, target) for panel in BOARDS[board]["panels"] for target in panel["targets"]]


@pytest.fixture(scope="module")
def stores(engine: Engine) -> Iterator[tuple[Store, Store]]:
    """A store with that past, and one without anything. Both are only read."""
    past, fresh = Store(engine), Store(engine)
    for store in (past, fresh):
        engine.command(f"USE {store.name}")
        migrations.apply(engine)
    engine.command(f"USE {past.name}")
    tell(past)
    yield past, fresh
    engine.command("USE default")
    for store in (past, fresh):
        engine.command(f"DROP DATABASE {store.name}")


@pytest.fixture
def past(stores: tuple[Store, Store]) -> Store:
    stores[0].engine.command(f"USE {stores[0].name}")
    return stores[0]


@pytest.mark.parametrize("board", BOARDS)
def test_every_query_of_every_panel_gives_rows_with_the_columns_that_the_panel_names(past: Store, board: str) -> None:
    asked = 0
    for panel, target in targets(board):
        if target["datasource"]["uid"] == STORE:
            result = past.engine.query(expand(target["rawSql"], TIME, VALUES))
            assert result.rows, f"{panel['title']} shows nothing"
            named = {each["matcher"]["options"] for each in panel.get("fieldConfig", {}).get("overrides", [])}
            # Audits have other columns each, and share the links of three.
            assert named - {"session_id", "caller_id", "trace_id"} <= set(result.columns), panel["title"]
            field = panel.get("options", {}).get("reduceOptions", {}).get("fields", "")
            assert field == "" or field.strip("/^$") in result.columns
            if target["queryType"] == "timeseries":
                assert result.columns[0] == "time"
            asked += 1
    assert asked


@pytest.mark.parametrize("board", BOARDS)
def test_every_query_of_a_variable_gives_values(past: Store, board: str) -> None:
    for variable in BOARDS[board]["templating"]["list"]:
        if variable["type"] == "query":
            assert (CALLER,) in past.rows(expand(variable["query"]["rawSql"], TIME, VALUES))


def test_the_numbers_are_those_of_the_past_that_was_told(past: Store) -> None:
    (totals,) = [each for panel, each in targets("callers") if panel["title"] == "Dollars"]
    ((dollars, callers, sessions, rows, tokens, errors, coverage),) = past.rows(expand(totals["rawSql"], TIME, VALUES))
    # 3 x 3 rows of sessions, 6 that are broken in some way, one stored twice, with what it cost, and one lost.
    assert (dollars, callers, sessions, rows, tokens, errors) == (1.0, 3, 6, 15, 480, 1)
    assert round(float(str(coverage)), 2) == round(100 * 14 / 15, 2)
    (verdicts,) = [each for panel, each in targets("coverage") if panel["title"].startswith("Every rule")]
    found = {str(row[0]): int(str(row[2])) for row in past.rows(expand(verdicts["rawSql"], TIME, VALUES))}
    assert found.keys() == {audit.name for audit in load_audits() if audit.is_rule}
    assert min(found.values()) == 1, f"a rule without a finding shows an empty panel: {found}"


@pytest.mark.parametrize(
    "rule",
    [rule for rule in RULES if rule["data"][0]["datasourceUid"] == "rvbbit-clickhouse"],
    ids=lambda rule: rule["title"],
)
def test_every_alert_rule_fires_on_what_it_is_for_and_on_nothing_else(
    past: Store, stores: tuple[Store, Store], rule: dict[str, Any]
) -> None:
    query, threshold = rule["data"]
    assert fires(past, rule)
    fresh = stores[1]
    fresh.engine.command(f"USE {fresh.name}")
    assert not fires(fresh, rule)
    assert threshold["model"]["expression"] == query["refId"]
    assert rule["condition"] == threshold["refId"]


def fires(store: Store, rule: dict[str, Any]) -> bool:
    query, threshold = rule["data"]
    now = NOW // 10**9 + 60
    # A refused span is entered with the clock's time, however long the tests before took.
    until = max(now, int(time.time()) + 1) - query["relativeTimeRange"]["to"]
    shown = Range(now - query["relativeTimeRange"]["from"], until)
    ((value,),) = store.rows(expand(query["model"]["rawSql"], shown, {}))
    (condition,) = threshold["model"]["conditions"]
    (limit,) = condition["evaluator"]["params"]
    number = float(str(value))
    return number < limit if condition["evaluator"]["type"] == "lt" else number > limit


def test_there_is_an_alert_for_every_rule_for_coverage_and_for_the_queue() -> None:
    titles = [rule["title"] for rule in RULES]
    wanted = {audit.name for audit in load_audits() if audit.is_rule}
    assert set(titles) == wanted | {"coverage", "queue-growing", "queue-filling", "collector-down", "spans-refused"}
    assert len(titles) == len(set(titles))
    assert max(len(rule["uid"]) for rule in RULES) <= 40


def test_every_panel_and_every_rule_names_a_data_source_that_is_provisioned() -> None:
    named = {target["datasource"]["uid"] for board in BOARDS for _, target in targets(board)}
    named |= {panel["datasource"]["uid"] for board in BOARDS for panel, _ in targets(board)}
    named |= {each["datasourceUid"] for rule in RULES for each in rule["data"]} - {"__expr__"}
    assert named == {STORE, METRICS}
    assert named < SOURCES.keys()
    for board in BOARDS:
        for _, target in targets(board):
            assert target["datasource"]["type"] == SOURCES[target["datasource"]["uid"]]["type"]


def test_every_link_leads_to_a_board_and_sets_variables_that_it_has() -> None:
    by_uid = {board["uid"]: board for board in BOARDS.values()}
    urls = {
        link["url"]
        for board in BOARDS
        for panel, _ in targets(board)
        for each in panel.get("fieldConfig", {}).get("overrides", [])
        for prop in each["properties"]
        if prop["id"] == "links"
        for link in prop["value"]
    }
    assert len(urls) == 6
    for url in urls:
        if found := re.match(r"/d/([\w-]+)\?(.*)", url):
            variables = {each["name"] for each in by_uid[found[1]]["templating"]["list"]}
            assert set(re.findall(r"var-(\w+)=", found[2])) <= variables
            assert "from=${__from}&to=${__to}" in found[2]
        else:
            assert url.startswith(("${jaeger}/trace/", "${jaeger}/search?"))
    for board in BOARDS.values():
        assert "jaeger" in {each["name"] for each in board["templating"]["list"]}


def test_correlations_ask_what_the_engine_answers(past: Store) -> None:
    asked = []
    for source in SOURCES.values():
        for each in source.get("correlations", []):
            assert each["targetUID"] in SOURCES
            target = each["config"]["target"]
            if each["targetUID"] == STORE:
                sql = target["rawSql"].replace(f"$${{{each['config']['field']}}}", TRACE)
                assert past.engine.query(sql).rows, each["label"]
            asked.append((source["uid"], each["config"]["field"], each["targetUID"]))
    assert sorted(asked) == [
        ("rvbbit-clickhouse", "TraceId", "rvbbit-clickhouse"),
        ("rvbbit-clickhouse", "TraceId", "rvbbit-jaeger"),
        ("rvbbit-clickhouse", "traceID", "rvbbit-clickhouse"),
        ("rvbbit-clickhouse", "traceID", "rvbbit-clickhouse"),
        ("rvbbit-clickhouse", "trace_id", "rvbbit-jaeger"),
        ("rvbbit-jaeger", "traceID", "rvbbit-clickhouse"),
    ]


def test_jaegers_page_links_back_to_the_boards() -> None:
    page = json.loads((ROOT / "jaeger" / "ui.json").read_text())
    by_uid = {board["uid"]: board for board in BOARDS.values()}
    found = {}
    for pattern in page["linkPatterns"]:
        uid, query = re.findall(r"/d/([\w-]+)\?(.*)", pattern["url"])[0]
        variables = {each["name"] for each in by_uid[uid]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= variables
        found[pattern["type"], pattern.get("key", "")] = uid
    assert found == {
        ("tags", "rvbbit.caller.id"): "rvbbit-caller",
        ("tags", "session.id"): "rvbbit-caller",
        ("traces", ""): "rvbbit-trace",
    }


if sys.version_info >= (3, 11):  # Grafana's SDK knows no older one; what is committed is the same for all.

    def test_the_files_are_what_the_generator_makes() -> None:
        from grafana.generate import files

        made = files()
        assert {path.stem for path in made} == {*BOARDS, "rules"}
        for path, text in made.items():
            assert path.read_text() == text, f"{path.name} is not what `python -m grafana.generate` makes"
