"""LangGraph: a run of a graph is a session and its cascade, nodes are cells; models and tools are LangChain's.

A thread is a conversation, whose turns may have a caller each, at once even: so it is the parent of its runs, not their session. LangGraph knows no
caller: the application says it, by `rvbbit_otel.called_by`.
"""

from __future__ import annotations

from typing import Any, Final

from rvbbit_otel.instrumentation.spec import Hook, Role, RunnerSpec

_MANAGER: Final = "langchain_core.callbacks.manager"
_MODEL: Final = "langchain_core.language_models.chat_models:BaseChatModel"
_ANSWER: Final = "response.generations.0.0.message"
# Interrupts for a human and commands to a parent graph are raised, and are no failures.
_STEERING: Final[dict[str, Any]] = {"not_errors": ("langgraph.errors:GraphBubbleUp",)}

SPEC: Final = RunnerSpec(
    name="langgraph",
    module="langgraph",
    distribution="langgraph",
    versions=">=1.0,<2",
    hooks=(
        # `invoke` and `ainvoke` go through these two. A graph inside a node, a tool or another runner's session belongs to what is around it.
        *(
            Hook(
                Role.CASCADE,
                f"langgraph.pregel.main:Pregel.{name}",
                {
                    "session_id": "ambient.session_id|config.run_id|new:langgraph",
                    "parent_session_id": "config.configurable.thread_id|self.config.configurable.thread_id",
                    "cascade_id": "self.name",
                    "input": "input.messages.*.content|input",
                },
                **_STEERING,
            )
            for name in ("stream", "astream")
        ),
        *(
            Hook(Role.CELL, f"langgraph.pregel._retry:{name}", {"name": "task.name"}, **_STEERING)
            for name in ("run_with_retry", "arun_with_retry")
        ),
        *(
            Hook(
                Role.LLM,
                f"{_MODEL}.{name}",
                {
                    "model": "self.model_name|self.model",
                    "input": "messages.*.*.content"
                    if name.endswith("generate")
                    else "input.*.content|input.content|input",
                },
            )
            for name in ("generate", "agenerate", "stream", "astream")
        ),
        *(
            Hook(
                Role.TOOL,
                f"langchain_core.tools.base:BaseTool.{name}",
                {"name": "self.name", "input": "tool_input"},
                **_STEERING,
            )
            for name in ("run", "arun")
        ),
        # LangChain tells its callbacks what happens, streamed or not, once a call: these are its log rows, and they account for the tokens.
        *(
            Hook(
                Role.LOG,
                f"{_MANAGER}:{manager}.on_chat_model_start",
                {
                    "role": "messages.0.-1.type",
                    "node_type": "literal:llm_start",
                    "content": "messages.0.-1.content|messages.*.*.content",
                },
            )
            for manager in ("CallbackManager", "AsyncCallbackManager")
        ),
        *(
            Hook(
                Role.LOG,
                f"{_MANAGER}:{manager}.on_llm_end",
                {
                    "role": "literal:assistant",
                    "node_type": "literal:llm_end",
                    "content": f"{_ANSWER}.content",
                    "provider": f"{_ANSWER}.response_metadata.model_provider",
                    "model": f"{_ANSWER}.response_metadata.model_name|response.llm_output.model_name",
                    # A message has an id too, which may be LangChain's own.
                    "response_id": f"{_ANSWER}.response_metadata.id",
                    "tokens_in": f"{_ANSWER}.usage_metadata.input_tokens",
                    "tokens_out": f"{_ANSWER}.usage_metadata.output_tokens",
                    "tokens_cached": f"{_ANSWER}.usage_metadata.input_token_details.cache_read",
                    "tokens_cache_write": f"{_ANSWER}.usage_metadata.input_token_details.cache_creation",
                    "tokens_reasoning": f"{_ANSWER}.usage_metadata.output_token_details.reasoning",
                },
                accounts=True,
            )
            for manager in ("CallbackManagerForLLMRun", "AsyncCallbackManagerForLLMRun")
        ),
        *(
            Hook(
                Role.LOG,
                f"{_MANAGER}:{manager}.on_tool_end",
                {"role": "literal:tool", "node_type": "literal:tool_end", "content": "output.content|output"},
            )
            for manager in ("CallbackManagerForToolRun", "AsyncCallbackManagerForToolRun")
        ),
    ),
)
