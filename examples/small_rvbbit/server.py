"""SQL over the Postgres wire: one DuckDB database a client, as the published runner has it, and one caller a query."""

from __future__ import annotations

import socketserver
import uuid
from collections.abc import Sequence
from typing import Any

import duckdb

from small_rvbbit import caller_context, journal, udf
from small_rvbbit.pgwire import TEXT_OID, PgHandler, QueryError, Result
from small_rvbbit.sql import rewrite

_OIDS = {"BOOLEAN": 16, "BIGINT": 20, "SMALLINT": 21, "INTEGER": 23, "FLOAT": 700, "DOUBLE": 701, "DATE": 1082}


class ClientConnection(PgHandler):
    """One client of the server."""

    def connect(self, startup: dict[str, str]) -> Any:
        """Open the client's own database."""
        self.connection_id = uuid.uuid4().hex
        self.startup = startup
        self.database = duckdb.connect(":memory:")
        # With two threads DuckDB runs a UDF on the client's thread or on one of its own, as it likes.
        self.database.execute("SET threads TO 2")
        udf.register(self.database)
        return self.execute

    def disconnect(self) -> None:
        """Close it."""
        self.database.close()

    def execute(self, text: str, parameters: Sequence[Any], protocol: str) -> Result:
        """Run one query for a caller of its own."""
        caller_id = caller_context.new_caller_id("sql")
        metadata = {
            "origin": "sql",
            "sql_query": text,
            "protocol": protocol,
            "user": self.startup.get("user", ""),
            "database": self.startup.get("database", ""),
        }
        journal.write("caller", caller_id=caller_id, sql_query=text)
        caller_context.set_caller_context(caller_id, metadata, self.connection_id)
        try:
            cursor = self.database.execute(rewrite(text), list(parameters))
            columns = [(name, _OIDS.get(str(kind), TEXT_OID)) for name, kind, *_ in cursor.description or []]
            rows = cursor.fetchall()
        except duckdb.ParserException as error:
            raise QueryError("42601", str(error)) from error
        except duckdb.Error as error:
            raise QueryError("XX000", str(error)) from error
        finally:
            caller_context.clear_caller_context(self.connection_id)
        verb = text.split(None, 1)[0].upper()
        return Result(columns, rows, f"SELECT {len(rows)}" if verb in ("SELECT", "RVBBIT", "WITH", "FROM") else verb)


class Server(socketserver.ThreadingTCPServer):
    """A thread a client."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        """Bind; `server_address` says where."""
        super().__init__((host, port), ClientConnection)
