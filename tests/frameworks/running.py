"""One run of a framework's program: eight callers, three runs each, against a stub of its own and a store that others share."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from tests.frameworks import environment
from tests.frameworks.known import Framework
from tests.frameworks.stub import Books, serving
from tests.support.all_in_one import AllInOne

CALLERS, RUNS = 8, 3
SECONDS: Final = 240


@dataclass(frozen=True)
class Ran:
    """What a program printed, what the stub's books say, and the store that its spans went to."""

    prefix: str
    answers: dict[str, str]
    output: str
    books: Books
    store: AllInOne

    @property
    def callers(self) -> list[str]:
        """Those whose runs end well; no other program of the store has any of these."""
        return [f"{self.prefix}-c{number}" for number in range(CALLERS)]

    @property
    def unlucky(self) -> str:
        """The one whose model fails."""
        return f"{self.prefix}-c{CALLERS}"

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Rows of the store; ``{service}`` stands for what every span of this program names its service."""
        return asked(self.store, query.replace("{service}", self.prefix))


def asked(store: AllInOne, query: str) -> list[dict[str, Any]]:
    """The rows of an answer."""
    request = urllib.request.Request(f"{store.clickhouse}/", data=f"{query} FORMAT JSONEachRow".encode())
    with urllib.request.urlopen(request, timeout=60) as reply:
        return [json.loads(line) for line in reply.read().decode().splitlines()]


def run(framework: Framework, beside: str, store: AllInOne) -> Ran:
    """Run it to its end; the spans are in the store by then."""
    venv = environment.installed(framework, beside)
    prefix = f"{framework.name}-{beside}"
    # A framework that reads the caller's own keys and endpoints would leave the stub.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "RVBBIT_", "OPENAI_"))}
    environ = {
        **clean,
        "OTEL_SERVICE_NAME": prefix,
        "OPENAI_API_KEY": "sk-stub",
        "GOOGLE_API_KEY": "stub",
        "OTEL_PYTHON_RVBBIT_CONTENT": "full",
        # A machine that has much to do acknowledges late: what the end of a process costs at most is tried elsewhere.
        "OTEL_PYTHON_RVBBIT_EXIT_PATIENCE": "60",
        "PYTHONPATH": str(environment.ROOT),
        **framework.environ,
    }
    with serving() as stub:
        module = f"tests.frameworks.programs.{framework.program}"
        command = [venv / "bin" / "python", "-m", module, stub.url, prefix, beside]
        done = subprocess.run(
            [venv / "bin" / "rvbbit-otel", "run", "--endpoint", f"http://{store.otlp_grpc}", "--", *command],
            env=environ,
            cwd=environment.FOLDER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    output = done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")]
    assert done.returncode == 0 and len(lines) == 1, output[-12000:]
    return Ran(prefix, json.loads(lines[0].removeprefix("ANSWERS ")), output, stub.books, store)
