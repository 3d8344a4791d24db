"""Starts the small runner, sends it queries from many clients at once, and reads from its journal what really happened.

with processes(folder) as dsn:
    drive(dsn, clients=8, rows=10)
for session in truth(folder / "journal.jsonl"):
    ...  # session.owner is the caller that every row of session.session_id must carry
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

ACCEPTANCE_QUERY = """RVBBIT MAP 'traits/extract_brand.yaml' AS brand
USING (SELECT * FROM (VALUES ('Apple iPhone'), ('Samsung Galaxy'), ('Sony Headphones')) AS t(product_name));"""
EXTRACT, NESTED, FAILING = "traits/extract_brand.yaml", "traits/nested.yaml", "traits/failing.yaml"
BRANDS = ("Apple iPhone", "Samsung Galaxy", "Sony Headphones", "Bose Speaker", "Canon Camera")
# DuckDB runs up to 2,048 rows of one SELECT on one thread, its own or the client's, as it likes. Of four SELECTs in a UNION ALL both kinds of thread
# took some in each of 80 queries tried, of two in 69 of 120 (two cores, DuckDB 2.0, SET threads TO 2).
_PARTS = 4
_MARKER = re.compile(r"#c\d+")


@dataclass(frozen=True)
class Answer:
    """What one client got: (product, brand) rows, or the server's error."""

    client: int
    rows: tuple[tuple[str, str], ...]
    error: psycopg.Error | None = None


@dataclass(frozen=True)
class Session:
    """What the journal says of one session: the caller that must own its rows, what the runner itself noted, and the client whose marker it has."""

    session_id: str
    owner: str
    noted_caller: str | None
    parent_session_id: str | None
    native_thread: bool
    client: int | None


@contextmanager
def started(command: Sequence[str], ready_file: Path, environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Run a command until its ready file is there, and end it by SIGTERM; it has ended when this returns.

    Raises RuntimeError if it does not become ready in 60 s, or does not end with exit status 0 within 30 s of the signal.
    """
    ready_file.unlink(missing_ok=True)
    process = subprocess.Popen(command, env=dict(environ))
    try:
        deadline = time.monotonic() + 60
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} did not become ready (exit status {process.poll()})")
            time.sleep(0.02)
        yield json.loads(ready_file.read_text())
    except BaseException:
        _end(process)
        raise
    status = _end(process)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit status {status}, not 0")


def _end(process: subprocess.Popen[bytes]) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextmanager
def processes(
    folder: Path, prefix: Sequence[str] = (), environ: Mapping[str, str] | None = None, delay_ms: float = 0.0
) -> Iterator[str]:
    """The stub of a model and the runner's server, behind `prefix` (such as ``rvbbit-otel run --``); gives the server's DSN.

    The journal is `folder`/journal.jsonl; the server's pid is in `folder`/server.json. `environ` is added to the server's environment only.
    Both processes have ended, with exit status 0, when this returns; raises RuntimeError as `started` does.
    """
    plain = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    folder.mkdir(parents=True, exist_ok=True)
    stub = [sys.executable, "-m", "small_rvbbit.stub_llm", "--ready-file", str(folder / "llm.json")]
    with started([*stub, "--delay-ms", str(delay_ms)], folder / "llm.json", plain) as llm:
        server = [*prefix, sys.executable, "-m", "small_rvbbit", "serve", "--ready-file", str(folder / "server.json")]
        server += ["--llm", llm["url"], "--journal", str(folder / "journal.jsonl")]
        with started(server, folder / "server.json", {**plain, **(environ or {})}) as ready:
            yield ready["dsn"]


def products(client: int, rows: int) -> list[str]:
    """Products whose names say whose they are, such as ``Apple iPhone #c03r07``: row 7 of client 3."""
    return [f"{BRANDS[row % len(BRANDS)]} #c{client:02}r{row:02}" for row in range(rows)]


def map_query(values: Sequence[str], cascade: str = EXTRACT) -> str:
    """The query that runs a cascade for each value, an SQL expression; with four values or more DuckDB uses both kinds of thread for it."""
    parts = [values[start::_PARTS] for start in range(min(_PARTS, len(values)))]
    selects = (
        f"SELECT * FROM (VALUES {', '.join(f'({value})' for value in part)}) AS t(product_name)" for part in parts
    )
    return f"RVBBIT MAP '{cascade}' AS brand USING ({' UNION ALL '.join(selects)})"


def ask(
    dsn: str, clients: int, rows: int, *, cascade: str = EXTRACT, extended: bool = False, first: int = 0
) -> list[Answer]:
    """Send one query from each of many clients at once, numbered from `first`; what each got, errors of the server included.

    `extended`: the products are bound parameters, and the SQL text tells the client's marker in a comment. Numbers may be used once a journal,
    or `truth` cannot tell who owns what.
    """

    def one(client: int) -> Answer:
        names = products(client, rows)
        with psycopg.connect(dsn, autocommit=True) as connection:
            try:
                if extended:
                    query = f"/* #c{client:02} */ {map_query(['%s'] * rows, cascade)}"
                    # Four parts take every fourth value each, so they are bound in that order.
                    bound = [name for start in range(_PARTS) for name in names[start::_PARTS]]
                    cursor = connection.execute(query, bound)
                else:
                    cursor = connection.execute(map_query([f"'{name}'" for name in names], cascade))
                return Answer(client, tuple((str(product), str(brand)) for product, brand in cursor.fetchall()))
            except psycopg.Error as error:
                return Answer(client, (), error)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(first, first + clients)))


def drive(dsn: str, clients: int, rows: int, *, cascade: str = EXTRACT, extended: bool = False, first: int = 0) -> int:
    """As `ask`, for cascades that must succeed: how many rows came back right, which is all of them.

    Raises the first client's error, and RuntimeError unless each client got its own rows, each with the right brand.
    """
    answers = ask(dsn, clients, rows, cascade=cascade, extended=extended, first=first)
    for answer in answers:
        if answer.error is not None:
            raise answer.error
        right = sorted((name, name.split()[0]) for name in products(answer.client, rows))
        if sorted(answer.rows) != right:
            raise RuntimeError(f"client {answer.client} got {sorted(answer.rows)}, not {right}")
    return sum(len(answer.rows) for answer in answers)


def truth(journal: Path) -> list[Session]:
    """Every session of the journal with the caller that must own it: the one whose SQL text holds the marker of the session's input, or, where the
    input has no marker, the product in quotes.

    Raises ValueError where that is not exactly one caller: what nobody can know is not guessed.
    """
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    owners: dict[str, set[str]] = {}
    for event in events:
        if event["event"] == "caller":
            query = event["sql_query"] or ""
            for told in (*_MARKER.findall(query), *query.split("'")[1::2]):
                owners.setdefault(told, set()).add(event["caller_id"])
    return [_session(event, owners) for event in events if event["event"] == "session"]


def _session(event: Mapping[str, Any], owners: Mapping[str, set[str]]) -> Session:
    product = event["input"]["product_name"]
    marker = _MARKER.search(product)
    callers = sorted(owners.get(marker.group() if marker else product, ()))
    if len(callers) != 1:
        raise ValueError(
            f"the owner of session {event['session_id']} is not known: {product!r} is in the SQL of callers {callers}"
        )
    return Session(
        event["session_id"],
        callers[0],
        event["caller_id"],
        event["parent_session_id"],
        event["native_thread"],
        int(marker.group()[2:]) if marker else None,
    )
