"""DSPy: each outermost call of a module is a session; a module in it is a cascade of the same session."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

SPEC: Final = RunnerSpec(
    name="dspy",
    module="dspy",
    distribution="dspy",
    versions=">=3,<4",
    hooks=(
        *(
            Hook(
                Role.CASCADE,
                f"dspy.primitives.module:Module.{name}",
                {
                    "session_id": "ambient.session_id|new:dspy",
                    "cascade_id": "self.__class__.__name__",
                    "input": "kwargs",
                },
            )
            for name in ("__call__", "acall")
        ),
        # `forward` of a model can't be wrapped: DSPy looks whether it is its own. It asks by these, through litellm or not.
        *(
            Hook(
                Role.LLM,
                f"dspy.clients.lm:{name}",
                {
                    "model": "request.model",
                    "input": "request.messages.*.content|request.prompt",
                    "response_model": "result.model",
                    "response_id": "result.id",
                    "tokens_in": "result.usage.prompt_tokens|result.usage.input_tokens",
                    "tokens_out": "result.usage.completion_tokens|result.usage.output_tokens",
                },
                accounts=True,
            )
            for kind in ("completion", "text_completion", "responses_completion")
            for name in (f"litellm_{kind}", f"alitellm_{kind}")
        ),
        *(
            Hook(
                Role.LLM,
                f"dspy.clients.engines.{engine}.complete",
                {
                    "model": "request.model",
                    "response_model": "result.model",
                    "response_id": "result.id",
                    "tokens_in": "result.usage.input_tokens",
                    "tokens_out": "result.usage.output_tokens",
                },
                accounts=True,
                optional=True,
            )
            for engine in (
                "litellm_engine:LiteLLMEngine",
                "litellm_engine:AsyncLiteLLMEngine",
                "lm15_engine:LM15Engine",
                "lm15_engine:AsyncLM15Engine",
            )
        ),
        *(
            Hook(Role.TOOL, f"dspy.adapters.types.tool:Tool.{name}", {"name": "self.name", "input": "kwargs"})
            for name in ("__call__", "acall")
        ),
    ),
)
