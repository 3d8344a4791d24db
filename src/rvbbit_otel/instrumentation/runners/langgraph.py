"""LangGraph: a run of a graph is a session and its cascade, nodes are cells; models and tools are LangChain's.

A thread is a conversation, whose turns may have a caller each, at once even: so it is the parent of its runs, not their session. LangGraph knows no
caller: the application says it, by `rvbbit_otel.called_by`.
"""

from __future__ import annotations

from typing import Any, Final

from rvbbit_otel.instrumentation.runners import langchain
from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

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
        *langchain.HOOKS,
    ),
)
