"""The published RVBBIT: the distribution ``larsql``, the package ``lars``."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.runners import duckdb
from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

_CLIENT: Final = "lars.server.postgres_server:ClientConnection"
_CONTEXT: Final = "lars.caller_context"
_RUNNER: Final = "lars.runner:LARSRunner"
_STATE: Final = "lars.session_state:SessionStateManager"
# Of one cascade: `run` is the whole of it, the internal one alone is what a take of a cascade calls.
_CASCADE: Final = {
    "session_id": "self.session_id",
    "cascade_id": "self.config.cascade_id",
    "cascade_file": "self.config_path",
    "parent_session_id": "self.parent_session_id|ambient.session_id",
    "depth": "self.depth",
    "input": "input_data",
}

CALLERS: Final = (
    Hook(
        Role.CALLER_SET,
        f"{_CONTEXT}:set_caller_context",
        {
            "caller_id": "caller_id",
            "metadata": "metadata",
            "connection_id": "connection_id",
            "query": "metadata.sql.query",
        },
    ),
    Hook(Role.CALLER_CLEARED, f"{_CONTEXT}:clear_caller_context", {"connection_id": "connection_id"}),
    # A statement that it tracks no caller for is nobody's, whoever the connection's last one was for.
    Hook(
        Role.CALLER_SET,
        f"{_CLIENT}._setup_query_tracking",
        {"caller_id": "result.2", "connection_id": "self.session_id"},
    ),
    # `... THEN ANALYZE` is tracked by nobody: it reads an attribute that nothing sets.
    Hook(Role.CALLER, f"{_CLIENT}._handle_pipeline_query", {"origin": "literal:sql", "query": "original_query"}),
    # Asked on a thread that it lost the context on, it answers with the newest caller of the machine.
    Hook(
        Role.CALLER_ASKED,
        f"{_CONTEXT}:get_caller_id",
        {"caller_id": "result", "connection_id": "connection_id"},
    ),
    Hook(
        Role.CALLER_ASKED,
        f"{_CONTEXT}:get_invocation_metadata",
        {"metadata": "result", "connection_id": "connection_id"},
    ),
    Hook(
        Role.CALLER_ASKED,
        f"{_CONTEXT}:get_caller_context",
        {"caller_id": "result.0", "metadata": "result.1", "connection_id": "connection_id"},
    ),
    # What they fall back to: the newest row of a file that the machine shares.
    Hook(
        Role.CALLER_GUESSED,
        f"{_CONTEXT}:_read_context_from_scratch",
        {"connection_id": "connection_id"},
        optional=True,
    ),
)

SESSIONS: Final = (
    Hook(
        Role.SESSION_OPENED,
        f"{_RUNNER}.__init__",
        {
            "session_id": "session_id",
            # It loses the parent of a sub-cascade with the context.
            "parent_session_id": "parent_session_id|ambient.session_id",
            "caller_id": "caller_id",
            "metadata": "invocation_metadata",
        },
    ),
    # After the hook before, so around it: what is filled here is what that one sees.
    Hook(
        Role.CALLER_PASSED,
        f"{_RUNNER}.__init__",
        {"caller_id": "caller_id", "metadata": "invocation_metadata", "parent_session_id": "parent_session_id"},
    ),
    Hook(Role.CASCADE, f"{_RUNNER}.run", _CASCADE),
    Hook(Role.CASCADE, f"{_RUNNER}._run_cascade_internal", _CASCADE),
    Hook(
        Role.SESSION_STATUS,
        f"{_STATE}.update_status",
        {"session_id": "session_id", "status": "status.value|status", "error": "error_message"},
    ),
    Hook(
        Role.SESSION_STATUS,
        f"{_STATE}.set_blocked",
        {"session_id": "session_id", "status": "literal:blocked"},
    ),
    Hook(Role.SESSION_HEARTBEAT, f"{_STATE}.heartbeat", {"session_id": "session_id"}),
    Hook(
        Role.CALLER_PASSED,
        f"{_STATE}._save_state",
        {
            "caller_id": "state.caller_id",
            "metadata": "state.invocation_metadata_json",
            "session_id": "state.session_id",
            "parent_session_id": "state.parent_session_id",
        },
    ),
)

STEPS: Final = (
    Hook(
        Role.CELL,
        f"{_RUNNER}.execute_cell",
        {"session_id": "self.session_id", "name": "cell.name", "take_index": "self.take_index"},
    ),
    # Takes of a cell call this one directly; for any other cell it is a part of the call above.
    Hook(
        Role.CELL,
        f"{_RUNNER}._execute_cell_internal",
        {"session_id": "self.session_id", "name": "cell.name", "take_index": "self.current_cell_take_index"},
        when="self.current_cell_take_index",
    ),
    Hook(Role.TOOL, "lars.skill_registry:SkillRegistry.get_skill()", {"name": "name"}),
    Hook(
        Role.LLM,
        "litellm:completion",
        {
            "model": "model",
            "input": "messages",
            "response_model": "result.model",
            "response_id": "result.id",
            "tokens_in": "result.usage.prompt_tokens",
            "tokens_out": "result.usage.completion_tokens",
            "tokens_cached": "result.usage.prompt_tokens_details.cached_tokens",
            "tokens_cache_write": "result.usage.cache_creation_input_tokens",
            "tokens_reasoning": "result.usage.completion_tokens_details.reasoning_tokens",
        },
    ),
    # The log rows account for tokens and cost: they carry the runner's own price, and some providers tell it later.
    Hook(
        Role.LOG,
        "lars.unified_logs:UnifiedLogger.log",
        {
            name: name
            for name in (
                "session_id",
                "role",
                "content",
                "node_type",
                "cell_name",
                "take_index",
                "model",
                "provider",
                "request_id",
                "tokens_in",
                "tokens_out",
                "tokens_reasoning",
                "cost",
                "duration_ms",
                "metadata",
            )
        },
        accounts=True,
    ),
    Hook(
        Role.CALLER_PASSED,
        "lars.unified_logs:UnifiedLogger.log",
        {
            "caller_id": "caller_id",
            "metadata": "invocation_metadata",
            "session_id": "session_id",
            "parent_session_id": "parent_session_id",
        },
    ),
    Hook(
        Role.USAGE,
        "lars.unified_logs:UnifiedLogger._fetch_cost_with_retry",
        {
            "request_id": "request_id",
            "model": "result.model",
            "cost": "result.cost",
            "tokens_in": "result.tokens_in",
            "tokens_out": "result.tokens_out",
            "tokens_reasoning": "result.tokens_reasoning",
        },
    ),
)

# Loops that the first session to need them starts, and that work for everybody from then on.
LOOPS: Final = tuple(
    Hook(Role.DETACHED, target, optional=True)
    for target in (
        "lars.artifact_registry:ArtifactRegistry._poll_loop",
        "lars.context_cards:ContextCardGenerator._worker_loop",
        "lars.cost:CostTracker._worker",
        "lars.db_adapter:DerefLogger._flush_loop",
        "lars.db_adapter:QueryLogger._flush_loop",
        "lars.embedding_worker:EmbeddingWorker._worker_loop",
        "lars.lars_db:LarsDB._buffer_flush_loop",
        "lars.runtime_event_logger:RuntimeEventLogger._flush_loop",
        "lars.signals:SignalManager._poll_worker",
        "lars.signals:SignalServer._serve",
        "lars.unified_logs:UnifiedLogger._cost_update_worker",
    )
)

SPEC: Final = RunnerSpec(
    name="lars",
    module="lars",
    distribution="larsql",
    versions=">=3,<4",
    hooks=(*CALLERS, *SESSIONS, *STEPS, *LOOPS, *duckdb.HOOKS),
)
