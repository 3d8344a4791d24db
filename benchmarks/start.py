"""Seconds until something runs: imports, the launcher beside OpenTelemetry's own, the command line, and the all-in-one until it serves."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.all_in_one import running_all_in_one

from benchmarks.harness import Row, Size, absolute, interleaved, row

_BIN = Path(sys.executable).parent
_QUIET = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "otlp", "OTEL_TRACES_EXPORTER": "otlp"}
_REPEATS: dict[Size, int] = {"smoke": 1, "short": 3, "full": 5}


def run(rounds: int, size: Size) -> list[Row]:
    """The best of a few starts a round, since other processes can only ever make one slower."""
    repeats = _REPEATS[size]

    def started(*command: str, **more: str) -> Callable[[], float]:
        return lambda: min(_seconds(command, more) for _ in range(repeats))

    python, ours = sys.executable, str(_BIN / "rvbbit-otel")
    theirs = str(_BIN / "opentelemetry-instrument")
    seen = interleaved(
        {
            "bare": started(python, "-c", "pass"),
            "sdk": started(python, "-c", "import opentelemetry.sdk.trace"),
            "what any instrumentation imports": started(
                python,
                "-c",
                "import opentelemetry.sdk.trace, wrapt, opentelemetry.instrumentation.instrumentor",
            ),
            "package": started(python, "-c", "import rvbbit_otel"),
            "package beside the SDK": started(python, "-c", "import opentelemetry.sdk.trace, rvbbit_otel"),
            "instrumentation": started(python, "-c", "from rvbbit_otel.instrumentation import RvbbitInstrumentor"),
            "help": started(ours, "--help"),
            "run": started(ours, "run", "--", python, "-c", "pass"),
            "opentelemetry-instrument": started(
                theirs, python, "-c", "pass", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="rvbbit"
            ),
            "up": _serving,
        },
        rounds,
    )
    beyond = [
        max(mine - sdk, 0.0001) * 1000 for mine, sdk in zip(seen["package beside the SDK"], seen["sdk"], strict=True)
    ]
    return [
        absolute("import rvbbit_otel, over opentelemetry.sdk.trace", "ms", beyond, 30.0),
        row("import of RvbbitInstrumentor", "s", seen["instrumentation"], seen["sdk"]),
        row(
            "import of RvbbitInstrumentor, beside the SDK, wrapt and BaseInstrumentor",
            "s",
            seen["instrumentation"],
            seen["what any instrumentation imports"],
        ),
        row("import rvbbit_otel", "s", seen["package"], seen["bare"]),
        absolute("rvbbit-otel --help", "s", seen["help"], 0.25),
        row(
            "rvbbit-otel run -- python -c pass, beside opentelemetry-instrument",
            "s",
            seen["run"],
            seen["opentelemetry-instrument"],
            1.2,
        ),
        row("rvbbit-otel up, until it serves", "s", seen["up"], seen["bare"]),
    ]


def _seconds(command: tuple[str, ...], more: Mapping[str, str]) -> float:
    environment = {**os.environ, **_QUIET, **more}
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - start


def _serving() -> float:
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        with running_all_in_one(Path(name) / "store"):
            return time.perf_counter() - start
