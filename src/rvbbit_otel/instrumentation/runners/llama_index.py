"""LlamaIndex: each outermost run of a workflow is a session, an agent's too, since agents are workflows.

Models are classes of a package for each provider, which share no place that all calls go through: OpenAI's are hooked, and what is made of them.
"""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

_TOOLS: Final = (
    "function_tool:FunctionTool",
    "query_engine:QueryEngineTool",
    "retriever_tool:RetrieverTool",
)
# A model, and what its usage is called in `raw`, the provider's answer; of a stream of responses the event that ends it has the answer.
_MODELS: Final = (
    ("llama_index.llms.openai.base:OpenAI", "usage", ("prompt_tokens", "completion_tokens"), "raw"),
    ("llama_index.llms.openai.responses:OpenAIResponses", "usage", ("input_tokens", "output_tokens"), "raw.response"),
)
_WHOLE: Final = (("chat", "messages.*.content"), ("complete", "prompt"))


def _answered(raw: str, usage: str, names: tuple[str, str]) -> dict[str, str]:
    tokens_in, tokens_out = names
    return {
        "response_model": f"{raw}.model",
        "response_id": f"{raw}.id",
        "tokens_in": f"{raw}.{usage}.{tokens_in}",
        "tokens_out": f"{raw}.{usage}.{tokens_out}",
        "tokens_cached": f"{raw}.{usage}.{tokens_in}_details.cached_tokens",
        "tokens_reasoning": f"{raw}.{usage}.{tokens_out}_details.reasoning_tokens",
    }


SPEC: Final = RunnerSpec(
    name="llama_index",
    module="llama_index.core",
    distribution="llama-index-core",
    versions=">=0.14,<0.15",
    hooks=(
        # `Workflow.run` returns before anything is done: this is what it leaves to a task. Not the loop in it: what listens to LlamaIndex's
        # dispatcher keeps the context of a run's begin, and attaches it for every step. A workflow in a step belongs to the session around it.
        Hook(
            Role.CASCADE,
            "workflows.runtime.types.step_function:create_workflow_run_function()",
            {
                "session_id": "ambient.session_id|new:llama-index",
                "cascade_id": "workflow._workflow_name|workflow.name|workflow.__class__.__name__",
            },
        ),
        *(
            Hook(
                Role.LLM,
                f"{model}.{before}{how}{name}",
                {
                    "operation": "literal:chat",
                    "provider": "literal:openai",
                    "model": "self.model",
                    "input": content,
                    **_answered(answer, usage, names),
                },
                accounts=True,
                # They come with another package.
                optional=True,
            )
            for model, usage, names, raw in _MODELS
            for how, answer in (("", "result.raw"), ("stream_", f"yielded.{raw}"))
            for name, content in _WHOLE
            for before in ("", "a")
        ),
        *(
            Hook(
                Role.TOOL,
                f"llama_index.core.tools.{tool}.{before}call",
                {"name": "self.metadata.name", "input": "kwargs"},
            )
            for tool in _TOOLS
            for before in ("", "a")
        ),
    ),
)
