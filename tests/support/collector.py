"""The real collector as a process of its own, on ports that stay its own when it is started again."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.programs import COLLECTOR_DIR, built, free_ports, until

_STOP_SECONDS = 60


@dataclass(frozen=True)
class Place:
    """Where a collector lives: its folder with queue and logs, and its ports. Two that follow one another may share it."""

    folder: Path
    ports: tuple[int, ...] = field(default_factory=lambda: tuple(free_ports(4)))

    @property
    def queue(self) -> Path:
        return self.folder / "queue"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.ports[1]}"

    def environ(self) -> dict[str, str]:
        grpc, http, health, metrics = self.ports
        return {
            "RVBBIT_OTEL_GRPC_ENDPOINT": f"127.0.0.1:{grpc}",
            "RVBBIT_OTEL_HTTP_ENDPOINT": f"127.0.0.1:{http}",
            "RVBBIT_OTEL_HEALTH_ENDPOINT": f"127.0.0.1:{health}",
            "RVBBIT_OTEL_METRICS_PORT": str(metrics),
            "RVBBIT_OTEL_QUEUE_DIR": str(self.queue),
        }


@dataclass(frozen=True)
class Collector:
    """One that serves."""

    process: subprocess.Popen[bytes]
    place: Place
    log_file: Path

    def log(self) -> str:
        """What this one has written so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def metric(self, name: str, **labels: str) -> float:
        """The sum of one of its own metrics over all series with these labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.place.ports[3]}/metrics", timeout=10) as response:
            text = response.read().decode()
        total = 0.0
        for series, value in re.findall(rf"^{name}(?:_total)?(\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE):
            if all(f'{label}="{wanted}"' in series for label, wanted in labels.items()):
                total += float(value)
        return total

    def queued(self, exporter: str = "clickhouse") -> float:
        """Bytes that wait for a store, of spans and records."""
        return self.metric("otelcol_exporter_queue_size", exporter=exporter)

    def sent(self, exporter: str = "clickhouse") -> float:
        """Spans that a store took."""
        return self.metric("otelcol_exporter_sent_spans", exporter=exporter)


@contextmanager
def running_collector(
    place: Place,
    environ: Mapping[str, str],
    *,
    configs: Sequence[str] = ("config.yaml",),
    prefix: Sequence[str] = (),
    clean: bool = True,
) -> Iterator[Collector]:
    """One with these settings, once its health check says that it serves; ended by SIGTERM unless the test killed it.

    `clean`: it must say nothing of a deprecated part, which is looked for in its log at the end.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    log_file = place.folder / f"collector-{len(list(place.folder.glob('collector-*.log')))}.log"
    arguments = [word for name in configs for word in ("--config", str(COLLECTOR_DIR / name))]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RVBBIT_OTEL_")}
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*prefix, str(built("build.sh")), *arguments],
            env={**plain, **place.environ(), **environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    collector = Collector(process, place, log_file)
    try:
        until("the collector serves", lambda: _is_healthy(collector), 60, collector.log)
        yield collector
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the collector did not end within {_STOP_SECONDS} s of SIGTERM") from None
    assert not clean or "deprecated" not in collector.log().lower()


def _is_healthy(collector: Collector) -> bool:
    if collector.process.poll() is not None:
        raise AssertionError(f"the collector ended with {collector.process.returncode}:\n{collector.log()}")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{collector.place.ports[2]}/", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
