"""litellm's own functions: two calls a run, as a whole, streamed, and by OpenAI's responses."""

from __future__ import annotations

from typing import Any

import litellm
from tests.frameworks.programs.callers import drive, url


def asked(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "openai/gpt-4o-mini", "api_base": f"{url()}/v1", "api_key": "sk-stub", **more}


def messages(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def twice(way: Any) -> Any:
    return lambda question: (way(question), way(question))[1]


def ran(question: str) -> Any:
    return litellm.completion(messages=messages(question), **asked(question)).choices[0].message.content


def streamed(question: str) -> Any:
    more = {"stream": True, "stream_options": {"include_usage": True}}
    parts = litellm.completion(messages=messages(question), **asked(question, **more))
    return "".join(part.choices[0].delta.content or "" for part in parts if part.choices)


def responded(question: str) -> Any:
    return litellm.responses(input=question, **asked(question)).output[0].content[0].text


async def ran_awaited(question: str) -> Any:
    for _ in range(2):
        answer = await litellm.acompletion(messages=messages(question), **asked(question))
    return answer.choices[0].message.content


async def streamed_awaited(question: str) -> Any:
    more = {"stream": True, "stream_options": {"include_usage": True}}
    for _ in range(2):
        parts = await litellm.acompletion(messages=messages(question), **asked(question, **more))
        said = [part.choices[0].delta.content or "" async for part in parts if part.choices]
    return "".join(said)


async def responded_awaited(question: str) -> Any:
    for _ in range(2):
        answer = await litellm.aresponses(input=question, **asked(question))
    return answer.output[0].content[0].text


drive((twice(ran), twice(streamed), twice(responded)), (ran_awaited, streamed_awaited, responded_awaited))
