"""What docker-compose.yml and the page about Kubernetes hand to the collector and to Jaeger, the real binaries take."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import yaml
from tests.support.compose import validated, variables
from tests.support.files import ROOT
from tests.support.programs import built, free_ports, until

SERVICES = validated(dict.fromkeys(variables(), "Secret1"))["services"]


def _validate(config: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RVBBIT_OTEL_")}
    return subprocess.run(
        [built("build.sh"), "validate", "--config", ROOT / "collector" / config],
        env={**plain, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_collector_takes_what_compose_hands_it() -> None:
    environ = SERVICES["collector"]["environment"]
    assert _validate("config.yaml", environ).returncode == 0
    wrong = _validate("config.yaml", {**environ, "RVBBIT_OTEL_MEMORY_MIB": "plenty"})
    assert wrong.returncode != 0


def test_a_gateway_takes_what_the_values_for_kubernetes_hand_it() -> None:
    page = (ROOT / "docs/how-to/run-on-kubernetes.md").read_text()
    blocks = [yaml.safe_load_all(block) for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)]
    (values,) = [document for block in blocks for document in block if "kind" not in document]
    told = {each["name"]: each.get("value", "Secret1") for each in values["extraEnvs"]}
    assert _validate("gateway.yaml", told).returncode == 0


def test_jaeger_starts_as_compose_starts_it_and_its_page_has_our_links(tmp_path: Path) -> None:
    service = SERVICES["jaeger"]
    mounted = {target: ROOT / source for source, target, *_ in (each.split(":") for each in service["volumes"])}
    arguments = []
    for argument in service["command"]:
        option, _, value = argument.rpartition("=")
        arguments.append(f"{option}={mounted[value]}")
    otlp, http, grpc, health, metrics = free_ports(5)
    environ = {
        **service["environment"],
        "RVBBIT_JAEGER_DIR": str(tmp_path / "store"),
        "RVBBIT_JAEGER_OTLP_ENDPOINT": f"127.0.0.1:{otlp}",
        "RVBBIT_JAEGER_HTTP_ENDPOINT": f"127.0.0.1:{http}",
        "RVBBIT_JAEGER_GRPC_ENDPOINT": f"127.0.0.1:{grpc}",
        "RVBBIT_JAEGER_HEALTH_ENDPOINT": f"127.0.0.1:{health}",
        "RVBBIT_JAEGER_METRICS_HOST": "127.0.0.1",
        "RVBBIT_JAEGER_METRICS_PORT": str(metrics),
    }
    probe = re.sub(r":\d+/", f":{health}/", service["healthcheck"]["test"][-1])
    with (tmp_path / "jaeger.log").open("wb") as log:
        process = subprocess.Popen(
            [str(built("build-jaeger.sh")), *arguments],
            env={**os.environ, **environ},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until("the health check of compose holds", lambda: _answers(probe), 60, (tmp_path / "jaeger.log").read_text)
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/", timeout=10) as answer:
            page = answer.read().decode()
        (found,) = re.findall(r"JAEGER_CONFIG = (\{.*\});", page)
        links = json.loads((ROOT / "jaeger/ui.json").read_text())["linkPatterns"]
        assert json.loads(found)["linkPatterns"] == links
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
