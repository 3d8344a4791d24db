"""SQL over the Postgres wire: one DuckDB database a client, as the published runner has it, and one caller a query."""

from __future__ import annotations

import socket
import socketserver
import uuid
from collections.abc import Sequence
from typing import Any

import duckdb

from small_rvbbit import caller_context, journal, udf
from small_rvbbit.pgmessages import TEXT_OID, QueryError, Result
from small_rvbbit.pgwire import Execute, PgHandler
from small_rvbbit.sql import rewrite

_OIDS = {
    "BOOLEAN": 16,
    "BLOB": 17,
    "BIGINT": 20,
    "SMALLINT": 21,
    "INTEGER": 23,
    "FLOAT": 700,
    "DOUBLE": 701,
    "DATE": 1082,
    "TIMESTAMP": 1114,
    "HUGEINT": 1700,
}
# Several names of one statement; Postgres has one tag for each of the three.
_TRANSACTIONS = {"BEGIN": "BEGIN", "START": "BEGIN", "COMMIT": "COMMIT", "END": "COMMIT"}


class ClientConnection(PgHandler):
    """One client of the server."""

    def finish(self) -> None:
        """Send what is left to send."""
        try:
            super().finish()
        except ConnectionError:
            return  # The client left before it had read everything.

    def connect(self, startup: dict[str, str]) -> Execute:
        """Open the client's own database."""
        self.connection_id = uuid.uuid4().hex
        self.startup = startup
        self.database = duckdb.connect(":memory:")
        # With two threads DuckDB runs a UDF on the client's thread or on one of its own, as it likes; see `drive.map_query`.
        self.database.execute("SET threads TO 2")
        udf.register(self.database)
        return self.execute

    def disconnect(self) -> None:
        """Close it."""
        self.database.close()

    def execute(self, text: str, parameters: Sequence[Any], protocol: str) -> list[Result]:
        """Run one query, for a caller of its own; a result for each of its statements."""
        caller_id = caller_context.new_caller_id("sql")
        metadata = {
            "origin": "sql",
            "sql_query": text,
            "protocol": protocol,
            "user": self.startup.get("user", ""),
            "database": self.startup.get("database", self.startup.get("user", "")),
        }
        journal.write("caller", caller_id=caller_id, sql_query=text, protocol=protocol)
        caller_context.set_caller_context(caller_id, metadata, self.connection_id)
        try:
            statements = self.database.extract_statements(rewrite(text))
            if protocol == "extended" and len(statements) > 1:
                raise QueryError("42601", "cannot insert multiple commands into a prepared statement")
            return [self._statement(statement, list(parameters)) for statement in statements]
        except duckdb.ParserException as error:
            raise QueryError("42601", str(error)) from error
        except duckdb.CatalogException as error:
            raise QueryError("42P01", str(error)) from error
        except duckdb.Error as error:
            raise QueryError("XX000", str(error)) from error
        finally:
            caller_context.clear_caller_context(self.connection_id)

    def _statement(self, statement: duckdb.Statement, parameters: list[Any]) -> Result:
        cursor = self.database.execute(statement.query, parameters)
        columns = [(name, _oid(str(kind))) for name, kind, *_ in cursor.description or []]
        rows = cursor.fetchall()
        kind = statement.type.name
        if kind == "TRANSACTION":
            return Result((), (), _TRANSACTIONS.get(statement.query.split()[0].upper().rstrip(";"), "ROLLBACK"))
        if duckdb.ExpectedResultType.QUERY_RESULT not in statement.expected_result_type or kind == "CREATE":
            return Result((), (), kind)
        if duckdb.ExpectedResultType.CHANGED_ROWS in statement.expected_result_type:
            counted = [name for name, _ in columns] == ["Count"]
            changed = rows[0][0] if counted and rows else len(rows)
            tag = f"INSERT 0 {changed}" if kind == "INSERT" else f"{kind} {changed}"
            return Result((), (), tag) if counted else Result(columns, rows, tag)
        return Result(columns, rows, f"SELECT {len(rows)}")


class Server(socketserver.ThreadingTCPServer):
    """A thread a client. `server_close` lets each client's query end, and then ends the client."""

    allow_reuse_address = True
    daemon_threads = False  # A process that ends while DuckDB still runs a UDF would be aborted.
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        """Bind; `server_address` says where."""
        self.clients: set[socket.socket] = set()
        super().__init__((host, port), ClientConnection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the client, before its thread starts."""
        self.clients.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a client that is done."""
        self.clients.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Take no more clients, read no more from those there are, and wait for what they asked."""
        for client in self.clients.copy():
            try:
                client.shutdown(socket.SHUT_RD)
            except OSError:
                continue  # It left by itself.
        super().server_close()


def _oid(kind: str) -> int:
    return 1700 if kind.startswith("DECIMAL") else _OIDS.get(kind, TEXT_OID)
