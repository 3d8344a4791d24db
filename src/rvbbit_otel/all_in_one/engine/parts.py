"""Looks at the parts of the store when it starts: a damaged one is set aside, and told of.

The engine sets aside what it can't open, without a word. What is damaged further in shows only when it is read: every insert and question that meets
it fails, for ever. So each part is read once after a start, and what is damaged is set aside too: one state, in one place
(`system.detached_parts`), and its files are kept (ADR 73).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import PurePath

from rvbbit_otel.all_in_one.engine.engine import Engine, Session, quoted
from rvbbit_otel.storage.audits import SET_ASIDE, find_audit, run_audit
from rvbbit_otel.storage.files import read

# Seconds for which a start waits for the look at all parts; a larger store is looked at while it serves.
_PATIENCE_SECONDS = 1.0
_NAME = "check-parts"


class PartCheck:
    """The look at the parts of a store. It may be asked while it goes on."""

    def __init__(self, engine: Engine, tell: Callable[[str], None]) -> None:
        """Tell of what the engine has set aside, and begin to read the rest."""
        self._engine = engine
        self._tell = tell
        self._ending = False
        self.done = False
        self.set_aside: list[Mapping[str, object]] = []
        self._say_new()
        self._thread = threading.Thread(target=self._work, name=_NAME, daemon=True)
        self._thread.start()
        self._thread.join(_PATIENCE_SECONDS)

    def close(self) -> None:
        """Stop it, if it still reads."""
        self._ending = True
        while self._thread.is_alive():
            self._engine.cancel(_NAME)
            self._thread.join(0.1)

    def _work(self) -> None:
        try:
            session = self._engine.work(_NAME, {"max_threads": 1, "check_query_single_value_result": 0})
            try:
                for (table,) in session.query(read("tables_with_parts.sql")).rows:
                    if self._ending:
                        return
                    self._check(session, str(table))
            finally:
                session.close()
            self._say_new()
            self.done = True
        except Exception as error:  # noqa: BLE001 - the store serves all the same
            if not self._ending:
                self._tell(f"the parts of the store could not be looked at: {error}")

    def _check(self, session: Session, table: str) -> None:
        for path, passed, message in session.query(f"CHECK TABLE `{table}`").rows:
            if not int(str(passed)) and not self._ending:
                part = PurePath(str(path)).name
                self._tell(f"the part {part} of {table} is damaged: {str(message)[:200]!r}")
                session.command(f"ALTER TABLE `{table}` DETACH PART {quoted(part)}")

    def _say_new(self) -> None:
        found = run_audit(self._engine, find_audit(SET_ASIDE))
        known = self.set_aside
        self.set_aside = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        for part in self.set_aside:
            if part not in known:
                self._tell(
                    f"DAMAGED: the part {part['part']} of {part['in_table']} ({part['bytes']} bytes) is set aside ({part['reason']}): "
                    f"its rows are in no answer, see `rvbbit-otel audit {SET_ASIDE}`"
                )
