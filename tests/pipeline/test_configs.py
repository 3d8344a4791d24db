"""Each configuration is validated by the built collector, and none has drifted from the others."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.programs import COLLECTOR_DIR, built

SETS = [
    ("config.yaml",),
    ("config.yaml", "tls.yaml"),
    ("config.yaml", "tls.yaml", "auth.yaml"),
    ("agent.yaml",),
    ("agent.yaml", "tls.yaml"),
    ("gateway.yaml",),
]


def validated(program: Path, configs: tuple[str, ...], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RVBBIT_")}
    arguments = [word for name in configs for word in ("--config", str(COLLECTOR_DIR / name))]
    return subprocess.run(
        [program, "validate", *arguments],
        env={**plain, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("configs", SETS, ids=" ".join)
def test_each_set_of_configurations_is_valid(configs: tuple[str, ...], secrets: dict[str, str], tmp_path: Path) -> None:
    finished = validated(built("build.sh"), configs, {**secrets, "RVBBIT_OTEL_QUEUE_DIR": str(tmp_path)})
    assert (finished.returncode, finished.stderr) == (0, "")


def test_jaegers_configuration_is_valid(tmp_path: Path) -> None:
    finished = validated(built("build-jaeger.sh"), ("jaeger.yaml",), {"RVBBIT_JAEGER_DIR": str(tmp_path)})
    assert finished.returncode == 0, finished.stderr


def test_a_gateway_without_certificate_and_token_does_not_start(tmp_path: Path) -> None:
    finished = validated(built("build.sh"), ("gateway.yaml",), {"RVBBIT_OTEL_QUEUE_DIR": str(tmp_path)})
    assert finished.returncode == 1
    assert "TLS configuration must include both certificate and key" in finished.stderr
    assert "no bearer token provided" in finished.stderr


def parts(name: str) -> Any:
    # Through JSON, so that what an anchor repeats is a copy of its own.
    return json.loads(json.dumps(yaml.safe_load((COLLECTOR_DIR / name).read_text())))


def test_a_gateway_is_the_single_collector_behind_other_doors() -> None:
    one, gateway = parts("config.yaml"), parts("gateway.yaml")
    one["processors"].pop("memory_limiter")
    gateway["processors"].pop("memory_limiter")
    for exporter in (one["exporters"], gateway["exporters"]):
        for each in exporter.values():
            if each:
                each["sending_queue"]["batch"].pop("max_size")
    for section in ("processors", "connectors", "exporters"):
        assert gateway[section] == one[section]
    assert gateway["service"]["pipelines"] == one["service"]["pipelines"]
    assert gateway["service"]["telemetry"] == one["service"]["telemetry"]


def test_an_agent_takes_out_the_same_secrets() -> None:
    assert parts("agent.yaml")["processors"] == parts("config.yaml")["processors"]


@pytest.mark.parametrize("name", ["config.yaml", "agent.yaml", "gateway.yaml"])
def test_no_request_that_is_taken_is_above_what_a_batch_may_hold(name: str) -> None:
    config = parts(name)
    doors = config["receivers"]["otlp"]["protocols"]
    taken = {doors["grpc"]["max_recv_msg_size_mib"] * 1024 * 1024, doors["http"]["max_request_body_size"]}
    batches = {each["sending_queue"]["batch"]["max_size"] for each in config["exporters"].values() if each}
    assert len(taken) == len(batches) == 1
    assert taken == batches


@pytest.mark.parametrize("name", ["config.yaml", "agent.yaml", "gateway.yaml"])
def test_what_is_acknowledged_is_on_a_disk_and_tried_for_ever(name: str) -> None:
    config = parts(name)
    assert config["extensions"]["file_storage/queue"]["fsync"] is True
    durable = [each for key, each in config["exporters"].items() if key.startswith(("clickhouse", "load_balancing"))]
    assert durable
    for exporter in durable:
        assert exporter["retry_on_failure"]["max_elapsed_time"] == 0
        assert exporter["sending_queue"]["storage"] == "file_storage/queue"
        assert exporter["sending_queue"]["block_on_overflow"] is True
    for pipeline in config["service"]["pipelines"].values():
        if "otlp" in pipeline["receivers"]:
            assert pipeline["processors"][0] == "memory_limiter"
