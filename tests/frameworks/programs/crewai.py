"""crewai: a crew, a crew by its coroutine, and an agent alone."""

from __future__ import annotations

from typing import Any

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from tests.frameworks.programs import callers
from tests.frameworks.programs.callers import drive, url

look_up = tool("look_up")(callers.look_up)


def agent(streams: bool = False) -> Agent:
    llm = LLM(model="openai/gpt-4o-mini", base_url=f"{url()}/v1", api_key="sk-stub", stream=streams)
    return Agent(role="researcher", goal="be brief", backstory="none", llm=llm, tools=[look_up])


def crew(question: str, streams: bool = False) -> Crew:
    one = agent(streams)
    task = Task(name="answer", description=question, expected_output="a word", agent=one)
    return Crew(name="researchers", agents=[one], tasks=[task])


def ran(question: str) -> Any:
    return crew(question).kickoff().raw


def streamed(question: str) -> Any:
    return crew(question, streams=True).kickoff().raw


def alone(question: str) -> Any:
    return agent().kickoff(question).raw


async def handed_over(question: str) -> Any:
    return (await crew(question).kickoff_async()).raw


async def awaited(question: str) -> Any:
    return (await crew(question, streams=True).akickoff()).raw


async def alone_awaited(question: str) -> Any:
    return (await agent().akickoff(question)).raw


drive((ran, streamed, alone), (handed_over, awaited, alone_awaited))
