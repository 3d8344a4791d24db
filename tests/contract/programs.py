"""Small programs in which each piece of work says itself whose it is: how they are run, and how what they left is judged.

A span is named after its true caller, so its stamp is compared with its own name: ``first`` must be stamped ``first``; ``first?`` may be nobody's
too, where the contract allows that; ``nobody`` must have no caller. Credited to another is never right; ``first~`` is what nobody can see, and must
say that it is weak. Rows that hooks make end in such a name.
Each program states every span that it makes. It is exported twice, at once and after the program's end: a stamp is the same in both.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.contract.toyrunner import toy

from rvbbit_otel.instrumentation import RvbbitInstrumentor

ROOT: Final = Path(__file__).parents[2]
SPEC: Final = str(Path(__file__).with_name("toy.toml"))
# Far more than any program needs: one that is still at work then hangs.
_SECONDS: Final = 15
_OURS: Final = "rvbbit_otel"


@dataclass(frozen=True)
class Row:
    """One span as it left: its name says whose it is."""

    name: str
    caller: str | None
    source: str | None
    ours: bool = False
    owner: str | None = None  # What a run's own rows say, which have names of another kind.
    more: tuple[tuple[str, Any], ...] = ()

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.more)

    def outcome(self, marker: str) -> str:
        """What became of work that is `marker`'s."""
        if marker.endswith("~"):
            return "weak" if self.source in ("inherited", "reported") else "none" if self.caller is None else "wrong"
        owner = marker.removesuffix("?")
        if (self.caller is None) != (self.source in (None, "none")) or self.caller not in (None, owner):
            return "wrong"
        if self.caller is not None:
            return "right"
        if self.source is None:
            return "lost"  # Not even a stamp that says that nobody is known.
        return "right" if owner == "nobody" else "none" if marker.endswith("?") else "lost"


@dataclass
class Verdict:
    """What became of one program."""

    kind: str
    counts: Counter[str]
    complaints: list[str]


VERDICTS: Final[list[Verdict]] = []


class Spans:
    """What a program makes its spans with, and reads what they were stamped with."""

    def __init__(self, provider: TracerProvider, at_once: bool = True) -> None:
        """`at_once`: spans are exported as they end, too, for which the SDK locks, and says that nothing be instrumented meanwhile."""
        self.provider = provider
        self.tracer = provider.get_tracer("third-party")
        self.at_the_end = InMemorySpanExporter()
        self.at_once = InMemorySpanExporter() if at_once else self.at_the_end
        if at_once:
            provider.add_span_processor(SimpleSpanProcessor(self.at_once))
        later = BatchSpanProcessor(self.at_the_end, 50_000, schedule_delay_millis=600_000, max_export_batch_size=50_000)
        provider.add_span_processor(later)
        self._reported: list[Row] = []

    def __call__(self, marker: str, attributes: dict[str, Any] | None = None) -> None:
        """A third-party span of `marker`'s work."""
        self.tracer.start_span(marker, attributes=attributes).end()

    def start(self, marker: str, attributes: dict[str, Any] | None = None) -> Span:
        """One that is still open."""
        return self.tracer.start_span(marker, attributes=attributes)  # type: ignore[return-value]

    def report(self, marker: str, caller: str | None) -> None:
        """What another process saw, or what the runner was told."""
        self._reported.append(Row(marker, caller, "none" if caller is None else "reported"))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The attributes of the spans of this name that have left by now."""
        if self.at_once is self.at_the_end:
            self.provider.force_flush()
        return [dict(span.attributes or {}) for span in self.at_once.get_finished_spans() if span.name == name]

    def left(self) -> tuple[list[Row], list[Row]]:
        """The rows as they left at once, and as they left in the end."""
        self.provider.force_flush()
        at_once, at_the_end = (
            [_row(span) for span in exporter.get_finished_spans()] + self._reported
            for exporter in (self.at_once, self.at_the_end)
        )
        return at_once, at_the_end


def _row(span: ReadableSpan) -> Row:
    attributes = span.attributes or {}
    said = attributes.get("rvbbit.cascade.file") or attributes.get("rvbbit.cascade.id")
    return Row(
        span.name,
        attributes.get("rvbbit.caller.id"),  # type: ignore[arg-type]
        attributes.get("rvbbit.caller.source"),  # type: ignore[arg-type]
        ours=getattr(span.instrumentation_scope, "name", None) == _OURS,
        owner=said if said in ("first", "second", "third", "nobody") else None,  # type: ignore[arg-type]
        more=tuple((key, str(value)) for key, value in attributes.items() if key.startswith("rvbbit.caller.")),
    )


def judge(kind: str, expected: tuple[str, ...], at_once: list[Row], at_the_end: list[Row]) -> Verdict:
    """Compare what left with what the program states."""
    stated, counts = Counter(expected), Counter[str]()
    complaints: dict[str, list[str]] = {}
    for when, rows in (("at once", at_once), ("at the end", at_the_end)):
        found = Counter(row.name for row in rows if row.name in stated or not row.ours)
        seen = Counter[str]()
        for name in (stated - found).keys() | (found - stated).keys():
            seen["missing"] += 1
            complaints.setdefault(f"{found[name]} spans {name!r} left, not {stated[name]}", []).append(when)
        for row in rows:
            if row.name in stated or not row.ours:
                outcome = row.outcome(row.name.split()[-1])
                seen[outcome] += 1
            elif row.owner is None or (outcome := row.outcome(row.owner)) != "wrong":
                continue  # Of the rows around a program's own, only those that credit another count.
            else:
                seen[outcome] += 1
            if outcome in ("wrong", "lost"):
                what = f"{row.name!r} is {outcome}: {row.caller} (source {row.source})"
                complaints.setdefault(what, []).append(when)
        for outcome, count in seen.items():
            counts[outcome] = max(counts[outcome], count)
    return Verdict(kind, counts, [f"{what} {', '.join(Counter(when))}" for what, when in complaints.items()])


@contextmanager
def instrumented(limits: SpanLimits | None = None, **settings: Any) -> Iterator[Spans]:
    """The toy runner, instrumented, with exporters in memory."""
    provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
    spans = Spans(provider)
    RvbbitInstrumentor().instrument(tracer_provider=provider, runner_files=(SPEC,), runners=("toy",), **settings)
    try:
        yield spans
    finally:
        RvbbitInstrumentor().uninstrument()
        provider.shutdown()


def errors_inside() -> list[str]:
    """What went wrong in our own code, which the host never sees."""
    current = RvbbitInstrumentor().current
    counted = current.counters.snapshot() if current is not None else {}
    return [
        f"our own code failed: {name}, {count} times" for name, count in counted.items() if name.startswith("errors.")
    ]


def run(function: Callable[[Spans], None], spans: Spans) -> list[str]:
    """Run it on this thread; what can be complained of."""
    toy.last_user = None
    complaints = []
    try:
        function(spans)
    except BaseException as error:
        complaints.append(f"it raised {error!r}")
    return complaints + errors_inside()


def run_apart(function: Callable[[Spans], None], spans: Spans) -> list[str]:
    """Run it on a thread of its own, with contextvars of its own."""
    complaints: list[str] = ["it hangs"]

    def main() -> None:
        complaints[:] = run(function, spans)

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return complaints


Test = Callable[[], None]


def program(
    *expected: str, limits: SpanLimits | None = None, **settings: Any
) -> Callable[[Callable[[Spans], None]], Test]:
    """A test of a program that makes these spans, in this process."""

    def decorate(function: Callable[[Spans], None]) -> Test:
        @functools.wraps(function)
        def test() -> None:
            with instrumented(limits, **settings) as spans:
                complaints = run_apart(function, spans)
                verdict = judge(_kind(function), expected, *spans.left())
            _settle(verdict, complaints)

        del test.__wrapped__  # type: ignore[attr-defined]  # Or pytest looks for a fixture of the program's argument.
        return test

    return decorate


def alone(*expected: str, at_once: bool = True) -> Callable[[Callable[[Spans], None]], Test]:
    """The same in a process of its own, as a launcher starts it: for programs that fork, or that may never end."""

    def decorate(function: Callable[[Spans], None]) -> Test:
        @functools.wraps(function)
        def test() -> None:
            complaints, *rows = _run_alone(function)
            verdict = judge(_kind(function), expected, *rows)
            _settle(verdict, complaints)

        test.program, test.at_once = function, at_once  # type: ignore[attr-defined]
        del test.__wrapped__  # type: ignore[attr-defined]
        return test

    return decorate


def _kind(function: Callable[[Spans], None]) -> str:
    return function.__module__.rpartition(".test_")[2]


def _settle(verdict: Verdict, complaints: list[str]) -> None:
    __tracebackhide__ = True
    verdict.counts["broken"] += bool(complaints)
    verdict.complaints += complaints
    VERDICTS.append(verdict)
    assert not verdict.complaints, "\n".join(verdict.complaints)


def _run_alone(function: Callable[[Spans], None]) -> Any:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment = {
        **clean,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (clean.get("PYTHONPATH"), str(ROOT)))),
        **dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none"),
        "OTEL_PYTHON_RVBBIT_RUNNER_FILES": SPEC,
        "OTEL_PYTHON_RVBBIT_RUNNERS": "toy",
    }
    command = [
        "opentelemetry-instrument",
        "python",
        "-m",
        "tests.contract.alone",
        function.__module__,
        function.__name__,
    ]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return ["it hangs"], [], []
    try:
        complaints, *rows = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return [f"it ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-2000:]}"], [], []
    return complaints, *([Row(**row) for row in each] for each in rows)


def as_json(complaints: list[str], at_once: list[Row], at_the_end: list[Row]) -> str:
    """What `alone` hands to its test."""
    return json.dumps([complaints, [asdict(row) for row in at_once], [asdict(row) for row in at_the_end]])
