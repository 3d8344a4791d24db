"""The collector's files and its page say the same, and its manifest holds what they use and no more. None of this needs Go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COLLECTOR = ROOT / "collector"
PAGE = ROOT / "docs" / "how-to" / "run-the-collector.md"
CONFIGS = sorted(COLLECTOR.glob("*.yaml"))
OURS = ("config.yaml", "agent.yaml", "gateway.yaml", "tls.yaml", "auth.yaml")
_VARIABLE = re.compile(r"\$\{env:(RVBBIT_[A-Z_]+)(?::-([^}]*))?\}")
# Modules by the type of the component that they hold.
MODULES = {
    "otlp": "otlpreceiver",
    "memory_limiter": "memorylimiterprocessor",
    "redaction": "redactionprocessor",
    "transform": "transformprocessor",
    "routing": "routingconnector",
    "nop": "nopexporter",
    "otlp_grpc": "otlpexporter",
    "otlp_http": "otlphttpexporter",
    "clickhouse": "clickhouseexporter",
    "load_balancing": "loadbalancingexporter",
    "bearertokenauth": "bearertokenauthextension",
    "health_check": "healthcheckextension",
    "file_storage": "filestorage",
}


def variables(name: str) -> dict[str, set[str | None]]:
    """Each variable of a configuration, with its defaults; None where it has none."""
    found: dict[str, set[str | None]] = {}
    text = "\n".join(line for line in (COLLECTOR / name).read_text().splitlines() if not line.lstrip().startswith("#"))
    for variable, default in _VARIABLE.findall(text):
        found.setdefault(variable, set()).add(default if f"{variable}:-" in text else None)
    return found


def documented() -> dict[str, str]:
    """The cell with the default of each variable on the page."""
    rows = re.findall(r"^\| `(RVBBIT_[A-Z_]+)` \| (.*?) \| ", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_every_variable_of_the_configurations_is_on_the_page_and_no_other() -> None:
    used = {variable for config in CONFIGS for variable in variables(config.name)}
    assert used == set(documented())


@pytest.mark.parametrize("name", [config.name for config in CONFIGS])
def test_the_page_tells_each_default(name: str) -> None:
    told = documented()
    for variable, defaults in variables(name).items():
        for default in defaults:
            shown = f"`{default}`" if default else "none"
            assert shown in told[variable], f"{variable} is {shown} in {name}"


def test_the_page_names_every_file_and_every_file_it_names_is_there() -> None:
    named = set(re.findall(r"`?(collector/[\w.-]+|tests/pipeline/[\w.-]+)", PAGE.read_text()))
    assert [name for name in named if not (ROOT / name).exists()] == []
    files = {f"collector/{file.name}" for file in COLLECTOR.iterdir() if file.is_file()}
    assert files - named == set()


def test_the_manifest_holds_what_the_configurations_use_and_no_more() -> None:
    used: set[str] = set()
    for name in OURS:
        config: dict[str, Any] = yaml.safe_load((COLLECTOR / name).read_text())
        for section in ("receivers", "processors", "connectors", "exporters", "extensions"):
            used |= {component.split("/")[0] for component in config.get(section) or {}}
    manifest = yaml.safe_load((COLLECTOR / "builder.yaml").read_text())
    built = {
        entry["gomod"].split()[0].rsplit("/", 1)[1]
        for section in ("receivers", "processors", "connectors", "exporters", "extensions")
        for entry in manifest[section]
    }
    assert built == {MODULES[component] for component in used}


def test_the_landing_tables_are_those_that_the_migrations_make() -> None:
    migrations = ROOT / "src" / "rvbbit_otel" / "storage" / "sql" / "migrations"
    tables = set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", "".join(f.read_text() for f in migrations.glob("*"))))
    for name in ("config.yaml", "gateway.yaml"):
        exporter = yaml.safe_load((COLLECTOR / name).read_text())["exporters"]["clickhouse"]
        assert exporter["create_schema"] is False
        assert {exporter["traces_table_name"], exporter["logs_table_name"]} == {"otel_traces_in", "otel_logs_in"}
        assert {"otel_traces_in", "otel_logs_in"} <= tables


def test_an_insert_that_was_given_up_has_ended_before_it_is_tried_again() -> None:
    profile = (ROOT / "clickhouse" / "users" / "10_collector.sql").read_text()
    (limit,) = re.findall(r"max_execution_time = (\d+)", profile)
    for name in ("config.yaml", "gateway.yaml"):
        exporter = yaml.safe_load((COLLECTOR / name).read_text())["exporters"]["clickhouse"]
        given_up, retry = int(exporter["timeout"].removesuffix("s")), exporter["retry_on_failure"]
        # clickhouse-go sends what is left of the time, and 5 s more, as the server's limit.
        assert int(limit) == given_up + 5
        assert given_up + int(retry["initial_interval"].removesuffix("s")) > int(limit)
        assert retry["randomization_factor"] == 0


def test_every_file_of_tests_is_run_by_a_command_that_ci_gives() -> None:
    (listed,) = re.findall(r"^testpaths = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    run: set[Path] = set()
    for target in re.findall(r"^make (\S+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE):
        (recipe,) = re.findall(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)*)", makefile, re.MULTILINE)
        for words in re.findall(r"-m pytest(?: ([^\n]*))?\n", recipe):
            ignored = re.findall(r"--ignore (\S+)", words)
            named = re.sub(r"(--ignore|-n|--dist) \S+", "", words).split() or re.findall(r'"([^"]+)"', listed)
            run |= set(_files(named)) - set(_files(ignored))
    # CI runs the two clients that are used most; `make test-clients` all, for it builds programs in three languages.
    assert run | {ROOT / "tests" / "clients" / "test_others.py"} == set(_files(["tests"]))


def _files(paths: list[str]) -> Iterator[Path]:
    for path in paths:
        yield from [ROOT / path] if path.endswith(".py") else (ROOT / path).rglob("test_*.py")
