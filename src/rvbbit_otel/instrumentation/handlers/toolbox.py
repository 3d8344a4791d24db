"""The objects that handlers share: spans, callers, sessions, queries, costs."""

from __future__ import annotations

from dataclasses import dataclass

from rvbbit_otel.instrumentation.emit.spans import Spans
from rvbbit_otel.instrumentation.emit.usage import UsageReader
from rvbbit_otel.instrumentation.state.callers import Callers
from rvbbit_otel.instrumentation.state.pending_costs import UnpricedCalls
from rvbbit_otel.instrumentation.state.sessions import Sessions
from rvbbit_otel.instrumentation.state.udf_queries import Queries


@dataclass(frozen=True)
class Toolbox:
    """The objects that handlers share."""

    spans: Spans
    callers: Callers
    sessions: Sessions
    queries: Queries
    unpriced: UnpricedCalls
    usage: UsageReader
