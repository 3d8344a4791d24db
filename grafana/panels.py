"""Panels over the store and over the collector's own metrics, as Grafana's foundation SDK builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, LegendPlacement, StackingMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DynamicConfigValue, Panel

from rvbbit_otel.storage.audits import SINCE, UNTIL, Audit

STORE = DataSourceRef(type_val="grafana-clickhouse-datasource", uid="rvbbit-clickhouse")
METRICS = DataSourceRef(type_val="prometheus", uid="rvbbit-prometheus")
# What a query gives: the numbers of Grafana's SQL data sources.
TIME_SERIES, TABLE, LOGS, TRACES = range(4)
_QUERY_TYPES = {TIME_SERIES: "timeseries", TABLE: "table", LOGS: "logs", TRACES: "traces"}
_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class StoreQuery(Builder[Dataquery], Dataquery):
    """SQL for the ClickHouse plugin, whose query type the SDK does not have."""

    sql: str
    result: int = TABLE

    def build(self) -> Dataquery:
        """Itself: it is complete."""
        return self

    def to_json(self) -> dict[str, object]:
        """As the plugin's SQL editor saves it."""
        return {
            "datasource": STORE,
            "editorType": "sql",
            "format": self.result,
            "queryType": _QUERY_TYPES[self.result],
            "rawSql": self.sql,
            "refId": "A",
        }


def sql(name: str) -> str:
    """The text of one file under grafana/sql, without its comments."""
    lines = (_SQL / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).strip()


def quoted(text: str) -> str:
    """Text of ours as a string of SQL."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def audit_sql(audit: Audit, whole: bool = False) -> str:
    """An audit over the time that the dashboard shows, or over all rows (`whole`)."""
    text = audit.sql.rstrip(";")
    for parameter in audit.parameters:
        value = parameter.default
        if parameter.name == SINCE:
            value = f"toDateTime({quoted(parameter.default)})" if whole else "$__fromTime"
        elif parameter.name == UNTIL:
            value = f"toDateTime({quoted(parameter.default)})" if whole else "$__toTime"
        text = text.replace(f"{{{parameter.name}:{parameter.type}}}", value)
    return text


def link(title: str, url: str) -> dict[str, object]:
    """A link of a cell; `url` may name its row's values."""
    return {"title": title, "url": url, "targetBlank": url.startswith("${jaeger}")}


def shown(
    unit: str | None = None,
    width: int | None = None,
    name: str | None = None,
    links: list[dict[str, object]] | None = None,
    hidden: bool = False,
) -> list[DynamicConfigValue]:
    """How one column looks: what of it differs from the others."""
    found: dict[str, object] = {}
    if unit:
        found["unit"] = unit
    if width:
        found["custom.width"] = width
    if name:
        found["displayName"] = name
    if links:
        found["links"] = links
    if hidden:
        found["custom.hidden"] = True
    return [DynamicConfigValue(id_val=key, value=value) for key, value in found.items()]


def rows(
    title: str,
    query: str,
    columns: Mapping[str, list[DynamicConfigValue]] | None = None,
    *,
    about: str = "",
    span: int = 24,
    height: int = 8,
) -> Builder[Panel]:
    """A table."""
    panel = (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(STORE)
        .span(span)
        .height(height)
        .filterable(True)
        .with_target(StoreQuery(query))
    )
    for column, how in (columns or {}).items():
        panel = panel.override_by_name(column, how)
    return panel


def number(title: str, query: str, field: str, unit: str, *, about: str = "", span: int = 4) -> Builder[Panel]:
    """One value: the field of a query's only row."""
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(STORE)
        .span(span)
        .height(4)
        .unit(unit)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields(f"/^{field}$/").values(False))
        .with_target(StoreQuery(query))
    )


def over_time(
    title: str, query: str, unit: str, *, about: str = "", span: int = 12, stacked: bool = False
) -> Builder[Panel]:
    """Lines, or layers that add up, over the store."""
    return _lines(title, unit, about, span, stacked).datasource(STORE).with_target(StoreQuery(query, TIME_SERIES))


def metric(title: str, expression: str, legend: str, unit: str, *, about: str = "", span: int = 12) -> Builder[Panel]:
    """Lines over what the collector says of itself."""
    query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id("A").datasource(METRICS)
    return _lines(title, unit, about, span, stacked=False).datasource(METRICS).with_target(query)


def other(title: str, kind: str, query: str, result: int, *, about: str = "", height: int = 12) -> Builder[Panel]:
    """A panel of a kind that the SDK has no builder of its own for."""
    return (
        dashboard.Panel()
        .type(kind)
        .title(title)
        .description(about)
        .datasource(STORE)
        .span(24)
        .height(height)
        .with_target(StoreQuery(query, result))
    )


def _lines(title: str, unit: str, about: str, span: int, stacked: bool) -> timeseries.Panel:
    panel = timeseries.Panel().title(title).description(about).span(span).height(8).unit(unit).min(0)
    panel = panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .calcs([])
    )
    if stacked:
        panel = panel.fill_opacity(40).stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    return panel
