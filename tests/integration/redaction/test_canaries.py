"""A hundred canaries, planted by a program that nobody edited: none leaves it by default, and with redaction off every one does."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support import canaries
from tests.support.all_in_one import AllInOne, running_all_in_one

ROOT = Path(__file__).parents[3]
EVERY = {canaries.token_of(number) for number in range(canaries.COUNT)}
OFF = {
    "OTEL_PYTHON_RVBBIT_REDACTION": "false",
    "OTEL_PYTHON_RVBBIT_CONTENT": "full",
}
_TOKEN = re.compile(rb"c4nary\d{3}z")


def found_in(data: bytes) -> set[str]:
    return {token.decode() for token in _TOKEN.findall(data)}


def planted(endpoint: str, settings: Mapping[str, str]) -> bytes:
    """Run the program to its end with OTLP over HTTP to this endpoint; gives what it wrote on its outputs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environ = {**clean, **settings, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "examples")))}
    command = [sys.executable, "-m", "rvbbit_otel", "run", "--endpoint", endpoint]
    done = subprocess.run(
        [*command, "--", sys.executable, "-m", canaries.__name__],
        env={**environ, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.decode().strip()) == (0, str(canaries.COUNT)), done.stderr.decode()
    return done.stdout + done.stderr


@contextmanager
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """An endpoint that keeps what it is sent, of every signal."""
    bodies: list[bytes] = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keeper) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()


def asked(server: AllInOne, sql: str, parameters: Mapping[str, str] | None = None) -> bytes:
    given = {"query": sql, **{f"param_{name}": value for name, value in (parameters or {}).items()}}
    with urllib.request.urlopen(f"{server.clickhouse}/?{urllib.parse.urlencode(given)}", timeout=60) as response:
        answer: bytes = response.read()
    return answer


def stored(server: AllInOne) -> bytes:
    """Every column of every table and view, decompressed by the engine."""
    tables = asked(server, "SHOW TABLES").decode().split()
    assert {"otel_traces", "otel_logs", "unified_logs", "callers"} <= set(tables)
    plain = [name for name in tables if "{" not in asked(server, f"SHOW CREATE TABLE {name} FORMAT TSVRaw").decode()]
    assert len(plain) > len(tables) / 2
    return b"".join(asked(server, f"SELECT * FROM {name} FORMAT JSONEachRow") for name in plain)


def shown(server: AllInOne) -> bytes:
    """Every view of the page with all that it asked, every row's own among them."""
    views = [
        "",
        "callers.json",
        "trust.json",
        "rows.json?last=all",
        "cost.json?by=caller",
        "health.json",
        "caller.json?id=web-failing",
    ]
    answers = [viewed(server, view) for view in views]
    assert b"web-failing" in answers[0]
    (rows,) = [each["rows"] for each in json.loads(answers[3])["questions"] if each["name"] == "rows"]
    assert rows
    answers += [viewed(server, f"row?trace={row['trace_id']}&span={row['span_id']}") for row in rows]
    return b"".join(answers)


def viewed(server: AllInOne, path: str) -> bytes:
    with urllib.request.urlopen(server.page + path, timeout=60) as response:
        answer: bytes = response.read()
    return answer


@pytest.mark.figure(22)
@pytest.mark.parametrize(("settings", "expected"), [({}, set()), (OFF, EVERY)], ids=["by default", "switched off"])
def test_in_the_bytes_of_otlp(settings: Mapping[str, str], expected: set[str]) -> None:
    with listener() as (endpoint, bodies):
        outputs = planted(endpoint, settings)
    assert sum(map(len, bodies)) > 20_000
    assert (found_in(b"".join(bodies)), found_in(outputs)) == (expected, set())


@pytest.mark.figure(22)
@pytest.mark.parametrize(("settings", "expected"), [({}, set()), (OFF, EVERY)], ids=["by default", "switched off"])
def test_in_the_store_its_files_its_log_and_the_page(
    settings: Mapping[str, str], expected: set[str], tmp_path: Path
) -> None:
    with running_all_in_one(tmp_path / "data") as server:
        planted(server.otlp_http, settings)
        rows, page = stored(server), shown(server)
    files = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert found_in(rows) == expected
    assert found_in(server.log_file.read_bytes()) == set()
    # The page shows origins only, and the engine packs what it keeps: what is not there says something.
    assert found_in(page) | found_in(b"".join(files)) <= expected
