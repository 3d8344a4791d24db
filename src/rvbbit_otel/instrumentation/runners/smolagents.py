"""smolagents: each outermost run of an agent is a session."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

_MODELS: Final = (
    "OpenAIModel",
    "LiteLLMModel",
    "InferenceClientModel",
    "AmazonBedrockModel",
    "TransformersModel",
    "VLLMModel",
    "MLXModel",
)
# These answer as a whole only.
_NO_STREAM: Final = ("AmazonBedrockModel", "VLLMModel", "MLXModel")
_ASKED: Final = {"model": "self.model_id", "input": "messages.*.content"}

SPEC: Final = RunnerSpec(
    name="smolagents",
    module="smolagents",
    distribution="smolagents",
    versions=">=1.20,<2",
    hooks=(
        # An agent that is managed by another one belongs to the session around it.
        Hook(
            Role.CASCADE,
            "smolagents.agents:MultiStepAgent.run",
            {
                "session_id": "ambient.session_id|new:smolagents",
                "cascade_id": "self.name|self.__class__.__name__",
                "input": "task",
            },
        ),
        *(
            Hook(
                Role.LLM,
                f"smolagents.models:{model}.generate",
                {
                    **_ASKED,
                    "response_id": "result.raw.id",
                    "tokens_in": "result.token_usage.input_tokens",
                    "tokens_out": "result.token_usage.output_tokens",
                },
                accounts=True,
            )
            for model in _MODELS
        ),
        *(
            Hook(
                Role.LLM,
                f"smolagents.models:{model}.generate_stream",
                {
                    **_ASKED,
                    "tokens_in": "yielded.token_usage.input_tokens",
                    "tokens_out": "yielded.token_usage.output_tokens",
                },
                accounts=True,
            )
            for model in _MODELS
            if model not in _NO_STREAM
        ),
        Hook(Role.TOOL, "smolagents.tools:Tool.__call__", {"name": "self.name", "input": "kwargs"}),
    ),
)
