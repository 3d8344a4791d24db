"""The doors: each with its reason. What none of them calls but inside a `try` that catches what goes wrong, is not ours, or is a net itself."""

from __future__ import annotations

from typing import Final

_I: Final = "rvbbit_otel.instrumentation"
# Why, and which. `strikes` strikes inside of the `try`s of these, and not before them.
_BY_REASON: Final[dict[str, tuple[str, ...]]] = {
    "stands where the host's callable stood, and calls it": (
        *(
            f"{_I}.wrapping.wrappers:{name}"
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
        *(f"{_I}.handlers.caller_answers:Mending.{name}.<locals>.call" for name in ("asked", "guessed", "passed")),
        f"{_I}.wrapping.variables:with_variables.<locals>.call",
        f"{_I}.wrapping.variables:with_variables.<locals>.call.<locals>.as_caller",
        f"{_I}.providers:Providers._watch.<locals>.watching",
        *(f"{_I}.carry.wrapping:Wrapping.{name}.<locals>.call" for name in ("before", "after", "after_made")),
        f"{_I}.carry.wrapping:Wrapping.when_made.<locals>.made.<locals>.init",
        f"{_I}.carry.event_loops:EventLoops._during.<locals>.call",
        f"{_I}.carry.event_loops:EventLoops._opening",
        f"{_I}.carry.threads:Threads._start",
        f"{_I}.carry.processes:Processes._bootstrap",
        *(f"{_I}.carry.taking:Taking.{name}" for name in ("_get", "_received", "_receive")),
        f"{_I}.carry.taking:Taking._receive.<locals>.received",
        *(f"{_I}.carry.waiting:Waiting.{name}" for name in ("_condition", "_semaphore", "_wait.<locals>.call")),
        f"{_I}.carry.waiting:Waiting._semaphore.<locals>.<lambda>",
        f"{_I}.carry.futures:Futures._looks",
        *(f"{_I}.carry.pollers:replace_pollers.<locals>.Poller.{name}" for name in ("poll", "__enter__")),
        f"{_I}.carry.pollers:_poll.<locals>.poll",
        *(f"{_I}.carry.pollers:_epoll.<locals>.epoll.{name}" for name in ("__init__", "fromfd")),
        f"{_I}.carry.taking:Taking._offering.<locals>.call",
        *(f"{_I}.carry.meetings:Meetings.{name}" for name in ("_meets", "_meets_async", "_meets_async.<locals>.meet")),
        *(
            f"{_I}.carry.taking:Taking._replace_simple_queue.<locals>.SimpleQueue.{name}"
            for name in ("put", "put_nowait", "get", "get_nowait")
        ),
        "rvbbit_otel.sdk.install:Pipeline._with_each_added.<locals>.adding",
        "rvbbit_otel.sdk.batch_splitting:quicken.<locals>.ours",
        "rvbbit_otel.sdk.bounded_export:end_with.<locals>.patient",
    ),
    "runs what the host handed over": (
        f"{_I}.carry.event_loops:_within",
        f"{_I}.carry.event_loops:_going_on",
        f"{_I}.carry.threads:as_job.<locals>.call",
        f"{_I}.carry.threads:as_job.<locals>.call_coroutine",
        f"{_I}.carry.threads:Threads._carry_into.<locals>.run_as_job",
        f"{_I}.carry.threads:Threads._schedule.<locals>.call",
        f"{_I}.carry.processes:CarriedCall.__call__",
        f"{_I}.execution:Job.run",
        f"{_I}.handlers.caller_answers:_said_to_anybody.<locals>.ask",
        f"{_I}.state.udf_queries:Queries.carried.<locals>.call",
        f"{_I}.state.udf_queries:Queries._call_attached",
        "rvbbit_otel.attribution.garbage_collection:apart",
    ),
    "makes the host's own steps": (
        *(f"{_I}.wrapping.steps:{name}" for name in ("read", "read_async", "_close")),
        f"{_I}.wrapping.streams:await_within",
        *(
            f"{_I}.wrapping.streams:{name}"
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
            f"{_I}.wrapping.entered:Entered.{name}"
            for name in ("__enter__", "__exit__", "__aenter__", "_self_aenter", "__aexit__")
        ),
        "rvbbit_otel.attribution.decorating:_in_block",
        "rvbbit_otel.attribution.decorating:_in_block_async",
        "rvbbit_otel.attribution.decorating:decorated.<locals>.call",
        "rvbbit_otel.attribution.decorating:decorated.<locals>.call_coroutine",
        "rvbbit_otel.attribution.decorating:_awaited_in_block",
        *(f"{_I}.web.asgi:{name}" for name in ("AsgiCallers.__call__", "answer", "answer.<locals>.sending")),
        *(
            f"{_I}.web.wsgi:{name}"
            for name in ("WsgiCallers.__call__", "answer", "_answered", "_answered.<locals>.starting", "_nothing")
        ),
        *(f"{_I}.web.naming:Answering.{name}" for name in ("__enter__", "__exit__")),
        *(f"{_I}.web.streaming:Parts.{name}" for name in ("__next__", "close")),
        *(f"{_I}.web.streaming:{name}" for name in ("AsyncParts.__anext__", "Streamed.close")),
        *(f"{_I}.web.frameworks:wrap.<locals>.{name}" for name in ("by_asgi", "by_wsgi")),
    ),
    "is called by the host itself, and only keeps what it is given": (
        "rvbbit_otel.attribution.scope:called_by.__init__",
        "rvbbit_otel.attribution.scope:called_by.__enter__",
        "rvbbit_otel.attribution.scope:called_by.__exit__",
        f"{_I}:__getattr__",
        "rvbbit_otel:__getattr__",
        "rvbbit_otel:__dir__",
        "rvbbit_otel.sdk.log_fields:CallerLogFilter.filter",
        "rvbbit_otel.attribution.scope:called_by.__call__",
        f"{_I}.instrumentor:RvbbitInstrumentor.current",
        f"{_I}.execution:Within.__init__",
        f"{_I}.web.asgi:AsgiCallers.__init__",
        f"{_I}.web.wsgi:WsgiCallers.__init__",
    ),
    "says to its user what of its arguments can't be, at the start of the application": (
        f"{_I}.web.naming:Naming.__init__",
    ),
    "is a part of the SDK, and passes on to the host's own": (
        *(f"rvbbit_otel.sdk.span_processor:CallerSpanProcessor.{name}" for name in ("shutdown", "force_flush")),
        *(
            f"rvbbit_otel.sdk.log_record_processor:CallerLogRecordProcessor.{name}"
            for name in ("shutdown", "force_flush")
        ),
        *(f"rvbbit_otel.attribution.propagation:GuardedPropagator.{name}" for name in ("fields", "inject", "extract")),
        *(f"rvbbit_otel.sdk.sampler:AttributionSampler.{name}" for name in ("should_sample", "get_description")),
        *(f"{_I}.emit.span_attributes:Filling.{name}" for name in ("on_start", "on_end", "shutdown", "force_flush")),
        *(
            f"rvbbit_otel.sdk.exporter:RepairingSpanExporter.{name}"
            for name in ("export", "_in_parts", "shutdown", "force_flush")
        ),
        *(f"rvbbit_otel.redaction.logs:RedactingLogExporter.{name}" for name in ("export", "shutdown", "force_flush")),
        *(f"rvbbit_otel.sdk.bounded_export:Noting.{name}" for name in ("export", "shutdown", "__getattr__")),
        *(f"rvbbit_otel.sdk.bounded_export:_Waited.{name}" for name in ("join", "__getattr__")),
        "rvbbit_otel.sdk.bounded_export:Queue.appendleft",
        *(f"rvbbit_otel.sdk.drop_counter:CountingDrops.{name}" for name in ("drop_items", "__getattr__")),
    ),
    "is called by OpenTelemetry's launcher": (
        f"{_I}.instrumentor:RvbbitInstrumentor.instrument",
        f"{_I}.instrumentor:RvbbitInstrumentor.instrumentation_dependencies",
    ),
    "is where every net counts: what goes wrong in it is counted and logged by itself": (
        "rvbbit_otel.counters:Counters.error",
        "rvbbit_otel.counters:failed",
    ),
}
# What attaches a context with its last instruction, puts back one that was attached, or forgets a frame. There is nothing in it that can raise, and
# struck before it has done so it would leave that behind. `tests/unit/instrumentation/test_faults.py` breaks it by hand: the host has its result.
PLAIN: Final = (
    f"{_I}.execution:enter",
    f"{_I}.execution:leave",
    f"{_I}.execution:Within.__exit__",
    f"{_I}.execution:Asked.__exit__",
    f"{_I}.wrapping.steps:Steps.__exit__",
    "rvbbit_otel.attribution.driven_generators:Frames.forget",
    f"{_I}.wrapping.entered:_Call.__exit__",
)
DOORS: Final[dict[str, str]] = {name: reason for reason, names in _BY_REASON.items() for name in names}

# What of ours a host never runs: another process does.
ELSEWHERE: Final[dict[str, str]] = {
    "rvbbit_otel.all_in_one": "the all-in-one",
    "rvbbit_otel.doctor": "`rvbbit-otel doctor`",
    "rvbbit_otel.cli": "the commands",
    "rvbbit_otel.demo": "`rvbbit-otel demo`",
    "rvbbit_otel.hosts": "the commands and the all-in-one",
    "rvbbit_otel.page": "the all-in-one, or a process of its own",
    "rvbbit_otel.notebook": "a notebook",
    "rvbbit_otel.reporting": "the commands",
    "rvbbit_otel.testing": "the tests of a host's own programs",
    "rvbbit_otel.storage": "the commands, against a store",
    "rvbbit_otel.instrumentation.web.django": "a host of Django's: `make test-web-jobs`",
    "rvbbit_otel.instrumentation.launcher": "`rvbbit-otel run`, which then becomes the host",
    "rvbbit_otel.doctor.inspection": "`rvbbit-otel doctor`, which tries a spec",
    "rvbbit_otel.doctor.probe_program": "`rvbbit-otel doctor`, in a child",
}
_UNREACHED: Final[dict[str, str]] = {
    "runs after something of ours has failed, or where another version of the SDK has other names (`test_renamed.py`)": """
        counters:Counters._note host_signals:from_handler host_signals:_handlers
        instrumentation.wrapping.wrappers:Interception.failed redaction.values:Values._failed redaction.values:without_message
        redaction.records:_bare sdk.batch_splitting:_request.<locals>.lost sdk.batch_splitting:_cleaned
        sdk.batch_splitting:quicken.<locals>.<lambda> sdk.clean_spans:cleaned_span clean_text:_as_text
        instrumentation.wrapping.steps:_Nothing.__enter__ instrumentation.wrapping.steps:_Nothing.__exit__
        instrumentation.wrapping.steps:_Nothing.saw instrumentation.wrapping.steps:_Nothing.end
        sdk.span_processor:CallerSpanProcessor._stamp_in_public instrumentation.emit.spans:Spans._tell_if_there_is_no_sdk
        counters:Once.warn instrumentation.hooks:Hooks._tell_unsupported instrumentation.spec.impact:lost_without
        redaction.text:marker attribution.driven_generators:Frames.end""",
    "runs in a child that was forked or started: `forks`, `tests/contract/test_processes.py`": """
        instrumentation.instrumentor:_renew_locks instrumentation.state.callers:Callers._disown
        instrumentation.execution:RenewedLock._renew attribution.registry:EchoRegistry.__init__.<locals>.after_in_child
        instrumentation.state.udf_queries:Queries.renew_locks instrumentation.carry.processes:_context_in_child
        instrumentation.carry.processes:inherited_from""",
    "runs as our modules are loaded": """
        instrumentation.spec.model:_fields instrumentation.runners.duckdb:_calls instrumentation.runners.duckdb:_each
        instrumentation.runners.litellm:_used instrumentation.spec.expressions:<lambda>""",
    "is asked for by a user, the commands or a test, and may raise there": """
        attribution.caller:Caller.metadata attribution.scope:current_caller settings:Settings.from_environment
        instrumentation.instrumentor:report instrumentation.hooks:Hooks.report instrumentation.hooks:is_installed
        attribution.registry:EchoRegistry.open attribution.propagation:with_caller attribution.propagation:with_session
        attribution.work:nobody instrumentation.runners:loaded instrumentation.runners.toml_file:spec_as_toml
        instrumentation.runners.toml_file:_kind instrumentation.runners.toml_file:_list instrumentation.runners.toml_file:_quoted
        sdk.otlp_encoder:encode_spans instrumentation.hooks:Hooks.apply.<locals>.<lambda> settings:_boolean settings:_integer
        settings:_number instrumentation.runners:names attribution.echo_map:EchoMap.clear""",
    "does nothing": """
        instrumentation.wrapping.entered:Beginning.begin instrumentation.wrapping.steps:Interception.saw
        instrumentation.wrapping.steps:Interception.end instrumentation.runners.toml_file:Readable.read_bytes
        instrumentation.wrapping.wrappers:replacing_wrapper.<locals>.nothing instrumentation.handlers.caller_answers:_nothing
        instrumentation.state.query_ledger:_gone instrumentation.state.query_ledger:Place.is_left
        instrumentation.instrumentor:Instrumentation.__init__.<locals>.<lambda>
        sdk.exporter:RepairingSpanExporter.__init__.<locals>.<lambda>""",
    "is for a library or a version that this host has not, inside of the same nets": """
        attribution.scope:_plain attribution.scope:_plain.<locals>.close instrumentation.carry.taking:_asked_a_manager
        instrumentation.carry.taking:Taking.install.<locals>.<lambda> instrumentation.state.udf_queries:Queries.runs
        instrumentation.state.udf_queries:Queries.runs.<locals>.finish instrumentation.state.udf_queries:_is_reader
        instrumentation.handlers.dispatch:_relation.<locals>.<lambda> instrumentation.state.query_ledger:Ledger.gives
        instrumentation.state.query_ledger:Ledger.hands_out instrumentation.state.query_ledger:Ledger.hands_out.<locals>.dropped
        instrumentation.state.query_ledger:Ledger._unread instrumentation.state.query_ledger:Ledger._listen
        instrumentation.state.query_ledger:Ledger.read_in instrumentation.state.query_ledger:Ledger.handed_in
        instrumentation.state.query_ledger:Fetch.leave_out""",
    "is a case of ours that no scene has, inside of the same nets": """
        attribution.caller:_spoken attribution.caller:_shortened attribution.work:Work.is_of
        attribution.stamping:Stamper._conflicting instrumentation.state.callers:Callers.disown
        instrumentation.state.callers:_is_only_inherited instrumentation.spec.expressions:Arguments.getter.<locals>.<lambda>
        instrumentation.spec.expressions:Arguments.getter.<locals>.by_keyword instrumentation.spec.expressions:bind.<locals>.first
        instrumentation.spec.expressions:_bind_one.<locals>.total instrumentation.spec.expressions:_bind_one.<locals>.<lambda>
        instrumentation.state.udf_queries:_nobody instrumentation.state.udf_queries:_without_session
        instrumentation.state.databases:Database.may_be instrumentation.state.databases:Database.macros
        instrumentation.state.statements:leaves_nothing instrumentation.state.statements:makes_macros
        instrumentation.state.query_ledger:Slot.slots instrumentation.state.query_ledger:caller_of_query
        instrumentation.state.query_ledger:Slot.has_no_more instrumentation.state.sessions:Sessions.cascade_of
        instrumentation.state.sessions:_Claim.is_of_another instrumentation.emit.usage:UsageReader._refuse
        instrumentation.emit.usage:_written instrumentation.wrapping.streams:kept.<locals>.<lambda>
        instrumentation.handlers.spans:_in_a_run instrumentation.handlers.call_tellers:Telling.told_inside
        instrumentation.handlers.call_tellers:Telling.calls_from sdk.bounded_export:Patience.is_silent
        sdk.bounded_export:hold_less.<locals>.<lambda> redaction.records:Redactor.resource.<locals>.<lambda>
        redaction.records:Redactor.scope.<locals>.<lambda> redaction.text:without_queries.<locals>.<lambda>
        redaction.text:without_query redaction.values:Values._value redaction.values:Values._url
        redaction.values:Values._scan_json redaction.values:Values._member redaction.values:_is_empty
        sdk.exporter:RepairingSpanExporter._set_by_hand redaction.text:without_path_queries redaction.text:frames
        redaction.text:looks_like_sql sdk.exporter:_is_copy attribution.work:Work.runs_here sdk.private_parts:_as_known
        counters:count instrumentation.state.callers:Callers.left_behind
        instrumentation.carry.owners:Owners._first.<locals>.<lambda> instrumentation.carry.owners:Owners.take_back
        instrumentation.carry.meetings:Meetings._arrives instrumentation.carry.meetings:Meetings._met
        instrumentation.carry.taking:_is_sent_later instrumentation.carry.bells:_calls instrumentation.carry.bells:_codes
        instrumentation.carry.bells:_found instrumentation.carry.bells:never_gives_back instrumentation.carry.threads:let_go
        instrumentation.carry.wakeups:_behind instrumentation.carry.wakeups:_first instrumentation.carry.wakeups:_suspended
        instrumentation.carry.threads:Threads._finalize instrumentation.carry.threads:Threads._finalize.<locals>.call
        instrumentation.state.query_ledger:Ledger._is_open instrumentation.state.query_ledger:Ledger.open_in
        instrumentation.state.query_ledger:_copied instrumentation.state.udf_queries:Queries._context_for
        instrumentation.state.udf_queries:Queries._may_be instrumentation.state.udf_queries:Queries._tidy
        instrumentation.emit.spans:_suppressing""",
    "is for a library that this host has not: `make test-frameworks`, `make test-web-jobs`": """
        instrumentation.carry.processes:Processes._in_process_of_anyio
        instrumentation.carry.processes:Processes._in_process_of_anyio.<locals>.run
        instrumentation.carry.event_loops:EventLoops.install.<locals>.<lambda> instrumentation.carry.wrapping:Wrapping.after_made
        instrumentation.carry.taking:_sent_into instrumentation.runners.llama_index:_answered
        instrumentation.web.streaming:AsyncParts.__init__ instrumentation.named:Named.__call__
        instrumentation.named:Named.__init__""",
    "runs in a worker or a sender of jobs, with a library that this host has not, and is not struck: `make test-web-jobs`": """
        instrumentation.jobs.apscheduler:Apscheduler3._added instrumentation.jobs.apscheduler:Apscheduler3._around
        instrumentation.jobs.apscheduler:Apscheduler3._around.<locals>.run
        instrumentation.jobs.apscheduler:Apscheduler3._around_coroutine
        instrumentation.jobs.apscheduler:Apscheduler3._around_coroutine.<locals>.run
        instrumentation.jobs.apscheduler:Apscheduler3._submit instrumentation.jobs.apscheduler:Apscheduler3._wrap_executors
        instrumentation.jobs.apscheduler:Apscheduler4._job_added instrumentation.jobs.apscheduler:Apscheduler4._run
        instrumentation.jobs.apscheduler:Apscheduler4._run.<locals>.run instrumentation.jobs.apscheduler:Apscheduler4._say
        instrumentation.jobs.apscheduler:Apscheduler4._schedule_added instrumentation.jobs.apscheduler:_error_of
        instrumentation.jobs.apscheduler:_is_once instrumentation.jobs.apscheduler:_known_as
        instrumentation.jobs.celery:Celery._ends instrumentation.jobs.celery:Celery._listen
        instrumentation.jobs.celery:Celery._sent instrumentation.jobs.celery:Celery._traced
        instrumentation.jobs.celery:Celery._traced.<locals>.trace_task instrumentation.jobs.celery:_error_of
        instrumentation.jobs.celery:_known_as instrumentation.jobs.messages:Messages._seal
        instrumentation.jobs.messages:Messages.read instrumentation.jobs.messages:Messages.written
        instrumentation.jobs.messages:Said.caller instrumentation.jobs.rq:Rq._enqueued instrumentation.jobs.rq:Rq._hand_over
        instrumentation.jobs.rq:Rq._perform instrumentation.jobs.rq:Rq._performed
        instrumentation.jobs.rq:Rq.install.<locals>.<lambda> instrumentation.jobs.rq:_known_as
        instrumentation.jobs.running:Running.__enter__ instrumentation.jobs.running:Running.__exit__
        instrumentation.jobs.running:Running.__init__ instrumentation.jobs.running:Running._opened
        instrumentation.jobs.running:Running.ends_by instrumentation.jobs.running:_weaken instrumentation.jobs.running:around
        instrumentation.jobs.tools:Tools.flush instrumentation.jobs.tools:Tools.running instrumentation.jobs.tools:Tools.said_here
        instrumentation.jobs.tools:Tools.serve.<locals>.call""",
}
# On threads of DuckDB's own, which not every life of this host has.
BY_CHANCE: Final = frozenset({f"{_I}.state.udf_queries:Queries._call_attached"})
UNREACHED: Final[dict[str, str]] = {
    f"rvbbit_otel.{name}": reason for reason, names in _UNREACHED.items() for name in names.split()
}
