"""Figure 21: 1,000 forged headers, adopted 0 by default; an oversized one loses no caller; bytes of ours to hosts not allowed: 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import strategies
from opentelemetry import baggage, propagate
from opentelemetry.context import Context, attach
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from tests.harden.host.mutations import lines, mutated

from rvbbit_otel import called_by, current_caller
from rvbbit_otel.instrumentation import RvbbitInstrumentor

OURS = "web-of-ours-1"
KEYS = ("rvbbit.caller.id", "rvbbit.caller.digest", "session.id")


class Process:
    def __init__(self, provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
        self.tracer = provider.get_tracer("third-party")
        self.exporter = exporter

    def received(self, header: str) -> ReadableSpan:
        """The span of a request that came in with this header."""
        context = propagate.extract({"baggage": header, "traceparent": f"00-{1:032x}-{2:016x}-01"})
        self.tracer.start_span("request", context).end()
        (span,) = [each for each in self.exporter.get_finished_spans() if each.name == "request"]
        self.exporter.clear()
        return span

    def errors(self) -> dict[str, int]:
        current = RvbbitInstrumentor().current
        assert current is not None
        return {name: n for name, n in current.counters.snapshot().items() if name.startswith("errors")}


@pytest.fixture
def process() -> Iterator[Process]:
    attach(Context())
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    RvbbitInstrumentor().instrument(tracer_provider=provider, propagate_hosts=("allowed.example", "*.inside.example"))
    yield Process(provider, exporter)
    RvbbitInstrumentor().uninstrument()


def stamped(span: ReadableSpan) -> tuple[Any, Any]:
    said = span.attributes or {}
    return said.get("rvbbit.caller.id"), said.get("rvbbit.caller.source")


def test_of_forged_headers_none_is_adopted(process: Process, seed: int, sized: Callable[[int, int], int]) -> None:
    number = sized(10_000, 1_000)
    adopted = 0
    for text in mutated(lines("baggage.txt"), number, seed):
        header = text.encode(errors="replace").decode()
        adopted += stamped(process.received(header)) != (None, "none")
        with called_by(OURS):
            caller, _ = stamped(process.received(header))
            adopted += caller != OURS
            process.exporter.clear()
        process.exporter.clear()
    assert (adopted, process.errors()) == (0, {})


def test_of_any_text_as_a_header_none_is_adopted(
    process: Process, explore: Callable[..., int], sized: Callable[[int, int], int]
) -> None:
    pair = strategies.tuples(strategies.sampled_from(KEYS), strategies.text(max_size=40)).map("=".join)
    header = strategies.lists(strategies.one_of(pair, strategies.text(max_size=60)), max_size=6).map(",".join)

    def check(text: str) -> None:
        assert stamped(process.received(text)) == (None, "none")

    number = sized(3_000, 300)
    assert explore(header, check, number) >= number // 2
    assert process.errors() == {}


@pytest.mark.parametrize("size", [4_000, 8_192, 8_193, 100_000, 1_000_000])
def test_an_oversized_header_loses_no_caller(process: Process, size: int) -> None:
    with called_by(OURS):
        context = propagate.extract({"baggage": f"a={'x' * size}," + ",".join(f"k{n}=v" for n in range(400))})
        process.exporter.clear()
        process.tracer.start_span("request", context).end()
        known = current_caller()
        assert known is not None and known.id == OURS
    (span,) = [each for each in process.exporter.get_finished_spans() if each.name == "request"]
    assert stamped(span)[0] == OURS


NEARLY_ALLOWED = (
    *("allowed.example.evil.test", "evil-allowed.example", "allowed.example.", "xallowed.example", "inside.example"),
    *("a.inside.example.evil.test", "allowed.example@evil.test", "ALLOWED.EXAMPLE.evil.test", "127.0.0.1", "[::1]"),
    *("allowed.example\x00", "allowed.example ", " allowed.example", "\u0430llowed.example", ""),
)


def sent_to(process: Process, attributes: dict[str, str], kind: SpanKind) -> str:
    headers: dict[str, str] = {}
    with called_by(OURS), process.tracer.start_as_current_span("call", kind=kind, attributes=attributes):
        propagate.inject(headers, baggage.set_baggage("theirs", "1"))
    return headers.get("baggage", "")


def test_nothing_of_ours_leaves_for_hosts_that_are_not_allowed(
    process: Process, seed: int, sized: Callable[[int, int], int]
) -> None:
    hosts = [*NEARLY_ALLOWED, *mutated(("allowed.example", "a.inside.example"), sized(5_000, 500), seed)]
    sent = 0
    for host in hosts:
        name = host.lower()
        allowed = name == "allowed.example" or (name.endswith(".inside.example"))
        for attributes in ({"server.address": host}, {"url.full": f"https://allowed.example:1@{host}/"}):
            if allowed or ("url.full" in attributes and any(each in host for each in "/?#\\@[]")):
                continue  # It is that host, or what a URL's host is then is not `host`.
            if "url.full" in attributes and trace_host(attributes["url.full"]) in ("allowed.example", None):
                continue
            if (trace_host(attributes.get("url.full", "")) or "").endswith(".inside.example"):
                continue
            sent += OURS in sent_to(process, attributes, SpanKind.CLIENT)
    for kind in (SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CONSUMER):
        sent += OURS in sent_to(process, {"server.address": "allowed.example"}, kind)
    sent += OURS in sent_to(
        process, {"server.address": "allowed.example", "url.full": "https://other.example/"}, SpanKind.CLIENT
    )
    assert sent == 0
    assert OURS in sent_to(process, {"server.address": "Allowed.Example"}, SpanKind.CLIENT)
    assert "theirs=1" in sent_to(process, {"server.address": "other.example"}, SpanKind.CLIENT)


def trace_host(url: str) -> str | None:
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
