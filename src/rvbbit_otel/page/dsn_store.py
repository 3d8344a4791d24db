"""A store behind a DSN, as the page asks it: read-only, in threads, with limits that keep a question of the page from being a server's worst."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from rvbbit_otel.errors import StoreError, StoreUnavailableError
from rvbbit_otel.page.asking import FORMAT
from rvbbit_otel.storage.client import ClickHouseDatabase

# `readonly` 2: nothing is written and no setting but these is needed.
_LIMITS: Final[Mapping[str, str]] = {
    "readonly": "2",
    "max_execution_time": "30",
    "max_result_rows": "1000000",
    "max_result_bytes": str(64 * 1024 * 1024),
}
_AT_ONCE: Final = 4
_ENGINE: Final = re.compile(r"Code: \d+\. DB::Exception: .*?\([A-Z_]+\)(?=$| \(for url)", re.S)


class DsnStore:
    """Asks over clickhouse-connect."""

    def __init__(self, dsn: str) -> None:
        """Raises ConfigurationError for what is no DSN; connects at the first question."""
        self._database = ClickHouseDatabase(dsn, answer_seconds=60)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="page-question")
        self._connecting = threading.Lock()
        self.address = self._database.address

    async def ask(self, sql: str, parameters: Mapping[str, str], settings: Mapping[str, str]) -> bytes:
        """Return the answer in JSONCompact."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, sql, parameters, settings)

    def close(self) -> None:
        """Close the connection, after what is being asked."""
        self._threads.shutdown()
        self._database.close()

    def _ask(self, sql: str, parameters: Mapping[str, str], settings: Mapping[str, str]) -> bytes:
        with self._connecting:
            self._database.connect()
        try:
            return self._database.raw(sql, parameters, settings, _LIMITS, FORMAT)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            # Of what the driver says only what the engine said: the rest is about the driver.
            found = _ENGINE.search(str(error))
            raise StoreError(found[0] if found else str(error)) from error
