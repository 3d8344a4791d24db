"""Puts our parts into OpenTelemetry's providers, and takes every one of them out again."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import propagate
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.trace import SpanProcessor, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from rvbbit_otel.attribution.propagation import GuardedPropagator
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.counters import Counters, Once, observe
from rvbbit_otel.redaction.records import Redactor
from rvbbit_otel.sdk.batch_splitting import in_parts, quicken
from rvbbit_otel.sdk.bounded_export import Noting, Patience, end_with, hold_less
from rvbbit_otel.sdk.bounded_responses import shorten
from rvbbit_otel.sdk.drop_counter import CountingDrops
from rvbbit_otel.sdk.exporter import RepairingSpanExporter
from rvbbit_otel.sdk.sampler import AttributionSampler
from rvbbit_otel.sdk.span_processor import CallerSpanProcessor
from rvbbit_otel.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider

# Of these we know that they export.
_EXPORTING: Final = (BatchSpanProcessor, SimpleSpanProcessor)


class Pipeline:
    """The processors, the repair, the sampler and the propagator of one process; each `install_*` works once a provider.

    The SDK has no public way to put a processor first, to wrap an exporter that is already there or to take a processor out. Where its
    private attributes are not what we know, that part stays out, is counted under ``errors`` and logged once; stamping itself uses the
    public way only.
    """

    def __init__(self, registry: EchoRegistry, settings: Settings, counters: Counters | None = None) -> None:
        """Everything here works on `registry`."""
        self.registry = registry
        self.settings = settings
        self.counters = counters or registry.counters
        self.redactor = Redactor(settings, self.counters) if settings.redaction else None
        self._undo: list[Callable[[], None]] = []
        self._installed: weakref.WeakSet[Any] = weakref.WeakSet()
        self._once = Once()
        self.patience = Patience(settings.exit_patience)

    def install_tracing(self, provider: TracerProvider) -> None:
        """Stamp the spans of a provider, mend and redact them before its exporters, and never sample a row away."""
        if self._is_installed(provider):
            return
        processor = CallerSpanProcessor(self.registry, self.counters)
        provider.add_span_processor(processor)
        self._undo.append(lambda: self._take_out(provider._active_span_processor, "_span_processors", processor))
        self._undo.append(processor.shutdown)
        self._attempt("exporters", lambda: self._wrap_exporters(provider))
        self._attempt("sampler", lambda: self._wrap_sampler(provider))

    def install_logging(self, provider: LoggerProvider) -> None:
        """Stamp the log records of a provider, and redact them before its exporters."""
        if self._is_installed(provider):
            return
        # They import the SDK of logs, which not every host uses.
        from rvbbit_otel.redaction.logs import EXPORTING, redacting
        from rvbbit_otel.sdk.log_record_processor import CallerLogRecordProcessor

        processor = CallerLogRecordProcessor(self.registry, self.counters)
        provider.add_log_record_processor(processor)
        processors = provider._multi_log_record_processor

        def put_first() -> None:
            rest = tuple(each for each in processors._log_record_processors if each is not processor)
            processors._log_record_processors = (processor, *rest)

        # Ahead of the one that queues the record for export, or a fast exporter would win the race.
        self._attempt("logging", put_first)
        self._attempt("log_exporters", lambda: self._watch_log_exporters(provider))
        self._undo.append(lambda: self._take_out(processors, "_log_record_processors", processor))
        self._undo.append(processor.shutdown)
        if self.redactor is not None:
            around = partial(redacting, redactor=self.redactor, counters=self.counters)
            self._attempt("log_exporters", lambda: self._wrap_log_exporters(provider, around, EXPORTING))

    def install_propagation(self) -> None:
        """Guard the global propagator."""
        inner = propagate.get_global_textmap()
        if isinstance(inner, GuardedPropagator):
            return
        guarded = GuardedPropagator(inner, self.settings, self.counters)
        propagate.set_global_textmap(guarded)

        def undo() -> None:
            if propagate.get_global_textmap() is guarded:
                propagate.set_global_textmap(inner)

        self._undo.append(undo)

    def install_metrics(self, provider: MeterProvider) -> None:
        """Show what we count as metrics."""
        if not self._is_installed(provider):
            observe(provider.get_meter("rvbbit_otel"), self.counters, self.registry.__len__)

    def uninstall(self) -> None:
        """Take out everything that was put in, last first."""
        while self._undo:
            self._attempt("uninstall", self._undo.pop())
        self._installed.clear()

    def _is_installed(self, provider: object) -> bool:
        if provider in self._installed:
            return True
        self._installed.add(provider)
        return False

    def _attempt(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - another version of the SDK costs one part of ours, never the host
            self.counters.error(f"pipeline.{what}", error)

    def _wrap_exporters(self, provider: TracerProvider) -> None:
        self._with_each_added(provider, "add_span_processor", self._wrap_exporter)
        for processor in provider._active_span_processor._span_processors:
            self._attempt("exporters", partial(self._wrap_exporter, processor))

    def _wrap_log_exporters(
        self, provider: LoggerProvider, around: Callable[[Any], Any], exporting: tuple[type, ...]
    ) -> None:
        def wrap(processor: object) -> None:
            holder, name, inner = _exporter_of(processor, "_exporter", exporting)
            ours = around(inner)
            if ours is not None:
                self._put(holder, name, ours)

        self._with_each_added(provider, "add_log_record_processor", wrap)
        for processor in provider._multi_log_record_processor._log_record_processors:
            self._attempt("log_exporters", partial(wrap, processor))

    def _with_each_added(self, provider: object, name: str, wrap: Callable[[Any], None]) -> None:
        """Wrap what is added to a provider later."""
        add = getattr(provider, name)

        def adding(processor: Any) -> None:
            try:
                wrap(processor)
            except Exception as error:  # noqa: BLE001 - the host's processor is added whatever it is
                self.counters.error("pipeline.exporters", error)
            add(processor)

        setattr(provider, name, adding)
        self._undo.append(lambda: vars(provider).pop(name, None))

    def _wrap_exporter(self, processor: SpanProcessor) -> None:
        holder, name, inner = _exporter_of(processor, "span_exporter", _EXPORTING)
        if inner is None or isinstance(inner, RepairingSpanExporter):
            return
        repairing = RepairingSpanExporter(
            inner, self.registry, self.counters, self.redactor, self.patience.acknowledged
        )
        self._attempt("encoder", lambda: self._quicken(inner, repairing))
        self._put(holder, name, repairing)
        self._attempt("drops", lambda: self._count_drops(holder))
        self._be_patient(processor, inner)

    def _put(self, holder: object, name: str, ours: Any) -> None:
        """Put ours in the place of an exporter, until `uninstall`."""
        setattr(holder, name, ours)

        def undo() -> None:
            if getattr(holder, name) is ours:
                setattr(holder, name, ours.inner)

        self._undo.append(undo)

    def _watch_log_exporters(self, provider: LoggerProvider) -> None:
        for processor in provider._multi_log_record_processor._log_record_processors:
            self._watch_log_exporter(processor)
        self._with_each_added(provider, "add_log_record_processor", self._watch_log_exporter)

    def _watch_log_exporter(self, processor: Any) -> None:
        queue = getattr(processor, "_batch_processor", None)
        inner = getattr(queue, "_exporter", None)
        if queue is None or inner is None or isinstance(inner, Noting):
            return
        noting = Noting(inner, self.patience)
        queue._exporter = noting

        def undo() -> None:
            if queue._exporter is noting:
                queue._exporter = inner

        self._undo.append(undo)
        self._be_patient(processor, getattr(inner, "inner", inner))  # One that redacts may be around it already.

    def _be_patient(self, processor: Any, exporter: object) -> None:
        """Bound the time and the memory that a target which is down, hangs or floods costs the host: two seconds at
        its end, and little memory.
        """

        def end() -> None:
            if hasattr(processor, "_batch_processor"):
                self._undo.append(end_with(processor._batch_processor, self.patience))

        def hold() -> None:
            if hasattr(processor, "_batch_processor"):
                self._undo.append(hold_less(processor._batch_processor, self.patience))

        self._attempt("ending", end)
        self._attempt("queue", hold)
        self._attempt("answers", lambda: self._undo.append(shorten(exporter)))

    def _count_drops(self, holder: Any) -> None:
        # Only a processor with a queue of its own has these.
        inner = getattr(holder, "_metrics", None)
        if not hasattr(inner, "drop_items"):
            return
        holder._metrics = CountingDrops(inner, self.counters)
        self._undo.append(lambda: setattr(holder, "_metrics", inner))

    def _quicken(self, exporter: object, repairing: RepairingSpanExporter) -> None:
        undo = quicken(exporter)
        if undo is not None:
            self._undo.append(undo)
            repairing.parts = partial(in_parts, counters=self.counters)

    def _wrap_sampler(self, provider: TracerProvider) -> None:
        # A tracer keeps the sampler that its provider had when it was made.
        holders: list[TracerProvider | Tracer] = [provider, *provider._tracers.values()]
        for holder in holders:
            inner = holder.sampler
            if not isinstance(inner, AttributionSampler):
                holder.sampler = AttributionSampler(inner, self.counters, getattr(holder, "_span_limits", None))
                self._undo.append(partial(setattr, holder, "sampler", inner))

    @staticmethod
    def _take_out(holder: object, name: str, processor: object) -> None:
        setattr(holder, name, tuple(each for each in getattr(holder, name) if each is not processor))


def _exporter_of(processor: object, otherwise: str, exporting: tuple[type, ...]) -> tuple[object, str, Any]:
    """Return the object that holds a processor's exporter, the attribute's name, and the exporter (None if it has
    none). Raises LookupError if it exports in a way we don't know.
    """
    # A batch processor shows its exporter as a property; where it is kept is an object behind that.
    batch = getattr(processor, "_batch_processor", None)
    holder, name = (processor, otherwise) if batch is None else (batch, "_exporter")
    exporter = getattr(holder, name, None)
    if exporter is None and isinstance(processor, exporting):
        raise LookupError(f"where {type(processor).__name__} keeps its exporter: what it sends is not redacted")
    return holder, name, exporter
