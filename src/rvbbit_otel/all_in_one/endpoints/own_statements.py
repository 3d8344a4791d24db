"""The statements of our own commands, word for word: what else changes rows is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.ingest.erasing import take_out
from rvbbit_otel.all_in_one.ingest.ingest import Ingest
from rvbbit_otel.counters import Counters
from rvbbit_otel.storage.erase import OF_FILES, TOMBSTONES
from rvbbit_otel.storage.erase import STATEMENTS as ERASURES
from rvbbit_otel.storage.prices import PUT, REPRICE
from rvbbit_otel.storage.quarantine import DROP, RETRY
from rvbbit_otel.storage.repair import STATEMENTS as REPAIRS

_OURS: Final[Mapping[bytes, str]] = {
    statement.encode(): statement for statement in (*REPAIRS, PUT, *REPRICE, RETRY, DROP, TOMBSTONES, *ERASURES)
}


def own_statement(text: bytes) -> str | None:
    """The one that a text is, None if it is none."""
    return _OURS.get(text.strip())


class OwnStatements:
    """Runs them, each in the thread of whoever asks."""

    def __init__(self, engine: Engine, ingest: Ingest, counters: Counters) -> None:
        """What they change is the store, and what is held in files in front of it."""
        self._engine = engine
        self._ingest = ingest
        self._counters = counters

    def run(self, statement: str, parameters: Mapping[str, str]) -> None:
        """Run one of `own_statement`; raises EngineError, StoreUnavailableError."""
        names = parameters.get("names", "").split(",")
        if statement == RETRY:
            self._ingest.retry(names)
        elif statement == DROP:
            self._ingest.quarantine.remove(names)
        elif statement == OF_FILES:
            take_out(self._engine, self._ingest, self._counters)
        else:
            self._engine.repair(statement, parameters)
