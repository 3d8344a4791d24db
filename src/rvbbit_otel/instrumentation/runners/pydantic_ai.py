"""pydantic-ai: each outermost run of an agent is a session. `run`, `run_stream` and the others all go through `Agent.iter`, which is entered.

Requests to any model go through two functions of its graph, which fold the parts of an answer that a provider gives in several into one.
"""

from __future__ import annotations

from typing import Any, Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

_GRAPH: Final = "pydantic_ai._agent_graph"
_REQUEST: Final[dict[str, str]] = {
    "provider": "model.system",
    "model": "model.model_name",
    "input": "request_context.messages.-1.parts.*.content",
}
# Of an answer, and of a stream that was read, alike.
_ANSWERED: Final = {
    "response_model": "result.model_name",
    "response_id": "result.provider_response_id",
    "tokens_in": "result.usage.input_tokens",
    "tokens_out": "result.usage.output_tokens",
}
# Raised by a tool that wants to be called again, or by somebody else, or after a human has said yes.
_STEERING: Final[dict[str, Any]] = {
    "not_errors": tuple(
        f"pydantic_ai.exceptions:{name}"
        for name in ("ModelRetry", "CallDeferred", "ApprovalRequired", "ToolRetryError")
    )
}


SPEC: Final = RunnerSpec(
    name="pydantic_ai",
    module="pydantic_ai",
    distribution="pydantic-ai-slim",
    versions=">=2,<3",
    hooks=(
        # An agent inside a tool or another runner's session belongs to what is around it.
        Hook(
            Role.CASCADE,
            "pydantic_ai.agent:Agent.iter",
            {
                "session_id": "ambient.session_id|run_id|new:pydantic-ai",
                "parent_session_id": "conversation.id|conversation_id",
                "cascade_id": "self.name",
                "input": "user_prompt",
            },
            block=True,
        ),
        Hook(Role.LLM, f"{_GRAPH}:model_request", {**_REQUEST, **_ANSWERED}, accounts=True),
        Hook(
            Role.LLM,
            f"{_GRAPH}:model_request_stream",
            {**_REQUEST, **_ANSWERED},
            accounts=True,
            block=True,
        ),
        Hook(
            Role.TOOL,
            "pydantic_ai.tool_manager:ToolManager.execute_tool_call",
            {"name": "validated.call.tool_name", "input": "validated.call.args"},
            **_STEERING,
        ),
    ),
)
