"""smolagents, which has no coroutines: an agent that calls tools, as a whole, streamed, and with a model that streams."""

from __future__ import annotations

import asyncio
from typing import Any

from smolagents import OpenAIModel, ToolCallingAgent, tool
from tests.frameworks.programs.callers import drive, url


@tool
def look_up(topic: str) -> str:
    """Look a topic up.

    Args:
        topic: What to look up.
    """
    return f"found for {topic}"


def agent(streams: bool = False) -> ToolCallingAgent:
    model = OpenAIModel(model_id="gpt-4o-mini", api_base=f"{url()}/v1", api_key="sk-stub")
    return ToolCallingAgent(name="researcher", tools=[look_up], model=model, stream_outputs=streams, verbosity_level=0)


def ran(question: str) -> Any:
    return agent().run(question)


def in_steps(question: str) -> Any:
    return list(agent().run(question, stream=True))[-1].output


def streamed(question: str) -> Any:
    return agent(streams=True).run(question)


def awaited(way: Any) -> Any:
    async def run(question: str) -> Any:
        return await asyncio.to_thread(way, question)

    return run


WAYS = (ran, in_steps, streamed)
drive(WAYS, tuple(map(awaited, WAYS)))
