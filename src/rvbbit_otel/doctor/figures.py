"""What the figures of a store may be wrong by: its clock, spans that are no rows, calls without a price."""

from __future__ import annotations

import time
from typing import Final

from rvbbit_otel.doctor.links import Link
from rvbbit_otel.storage.audits import find_audit, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.files import read

# Apart by more, "the last five minutes" are others here and there.
_SECONDS_APART: Final = 5.0
_MOST_NAMED: Final = 5


def clock(database: ClickHouseDatabase) -> Link:
    """Compare the store's clock with this machine's."""
    before = time.time()
    there = float(str(database.query(read("doctor/clock.sql")).rows[0][0]))
    after = time.time()
    apart = there - after if there > after else there - before if there < before else 0.0
    if abs(apart) > _SECONDS_APART:
        way = "ahead of" if apart > 0 else "behind"
        seen = f"the store's clock is {abs(apart):.0f} s {way} this machine's"
        return Link(
            "clock", "broken", seen, "have both set by NTP: a time that is asked for is the store's", {"seconds": apart}
        )
    return Link("clock", "ok", "the store's clock is this machine's", details={"seconds": apart})


def rows(database: ClickHouseDatabase) -> Link:
    """Count the spans of the last day that are rows."""
    spans, shown = (int(str(value)) for value in database.query(read("doctor/spans_that_are_rows.sql")).rows[0])
    if spans and not shown:
        seen = f"{spans} spans of the last day are stored, and none is a row: none names a session or a caller"
        return Link(
            "rows",
            "broken",
            seen,
            "name the caller (`with called_by(...)`), or instrument the runner: rvbbit-otel doctor --runner NAME",
        )
    if spans > shown:
        seen = f"{shown} of {spans} spans of the last day are rows; the others name no session and no caller"
        return Link("rows", "note", seen, details={"spans": spans, "rows": shown})
    return Link("rows", "ok", f"{spans} spans of the last day, each a row" if spans else "no spans in the last day")


def prices(database: ClickHouseDatabase) -> Link:
    """Name the models whose calls have tokens and no price."""
    found = run_audit(database, find_audit("unpriced-models")).rows
    if not found:
        return Link("prices", "ok", "every call with tokens has a price")
    names = [f"{model or '(unnamed)'} ({calls} calls)" for _, model, calls, *_ in found[:_MOST_NAMED]]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    seen = f"sums of dollars are lower bounds: no price for {', '.join(names)}{more}"
    return Link("prices", "note", seen, "rvbbit-otel audit unpriced-models; rvbbit-otel prices --help")
