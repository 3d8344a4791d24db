"""The values for Kubernetes parse, and name what is in our files. Nothing of it has been applied anywhere, and the page says so."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import yaml
from tests.support.files import ROOT, load_yaml

from rvbbit_otel.cli import cli

PAGE = (ROOT / "docs/how-to/run-on-kubernetes.md").read_text()
BLOCKS: list[Any] = [
    document
    for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
    for document in yaml.safe_load_all(block)
]
KINDS = {document["kind"]: document for document in BLOCKS if "kind" in document}
(VALUES,) = [document for document in BLOCKS if "kind" not in document]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
GATEWAY = (ROOT / "collector/gateway.yaml").read_text()


def test_the_page_says_what_it_is() -> None:
    assert "untested on a live cluster" in PAGE.lower()
    assert KINDS.keys() == {"ClickHouseKeeperInstallation", "ClickHouseInstallation", "Job"}
    assert {document["metadata"]["namespace"] for document in KINDS.values()} == {"rvbbit"}


def test_clickhouse_is_the_version_of_compose_and_keeper_has_an_odd_number_of_votes() -> None:
    (image,) = set(re.findall(r"clickhouse/clickhouse-server:(\S+)", COMPOSE))
    assert set(re.findall(r"image: clickhouse/clickhouse-\w+:(\S+)", PAGE)) == {image}
    assert KINDS["ClickHouseKeeperInstallation"]["spec"]["configuration"]["clusters"][0]["layout"]["replicasCount"] % 2


def test_the_migration_goes_to_the_cluster_and_database_that_are_made() -> None:
    (cluster,) = KINDS["ClickHouseInstallation"]["spec"]["configuration"]["clusters"]
    # Without a secret the shards would ask as another user than the one who asked.
    assert cluster["secret"] == {"auto": "True"}
    (container,) = KINDS["Job"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["migrate", "--cluster", cluster["name"]]
    assert "--cluster" in {option for each in cli.commands["migrate"].params for option in each.opts}
    dsn = {each["name"]: each.get("value") for each in container["env"]}["RVBBIT_OTEL_DSN"]
    assert (
        dsn
        == f"http://admin:$(ADMIN_PASSWORD)@clickhouse-{KINDS['ClickHouseInstallation']['metadata']['name']}:8123/rvbbit"
    )
    assert f"chi-rvbbit-{cluster['name']}-0-0-0" in PAGE


def test_every_key_of_the_secret_is_made_and_used() -> None:
    made = set(re.findall(r"--from-literal=(\w+)=", PAGE))
    assert made == {"admin", "collector", "auditor", "grafana"}
    assert set(re.findall(r"name: rvbbit-passwords, key: (\w+)", PAGE)) <= made


def test_the_gateway_is_told_what_it_reads_and_its_ports_are_those_it_has() -> None:
    known = dict(re.findall(r"\$\{env:(\w+)(?::-([^}]*))?\}", GATEWAY))
    told = {each["name"]: each.get("value") for each in VALUES["extraEnvs"]}
    assert told.keys() <= known.keys()
    # What has no default has to be given.
    assert {name for name in known if f"${{env:{name}}}" in GATEWAY} <= told.keys()
    ports = {name: port["containerPort"] for name, port in VALUES["ports"].items() if port["enabled"]}
    assert ports == {
        "otlp": int(known["RVBBIT_OTEL_GRPC_ENDPOINT"].rsplit(":", 1)[1]),
        "otlp-http": int(known["RVBBIT_OTEL_HTTP_ENDPOINT"].rsplit(":", 1)[1]),
        "metrics": int(known["RVBBIT_OTEL_METRICS_PORT"]),
    }
    mounts = {each["name"]: each["mountPath"] for each in VALUES["extraVolumeMounts"]}
    assert mounts["queue"] == known["RVBBIT_OTEL_QUEUE_DIR"]
    claimed = {each["metadata"]["name"] for each in VALUES["statefulset"]["volumeClaimTemplates"]}
    assert mounts.keys() == claimed | {each["name"] for each in VALUES["extraVolumes"]}
    for name in ("TLS_CERT", "TLS_KEY", "TOKEN_FILE"):
        assert told[f"RVBBIT_OTEL_{name}"].rsplit("/", 1)[0] in mounts.values()


def test_the_gateways_queue_fits_on_its_disk_and_its_image_is_ours() -> None:
    told = {each["name"]: each.get("value") for each in VALUES["extraEnvs"]}
    (claim,) = VALUES["statefulset"]["volumeClaimTemplates"]
    disk = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    # Spans and log records have a queue of that size each; Jaeger's, and that of what belongs to no session, are fixed.
    fixed = sum(int(size) for size in re.findall(r"queue_size: (\d+)", GATEWAY))
    assert fixed == 2**28
    assert disk > 2 * int(told["RVBBIT_OTEL_QUEUE_BYTES"]) + 3 * fixed
    builder = load_yaml(ROOT / "collector/builder.yaml")["dist"]
    assert (VALUES["command"]["name"], VALUES["image"]["tag"]) == (builder["name"], builder["version"])


def test_users_are_kept_where_every_node_has_them_and_nowhere_before_that() -> None:
    files = KINDS["ClickHouseInstallation"]["spec"]["configuration"]["files"]
    (directories,) = ElementTree.fromstring(files["config.d/access.xml"]).iter("user_directories")
    # Added to the image's list, a folder of one node would come first.
    assert directories.get("replace") == "replace"
    assert [each.tag for each in directories] == ["users_xml", "replicated"]
    assert [each.text for each in ElementTree.fromstring(files["config.d/access.xml"]).iter("timezone")] == ["UTC"]
