"""Starts the small runner, sends it queries from many clients at once, and reads from its journal what really happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

ACCEPTANCE_QUERY = """RVBBIT MAP 'traits/extract_brand.yaml' AS brand
USING (SELECT * FROM (VALUES ('Apple iPhone'), ('Samsung Galaxy'), ('Sony Headphones')) AS t(product_name));"""
BRANDS = ("Apple iPhone", "Samsung Galaxy", "Sony Headphones", "Bose Speaker", "Canon Camera")


@dataclass(frozen=True)
class Session:
    """What the journal says of one session: the caller that must own its rows, and what the runner itself noted."""

    session_id: str
    owner: str
    noted_caller: str | None
    parent_session_id: str | None
    native_thread: bool


@contextmanager
def started(command: Sequence[str], ready_file: Path, environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Run a command until it writes its ready file; end it by SIGTERM."""
    process = subprocess.Popen(command, env=dict(environ))
    try:
        deadline = time.monotonic() + 60
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} did not become ready (exit status {process.poll()})")
            time.sleep(0.02)
        yield json.loads(ready_file.read_text())
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def processes(
    folder: Path, prefix: Sequence[str] = (), environ: Mapping[str, str] | None = None, delay_ms: float = 0.0
) -> Iterator[str]:
    """The stub of a model and the runner's server, behind `prefix` (such as ``rvbbit-otel run --``); gives the server's DSN.

    The journal is `folder`/journal.jsonl. Both processes have ended when this returns.
    """
    plain = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    folder.mkdir(parents=True, exist_ok=True)
    stub = [sys.executable, "-m", "small_rvbbit.stub_llm", "--ready-file", str(folder / "llm.json")]
    with started([*stub, "--delay-ms", str(delay_ms)], folder / "llm.json", plain) as llm:
        server = [*prefix, sys.executable, "-m", "small_rvbbit", "serve", "--ready-file", str(folder / "server.json")]
        server += ["--llm", llm["url"], "--journal", str(folder / "journal.jsonl")]
        with started(server, folder / "server.json", {**plain, **(environ or {})}) as ready:
            yield ready["dsn"]


def map_query(client: int, rows: int, cascade: str = "traits/extract_brand.yaml") -> str:
    """A query whose every product names its client and its row, such as ``Apple iPhone #c03r07``."""
    values = ", ".join(f"('{BRANDS[row % len(BRANDS)]} #c{client:02}r{row:02}')" for row in range(rows))
    return f"RVBBIT MAP '{cascade}' AS brand USING (SELECT * FROM (VALUES {values}) AS t(product_name))"


def drive(
    dsn: str, clients: int, rows: int, *, cascade: str = "traits/extract_brand.yaml", extended: bool = False
) -> int:
    """Send one query from each of many clients at once; the number of right answers. Raises what a client meets."""

    def one(client: int) -> int:
        query = map_query(client, rows, cascade)
        with psycopg.connect(dsn, autocommit=True) as connection:
            if extended:
                query = query.replace("AS t(product_name))", "AS t(product_name) WHERE %s <> '')")
                answers = connection.execute(query, (f"c{client:02}",)).fetchall()
            else:
                answers = connection.execute(query).fetchall()
        return sum(product.split()[0] == brand for product, brand in answers)

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(one, range(clients)))


def truth(journal: Path) -> list[Session]:
    """Every session of the journal with the caller that must own it: the one whose SQL text holds the marker of the session's input."""
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    owners: dict[str, str] = {}
    for event in events:
        if event["event"] == "caller" and event["sql_query"]:
            for product in event["sql_query"].split("'")[1::2]:
                owners[product] = event["caller_id"]
    return [
        Session(
            event["session_id"],
            owners[event["input"]["product_name"]],
            event["caller_id"],
            event["parent_session_id"],
            event["native_thread"],
        )
        for event in events
        if event["event"] == "session"
    ]
