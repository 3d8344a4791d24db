"""After an insert: whether it brought calls to a model that no price was looked for yet, and then their price."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rvbbit_otel.counters import Counters
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.price_table import OwnPrice
from rvbbit_otel.storage.prices import price_new


class Pricing:
    """Looks after each insert, in a thousandth of a second where there is nothing new."""

    def __init__(self, database: Database, own: Sequence[OwnPrice], counters: Counters) -> None:
        """`own` are the prices of the user's file."""
        self._database = database
        self._own = own
        self._counters = counters
        self._lock = threading.Lock()
        self._seen = 0

    def look(self) -> None:
        """Price what is new. What is stored is stored: an error is counted and logged, and looked for again with the next insert."""
        try:
            with self._lock:
                met = int(str(self._database.query(read("prices/count_met.sql")).rows[0][0]))
                if met != self._seen:
                    price_new(self._database, self._own)
                    self._seen = met
        except Exception as error:  # noqa: BLE001 - the insert before it is done
            self._counters.error("pricing", error)
