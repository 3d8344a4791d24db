"""google-adk: Gemini asked and streamed, and a model by way of litellm."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.google_llm import Gemini
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types
from tests.frameworks.programs.callers import drive, look_up, url


def runner(model: Any) -> InMemoryRunner:
    """One for each run: a client belongs to an event loop."""
    agent = LlmAgent(name="researcher", model=model, instruction="be brief", tools=[look_up])
    return InMemoryRunner(agent, app_name="researchers")


async def answer(model: Any, question: str, mode: StreamingMode) -> Any:
    made = runner(model)
    conversation = f"conversation-{uuid.uuid4()}"
    await made.session_service.create_session(app_name="researchers", user_id="u", session_id=conversation)
    message = types.Content(role="user", parts=[types.Part(text=question)])
    said = ""
    events = made.run_async(
        user_id="u", session_id=conversation, new_message=message, run_config=RunConfig(streaming_mode=mode)
    )
    async for event in events:
        for part in event.content.parts if event.content else ():
            said = part.text or said
    return said


def gemini() -> Gemini:
    return Gemini(model="gemini-2.5-flash", base_url=url())


async def ran(question: str) -> Any:
    return await answer(gemini(), question, StreamingMode.NONE)


async def streamed(question: str) -> Any:
    return await answer(gemini(), question, StreamingMode.SSE)


async def by_litellm(question: str) -> Any:
    model = LiteLlm(model="openai/gpt-4o-mini", api_base=f"{url()}/v1", api_key="sk-stub")
    return await answer(model, question, StreamingMode.NONE)


def in_a_loop(way: Any) -> Any:
    return lambda question: asyncio.run(way(question))


WAYS = (ran, streamed, by_litellm)
drive(tuple(in_a_loop(way) for way in WAYS), WAYS)
