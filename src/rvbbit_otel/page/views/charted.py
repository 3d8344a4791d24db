"""A chart over time, as several views show one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from rvbbit_otel.page import charts, figures
from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, Row
from rvbbit_otel.page.charts import Chart, bars, step_for

BY: Final = ("origin", "model", "source", "kind", "cascade")
MEASURES: Final = ("dollars", "rows", "tokens", "errors")


def read(measure: str, amount: float) -> str:
    """An amount of a measure for people."""
    return figures.dollars(amount) if measure == "dollars" else figures.count(round(amount))


async def chart(asker: Asker, address: Address, extent: Row, by: str, measure: str, caller: str = "") -> Chart | None:
    """The chart of a measure by what `by` names, over what the range holds; None where it holds nothing."""
    if not extent.get("rows"):
        return None
    window = address.window
    first, last = extent["first_row"], extent["last_row"]
    # A range that was asked for is shown as a whole, up to now.
    begin = first if window.words == "all time" or window.begin.year < 1972 else window.begin
    end = min(window.end, max(address.now, last))
    step = step_for((end - begin).total_seconds())
    answer = await asker("over_time", **window.parameters, by=by, measure=measure, caller=caller, step=step)

    def title(name: str, amount: float, at: datetime) -> str:
        return f"{name or 'none'}: {read(measure, amount)}, {at:%Y-%m-%d %H:%M:%S}"

    found = bars(answer.rows, int(begin.timestamp()), int(end.timestamp()), step, title)
    return found if found.series else None


__all__ = ["BY", "MEASURES", "chart", "charts", "read"]
