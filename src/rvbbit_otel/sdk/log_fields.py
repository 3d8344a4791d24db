"""The caller as fields of Python's own log records, for a formatter that writes plain text or JSON."""

from __future__ import annotations

import logging
from typing import Final

from opentelemetry.context import get_current

from rvbbit_otel.attribution.propagation import caller_of, session_of
from rvbbit_otel.counters import failed

# Each field, with what it holds where nothing is known.
FIELDS: Final = {"caller_id": "-", "caller_origin": "-", "session_id": "-"}


class CallerLogFilter(logging.Filter):
    """Set `caller_id`, `caller_origin` and `session_id` on each log record, for a formatter: ``%(caller_id)s %(message)s``.

    A field holds ``-`` where nothing is known; a field that the record has already is left as it is, so a record that
    waited in a queue keeps the caller of the code that wrote it. Put the filter on the handler whose formatter names
    the fields; with a `QueueHandler`, on that one. A filter never rejects a record here. New in version 0.1.

    >>> handler = logging.StreamHandler()
    >>> handler.addFilter(CallerLogFilter())
    >>> handler.setFormatter(logging.Formatter("%(caller_id)s %(message)s"))
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the fields; return True."""
        fields = vars(record)
        try:
            if not fields.keys() >= FIELDS.keys():
                context = get_current()
                caller, session = caller_of(context), session_of(context)
                known = {
                    "caller_id": caller.id if caller is not None else None,
                    "caller_origin": caller.origin if caller is not None else None,
                    "session_id": session,
                }
                for name, value in known.items():
                    if value is not None:
                        fields.setdefault(name, value)
        except Exception as error:  # noqa: BLE001 - a log record is written whatever we know of it
            failed("log_fields.filter", error)
        for name, nothing in FIELDS.items():
            fields.setdefault(name, nothing)
        return True
