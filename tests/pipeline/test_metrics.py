"""What Grafana's pipeline board and alert rules name, the real collector tells."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

from tests.support.all_in_one import AllInOne
from tests.support.collector import Place, running_collector
from tests.support.files import ROOT
from tests.support.otlp import row, traces
from tests.support.programs import free_ports, until


def test_every_metric_that_is_shown_or_alerted_on_is_one_of_the_collectors(store: AllInOne, tmp_path: Path) -> None:
    shown = (ROOT / "grafana/dashboards/pipeline.json").read_text() + (
        ROOT / "grafana/provisioning/alerting/rules.yaml"
    ).read_text()
    place = Place(tmp_path / "collector")
    # No Jaeger there, so that its exporter counts failures.
    environ = {
        "RVBBIT_OTEL_CLICKHOUSE_ENDPOINT": store.clickhouse,
        "RVBBIT_OTEL_JAEGER_ENDPOINT": f"127.0.0.1:{free_ports(1)[0]}",
    }
    with running_collector(place, environ) as collector:
        request = urllib.request.Request(
            f"{place.http}/v1/traces", traces(row(1)), {"content-type": "application/x-protobuf"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        until("a span is stored", lambda: collector.sent() == 1, why=collector.log)
        until(
            "Jaeger's exporter gives up",
            lambda: collector.metric("otelcol_exporter_send_failed_spans", exporter="otlp_grpc/jaeger") == 1,
            why=collector.log,
        )
        with urllib.request.urlopen(f"http://127.0.0.1:{place.ports[3]}/metrics", timeout=10) as answer:
            told = set(re.findall(r"^(otelcol_\w+)[{ ]", answer.read().decode(), re.M))
    named = set(re.findall(r"otelcol_\w+", shown))
    assert len(named) == 7
    assert named - told == set()
