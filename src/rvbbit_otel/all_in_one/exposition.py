"""The counters as Prometheus reads them. https://prometheus.io/docs/instrumenting/exposition_formats"""

from __future__ import annotations

from collections.abc import Mapping

CONTENT_TYPE = "text/plain; version=0.0.4"
_HELP: Mapping[str, str] = {
    "stored": "Requests that were stored and acknowledged, by signal",
    "refused": "Requests whose senders were asked to come again, by reason",
    "left_out": "Spans and log records that are in no table, by signal and reason",
    "errors": "Errors of our own, caught, by place",
}


def exposition(counters: Mapping[str, int], queued_bytes: int, parts_set_aside: int) -> str:
    """Counters by name (`family.label`), the bytes that wait and the parts that are not read any more, as text of Prometheus' format."""
    lines = [
        "# HELP rvbbit_otel_queued_bytes Bytes of requests that wait to be stored",
        "# TYPE rvbbit_otel_queued_bytes gauge",
        f"rvbbit_otel_queued_bytes {queued_bytes}",
        "# HELP rvbbit_otel_parts_set_aside Damaged parts of the store whose rows are in no answer",
        "# TYPE rvbbit_otel_parts_set_aside gauge",
        f"rvbbit_otel_parts_set_aside {parts_set_aside}",
    ]
    for family, text in _HELP.items():
        metric = f"rvbbit_otel_{family}_total"
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} counter"]
        for name, amount in sorted(counters.items()):
            head, _, label = name.partition(".")
            if head == family:
                lines.append(f'{metric}{{label="{label}"}} {amount}')
    return "\n".join([*lines, ""])
