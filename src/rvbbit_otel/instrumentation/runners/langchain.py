"""LangChain: models, tools, and what it tells its callbacks; each outermost run of a chain is a session. Runs of graphs are LangGraph's.

An agent of `langchain.agents` is a graph.
"""

from __future__ import annotations

from typing import Any, Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

_MANAGER: Final = "langchain_core.callbacks.manager"
_MODEL: Final = "langchain_core.language_models.chat_models:BaseChatModel"
_ANSWER: Final = "response.generations.0.0.message"
# A tool in a graph may ask a human, or hand over to a parent graph, which is raised and no failure.
_STEERING: Final[dict[str, Any]] = {"not_errors": ("langgraph.errors:GraphBubbleUp",)}

# What a graph is made of, too.
HOOKS: Final = (
    *(
        Hook(
            Role.LLM,
            f"{_MODEL}.{name}",
            {
                "model": "self.model_name|self.model",
                "input": "messages.*.*.content" if name.endswith("generate") else "input.*.content|input.content|input",
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
)

SPEC: Final = RunnerSpec(
    name="langchain",
    module="langchain_core",
    distribution="langchain-core",
    versions=">=1,<2",
    hooks=(
        # A chain in a chain, in a tool or in a node of a graph belongs to the session around it.
        *(
            Hook(
                Role.CASCADE,
                f"langchain_core.runnables.base:RunnableSequence.{name}",
                {
                    "session_id": "ambient.session_id|new:langchain",
                    "parent_session_id": "config.configurable.session_id|config.configurable.thread_id",
                    "cascade_id": "self.name|literal:chain",
                    "input": f"input{'s' if name.endswith('batch') else ''}",
                },
                **_STEERING,
            )
            for name in ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")
        ),
        *HOOKS,
    ),
)
