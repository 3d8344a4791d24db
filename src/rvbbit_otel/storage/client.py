"""A store by its DSN, over clickhouse-connect: the embedded one and a ClickHouse server alike. The only import of that driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from rvbbit_otel.errors import ConfigurationError, StoreError, StoreUnavailableError
from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.database import Result

# Scheme to whether it is encrypted, and the port where none is named.
_SCHEMES = {"http": (False, 8123), "clickhouse": (False, 8123), "https": (True, 8443), "clickhouses": (True, 8443)}
# What the name of a cluster's shard database adds to that of its front database.
_SHARD = "_shard"


class ClickHouseDatabase:
    """A store at a DSN such as ``http://user:password@host:8123/database``. It connects at the first question."""

    def __init__(self, dsn: str, *, connect_seconds: int = 5, answer_seconds: int = 300, suffix: str = "") -> None:
        """Read the DSN; `suffix` is added to its database. Raises ConfigurationError, which never shows the password."""
        parts = _parse(dsn)
        secure, port = _SCHEMES[parts.scheme]
        self.address = f"{parts.hostname}:{parts.port or port}"
        self._options: dict[str, Any] = {
            "host": parts.hostname,
            "port": parts.port or port,
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else "",
            "database": _database(parts) + suffix,
            "secure": secure,
            "connect_timeout": connect_seconds,
            "send_receive_timeout": answer_seconds,
            "autogenerate_session_id": False,
        }
        self._client: Any = None

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run one statement that gives no rows."""
        with self._translated():
            self._connected().command(sql, parameters=dict(parameters or {}))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Ask one question."""
        with self._translated():
            answer = self._connected().query(sql, parameters=dict(parameters or {}))
        return Result(tuple(answer.column_names), [tuple(row) for row in answer.result_rows])

    def raw(
        self,
        sql: str,
        parameters: Mapping[str, str],
        settings: Mapping[str, str],
        limits: Mapping[str, str],
        format_name: str,
    ) -> bytes:
        """Ask one question and return the answer's bytes in a format of ClickHouse's.

        Of `limits` those are left out that the server does not let this user change: it has limits of its own, or only reads anyway.
        """
        with self._translated():
            client = self._connected()
            fixed = {name for name in limits if getattr(client.server_settings.get(name), "readonly", 0)}
            given = {**{name: value for name, value in limits.items() if name not in fixed}, **settings}
            answer = client.raw_query(sql, parameters=dict(parameters), settings=given, fmt=format_name)
        return bytes(answer)

    def connect(self) -> None:
        """Connect, unless that is done: before threads ask at once, one of them has to."""
        with self._translated():
            self._connected()

    def query_lines(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[str]:
        """Ask one question; each row of the answer as the engine's own line of JSON."""
        with self._translated():
            answer = self._connected().raw_query(sql, parameters=dict(parameters or {}), fmt="JSONEachRow")
        return str(answer, "utf-8", "replace").splitlines()

    def insert_lines(self, table: str, lines: Sequence[str]) -> None:
        """Insert rows that are a line of JSON each."""
        with self._translated():
            self._connected().raw_insert(table, insert_block="\n".join(lines), fmt="JSONEachRow")

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> Any:
        if self._client is None:
            self._client = clickhouse_connect.get_client(**self._options)
        return self._client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise StoreUnavailableError(
                f"no store answers at {self.address} ({_first_line(error)}): start one with `rvbbit-otel up`, or name another with --dsn"
            ) from error
        except ClickHouseError as error:
            raise StoreError(f"the store at {self.address} refused: {_first_line(error)}") from error


def cluster_at(name: str, dsn: str, front: ClickHouseDatabase) -> Cluster:
    """The cluster behind a DSN: `front` is its database, and beside it lies the shards' own. Raises ConfigurationError."""
    database = _database(_parse(dsn))
    return Cluster(name, front, ClickHouseDatabase(dsn, suffix=_SHARD), database, database + _SHARD)


def _database(parts: SplitResult) -> str:
    return unquote(parts.path.strip("/")) or "default"


def _parse(dsn: str) -> SplitResult:
    try:
        parts = urlsplit(dsn)
    except ValueError as error:
        raise ConfigurationError(
            f"the DSN's host can't be read ({error}): http://user:password@host:8123/database"
        ) from None
    if parts.scheme not in _SCHEMES:
        raise ConfigurationError(
            f"the DSN's scheme is {parts.scheme!r}; it is one of {', '.join(_SCHEMES)}: http://user:password@host:8123/database"
        )
    if not parts.hostname:
        raise ConfigurationError("the DSN names no host: http://user:password@host:8123/database")
    try:
        _ = parts.port
    except ValueError:
        raise ConfigurationError(
            "the DSN's port is no number from 0 to 65535: http://user:password@host:8123/database"
        ) from None
    if parts.query or parts.fragment or parts.path.strip("/").count("/"):
        raise ConfigurationError("the DSN ends with the database: http://user:password@host:8123/database")
    return parts


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
