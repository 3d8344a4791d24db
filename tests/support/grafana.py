"""Grafana's part in a query: the macros of its ClickHouse plugin as its manual tells, and variables in the formats that we use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.files import ROOT

_MACRO = re.compile(r"\$__(\w+)")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True)
class Range:
    """The time that a dashboard shows: seconds since the epoch, and the seconds of one point on its axis."""

    start: int
    end: int
    interval: int = 60


def expand(sql: str, time: Range, variables: Mapping[str, str]) -> str:
    """The query as it reaches the store; an unknown macro, variable or format fails."""

    def value(found: re.Match[str]) -> str:
        name, how = found[1], found[2]
        text = variables[name]
        if how == "sqlstring":
            doubled = text.replace("'", "''")
            return f"'{doubled}'"
        raise AssertionError(f"${{{name}}} would go into SQL as it is: give it the format sqlstring")

    sql = _VARIABLE.sub(value, sql)
    start, end = f"toDateTime({time.start})", f"toDateTime({time.end})"
    done, at = [], 0
    while found := _MACRO.search(sql, at):
        done.append(sql[at : found.start()])
        at = found.end()
        name = found[1]
        if name in ("fromTime", "toTime"):
            done.append(start if name == "fromTime" else end)
        elif name == "interval_s":
            done.append(str(time.interval))
        else:
            column, at = _argument(sql, at)
            if name == "timeFilter":
                done.append(f"{column} >= {start} AND {column} <= {end}")
            elif name == "timeInterval":
                done.append(f"toStartOfInterval(toDateTime({column}), INTERVAL {time.interval} second)")
            else:
                raise AssertionError(f"$__{name} is no macro that this knows")
    return "".join([*done, sql[at:]])


def _argument(sql: str, at: int) -> tuple[str, int]:
    assert sql[at] == "(", "a macro takes its argument in brackets"
    end = sql.index(")", at)
    return sql[at + 1 : end], end + 1


def board_queries() -> list[str]:
    """Every SQL of every board, variables' too, macros and all."""
    found = set()
    for path in (ROOT / "grafana" / "dashboards").glob("*.json"):
        board = json.loads(path.read_text(encoding="utf-8"))
        targets = [target for panel in board["panels"] for target in panel["targets"]]
        targets += [each["query"] for each in board["templating"]["list"] if each["type"] == "query"]
        found |= {target["rawSql"] for target in targets if "rawSql" in target}
    return sorted(found)
