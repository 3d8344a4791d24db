"""The real all-in-one as a process of its own: `python -m rvbbit_otel up` on free ports, ended with the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rvbbit_otel.testing.store import served

_STOP_SECONDS = 30
# What stands between SQL from outside and the machine (ADR 20); a test can do without one.
LAYERS = ("gate", "readers", "grants", "landlock")
# The same command line in front of the same server, which is told more, or left without one of its layers.
_WITH_LIMITS = """
import dataclasses, json, sys
from rvbbit_otel.all_in_one import server
from rvbbit_otel.cli import main

serve, lock_down, limits, without, first = server.serve, server.lock_down, *json.loads(sys.argv.pop(1))

def unchecked(self, text, database):
    head, _, name = text.decode().rpartition("FORMAT ")
    named = name.strip().isalnum()
    return gate.Checked(head.encode() if named else text, name.strip() if named else None, {}, tree.Found())

def take_off(store):
    global gate, tree
    said = lock_down(store) if without != "landlock" else "files outside the store stay open to the engine: a test wants it so"
    from rvbbit_otel.all_in_one.endpoints import clickhouse_http
    from rvbbit_otel.all_in_one.engine import engine
    from rvbbit_otel.all_in_one.statements import gate
    from rvbbit_otel.all_in_one.statements import tree
    if without == "gate":
        gate.Gate._checked = unchecked
        clickhouse_http.may_be_command = lambda text: False
    if without == "readers":
        written, final = engine._set, {"readonly", *engine._READING}
        engine._set = lambda settings: written({name: settings[name] for name in settings if name not in final})
    if without == "grants":
        engine.address_with_grants = lambda data, store: store
    exec(first)
    return said

server.serve = lambda options: serve(dataclasses.replace(options, **limits))
server.lock_down = take_off
main()
"""


@dataclass(frozen=True)
class AllInOne:
    """One that serves. `clickhouse` and `otlp_http` are URLs without a slash at the end, `otlp_grpc` is host:port."""

    process: subprocess.Popen[bytes]
    pid: int
    clickhouse: str
    otlp_http: str
    otlp_grpc: str
    page: str
    log_file: Path = field(repr=False)

    def log(self) -> str:
        """What it has written to standard error so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


@contextmanager
def running_all_in_one(
    data_dir: Path,
    *more_arguments: str,
    folder: Path | None = None,
    stop_seconds: float = _STOP_SECONDS,
    limits: Mapping[str, int] | None = None,
    without: str | None = None,
    first: str = "",
    environ: Mapping[str, str] | None = None,
) -> Iterator[AllInOne]:
    """One over the store in `data_dir`, ended by SIGTERM, and killed if it does not end; a test may kill it before.

    `folder` is its working directory; it is made if it is not there. `limits` are options that the command line
    does not have; `environ` is more of its environment. `without` is one of LAYERS, which is off: without "landlock" files outside
    the store stay open to it, as on an older kernel. `first` is a program that runs before the store is opened.
    Beside `data_dir` go the ready file and the log.
    """
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    ready_file = data_dir.with_name(data_dir.name + ".ready.json")
    log_file = data_dir.with_name(data_dir.name + ".log")
    ready_file.unlink(missing_ok=True)
    working = data_dir.with_name(data_dir.name + ".cwd") if folder is None else folder
    working.mkdir(parents=True, exist_ok=True)
    ports = [argument for name in ("otlp-grpc", "otlp-http", "clickhouse") for argument in (f"--{name}-port", "0")]
    told = ["-c", _WITH_LIMITS, json.dumps([dict(limits or {}), without, first])]
    start = told if limits or without or first else ["-m", "rvbbit_otel"]
    command = [sys.executable, *start, "up", "--data", str(data_dir), "--ready-file", str(ready_file)]
    with served(
        [*command, *ports, *more_arguments],
        ready_file,
        log_file,
        stop_seconds,
        cwd=working,
        env={**os.environ, **(environ or {})},
    ) as (process, addresses):
        yield AllInOne(
            process,
            process.pid,
            addresses["clickhouse"],
            addresses["otlp_http"],
            addresses["otlp_grpc"],
            addresses["page"],
            log_file,
        )
