"""LlamaIndex: an agent, streamed and as a whole, and a workflow by hand, by chat completions and by responses."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Event, StartEvent, StopEvent, Workflow, step
from llama_index.llms.openai import OpenAI, OpenAIResponses
from tests.frameworks.programs import callers
from tests.frameworks.programs.callers import beside, drive, url

# By hand, as both are told to be switched on: their packages name others as needed, beside which alone they switch themselves on.
if beside() == "openinference":
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor as ByOpenInference

    ByOpenInference().instrument()
if beside() == "openllmetry":
    from opentelemetry.instrumentation.llamaindex import LlamaIndexInstrumentor as ByOpenLLMetry

    ByOpenLLMetry().instrument()

# OpenAI says what a stream used only if it is asked to.
SAYS_USAGE = {"stream_options": {"include_usage": True}}


def look_up_tool() -> FunctionTool:
    return FunctionTool.from_defaults(callers.look_up)


def given() -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "api_base": f"{url()}/v1", "api_key": "sk-stub", "max_retries": 0}


def agent(model: Any, streaming: bool) -> FunctionAgent:
    """One for each run: a client belongs to an event loop."""
    return FunctionAgent(
        name="researcher", system_prompt="be brief", llm=model, tools=[look_up_tool()], streaming=streaming
    )


class Asked(Event):
    question: str


class Researcher(Workflow):
    """Asks, looks up, asks again with what was found."""

    @step
    async def first(self, ev: StartEvent) -> Asked:
        model = OpenAI(**given())
        answer = await model.achat_with_tools([look_up_tool()], user_msg=ev.question)
        (call,) = model.get_tool_calls_from_response(answer)
        found = await look_up_tool().acall(**call.tool_kwargs)
        return Asked(question=f"it says: {found.content}")

    @step
    async def second(self, ev: Asked) -> StopEvent:
        message = ChatMessage(role="user", content=ev.question)
        # The last step does not wait for a loop: it asks as plain code would, on a thread.
        answer = await asyncio.to_thread(OpenAI(**given()).chat, [message])
        return StopEvent(result=answer.message.content)


async def ran(question: str) -> Any:
    return await agent(OpenAI(**given()), streaming=False).run(question)


async def streamed(question: str) -> Any:
    handler = agent(OpenAI(**given(), additional_kwargs=SAYS_USAGE), streaming=True).run(question)
    async for _ in handler.stream_events():
        pass
    return await handler


async def responded(question: str) -> Any:
    return await agent(OpenAIResponses(**given()), streaming=True).run(question)


async def by_hand(question: str) -> Any:
    return await Researcher(timeout=60).run(question=question)


def in_a_loop(way: Any) -> Any:
    return lambda question: asyncio.run(way(question))


drive(tuple(map(in_a_loop, (by_hand, streamed, responded))), (ran, by_hand, responded))
