"""The SQL console: one read-only statement, in the address."""

from __future__ import annotations

import re
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError
from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, Row, together
from rvbbit_otel.page.charts import Chart, bars, step_for
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views.charted import read as read_amount
from rvbbit_otel.page.views.view import Shown, View, numeric
from rvbbit_otel.storage.audits import load_audits
from rvbbit_otel.storage.files import read, sql_files

_PARAMETER: Final = re.compile(r"\{(\w{1,60})\s*:\s*[^{}]+\}")
_LIMITS: Final = {"max_result_rows": "10000", "result_overflow_mode": "break", "max_execution_time": "30"}
_SHOWN: Final = 1000
# The three questions of the acceptance.
SAVED: Final = {
    "by-caller": "Rows and sessions by caller, last five minutes",
    "sessions": "The latest sessions of SQL callers",
    "cascades": "The latest cascades of SQL callers",
}


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """Run what the address holds, if it holds something; an error of the statement is shown beside it, and is no error of the page."""
    saved = address.get("saved")
    statement = address.get("q") or _saved(saved)
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    given = {name: address.get(f"param_{name}") for name in names}
    tables = (await together(asker("tables")))[0]
    answer, error = None, ""
    if statement and (address.get("q") or saved):
        try:
            answer = await asker.ask("console", statement.rstrip().rstrip(";"), given, _LIMITS)
        except StoreUnavailableError:
            raise
        except RvbbitOtelError as refused:
            asker.answers.pop()
            error = str(refused)
    return {
        "statement": statement,
        "saved": saved,
        "questions": SAVED,
        "reports": [audit for audit in load_audits() if not audit.is_rule and audit.name not in SAVED],
        "given": given,
        "tables": tables.rows,
        "answer": answer,
        "shown": answer.rows[:_SHOWN] if answer else [],
        "numeric": numeric(answer.rows) if answer else set(),
        "error": error,
        "chart": _chart(answer.columns, answer.rows) if answer else None,
        "http_status": 400 if error else 200,
    }


def _saved(name: str) -> str:
    """The statement of a name: one of the acceptance's, of the page's, or an audit."""
    if name in SAVED:
        return read(f"acceptance/{name}.sql").strip()
    if any(name + ".sql" == file.name for file in sql_files("page")):
        return (files("rvbbit_otel.storage") / "sql" / "page" / f"{name}.sql").read_text(encoding="utf-8").strip()
    return next((audit.sql for audit in load_audits() if audit.name == name), "")


def _chart(columns: tuple[str, ...], rows: list[Row]) -> Chart | None:
    """Bars over time where the first column is a moment; its first numbers are what is shown."""
    numbers = numeric(rows)
    if len(rows) < 2 or not all(isinstance(row[columns[0]], datetime) for row in rows):
        return None
    measure = next((name for name in columns[1:] if name in numbers), None)
    if measure is None:
        return None
    series = next((name for name in columns[1:] if isinstance(rows[0][name], str)), None)
    seconds = [int(row[columns[0]].timestamp()) for row in rows]
    step = step_for(max(seconds) - min(seconds) + 1)
    summed: dict[tuple[int, str], float] = {}
    for at, row in zip(seconds, rows, strict=True):
        key = (at // step * step, str(row[series]) if series else measure)
        summed[key] = summed.get(key, 0.0) + max(0.0, float(row[measure]))
    drawn: list[dict[str, Any]] = [
        {"bucket": at, "series": name, "amount": amount} for (at, name), amount in summed.items()
    ]
    if len({each["series"] for each in drawn}) > 8:
        return None
    return bars(
        drawn,
        min(seconds),
        max(seconds),
        step,
        lambda name, amount, at: f"{name}: {read_amount('', amount)}, {at:%Y-%m-%d %H:%M:%S}",
    )


VIEW: Final = View("sql", "SQL", "sql.html", build, "console")
