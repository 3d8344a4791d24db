"""A session's rows are never sampled away; everything else is left to the user's sampler."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import AnyValue, Attributes

from rvbbit_otel.attributes import KIND, SESSION_ID
from rvbbit_otel.attribution import stated
from rvbbit_otel.attribution.propagation import session_of
from rvbbit_otel.counters import Counters


class Promised(dict[str, AnyValue]):
    """The attributes that a span of ours starts with, for samplers: the span gets these, and more, before any
    processor sees it.
    """


class AttributionSampler(Sampler):
    """Keeps each span that is a row (it names a session, works for one, or is a caller's root); asks `inner` about all others.

    So a trace that was sampled out elsewhere stays out, but for the rows of its sessions: an audit that adds up dollars can't work on a sample.
    """

    def __init__(self, inner: Sampler, counters: Counters, limits: object = None) -> None:
        """Ask `inner` about what is no row. `limits`: the SDK's for spans, which may cut or evict the ids of one before we see it."""
        self.inner = inner
        self._counters = counters
        self._may_cut = stated.may_cut(limits)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Keep a row; else what the user's sampler says."""
        if type(attributes) is Promised:
            return _kept(parent_context, None, trace_state)
        try:
            if attributes and (self._may_cut or len(attributes) >= stated.MANY):
                stated.note(attributes)
            keep = _is_row(parent_context, attributes)
        except Exception as error:  # noqa: BLE001 - the sampler runs inside the host's call
            self._counters.error("sampler", error)
            keep = False
        if not keep:
            return self.inner.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        return _kept(parent_context, attributes, trace_state)

    def get_description(self) -> str:
        """The name, with that of the inner sampler."""
        return f"AttributionSampler{{{self.inner.get_description()}}}"


def _kept(context: Context | None, attributes: Attributes, trace_state: TraceState | None) -> SamplingResult:
    parent_state = get_current_span(context).get_span_context().trace_state
    return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state or parent_state)


def _is_row(context: Context | None, attributes: Attributes) -> bool:
    if attributes is not None and (SESSION_ID in attributes or KIND in attributes):
        return True
    return session_of(context) is not None
