"""pydantic-ai: asked, streamed, and step by step."""

from __future__ import annotations

import asyncio
from typing import Any

from opentelemetry import trace
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from tests.frameworks.programs.callers import beside, drive, look_up, url

if beside() != "alone":
    # What Logfire switches on.
    Agent.instrument_all()
if beside() == "openinference":
    from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor

    provider: Any = trace.get_tracer_provider()
    provider.add_span_processor(OpenInferenceSpanProcessor())


def agent() -> Agent[None, str]:
    """One for each run: a model's client belongs to an event loop."""
    model = OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(base_url=f"{url()}/v1", api_key="sk-stub"))
    made: Agent[None, str] = Agent(model, name="researcher", instructions="be brief")
    made.tool_plain(look_up)
    return made


async def ran(question: str) -> Any:
    return (await agent().run(question)).output


async def streamed(question: str) -> Any:
    async with agent().run_stream(question) as stream:
        return [text async for text in stream.stream_text()][-1]


async def stepped(question: str) -> Any:
    async with agent().iter(question) as run:
        async for _ in run:
            pass
    return run.result.output


def ran_sync(question: str) -> Any:
    return agent().run_sync(question).output


def streamed_in_a_loop(question: str) -> Any:
    return asyncio.run(streamed(question))


def stepped_in_a_loop(question: str) -> Any:
    return asyncio.run(stepped(question))


drive((ran_sync, streamed_in_a_loop, stepped_in_a_loop), (ran, streamed, stepped))
