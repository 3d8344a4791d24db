"""The counters as Prometheus reads them. https://prometheus.io/docs/instrumenting/exposition_formats"""

from __future__ import annotations

from collections.abc import Mapping

CONTENT_TYPE = "text/plain; version=0.0.4"
_GAUGES: Mapping[str, str] = {
    "queued_bytes": "Bytes of requests that are acknowledged and not stored yet",
    "journal_bytes": "Bytes of the journal on the disk",
    "journal_damaged": "Files of the journal that hold requests which can't be read any more",
    "quarantined": "Requests that are acknowledged and that the tables do not take",
    "parts_set_aside": "Damaged parts of the store whose rows are in no answer",
}
_HELP: Mapping[str, str] = {
    "stored": "Requests that were stored, by signal",
    "quarantined": "Requests that the tables did not take, by whose fault it is",
    "refused": "Requests whose senders were asked to come again, by reason",
    "left_out": "Spans and log records that are in no table, by signal and reason",
    "errors": "Errors of our own, caught, by place",
}


def exposition(counters: Mapping[str, int], gauges: Mapping[str, int]) -> str:
    """Counters by name (`family.label`), and gauges by theirs, as text of Prometheus' format."""
    lines: list[str] = []
    for name, text in _GAUGES.items():
        metric = f"rvbbit_otel_{name}"
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge", f"{metric} {gauges[name]}"]
    for family, text in _HELP.items():
        metric = f"rvbbit_otel_{family}_total"
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} counter"]
        for name, amount in sorted(counters.items()):
            head, _, label = name.partition(".")
            if head == family:
                lines.append(f'{metric}{{label="{label}"}} {amount}')
    return "\n".join([*lines, ""])
