"""docker-compose.yml is what Compose takes, and everything that it names is there under that name.

Nothing of it is run here: that wants a Docker engine. Checked by the Compose Specification's library, and against the files that define each name.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.compose import MissingVariableError, check, example_variables, filled, validated, variables
from tests.support.files import ROOT, load_yaml, statements

from rvbbit_otel.cli import cli

VALUES = {name: f"Secret{index}" for index, name in enumerate(sorted(variables()))}
COMPOSE = validated(VALUES)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
COLLECTOR = (ROOT / "collector" / "config.yaml").read_text()
JAEGER = (ROOT / "collector" / "jaeger.yaml").read_text()
SOURCES = (ROOT / "grafana/provisioning/datasources/datasources.yaml").read_text()
ENDS = {"migrate", "users"}


def environment(service: str) -> dict[str, str]:
    found: dict[str, str] = SERVICES[service].get("environment", {})
    return found


def test_without_a_password_it_does_not_start_and_none_is_given() -> None:
    assert example_variables() == dict.fromkeys(variables(), "")
    for name in variables():
        with pytest.raises(MissingVariableError, match=rf"{name}: set it in \.env, see \.env\.example"):
            filled({**VALUES, name: ""})
    assert "/.env" not in (ROOT / ".gitignore").read_text()
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("healthcheck:", "healtcheck:"),
        ("condition: service_healthy", "condition: service_well"),
        ("127.0.0.1:8123:8123", "127.0.0.1:8123:port"),
        ("interval: 5s", "interval: soon"),
    ],
)
def test_the_check_finds_a_mistake(right: str, wrong: str) -> None:
    text = filled(VALUES)
    assert right in text
    with pytest.raises(ValueError):
        check(text.replace(right, wrong, 1))


def test_every_image_has_a_version_or_is_built_here() -> None:
    for name, service in SERVICES.items():
        image = service["image"]
        if image.endswith(":local"):
            built = [each for each in SERVICES.values() if each["image"] == image and "build" in each]
            assert len(built) == 1, name
            assert (ROOT / built[0]["build"]["context"] / "Dockerfile").is_file()
        else:
            assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(\.\d+)?", image), image
    assert SERVICES["users"]["image"] == SERVICES["clickhouse"]["image"]


@pytest.mark.parametrize("path", ["Dockerfile", "collector/Dockerfile"])
def test_a_dockerfile_pins_what_it_stands_on_and_copies_what_is_there(path: str) -> None:
    text = (ROOT / path).read_text()
    stages = re.findall(r"^FROM (\S+?)(?: AS \w+)?$", text, re.M)
    assert stages
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+(-[a-z-]+)?", stage) for stage in stages)
    ignored = (ROOT / ".dockerignore").read_text().splitlines() if path == "Dockerfile" else None
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.M):
        for source in line.split()[:-1]:
            assert ((ROOT / path).parent / source).exists()
            assert ignored is None or f"!{source}" in ignored
    assert re.search(r"^USER (?!root)\w+$", text, re.M)


def test_the_collectors_image_is_given_all_that_its_build_reads() -> None:
    folder = ROOT / "collector"
    script = (folder / "build.sh").read_text()
    wanted = {"build.sh", *re.findall(r"\$here\"?/([\w.]+)", script)}
    wanted |= set(re.findall(r"^ +path: \./(\w+)", (folder / "builder.yaml").read_text(), re.M))
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*) /src\S*$", (folder / "Dockerfile").read_text(), re.M)
        for word in line.split()
    }
    assert copied == wanted
    assert {"builder.yaml", "go.sh"} < copied


def test_ports_are_on_the_loopback_and_no_two_are_the_same() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert sorted(int(port.split(":")[1]) for port in published) == [3000, 4317, 4318, 8123, 16686]


def test_no_container_is_privileged_or_shares_the_hosts_network() -> None:
    for service in SERVICES.values():
        assert not service.keys() & {"privileged", "cap_add", "pid", "ipc", "devices"}
        assert service.get("network_mode", "service:model") == "service:model"
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_what_is_mounted_is_there_and_every_volume_is_used() -> None:
    used = set()
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source, target, *mode = mount.split(":")
            assert target.startswith("/")
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert mode == ["ro"]
            else:
                used.add(source)
    assert used == COMPOSE["volumes"].keys()


def test_who_waits_for_another_waits_for_what_that_one_can_tell() -> None:
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert name in ENDS
    assert {name for name, service in SERVICES.items() if service["restart"] == "no"} == ENDS
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == ENDS


def test_every_host_that_is_named_is_a_service() -> None:
    text = filled(VALUES) + (ROOT / "prometheus/prometheus.yml").read_text()
    hosts = {urlsplit(url).hostname for url in re.findall(r"http://[^\s\"\]]+", text)}
    hosts |= {
        environment("collector")["RVBBIT_OTEL_JAEGER_ENDPOINT"].split(":")[0],
        environment("users")["CLICKHOUSE_HOST"],
    }
    hosts |= {environment("grafana")["RVBBIT_CLICKHOUSE_HOST"]}
    assert hosts - {"127.0.0.1"} <= SERVICES.keys()


def defaults(text: str) -> dict[str, str]:
    """Every variable that a collector's file reads, with its default."""
    return dict(re.findall(r"\$\{env:(\w+)(?::-([^}]*))?\}", text))


def port(address: str) -> str:
    return address.rsplit(":", 1)[1].split("/")[0]


def test_the_collector_is_told_only_what_it_reads_and_listens_where_it_is_asked() -> None:
    told, known = environment("collector"), defaults(COLLECTOR)
    assert told.keys() <= known.keys()
    assert {port(told[f"RVBBIT_OTEL_{door}_ENDPOINT"]) for door in ("GRPC", "HTTP")} == {
        each.split(":")[2] for each in SERVICES["collector"]["ports"]
    }
    probe = SERVICES["collector"]["healthcheck"]["test"][-1]
    assert port(probe) == port(known["RVBBIT_OTEL_HEALTH_ENDPOINT"])
    (volume,) = SERVICES["collector"]["volumes"]
    assert volume.split(":")[1] == known["RVBBIT_OTEL_QUEUE_DIR"]
    dockerfile = (ROOT / "collector/Dockerfile").read_text()
    assert known["RVBBIT_OTEL_QUEUE_DIR"] in dockerfile
    assert "/etc/rvbbit-otelcol/config.yaml" in dockerfile
    (exposed,) = re.findall(r"^EXPOSE (.*)$", dockerfile, re.M)
    metrics = known["RVBBIT_OTEL_METRICS_PORT"]
    assert set(exposed.split()) == {"4317", "4318", metrics, port(probe)}
    scraped = {
        each["job_name"]: each["static_configs"][0]["targets"]
        for each in load_yaml(ROOT / "prometheus/prometheus.yml")["scrape_configs"]
    }
    assert scraped == {
        "collector": [f"collector:{metrics}"],
        "jaeger": [f"jaeger:{defaults(JAEGER)['RVBBIT_JAEGER_METRICS_PORT']}"],
    }


def test_jaeger_is_told_only_what_it_reads_and_is_where_the_others_look() -> None:
    told, known = environment("jaeger"), defaults(JAEGER)
    assert told.keys() <= known.keys()
    assert port(told["RVBBIT_JAEGER_OTLP_ENDPOINT"]) == port(environment("collector")["RVBBIT_OTEL_JAEGER_ENDPOINT"])
    assert port(told["RVBBIT_JAEGER_HTTP_ENDPOINT"]) == port(environment("grafana")["RVBBIT_JAEGER_URL"]) == "16686"
    assert port(SERVICES["jaeger"]["healthcheck"]["test"][-1]) == port(known["RVBBIT_JAEGER_HEALTH_ENDPOINT"])
    mounted = {each.split(":")[1] for each in SERVICES["jaeger"]["volumes"]}
    assert {each.split("=")[-1] for each in SERVICES["jaeger"]["command"]} <= mounted
    extension, _, option = SERVICES["jaeger"]["command"][1].removeprefix("--set=extensions.").partition(".")
    assert extension in load_yaml(ROOT / "collector/jaeger.yaml")["extensions"]
    assert option.startswith("ui.config_file=")
    assert any(told["RVBBIT_JAEGER_DIR"].startswith(f"{each}/") for each in mounted)


def test_grafana_is_given_every_variable_of_its_data_sources_and_finds_what_is_mounted() -> None:
    dollars = re.sub(r"\$\$", "", re.sub(r"^#.*$", "", SOURCES, flags=re.M))
    wanted = set(re.findall(r"\$(\w+)", dollars))
    told = environment("grafana")
    assert {name for name in told if name.startswith("RVBBIT_")} == wanted
    assert dollars.count("$") == len(re.findall(r"\$(\w+)", dollars))
    mounted = {each.split(":")[1]: each.split(":")[0] for each in SERVICES["grafana"]["volumes"]}
    provider = load_yaml(ROOT / "grafana/provisioning/dashboards/dashboards.yaml")["providers"][0]
    assert mounted[provider["options"]["path"]] == "./grafana/dashboards"
    assert mounted["/etc/grafana/provisioning"] == "./grafana/provisioning"
    plugin, _, version = told["GF_PLUGINS_PREINSTALL_SYNC"].partition("@")
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert plugin in {
        each["type"] for each in load_yaml(ROOT / "grafana/provisioning/datasources/datasources.yaml")["datasources"]
    }


def test_users_databases_and_passwords_are_those_of_the_files_that_make_them() -> None:
    made = dict(
        re.findall(
            r"CREATE USER OR REPLACE (\w+) IDENTIFIED WITH sha256_password BY \{(\w+):String\}",
            "\n".join(text for path in sorted((ROOT / "clickhouse/users").glob("*.sql")) for text in statements(path)),
        )
    )
    assert made == {"collector": "collector_password", "auditor": "auditor_password", "grafana": "grafana_password"}
    script = (ROOT / "clickhouse/users/apply.sh").read_text()
    handed = dict(re.findall(r"--param_(\w+)=\"\$\{(\w+):\?\}\"", script))
    users = environment("users")
    assert set(handed.values()) < users.keys()
    mounts = dict(each.split(":")[1::-1] for each in SERVICES["users"]["volumes"])
    assert SERVICES["users"]["entrypoint"][1] == "/etc/rvbbit/users/apply.sh"
    assert mounts["/etc/rvbbit/users"] == "./clickhouse/users"

    collector, grafana, clickhouse = environment("collector"), environment("grafana"), environment("clickhouse")
    assert collector["RVBBIT_OTEL_CLICKHOUSE_PASSWORD"] == users[handed[made[collector["RVBBIT_OTEL_CLICKHOUSE_USER"]]]]
    source = next(
        each
        for each in load_yaml(ROOT / "grafana/provisioning/datasources/datasources.yaml")["datasources"]
        if each["uid"] == "rvbbit-clickhouse"
    )
    assert grafana["RVBBIT_GRAFANA_PASSWORD"] == users[handed[made[source["jsonData"]["username"]]]]
    assert source["secureJsonData"]["password"] == "$RVBBIT_GRAFANA_PASSWORD"

    database = clickhouse["CLICKHOUSE_DB"]
    dsn = urlsplit(environment("migrate")["RVBBIT_OTEL_DSN"])
    assert (dsn.username, dsn.password, dsn.path) == (
        clickhouse["CLICKHOUSE_USER"],
        clickhouse["CLICKHOUSE_PASSWORD"],
        f"/{database}",
    )
    assert (users["CLICKHOUSE_USER"], users["CLICKHOUSE_PASSWORD"]) == (dsn.username, dsn.password)
    assert collector["RVBBIT_OTEL_CLICKHOUSE_DATABASE"] == database
    assert source["jsonData"]["defaultDatabase"] == database
    for table in ("otel_traces_in", "otel_logs_in"):
        assert f"GRANT INSERT ON {database}.{table} TO" in (ROOT / "clickhouse/users/10_collector.sql").read_text()
        assert f"_table_name: {table}" in COLLECTOR


def test_the_commands_are_commands() -> None:
    assert SERVICES["migrate"]["command"] == ["migrate"]
    assert set(SERVICES["migrate"]["command"]) | {SERVICES["runner"]["command"][0]} <= cli.commands.keys()
    runner = SERVICES["runner"]["command"]
    door = runner[runner.index("--endpoint") + 1]
    assert port(door) == port(environment("collector")["RVBBIT_OTEL_GRPC_ENDPOINT"])
    model = SERVICES["model"]["command"]
    assert port(runner[runner.index("--llm") + 1]) == model[model.index("--port") + 1]
    assert SERVICES["runner"]["network_mode"] == "service:model"
    assert "'.[run,example]'" in (ROOT / "Dockerfile").read_text()
