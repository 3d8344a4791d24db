"""crewai: each outermost run of a crew, of a flow or of an agent alone is a session; tasks are its cells.

Each provider's class has a `call` of its own, so LLM rows come from there; what each call cost they tell their base class, once, which are log rows.
"""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

_SESSION: Final = "ambient.session_id|new:crewai"
_PROVIDERS: Final = "crewai.llms.providers"
_MODELS: Final = (
    f"{_PROVIDERS}.openai.completion:OpenAICompletion",
    f"{_PROVIDERS}.anthropic.completion:AnthropicCompletion",
    f"{_PROVIDERS}.gemini.completion:GeminiCompletion",
    f"{_PROVIDERS}.azure.completion:AzureCompletion",
    f"{_PROVIDERS}.bedrock.completion:BedrockCompletion",
    "crewai.llm:LLM",
)

SPEC: Final = RunnerSpec(
    name="crewai",
    module="crewai",
    distribution="crewai",
    versions=">=1,<2",
    hooks=(
        # `kickoff_async` hands `kickoff` to a thread. A crew or an agent inside a flow belongs to the session around it.
        *(
            Hook(
                Role.CASCADE,
                f"crewai.crew:Crew.{name}",
                {"session_id": _SESSION, "cascade_id": "self.name", "input": "inputs"},
            )
            for name in ("kickoff", "akickoff")
        ),
        *(
            Hook(
                Role.CASCADE,
                f"crewai.agent.core:Agent.{name}",
                {"session_id": _SESSION, "cascade_id": "self.role", "input": "messages"},
            )
            for name in ("kickoff", "akickoff")
        ),
        *(
            Hook(
                Role.CELL,
                f"crewai.agent.core:Agent.{name}",
                {"name": "task.name|self.role", "input": "task.description"},
            )
            for name in ("execute_task", "aexecute_task")
        ),
        *(
            Hook(
                Role.LLM,
                f"{model}.{name}",
                {"provider": "self.provider", "model": "self.model", "input": "messages.*.content|messages"},
                optional=model.startswith(_PROVIDERS),
            )
            for model in _MODELS
            for name in ("call", "acall")
        ),
        # Where the model calls tools itself, these are asked; where it says so in its text, the last two.
        *(
            Hook(Role.TOOL, f"crewai.tools.{tool}", {"name": "self.name", "input": "kwargs|input"})
            for tool in (
                "base_tool:BaseTool.run",
                "base_tool:BaseTool.arun",
                "base_tool:Tool.run",
                "base_tool:Tool.arun",
                "structured_tool:CrewStructuredTool.invoke",
                "structured_tool:CrewStructuredTool.ainvoke",
            )
        ),
        Hook(
            Role.LOG,
            "crewai.llms.base_llm:BaseLLM._emit_call_completed_event",
            {
                "role": "literal:assistant",
                "node_type": "literal:llm_end",
                "content": "response",
                "provider": "self.provider",
                "model": "self.model",
                "response_id": "response_id",
                "tokens_in": "usage.prompt_tokens|usage.input_tokens|usage.prompt_token_count",
                "tokens_out": "usage.completion_tokens|usage.output_tokens|usage.candidates_token_count",
            },
            accounts=True,
        ),
    ),
)
