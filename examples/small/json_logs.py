"""Log records as JSON, each with its caller and session.    python examples/small/json_logs.py"""

import json
import logging
import sys

from rvbbit_otel import CallerLogFilter, called_by


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = ("caller_id", "caller_origin", "session_id")
        return json.dumps({"message": record.getMessage()} | {name: getattr(record, name) for name in fields})


handler = logging.StreamHandler(sys.stdout)
handler.addFilter(CallerLogFilter())
handler.setFormatter(JsonFormatter())
logging.basicConfig(level=logging.INFO, handlers=[handler])

with called_by("web-1", origin="http", session="ticket-42"):
    logging.info("asked for tea")
logging.info("idle")
