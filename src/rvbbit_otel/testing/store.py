"""A store for tests: the all-in-one as a process of its own on free ports, in a folder that is gone afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rvbbit_otel.attributes import CALLER_CANDIDATE, CALLER_CONFLICT
from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.files import read
from rvbbit_otel.testing.recorded import Recorded

# The engine opens in about one second, and more slowly where several tests run at once.
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Store:
    """One that serves. New in version 0.1.

    dsn: where SQL is asked, ``http://127.0.0.1:port``. otlp_http: where OTLP over HTTP goes, a URL; otlp_grpc: over
    gRPC, host:port. page: the home page.
    """

    dsn: str
    otlp_http: str
    otlp_grpc: str
    page: str
    log_file: Path = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a child process, or the SDK's exporters in this one, send to this store."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp_http, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}

    def query(self, sql: str, **parameters: object) -> list[dict[str, Any]]:
        """Ask one question; `parameters` are bound (``{name:String}``). The answer has all that was acknowledged before it."""
        database = ClickHouseDatabase(self.dsn)
        try:
            return database.query(sql, parameters).dicts()
        finally:
            database.close()

    def rows(self) -> list[Recorded]:
        """Every row of unified_logs, oldest first, for `assert_attributed`."""
        return [_recorded(row) for row in self.query(read("testing/rows.sql"))]

    def broken_rules(self) -> dict[str, list[dict[str, Any]]]:
        """Run every audit that is a rule; return the rows that break one, by the rule's name: empty if all hold."""
        database = ClickHouseDatabase(self.dsn)
        try:
            findings = [run_audit(database, audit) for audit in load_audits() if audit.is_rule]
        finally:
            database.close()
        return {
            finding.audit.name: [dict(zip(finding.columns, row, strict=True)) for row in finding.rows]
            for finding in findings
            if not finding.holds
        }

    def log(self) -> str:
        """Return what the store has written to standard error so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


@contextmanager
def running_store(folder: Path | None = None) -> Iterator[Store]:
    """Start a store in `folder`, or in a temporary one, and end it with the block. New in version 0.1.

    It needs ``rvbbit-otel[embedded]``. Raises RuntimeError, with what the store wrote, if it does not start within a
    minute or does not end by itself.
    """
    with tempfile.TemporaryDirectory(prefix="rvbbit-test-", ignore_cleanup_errors=True) as name:
        data = (folder or Path(name)) / "data"
        data.parent.mkdir(parents=True, exist_ok=True)
        ready_file, log_file = data.with_name("ready.json"), data.with_name("store.log")
        ready_file.unlink(missing_ok=True)
        ports = [word for door in ("otlp-grpc", "otlp-http", "clickhouse") for word in (f"--{door}-port", "0")]
        command = [sys.executable, "-m", "rvbbit_otel", "up", "--data", str(data), "--ready-file", str(ready_file)]
        with served([*command, *ports], ready_file, log_file) as (_, ready):
            yield Store(ready["clickhouse"], ready["otlp_http"], ready["otlp_grpc"], ready["page"], log_file)


@contextmanager
def served(
    command: Sequence[str], ready_file: Path, log_file: Path, stop_seconds: float = _STOP_SECONDS, **options: Any
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Run a command until its ready file is there; give the process and what the file says; end it by SIGTERM, and kill what does not end."""
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **options)
    try:
        yield process, _wait_until_ready(process, ready_file, log_file)
    finally:
        _end(process, stop_seconds)


def _recorded(row: dict[str, Any]) -> Recorded:
    named = {**row, CALLER_CANDIDATE: row["caller_candidate"], CALLER_CONFLICT: row["caller_conflict"]}
    return Recorded(
        str(row["name"]), row["caller_id"] or None, str(row["caller_source"]), row["session_id"] or None, named
    )


def _wait_until_ready(process: subprocess.Popen[bytes], ready_file: Path, log_file: Path) -> dict[str, Any]:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if ready_file.exists():  # It is moved there once whole.
            found: dict[str, Any] = json.loads(ready_file.read_text(encoding="utf-8"))
            return found
        if process.poll() is not None:
            break
        time.sleep(0.01)
    state = (
        f"ended with {process.returncode}" if process.returncode is not None else f"not ready in {_START_SECONDS:.0f} s"
    )
    raise RuntimeError(f"the all-in-one {state}:\n{log_file.read_text(encoding='utf-8', errors='replace')}")


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise RuntimeError(f"the all-in-one did not end within {seconds:.0f} s of SIGTERM") from None
