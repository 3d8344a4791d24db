"""The real parts: collector and Jaeger built from their modules, the all-in-one as the store, the example runner. For `make test-pipeline`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.recording import Recording, record

TOKEN = "0123456789abcdef"
COMMAND = [sys.executable, "-m", "rvbbit_otel"]


def instrumented(endpoint: str) -> list[str]:
    """What stands before a runner's own command."""
    return [*COMMAND, "run", "--endpoint", endpoint, "--"]


def only_clickhouse(address: str) -> dict[str, str]:
    """Settings of a collector that sends to the store at a URL or host:port, and to no Jaeger."""
    return {
        "RVBBIT_OTEL_CLICKHOUSE_ENDPOINT": address if "//" in address else f"http://{address}",
        "RVBBIT_OTEL_SESSION_EXPORTERS": "[clickhouse]",
    }


def report(**figures: object) -> None:
    """Figures of a test, for whoever reads the run with -rP."""
    print("  ".join(f"{name}={value}" for name, value in figures.items()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path / "data") as running:
        yield running


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """16 clients of 20 rows: 320 sessions, 6,400 rows."""
    return record(tmp_path_factory.mktemp("recording"), instrumented, 16, 20)


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A certificate of this machine, its key, and a token, as settings."""
    folder = tmp_path_factory.mktemp("secrets")
    root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
    make = ["go", "run", f"{root}/src/crypto/tls/generate_cert.go", "--host", "127.0.0.1,localhost", "--ca"]
    subprocess.run(make, cwd=folder, check=True, capture_output=True)
    (folder / "token").write_text(TOKEN + "\n")
    return {
        "RVBBIT_OTEL_TLS_CERT": str(folder / "cert.pem"),
        "RVBBIT_OTEL_TLS_KEY": str(folder / "key.pem"),
        "RVBBIT_OTEL_TOKEN_FILE": str(folder / "token"),
    }
