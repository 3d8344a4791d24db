"""A view's answers for other programs: JSON of all of them, CSV of one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final

from rvbbit_otel.page.asking import Answer

# What a spreadsheet takes for the begin of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_json(view: str, answers: Sequence[Answer]) -> bytes:
    """Every question of the view with its SQL, parameters and rows. Dollars are texts, so that none of their digits is lost."""
    document = {
        "view": view,
        "questions": [
            {
                "name": each.name,
                "sql": each.sql,
                "parameters": dict(each.parameters),
                "columns": [
                    {"name": name, "type": type_name} for name, type_name in zip(each.columns, each.types, strict=True)
                ],
                "rows": each.rows,
            }
            for each in answers
        ],
    }
    return json.dumps(document, default=_plain, allow_nan=False).encode()


def as_csv(answer: Answer) -> bytes:
    """One question's rows, headed; a text that a spreadsheet would run as a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(answer.columns)
    writer.writerows([_cell(row[name]) for name in answer.columns] for row in answer.rows)
    return out.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, list | dict):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return "" if value is None else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
