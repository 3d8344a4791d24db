"""openai-agents: asked and streamed, by responses and by chat completions."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import Agent, Model, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from openai import AsyncOpenAI
from tests.frameworks.programs import callers
from tests.frameworks.programs.callers import drive, url

look_up = function_tool(callers.look_up)


def agent(chat: bool = False) -> Agent[None]:
    """One for each run: a client belongs to an event loop."""
    client = AsyncOpenAI(base_url=f"{url()}/v1", api_key="sk-stub")
    model: Model = (OpenAIChatCompletionsModel if chat else OpenAIResponsesModel)("gpt-4o-mini", client)
    return Agent("researcher", instructions="be brief", model=model, tools=[look_up])


async def ran(question: str) -> Any:
    return (await Runner.run(agent(), question)).final_output


async def streamed(question: str) -> Any:
    result = Runner.run_streamed(agent(), question)
    async for _ in result.stream_events():
        pass
    return result.final_output


async def chatted(question: str) -> Any:
    return (await Runner.run(agent(chat=True), question)).final_output


def ran_sync(question: str) -> Any:
    # It takes the thread's own loop.
    asyncio.set_event_loop(asyncio.new_event_loop())
    return Runner.run_sync(agent(), question).final_output


def streamed_in_a_loop(question: str) -> Any:
    return asyncio.run(streamed(question))


def chatted_in_a_loop(question: str) -> Any:
    return asyncio.run(chatted(question))


drive((ran_sync, streamed_in_a_loop, chatted_in_a_loop), (ran, streamed, chatted))
