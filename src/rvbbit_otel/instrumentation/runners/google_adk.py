"""google-adk: each run of a Runner is a session. What ADK calls a session is a conversation, whose turns may have a caller each: the parent."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

# Where a model of each kind is, and whether it comes with another package. Those of Gemini's kind (Gemma, Apigee) go through it.
_MODELS: Final = (
    ("google.adk.models.google_llm:Gemini", False),
    ("google.adk.models.lite_llm:LiteLlm", True),
    ("google.adk.models.anthropic_llm:AnthropicLlm", True),
    ("google.adk.integrations.openai._openai_llm:OpenAILlm", True),
    ("google.adk.integrations.openai._openai_responses_llm:OpenAIResponsesLlm", True),
)
_USED: Final = "yielded.usage_metadata"

SPEC: Final = RunnerSpec(
    name="google_adk",
    module="google",
    distribution="google-adk",
    versions=">=2,<3",
    hooks=(
        # `run` and `run_debug` go through it. A run inside a tool belongs to the session around it.
        Hook(
            Role.CASCADE,
            "google.adk.runners:Runner.run_async",
            {
                "session_id": "ambient.session_id|new:google-adk",
                "parent_session_id": "session_id",
                "cascade_id": "self.app_name",
                "input": "new_message.parts.*.text",
            },
        ),
        *(
            Hook(
                Role.LLM,
                f"{model}.generate_content_async",
                {
                    "model": "llm_request.model|self.model",
                    "input": "llm_request.contents.-1.parts.*.text",
                    "response_model": "yielded.model_version",
                    "tokens_in": f"{_USED}.prompt_token_count+{_USED}.tool_use_prompt_token_count",
                    # What a model thinks is no part of its candidates, and is paid for.
                    "tokens_out": f"{_USED}.candidates_token_count+{_USED}.thoughts_token_count",
                },
                accounts=True,
                optional=optional,
            )
            for model, optional in _MODELS
        ),
        Hook(
            Role.TOOL,
            "google.adk.flows.llm_flows.tools._caller:_call_tool_async",
            {"name": "tool.name", "input": "args"},
        ),
    ),
)
