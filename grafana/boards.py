"""The five dashboards. What they ask is in grafana/sql, or is an audit of the package."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardLinkType,
    DynamicConfigValue,
    Panel,
    VariableOption,
    VariableRefresh,
)

from grafana.panels import (
    LOGS,
    STORE,
    TRACES,
    audit_sql,
    link,
    metric,
    number,
    other,
    over_time,
    quoted,
    rows,
    shown,
    sql,
)
from rvbbit_otel.storage.audits import find_audit, load_audits

_RANGE = "from=${__from}&to=${__to}"
_TO_CALLER = link("Rows and sessions", f"/d/rvbbit-caller?{_RANGE}&var-caller=${{__value.raw}}")
_TO_SESSION = link(
    "Rows of this session", f"/d/rvbbit-caller?{_RANGE}&var-caller=${{caller}}&var-session=${{__value.raw}}"
)
_TO_TRACE = link("Waterfall and log records", f"/d/rvbbit-trace?{_RANGE}&var-trace_id=${{__value.raw}}")
_TO_JAEGER = link("Waterfall in Jaeger", "${jaeger}/trace/${__value.raw}")


def _search_in_jaeger(tag: str) -> dict[str, object]:
    # Jaeger's page takes tags as JSON, here with its brackets and quotes escaped for a URL.
    tags = f"%7B%22{tag}%22%3A%22${{__value.raw}}%22%7D"
    return link(
        "Traces in Jaeger",
        f"${{jaeger}}/search?lookback=custom&start=${{__from}}000&end=${{__to}}000&limit=100&tags={tags}",
    )


CALLER = shown(width=200, links=[_TO_CALLER, _search_in_jaeger("rvbbit.caller.id")])
SESSION = shown(width=240, links=[_TO_SESSION, _search_in_jaeger("session.id")])
TRACE = shown(links=[_TO_TRACE, _TO_JAEGER])
_TOKENS: dict[str, list[DynamicConfigValue]] = {
    "tokens_in": shown("short", 100),
    "tokens_out": shown("short", 100),
    "cost": shown("currencyUSD", 110),
}


def _board(uid: str, title: str, about: str) -> dashboard.Dashboard:
    jaeger = (
        dashboard.TextBoxVariable("jaeger")
        .label("Jaeger's address")
        .default_value("http://127.0.0.1:16686")
        .current(VariableOption(text="http://127.0.0.1:16686", value="http://127.0.0.1:16686"))
    )
    others = (
        dashboard.DashboardLink("rvbbit-otel")
        .type(DashboardLinkType.DASHBOARDS)
        .tags(["rvbbit-otel"])
        .keep_time(True)
        .as_dropdown(False)
    )
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["rvbbit-otel"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("utc")
        .editable()
        .link(others)
        .with_variable(jaeger)
    )


def callers() -> Dashboard:
    """Who triggered work, and what it cost."""
    totals = sql("callers/totals")
    return (
        _board(
            "rvbbit-callers",
            "Callers",
            "Who triggered the work of this time, and what it cost. What nobody claims is a row of its own.",
        )
        .with_panel(number("Dollars", totals, "dollars", "currencyUSD"))
        .with_panel(number("Tokens", totals, "tokens", "short"))
        .with_panel(number("Callers", totals, "callers", "short"))
        .with_panel(number("Sessions", totals, "sessions", "short"))
        .with_panel(number("Rows with an error", totals, "errors", "short"))
        .with_panel(number("Coverage", totals, "coverage", "percent", about="Share of rows whose caller is known."))
        .with_panel(
            rows(
                "Callers, newest first",
                sql("callers/callers"),
                {
                    "caller": CALLER,
                    **_TOKENS,
                    "llm_p95": shown("ms", 100),
                    "coverage": shown("percent", 100),
                    "query": shown(width=360),
                },
                height=12,
            )
        )
        .with_panel(over_time("Dollars by origin", sql("callers/cost_over_time"), "currencyUSD", stacked=True))
        .with_panel(over_time("Rows by kind", sql("callers/rows_over_time"), "short", stacked=True))
        .with_panel(over_time("Rows with an error", sql("callers/errors_over_time"), "short"))
        .with_panel(over_time("Time of cascades and model calls", sql("callers/latency_over_time"), "ms"))
        .with_panel(rows("Models", sql("callers/models"), {**_TOKENS, "p95": shown("ms")}))
        .with_panel(
            rows(
                "Cost by caller, of which the sum is that of all rows",
                audit_sql(find_audit("cost-by-caller")),
                {"caller_id": CALLER, **_TOKENS},
            )
        )
        .build()
    )


def caller() -> Dashboard:
    """One caller: its sessions, traces and rows."""
    totals = sql("caller/totals")
    chosen = (
        dashboard.QueryVariable("caller")
        .label("Caller")
        .datasource(STORE)
        .query({"editorType": "sql", "rawSql": sql("variables/callers"), "refId": "caller"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
    session = dashboard.TextBoxVariable("session").label("Session contains").default_value("")
    return (
        _board("rvbbit-caller", "One caller", "Everything that one caller left behind.")
        .with_variable(chosen)
        .with_variable(session)
        .with_panel(number("Dollars", totals, "dollars", "currencyUSD"))
        .with_panel(number("Tokens in", totals, "tokens_in", "short"))
        .with_panel(number("Tokens out", totals, "tokens_out", "short"))
        .with_panel(number("Sessions", totals, "sessions", "short"))
        .with_panel(number("Rows", totals, "rows", "short"))
        .with_panel(number("Rows with an error", totals, "errors", "short"))
        .with_panel(rows("What was asked", sql("caller/about"), {"caller": CALLER}, height=5, span=16))
        .with_panel(
            rows(
                "How the rows got their caller",
                sql("caller/sources"),
                {"cost": shown("currencyUSD")},
                height=5,
                span=8,
                about="See ADR 1.",
            )
        )
        .with_panel(
            rows(
                "Traces",
                sql("caller/traces"),
                {"trace": TRACE, "took": shown("ms")},
                height=6,
                about="One query is one trace.",
            )
        )
        .with_panel(rows("Sessions", sql("caller/sessions"), {"session": SESSION, "took": shown("ms"), **_TOKENS}))
        .with_panel(over_time("Rows by kind", sql("caller/rows_over_time"), "short", span=24, stacked=True))
        .with_panel(
            rows(
                "Rows",
                sql("caller/rows"),
                {"session": SESSION, "trace": TRACE, "duration_ms": shown("ms"), **_TOKENS},
                height=14,
            )
        )
        .build()
    )


def _report(name: str, columns: dict[str, list[DynamicConfigValue]]) -> Builder[Panel]:
    audit = find_audit(name)
    return rows(audit.title, audit_sql(audit), columns, span=12, about=f"{audit.finding} {audit.remedy}")


def coverage() -> Dashboard:
    """Whether the attribution can be trusted: every audit."""
    verdicts = "\nUNION ALL\n".join(
        f"SELECT '{audit.name}' AS audit, {quoted(audit.title)} AS what, count() AS broken FROM ({audit_sql(audit)})"
        for audit in load_audits()
        if audit.is_rule
    )
    board = (
        _board(
            "rvbbit-coverage",
            "Coverage and conflicts",
            "Whether the numbers can be trusted. What to do: docs/how-to/runbook.md.",
        )
        .with_panel(number("Coverage", sql("callers/totals"), "coverage", "percent", span=8))
        .with_panel(over_time("Coverage", sql("coverage/over_time"), "percent", span=16))
        .with_panel(
            rows(
                "Every rule, and how many findings break it",
                f"SELECT * FROM (\n{verdicts}\n)\nORDER BY broken DESC, audit",
                {"audit": shown(width=280)},
                height=10,
            )
        )
        .with_panel(
            rows(
                "Rows by how their caller is known",
                audit_sql(find_audit("coverage")),
                {"cost": shown("currencyUSD"), "percent": shown("percent")},
                span=12,
            )
        )
        .with_panel(
            over_time("Rows by how their caller is known", sql("coverage/sources_over_time"), "short", stacked=True)
        )
        .with_panel(
            rows(
                "Coverage by service",
                sql("coverage/by_service"),
                {"coverage": shown("percent"), "inherited": shown("percent")},
                about="Inherited: known only by what work was started by, after that had ended.",
            )
        )
        .with_panel(_report("inherited-by-service", {"percent": shown("percent"), "cost": shown("currencyUSD")}))
        .with_panel(_report("candidates", {"candidate": CALLER}))
    )
    for audit in load_audits():
        if audit.is_rule:
            columns = {"session_id": SESSION, "caller_id": CALLER, "trace_id": TRACE}
            board = board.with_panel(
                rows(audit.title, audit_sql(audit), columns, span=12, about=f"{audit.finding} {audit.remedy}")
            )
    return board.build()


def pipeline() -> Dashboard:
    """Whether everything arrives: the collector's queue and the store."""
    return (
        _board("rvbbit-pipeline", "Pipeline", "Whether all that runners send is stored, and how far behind.")
        .with_panel(
            metric(
                "Queue of each exporter",
                "otelcol_exporter_queue_size",
                "{{exporter}}",
                "bytes",
                about="On the collector's disk.",
            )
        )
        .with_panel(
            metric(
                "Share of the queue in use",
                "100 * otelcol_exporter_queue_size / otelcol_exporter_queue_capacity",
                "{{exporter}}",
                "percent",
                about="At 100 % senders are asked to wait.",
            )
        )
        .with_panel(
            metric(
                "Spans in, a second",
                "sum by (transport) (rate(otelcol_receiver_accepted_spans[5m]))",
                "{{transport}}",
                "short",
            )
        )
        .with_panel(
            metric(
                "Spans stored, a second",
                'sum(rate(otelcol_exporter_sent_spans{exporter="clickhouse"}[5m]))',
                "stored",
                "short",
            )
        )
        .with_panel(
            metric(
                "Spans refused or failed, a second",
                "sum by (exporter) (rate(otelcol_exporter_send_failed_spans[5m])) or sum(rate(otelcol_receiver_refused_spans[5m]))",
                "{{exporter}}",
                "short",
                about="Refused ones are sent again by their sender; failed ones are lost, which only Jaeger's exporter may do.",
            )
        )
        .with_panel(metric("Memory of the collector", "otelcol_process_memory_rss", "{{instance}}", "bytes"))
        .with_panel(over_time("Stored, by the time of what it tells", sql("pipeline/stored_over_time"), "short"))
        .with_panel(over_time("Left out, and why", sql("pipeline/rejected_over_time"), "short"))
        .with_panel(
            rows(
                "Services, and when each was last heard of",
                sql("pipeline/services"),
                {"seconds_ago": shown("s")},
                span=12,
            )
        )
        .with_panel(
            rows(
                "Tables",
                sql("pipeline/tables"),
                {"bytes": shown("bytes"), "bytes_a_row": shown("bytes")},
                span=12,
                about="Of the node that answers.",
            )
        )
        .build()
    )


def trace() -> Dashboard:
    """One trace: its spans, log records and rows."""
    chosen = dashboard.TextBoxVariable("trace_id").label("Trace id").default_value("")
    columns = {
        "caller": CALLER,
        "session": shown(width=240, links=[_search_in_jaeger("session.id")]),
        "duration_ms": shown("ms"),
        **_TOKENS,
    }
    return (
        _board("rvbbit-trace", "One trace", "The waterfall of one trace, with the log records and rows of its spans.")
        .with_variable(chosen)
        .with_panel(other("Waterfall", "traces", sql("trace/spans"), TRACES, height=16))
        .with_panel(other("Log records of its spans", "logs", sql("trace/records"), LOGS))
        .with_panel(rows("Rows of its spans", sql("trace/rows"), columns, height=12))
        .build()
    )


BOARDS = (callers, caller, coverage, pipeline, trace)
