"""The doors: each with its reason. What none of them calls but inside a `try` that catches what goes wrong, is not ours, or is a net itself."""

from __future__ import annotations

from typing import Final

_I: Final = "rvbbit_otel.instrumentation"
# Why, and which. `strikes` strikes inside of the `try`s of these, and not before them.
_BY_REASON: Final[dict[str, tuple[str, ...]]] = {
    "stands where the host's callable stood, and calls it": (
        *(
            f"{_I}.calls:{name}"
            for name in (
                "entering_wrapper.<locals>.call",
                "returning_wrapper.<locals>.call",
                "returning_wrapper.<locals>.call.<locals>.call_found",
                "returning_wrapper.<locals>.call.<locals>.call_found.<locals>.as_asked",
                "_of_function.<locals>.call",
                "_of_function.<locals>.intercepted",
                "_of_coroutine_function.<locals>.call",
                "_of_coroutine_function.<locals>.awaited",
                "_of_generator_function.<locals>.call",
                "replacing_wrapper.<locals>.call",
            )
        ),
        *(f"{_I}.mending:Mending.{name}.<locals>.call" for name in ("asked", "guessed", "passed")),
        f"{_I}.variables:with_variables.<locals>.call",
        f"{_I}.variables:with_variables.<locals>.call.<locals>.as_caller",
        f"{_I}.providers:Providers._watch.<locals>.watching",
        *(f"{_I}.carry.wrapping:Wrapping.{name}.<locals>.call" for name in ("before", "after")),
        f"{_I}.carry.event_loops:EventLoops._during.<locals>.call",
        f"{_I}.carry.event_loops:EventLoops._opening",
        f"{_I}.carry.threads:Threads._start",
        f"{_I}.carry.processes:Processes._bootstrap",
        *(f"{_I}.carry.taking:Taking.{name}" for name in ("_get", "_received", "_made", "_condition", "_receive")),
        f"{_I}.carry.taking:Taking._receive.<locals>.received",
        f"{_I}.carry.taking:Taking._waiting.<locals>.call",
        *(
            f"{_I}.carry.taking:Taking._replace_simple_queue.<locals>.SimpleQueue.{name}"
            for name in ("put", "put_nowait", "get", "get_nowait")
        ),
        "rvbbit_otel.pipeline:Pipeline._with_each_added.<locals>.adding",
        "rvbbit_otel.encoder:quicken.<locals>.ours",
        "rvbbit_otel.ending:end_with.<locals>.patient",
    ),
    "runs what the host handed over": (
        f"{_I}.carry.event_loops:_within",
        f"{_I}.carry.event_loops:_going_on",
        f"{_I}.carry.threads:as_job.<locals>.call",
        f"{_I}.carry.threads:as_job.<locals>.call_coroutine",
        f"{_I}.carry.threads:Threads._carry_into.<locals>.run_as_job",
        f"{_I}.carry.threads:Threads._schedule.<locals>.call",
        f"{_I}.carry.processes:CarriedCall.__call__",
        f"{_I}.flows:Job.run",
        f"{_I}.mending:_said_to_anybody.<locals>.ask",
        f"{_I}.queries:Queries.carried.<locals>.call",
        f"{_I}.queries:Queries._call_attached",
        "rvbbit_otel.collecting:apart",
    ),
    "makes the host's own steps": (
        *(f"{_I}.streams:{name}" for name in ("read", "read_async", "await_within", "_close")),
        *(
            f"{_I}.streams:{name}"
            for name in (
                "Stream.__enter__",
                "Stream.__exit__",
                "Stream.__aenter__",
                "Stream.__aexit__",
                "Stream._self_closed",
                "Stream._self_part",
                "_Iterable.__iter__",
                "_Iterator.__iter__",
                "_Iterator.__next__",
                "_AsyncIterable.__aiter__",
                "_AsyncIterator.__aiter__",
                "_AsyncIterator.__anext__",
                "_Closed.close",
                "_AsyncClosed.aclose",
            )
        ),
        *(
            f"{_I}.entered:Entered.{name}"
            for name in ("__enter__", "__exit__", "__aenter__", "_self_aenter", "__aexit__")
        ),
        "rvbbit_otel.scope:_in_block",
        "rvbbit_otel.scope:_in_block_async",
        "rvbbit_otel.scope:_decorated.<locals>.call",
        "rvbbit_otel.scope:_decorated.<locals>.call_coroutine",
        *(f"{_I}.web:{name}" for name in ("AsgiCallers.__call__", "WsgiCallers.__call__", "WsgiCallers._parts")),
    ),
    "is called by the host itself, and only keeps what it is given": (
        "rvbbit_otel.scope:called_by.__init__",
        "rvbbit_otel.scope:called_by.__enter__",
        "rvbbit_otel.scope:called_by.__exit__",
        f"{_I}:__getattr__",
        "rvbbit_otel.scope:called_by.__call__",
        f"{_I}.instrumentor:RvbbitInstrumentor.current",
        f"{_I}.flows:Within.__init__",
        f"{_I}.web:AsgiCallers.__init__",
        f"{_I}.web:WsgiCallers.__init__",
    ),
    "says to its user what of its arguments can't be, at the start of the application": (f"{_I}.web:Naming.__init__",),
    "is a part of the SDK, and passes on to the host's own": (
        *(f"rvbbit_otel.processor:CallerSpanProcessor.{name}" for name in ("shutdown", "force_flush")),
        *(f"rvbbit_otel.log_processor:CallerLogRecordProcessor.{name}" for name in ("shutdown", "force_flush")),
        *(f"rvbbit_otel.propagation:GuardedPropagator.{name}" for name in ("fields", "inject", "extract")),
        *(f"rvbbit_otel.sampler:AttributionSampler.{name}" for name in ("should_sample", "get_description")),
        *(f"{_I}.filling:Filling.{name}" for name in ("on_start", "on_end", "shutdown", "force_flush")),
        *(
            f"rvbbit_otel.repair:RepairingSpanExporter.{name}"
            for name in ("export", "_in_parts", "shutdown", "force_flush")
        ),
        *(f"rvbbit_otel.redaction.logs:RedactingLogExporter.{name}" for name in ("export", "shutdown", "force_flush")),
        *(f"rvbbit_otel.ending:Noting.{name}" for name in ("export", "shutdown", "__getattr__")),
        *(f"rvbbit_otel.ending:_Waited.{name}" for name in ("join", "__getattr__")),
        "rvbbit_otel.ending:Queue.appendleft",
        *(f"rvbbit_otel.drops:CountingDrops.{name}" for name in ("drop_items", "__getattr__")),
    ),
    "is called by OpenTelemetry's launcher": (
        f"{_I}.instrumentor:RvbbitInstrumentor.instrument",
        f"{_I}.instrumentor:RvbbitInstrumentor.instrumentation_dependencies",
    ),
    "is where every net counts: what goes wrong in it is counted and logged by itself": (
        "rvbbit_otel.telemetry:Counters.error",
        "rvbbit_otel.telemetry:failed",
    ),
}
# What attaches a context with its last instruction, puts back one that was attached, or forgets a frame: struck before it has done so it would leave that behind, and there is nothing in it that can raise. It is
# broken by hand in `tests/unit/instrumentation/test_faults.py`: there the host has its result.
PLAIN: Final = (
    f"{_I}.flows:enter",
    f"{_I}.flows:leave",
    f"{_I}.flows:Within.__exit__",
    f"{_I}.flows:Asked.__exit__",
    f"{_I}.streams:Steps.__exit__",
    "rvbbit_otel.driven:Frames.forget",
    f"{_I}.entered:_Call.__exit__",
)
DOORS: Final[dict[str, str]] = {name: reason for reason, names in _BY_REASON.items() for name in names}
