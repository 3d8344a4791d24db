"""Alert rules, in the form that Grafana's provisioning reads: one for each audit, and those on the way to the store."""

from __future__ import annotations

from grafana.panels import METRICS, STORE, TABLE, StoreQuery, audit_sql, sql
from rvbbit_otel.storage.audits import SINCE, UNTIL, Audit, load_audits

# Seconds that a rule looks back. The rules that look at all there is ignore it.
_WINDOW = 900
_RUNBOOK = "docs/how-to/runbook.md"


def rules() -> dict[str, object]:
    """The whole file."""
    audits = [audit for audit in load_audits() if audit.is_rule]
    recent = [audit for audit in audits if audit.has_window and not audit.hourly]
    whole = [audit for audit in audits if audit not in recent]
    coverage = _rule("coverage", "Rows whose caller is known are below 100 %", sql("alerts/coverage"), "lt", 100, "5m")
    return {
        "apiVersion": 1,
        "groups": [
            _group("attribution", "1m", [coverage, *(_of_audit(audit) for audit in recent)]),
            # These read whole tables.
            _group("attribution, whole tables", "1h", [_of_audit(audit) for audit in whole]),
            _group(
                "pipeline",
                "1m",
                [
                    _metric_rule(
                        "queue-growing",
                        "The collector's queue has grown for 15 minutes: the store takes less than comes",
                        'deriv(otelcol_exporter_queue_size{exporter="clickhouse"}[15m])',
                        "gt",
                        0,
                        "15m",
                    ),
                    _metric_rule(
                        "queue-filling",
                        "The collector's queue is half full; when it is full, senders wait",
                        '100 * otelcol_exporter_queue_size{exporter="clickhouse"} / otelcol_exporter_queue_capacity{exporter="clickhouse"}',
                        "gt",
                        50,
                        "5m",
                    ),
                    _metric_rule(
                        "collector-down", "The collector does not answer", 'up{job="collector"}', "lt", 1, "2m"
                    ),
                    _metric_rule(
                        "spans-refused",
                        "The collector asks senders to come again: it has no memory left, or its queue is full",
                        "sum(rate(otelcol_receiver_refused_spans[5m])) or vector(0)",
                        "gt",
                        0,
                        "5m",
                    ),
                ],
            ),
        ],
    }


def _group(name: str, interval: str, members: list[dict[str, object]]) -> dict[str, object]:
    return {"orgId": 1, "name": name, "folder": "rvbbit-otel", "interval": interval, "rules": members}


def _of_audit(audit: Audit) -> dict[str, object]:
    query = f"SELECT count() AS findings FROM ({audit_sql(audit, audit.hourly)})"
    # One with a patience of its own has waited by then.
    patient = any(parameter.name not in (SINCE, UNTIL) for parameter in audit.parameters)
    return _rule(audit.name, audit.title, query, "gt", 0, "1h" if audit.hourly and not patient else "0s", audit.finding)


def _rule(
    name: str, title: str, query: str, compare: str, limit: float, lasting: str, finding: str = ""
) -> dict[str, object]:
    model = {**StoreQuery(query, TABLE).to_json(), "datasource": STORE.to_json()}
    return _whole(name, title, str(STORE.uid), model, compare, limit, lasting, finding)


def _metric_rule(name: str, title: str, expression: str, compare: str, limit: float, lasting: str) -> dict[str, object]:
    model: dict[str, object] = {
        "datasource": METRICS.to_json(),
        "expr": expression,
        "instant": True,
        "range": False,
        "refId": "A",
    }
    # No metrics at all is a finding of its own, which `collector-down` tells.
    return _whole(
        name,
        title,
        str(METRICS.uid),
        model,
        compare,
        limit,
        lasting,
        "",
        "Alerting" if name == "collector-down" else "OK",
    )


def _whole(
    name: str,
    title: str,
    source: str,
    model: dict[str, object],
    compare: str,
    limit: float,
    lasting: str,
    finding: str,
    silent: str = "OK",
) -> dict[str, object]:
    window = {"from": _WINDOW, "to": 0}
    threshold = {
        "refId": "B",
        "type": "threshold",
        "expression": "A",
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        "conditions": [{"evaluator": {"type": compare, "params": [limit]}}],
    }
    return {
        "uid": f"rvbbit-{name}",
        "title": name,
        "condition": "B",
        "data": [
            {"refId": "A", "relativeTimeRange": window, "datasourceUid": source, "model": model},
            {"refId": "B", "relativeTimeRange": window, "datasourceUid": "__expr__", "model": threshold},
        ],
        "noDataState": silent,
        "execErrState": "Error",
        "for": lasting,
        "annotations": {"summary": title, "description": finding or title, "runbook": f"{_RUNBOOK}#{name}"},
        "labels": {"project": "rvbbit-otel"},
    }
