"""LangGraph as applications use it, with a model that needs no network: whose work it is stands in every text that it makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt
from opentelemetry import trace

USAGE = {
    "input_tokens": 7,
    "output_tokens": 3,
    "total_tokens": 10,
    "input_token_details": {"cache_read": 4, "cache_creation": 2},
    "output_token_details": {"reasoning": 1},
}


class StubModel(BaseChatModel):
    """Asks for two tools, then answers; says the marker that it was asked with."""

    model_name: str = "stub/1"
    tracer: Any = None

    @property
    def _llm_type(self) -> str:
        return "stub"

    def _answer(self, messages: list[BaseMessage]) -> dict[str, Any]:
        last = messages[-1]
        metadata = {"id": f"answer-{uuid4()}", "model_name": "stub/1-1", "model_provider": "stub"}
        said = {"response_metadata": metadata, "usage_metadata": USAGE}
        marker = str(last.content).split()[-1]
        self.tracer.start_span(f"http {marker}").end()
        if isinstance(last, HumanMessage):
            calls = [{"name": "look_up", "args": {"text": f"{n} {marker}"}, "id": f"{marker}-{n}"} for n in range(2)]
            return {"content": f"looking up {marker}", "tool_calls": calls, **said}
        return {"content": f"answer {marker}", **said}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **more: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(**self._answer(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **more: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages)
        calls = answer.pop("tool_calls", [])
        words = answer.pop("content").split()
        for word in words:
            yield ChatGenerationChunk(message=AIMessageChunk(content=f"{word} " if word != words[-1] else word))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_calls=calls, **answer))


@tool
def look_up(text: str) -> str:
    """Find something out."""
    trace.get_tracer("nobody reads this")
    return f"found {text}"


def marker_of(state: MessagesState) -> str:
    return str(state["messages"][0].content).split()[-1]


def build(tracer: trace.Tracer, model_streams: bool) -> Any:
    """plan -> two tools at once -> specialist, a graph of its own that hands over to its parent's `finish`."""
    model = StubModel(tracer=tracer)

    def ask(messages: list[Any]) -> BaseMessage:
        if not model_streams:
            return model.invoke(messages)
        whole: Any = None
        for chunk in model.stream(messages):
            whole = chunk if whole is None else whole + chunk
        return AIMessage(content=whole.content, tool_calls=whole.tool_calls, usage_metadata=whole.usage_metadata)

    def plan(state: MessagesState) -> dict[str, Any]:
        return {"messages": [ask(state["messages"])]}

    def think(state: MessagesState) -> Command[Any]:
        tracer.start_span(f"thinking {marker_of(state)}").end()
        answer = ask(state["messages"])
        return Command(goto="finish", graph=Command.PARENT, update={"messages": [answer]})

    def finish(state: MessagesState) -> dict[str, Any]:
        if "fail" in str(state["messages"][0].content):
            raise ValueError(f"broken {marker_of(state)}")
        assert isinstance(state["messages"][-2], ToolMessage)
        return {"messages": [AIMessage(f"finished {marker_of(state)}")]}

    specialist = StateGraph(MessagesState)
    specialist.add_node("think", think)
    specialist.add_edge(START, "think")
    graph = StateGraph(MessagesState)
    graph.add_node("plan", plan)
    graph.add_node("tools", ToolNode([look_up]))
    graph.add_node("specialist", specialist.compile(name="specialist"), destinations=("finish",))
    graph.add_node("finish", finish)
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "tools")
    graph.add_edge("tools", "specialist")
    graph.add_edge("finish", END)
    return graph.compile(checkpointer=InMemorySaver(), name="research")


def build_with_question() -> Any:
    """A graph that stops to ask a human."""

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"told {interrupt('who are you?')}")]}

    graph = StateGraph(MessagesState)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    return graph.compile(checkpointer=InMemorySaver(), name="question")
