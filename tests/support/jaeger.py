"""The real Jaeger as a process of its own, asked by its query API."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.programs import COLLECTOR_DIR, built, free_ports, until


@dataclass(frozen=True)
class Jaeger:
    """One that serves; `otlp` is host:port, `url` has no slash at the end."""

    otlp: str
    url: str
    log_file: Path

    def ask(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=30) as response:
            return json.load(response)["data"]

    def traces(self, service: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
        """The traces that have a span of this service with these tags."""
        found: list[dict[str, Any]] = self.ask("/api/traces", service=service, tags=json.dumps(tags), limit="100")
        return found


@contextmanager
def running_jaeger(folder: Path) -> Iterator[Jaeger]:
    """One with a store in `folder`, once it serves."""
    folder.mkdir(parents=True, exist_ok=True)
    otlp, http, grpc, health, metrics = free_ports(5)
    environ = {
        "RVBBIT_JAEGER_DIR": str(folder / "store"),
        "RVBBIT_JAEGER_OTLP_ENDPOINT": f"127.0.0.1:{otlp}",
        "RVBBIT_JAEGER_HTTP_ENDPOINT": f"127.0.0.1:{http}",
        "RVBBIT_JAEGER_GRPC_ENDPOINT": f"127.0.0.1:{grpc}",
        "RVBBIT_JAEGER_HEALTH_ENDPOINT": f"127.0.0.1:{health}",
        "RVBBIT_JAEGER_METRICS_PORT": str(metrics),
    }
    jaeger = Jaeger(f"127.0.0.1:{otlp}", f"http://127.0.0.1:{http}", folder / "jaeger.log")
    with jaeger.log_file.open("wb") as log:
        process = subprocess.Popen(
            [str(built("build-jaeger.sh")), "--config", str(COLLECTOR_DIR / "jaeger.yaml")],
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until("Jaeger serves", lambda: _answers(process, jaeger, health), 60, jaeger.log_file.read_text)
        yield jaeger
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(process: subprocess.Popen[bytes], jaeger: Jaeger, health: int) -> bool:
    assert process.poll() is None, f"Jaeger ended with {process.returncode}:\n{jaeger.log_file.read_text()}"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{health}/status", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
