"""The frameworks that are tried, and what of each is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ALONE: Final = "alone"
OPENINFERENCE: Final = "openinference"
OPENLLMETRY: Final = "openllmetry"
OWN: Final = "own"


@dataclass(frozen=True, eq=False)
class Framework:
    """One framework.

    name: of its RunnerSpec, with hyphens. packages: it, with what its program needs. beside: by what instruments it beside us, the packages of that.
    cascades: what the runs of its program are called, and what runs in them; none where it has no runs, and a block is the session. modules: cascades
    of each run. tools: those that each run calls. conversation: what the ids of its conversations begin with, which are the parents of its runs then.
    names_conversations: what beside us calls a conversation a session on its own spans, so that these are rows of one.
    environ: of its process, its own reports to its makers off above all.
    """

    name: str
    packages: tuple[str, ...]
    beside: Mapping[str, tuple[str, ...]]
    cascades: tuple[str, ...]
    conversation: str | None = None
    modules: int = 1
    tools: tuple[str, ...] = ("look_up",)
    names_conversations: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def program(self) -> str:
        """The module in `programs/`."""
        return self.name.replace("-", "_")


_OPENINFERENCE_OPENAI: Final = "openinference-instrumentation-openai==0.1.66"

FRAMEWORKS: Final = (
    Framework(
        "pydantic-ai",
        ("pydantic-ai-slim[openai]==2.68.0",),
        {
            ALONE: (),
            OPENINFERENCE: ("openinference-instrumentation-pydantic-ai==0.1.30", _OPENINFERENCE_OPENAI),
            OWN: (),
        },
        ("researcher",),
        names_conversations=(OPENINFERENCE,),
    ),
    Framework(
        "openai-agents",
        ("openai-agents==0.24.0",),
        {
            ALONE: (),
            OPENINFERENCE: ("openinference-instrumentation-openai-agents==2.6.0", _OPENINFERENCE_OPENAI),
            OPENLLMETRY: ("opentelemetry-instrumentation-openai-agents==0.62.4",),
        },
        ("researcher",),
    ),
    Framework(
        "google-adk",
        ("google-adk==2.13.0", "litellm==1.110.2"),
        {ALONE: (), OPENINFERENCE: ("openinference-instrumentation-google-adk==1.0.5",)},
        ("researchers",),
        "conversation-",
        names_conversations=(OPENINFERENCE,),
        environ={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    ),
    Framework(
        "crewai",
        ("crewai==1.15.30",),
        {
            ALONE: (),
            OPENINFERENCE: ("openinference-instrumentation-crewai==1.1.21", _OPENINFERENCE_OPENAI),
            OPENLLMETRY: ("opentelemetry-instrumentation-crewai==0.62.4",),
        },
        ("researcher", "researchers"),
        environ={"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false"},
    ),
    Framework(
        "langchain",
        ("langchain-core==1.8.3", "langchain-openai==1.7.4"),
        {
            ALONE: (),
            OPENINFERENCE: ("openinference-instrumentation-langchain==0.1.80",),
        },
        ("researcher",),
        environ={"LANGSMITH_TRACING": "false"},
    ),
    Framework(
        "llama-index",
        ("llama-index-core==0.14.25", "llama-index-workflows==2.26.1", "llama-index-llms-openai==0.8.3"),
        {
            ALONE: (),
            OPENINFERENCE: ("openinference-instrumentation-llama-index==4.6.1",),
            OPENLLMETRY: ("opentelemetry-instrumentation-llamaindex==0.62.4",),
        },
        ("researcher", "Researcher"),
    ),
    Framework(
        "litellm",
        ("litellm==1.110.2",),
        {ALONE: (), OPENINFERENCE: ("openinference-instrumentation-litellm==0.1.51",)},
        (),
        environ={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        tools=(),
    ),
    Framework(
        "smolagents",
        ("smolagents[openai]==1.26.0",),
        {ALONE: (), OPENINFERENCE: ("openinference-instrumentation-smolagents==0.1.43", _OPENINFERENCE_OPENAI)},
        ("researcher",),
        tools=("final_answer", "look_up"),
    ),
    Framework(
        "dspy",
        ("dspy==3.4.1",),
        {ALONE: (), OPENINFERENCE: ("openinference-instrumentation-dspy==0.1.48",)},
        ("Researcher", "Predict"),
        environ={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        # Itself, and the two questions that it asks.
        modules=3,
    ),
)
