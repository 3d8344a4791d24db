"""The runner of `examples/`."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.runners import duckdb
from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

SPEC: Final = RunnerSpec(
    name="small_rvbbit",
    module="small_rvbbit",
    hooks=(
        Hook(
            Role.CALLER_SET,
            "small_rvbbit.caller_context:set_caller_context",
            {
                "caller_id": "caller_id",
                "metadata": "metadata",
                "connection_id": "connection_id",
                "query": "metadata.sql_query",
            },
        ),
        Hook(
            Role.CALLER_CLEARED,
            "small_rvbbit.caller_context:clear_caller_context",
            {"connection_id": "connection_id"},
        ),
        Hook(
            Role.SESSION_OPENED,
            "small_rvbbit.echo:SessionManager.get_session",
            {
                "session_id": "session_id",
                "parent_session_id": "parent_session_id",
                "caller_id": "caller_id",
                "metadata": "invocation_metadata",
            },
        ),
        Hook(
            Role.SESSION_STATUS,
            "small_rvbbit.session_state:SessionStateManager.update_status",
            {"session_id": "session_id", "status": "status", "error": "error"},
        ),
        Hook(
            Role.SESSION_HEARTBEAT,
            "small_rvbbit.session_state:SessionStateManager.heartbeat",
            {"session_id": "session_id"},
        ),
        Hook(
            Role.CASCADE,
            "small_rvbbit.runner:Runner.run",
            {
                "session_id": "self.session_id",
                "cascade_id": "self.cascade_id",
                "cascade_file": "self.config_path",
                "parent_session_id": "self.parent_session_id",
                "depth": "self.depth",
                "input": "input_data",
            },
        ),
        Hook(
            Role.CELL,
            "small_rvbbit.runner:Runner.execute_cell",
            {"session_id": "self.session_id", "name": "cell.name"},
        ),
        Hook(
            Role.CELL,
            "small_rvbbit.runner:Runner.execute_take",
            {"session_id": "self.session_id", "name": "cell.name", "take_index": "take_index"},
        ),
        Hook(
            Role.LLM,
            "small_rvbbit.llm:complete",
            {
                "model": "model",
                "input": "messages",
                "response_model": "result.model",
                "tokens_in": "result.tokens_in",
                "tokens_out": "result.tokens_out",
                "cost": "result.cost",
            },
        ),
        Hook(Role.TOOL, "small_rvbbit.tools:call_tool", {"name": "name", "input": "arguments"}),
        # The log rows account for tokens and cost: they exist for every call, with the runner's own price.
        Hook(
            Role.LOG,
            "small_rvbbit.logs:log_message",
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
                    "tokens_in",
                    "tokens_out",
                    "cost",
                    "duration_ms",
                    "metadata",
                )
            },
            accounts=True,
        ),
        *duckdb.HOOKS,
    ),
)
