"""DSPy: a module of two questions with a tool between them; called, awaited, and from a pool of DSPy's own."""

from __future__ import annotations

from typing import Any

import dspy
from tests.frameworks.programs import callers
from tests.frameworks.programs.callers import drive, url

look_up = dspy.Tool(callers.look_up)


class Researcher(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ask = dspy.Predict("question -> answer")
        self.set_lm(dspy.LM("openai/gpt-4o-mini", api_base=f"{url()}/v1", api_key="sk-stub", cache=False))

    def forward(self, question: str) -> Any:
        first = self.ask(question=question)
        return self.ask(question=look_up(topic=first.answer))

    async def aforward(self, question: str) -> Any:
        first = await self.ask.acall(question=question)
        return await self.ask.acall(question=await look_up.acall(topic=first.answer))


def ran(question: str) -> Any:
    return Researcher()(question=question).answer


def in_a_pool(question: str) -> Any:
    module = Researcher()
    example = dspy.Example(question=question).with_inputs("question")
    return module.batch([example], num_threads=2, disable_progress_bar=True)[0].answer


async def awaited(question: str) -> Any:
    return (await Researcher().acall(question=question)).answer


drive((ran, in_a_pool), (awaited,))
