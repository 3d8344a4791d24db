"""`repair` beside inserts: nobody waits for the other, nobody gets another's caller."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces

from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.repair import Repaired, repair

SENDERS, ROUNDS, SESSIONS = 2, 12, 5
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def numbers(sender: int, turn: int) -> list[int]:
    first = (sender * ROUNDS + turn) * SESSIONS
    return list(range(first, first + SESSIONS))


def send(server: AllInOne, sender: int) -> None:
    """Stragglers first, then the rows that tell whose they are, so that only a repair can find out."""
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        export = channel.unary_unary(EXPORT)
        for turn in range(ROUNDS):
            export(traces(*(row(1_000_000 + each, f"s{each}", "") for each in numbers(sender, turn))), timeout=60)
            export(traces(*(row(each, f"s{each}", f"sql-{each}") for each in numbers(sender, turn))), timeout=60)


def test_repairs_and_inserts_at_once_leave_every_row_with_its_caller(tmp_path: Path) -> None:
    over = threading.Event()

    def mend(server: AllInOne) -> list[Repaired]:
        database, done = ClickHouseDatabase(server.clickhouse), []
        while not over.is_set():
            done.append(repair(database))
        return [*done, repair(database)]

    with running_all_in_one(tmp_path / "data") as server, ThreadPoolExecutor(SENDERS + 2) as pool:
        # Two at once, as two people might.
        mending = [pool.submit(mend, server) for _ in range(2)]
        for sender in [pool.submit(send, server, number) for number in range(SENDERS)]:
            sender.result()
        over.set()
        found = [each for one in mending for each in one.result()]
        database = ClickHouseDatabase(server.clickhouse)
        last = repair(database)
        assert (last.left, len(found) > 2) == (0, True)
        rows = 2 * SENDERS * ROUNDS * SESSIONS
        for table, caller, span in (
            ("unified_logs", "caller_id", "span_id"),
            ("otel_traces", "caller_id", "SpanId"),
            ("session_facts", "caller", "part"),
        ):
            own = f"countIf({caller} = concat('sql-', substring(session_id, 2)))"
            counted = database.query(f"SELECT count(), {own}, uniqExact({span}) FROM {table}").rows
            assert counted == [(rows, rows, rows)], table
        sources = "SELECT caller_source, count() FROM unified_logs GROUP BY caller_source ORDER BY caller_source"
        assert database.query(sources).rows == [("echo", rows // 2), ("repair", rows // 2)]
