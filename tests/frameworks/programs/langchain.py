"""LangChain without a graph: a chain of a prompt, a model, a tool and the model again; asked, streamed, in a batch."""

from __future__ import annotations

from typing import Any

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from tests.frameworks.programs import callers
from tests.frameworks.programs.callers import drive, url

look_up = tool(callers.look_up)


def chain() -> Any:
    model = ChatOpenAI(model="gpt-4o-mini", base_url=f"{url()}/v1", api_key="sk-stub", stream_usage=True)
    prompt = ChatPromptTemplate.from_messages([("system", "be brief"), ("user", "{question}")])

    def called(message: Any) -> Any:
        (call,) = message.tool_calls
        return f"it says: {look_up.invoke(call['args'])}"

    made = prompt | model.bind_tools([look_up]) | called | model | StrOutputParser()
    made.name = "researcher"
    return made


def ran(question: str) -> Any:
    return chain().invoke({"question": question})


def streamed(question: str) -> Any:
    return "".join(chain().stream({"question": question}))


def in_a_batch(question: str) -> Any:
    return chain().batch([{"question": question}])[0]


async def awaited(question: str) -> Any:
    return await chain().ainvoke({"question": question})


async def streamed_awaited(question: str) -> Any:
    return "".join([part async for part in chain().astream({"question": question})])


async def in_a_batch_awaited(question: str) -> Any:
    return (await chain().abatch([{"question": question}]))[0]


drive((ran, streamed, in_a_batch), (awaited, streamed_awaited, in_a_batch_awaited))
