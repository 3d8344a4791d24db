"""openai-agents: each outermost run is a session, and what the application calls its session or conversation is the parent."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

_RUN: Final = {
    "session_id": "ambient.session_id|new:openai-agents",
    "parent_session_id": "session.session_id|conversation_id|run_config.group_id",
    "cascade_id": "starting_agent.name",
}
# Where a model of each kind is, and whether it comes with another package.
_MODELS: Final = (
    ("agents.models.openai_responses:OpenAIResponsesModel", False),
    ("agents.models.openai_chatcompletions:OpenAIChatCompletionsModel", False),
    ("agents.extensions.models.litellm_model:LitellmModel", True),
    ("agents.extensions.models.any_llm_model:AnyLLMModel", True),
)
_ASKED: Final = {"model": "self.model", "input": "input.*.content|input"}

SPEC: Final = RunnerSpec(
    name="openai_agents",
    module="agents",
    distribution="openai-agents",
    versions=">=0.20,<1",
    hooks=(
        # An agent that is a tool of another one belongs to the session around it.
        Hook(Role.CASCADE, "agents.run:AgentRunner.run", {**_RUN, "input": "input"}),
        # `run_streamed` returns before anything is done: this is what it leaves to a task.
        Hook(Role.CASCADE, "agents.run_internal.run_loop:start_streaming", {**_RUN, "input": "starting_input"}),
        *(
            Hook(
                Role.LLM,
                f"{model}.get_response",
                {
                    **_ASKED,
                    "response_id": "result.response_id",
                    "tokens_in": "result.usage.input_tokens",
                    "tokens_out": "result.usage.output_tokens",
                },
                accounts=True,
                optional=optional,
            )
            for model, optional in _MODELS
        ),
        *(
            Hook(
                Role.LLM,
                f"{model}.stream_response",
                {
                    **_ASKED,
                    "response_model": "yielded.response.model",
                    "response_id": "yielded.response.id",
                    "tokens_in": "yielded.response.usage.input_tokens",
                    "tokens_out": "yielded.response.usage.output_tokens",
                },
                accounts=True,
                optional=optional,
            )
            for model, optional in _MODELS
        ),
        Hook(
            Role.TOOL,
            "agents.tool:_invoke_function_tool_with_metadata",
            {"name": "function_tool.name", "input": "arguments"},
        ),
    ),
)
