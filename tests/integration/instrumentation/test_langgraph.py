"""Real LangGraph under concurrent callers: what each span says of itself against whose marker stands in its text."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langgraph.types import Command
from opentelemetry.context import Context, attach, get_current
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from tests.integration.instrumentation import graphs

import rvbbit_otel
from rvbbit_otel.instrumentation import RvbbitInstrumentor, report

CALLERS, SESSIONS = 8, 5
MARKER = re.compile(r"m-(c\d+)-(s\d+)")
# One run of `graphs.build`, whether the model streams or not.
ROWS = {
    "session start": 1,
    "cascade research": 1,
    "cascade specialist": 1,
    "cell __start__": 2,
    "cell plan": 1,
    "cell tools": 1,
    "cell specialist": 1,
    "cell think": 1,
    "cell finish": 1,
    "chat stub/1": 2,
    "execute_tool look_up": 2,
    "log human": 1,
    "log tool": 3,
    "log assistant": 2,
}


class Stage:
    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("third-party")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def sessions(self) -> dict[str, list[ReadableSpan]]:
        """The runs of graphs. The blocks around them are sessions, too, whose ids begin with their caller's."""
        found: dict[str, list[ReadableSpan]] = {}
        for span in self.spans:
            if said(span).get("session.id", "/").startswith("langgraph-"):
                found.setdefault(said(span)["session.id"], []).append(span)
        return found


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def markers_in(span: ReadableSpan) -> set[tuple[str, str]]:
    texts = [span.name, *(text for text in said(span).values() if isinstance(text, str))]
    return {found for text in texts for found in MARKER.findall(text)}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    context = get_current()
    attach(Context())
    stage = Stage()
    RvbbitInstrumentor().instrument(tracer_provider=stage.provider, content="full")
    yield stage
    RvbbitInstrumentor().uninstrument()
    attach(context)


def given(caller: int, session: int) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {"messages": [("user", f"please m-c{caller}-s{session}")]},
        {"configurable": {"thread_id": f"thread-c{caller}-s{session}"}},
    )


def by_threads(graph: Any, run: Callable[[Any, Any, Any], Any]) -> list[str]:
    """Each caller opens a pool of its own inside its block; all at once."""
    together = threading.Barrier(CALLERS)

    def one_caller(caller: int) -> list[str]:
        together.wait(30)
        with rvbbit_otel.called_by(f"c{caller}", {"origin": "http"}), ThreadPoolExecutor(3) as pool:
            return list(pool.map(lambda session: run(graph, *given(caller, session)), range(SESSIONS)))

    with ThreadPoolExecutor(CALLERS) as pool:
        return [answer for answers in pool.map(one_caller, range(CALLERS)) for answer in answers]


def by_tasks(graph: Any, run: Callable[[Any, Any, Any], Any]) -> list[str]:
    """All callers on one event loop."""

    async def one_caller(caller: int) -> list[str]:
        with rvbbit_otel.called_by(f"c{caller}", {"origin": "http"}):
            return await asyncio.gather(*(run(graph, *given(caller, session)) for session in range(SESSIONS)))

    async def all_callers() -> list[str]:
        answers = await asyncio.gather(*(one_caller(caller) for caller in range(CALLERS)))
        return [answer for each in answers for answer in each]

    return asyncio.run(all_callers())


def invoked(graph: Any, inputs: Any, config: Any) -> str:
    return str(graph.invoke(inputs, config)["messages"][-1].content)


def streamed(graph: Any, inputs: Any, config: Any) -> str:
    return str(list(graph.stream(inputs, config, stream_mode="values"))[-1]["messages"][-1].content)


async def ainvoked(graph: Any, inputs: Any, config: Any) -> str:
    return str((await graph.ainvoke(inputs, config))["messages"][-1].content)


async def astreamed(graph: Any, inputs: Any, config: Any) -> str:
    last = [chunk async for chunk in graph.astream(inputs, config, stream_mode="values")][-1]
    return str(last["messages"][-1].content)


MODES = {
    "threads, invoke": (by_threads, invoked),
    "threads, stream": (by_threads, streamed),
    "tasks, ainvoke": (by_tasks, ainvoked),
    "tasks, astream": (by_tasks, astreamed),
}


@pytest.mark.parametrize("model_streams", [False, True], ids=["model answers", "model streams"])
@pytest.mark.parametrize("mode", MODES)
def test_every_span_of_every_session_has_the_caller_whose_marker_it_carries(
    mode: str, model_streams: bool, stage: Stage
) -> None:
    spread, run = MODES[mode]
    answers = spread(graphs.build(stage.tracer, model_streams), run)
    everyone = {(f"c{caller}", f"s{session}") for caller in range(CALLERS) for session in range(SESSIONS)}
    assert sorted(answers) == sorted(f"finished m-{caller}-{session}" for caller, session in everyone)
    sessions = stage.sessions()
    owner_of = {session_id: set().union(*map(markers_in, spans)) for session_id, spans in sessions.items()}
    assert sorted(owner_of.values(), key=str) == sorted(({owner} for owner in everyone), key=str)
    for session_id, spans in sessions.items():
        ((caller, session),) = owner_of[session_id]
        assert {said(span).get("rvbbit.caller.id") for span in spans} == {caller}
        assert {said(span)["rvbbit.caller.source"] for span in spans} == {"echo"}
        assert {said(span).get("rvbbit.session.parent_id") for span in spans if span.name == "cascade research"} == {
            f"thread-{caller}-{session}"
        }
        ours = Counter(span.name for span in spans if "rvbbit.kind" in said(span))
        assert ours == ROWS
        theirs = Counter(span.name for span in spans if "rvbbit.kind" not in said(span))
        assert theirs == {f"http m-{caller}-{session}": 2, f"thinking m-{caller}-{session}": 1}
        ends = [said(span) for span in spans if said(span).get("rvbbit.session.event") == "end"]
        assert [end["rvbbit.session.status"] for end in ends] == ["completed"]
        assert len({span.context.trace_id for span in spans}) == 1
    rest = [span for span in stage.spans if "session.id" not in said(span)]
    # A caller is told of when its first session starts, and when it ends.
    assert Counter((said(span)["rvbbit.caller.id"], said(span)["rvbbit.kind"]) for span in rest) == dict.fromkeys(
        ((f"c{caller}", "caller") for caller in range(CALLERS)), 2
    )
    counted = [said(span) for span in stage.spans if said(span).get("rvbbit.usage.counted")]
    assert len(counted) == 2 * len(everyone)
    told = (
        "input_tokens",
        "output_tokens",
        "cache_read.input_tokens",
        "cache_creation.input_tokens",
        "reasoning.output_tokens",
    )
    assert {tuple(row[f"gen_ai.usage.{name}"] for name in told) for row in counted} == {(7, 3, 4, 2, 1)}
    assert len({row["gen_ai.response.id"] for row in counted}) == len(counted)
    counters = RvbbitInstrumentor().current.counters.snapshot()
    assert counters.keys() <= {"stamped.explicit", "stamped.echo", "stamped.baggage"}


def test_every_hook_of_the_spec_matches_the_installed_version(stage: Stage) -> None:
    graphs.build(stage.tracer, False)
    lines = [line for line in report() if line.runner == "langgraph"]
    assert [line for line in lines if line.state != "matched"] == []
    assert len(lines) == 16


def test_a_node_that_fails_ends_its_session_as_error_and_the_exception_reaches_the_application(stage: Stage) -> None:
    graph = graphs.build(stage.tracer, False)
    config = {"configurable": {"thread_id": "t"}}
    with pytest.raises(ValueError, match="broken m-c1-s1"), rvbbit_otel.called_by("c1"):
        graph.invoke({"messages": [("user", "fail m-c1-s1")]}, config)
    ((session_id, spans),) = stage.sessions().items()
    failed = {span.name: said(span)["error.type"] for span in spans if span.status.status_code is StatusCode.ERROR}
    # Handing over to the parent graph is raised as well, and is no failure of `think` or `specialist`.
    assert failed == {"cell finish": "ValueError", "cascade research": "ValueError"}
    assert {said(span)["rvbbit.caller.id"] for span in spans} == {"c1"}
    assert session_id.startswith("langgraph-")


def test_a_question_to_a_human_is_no_error_and_its_answer_is_a_session_of_whoever_gives_it(stage: Stage) -> None:
    graph = graphs.build_with_question()
    config = {"configurable": {"thread_id": "t"}}
    with rvbbit_otel.called_by("asker"):
        asked = graph.invoke({"messages": [("user", "hello")]}, config)
    assert asked["__interrupt__"][0].value == "who are you?"
    with rvbbit_otel.called_by("answerer"):
        assert graph.invoke(Command(resume="me"), config)["messages"][-1].content == "told me"
    assert {span.status.status_code for span in stage.spans} == {StatusCode.UNSET}
    cascades = [said(span) for span in stage.spans if span.name == "cascade question"]
    assert [(row["rvbbit.caller.id"], row["rvbbit.session.parent_id"]) for row in cascades] == [
        ("asker", "t"),
        ("answerer", "t"),
    ]
    assert len({row["session.id"] for row in cascades}) == 2


def test_without_a_caller_the_work_has_none(stage: Stage) -> None:
    graphs.build(stage.tracer, False).invoke(*given(1, 1))
    assert {said(span)["rvbbit.caller.source"] for span in stage.spans} == {"none"}


def test_a_stream_that_is_left_early_ends_its_session(stage: Stage) -> None:
    graph = graphs.build(stage.tracer, False)
    with rvbbit_otel.called_by("c1"):
        steps = graph.stream(*given(1, 1))
        next(steps)
        stage.tracer.start_span("between").end()
        steps.close()
    between = next(said(span) for span in stage.spans if span.name == "between")
    assert between["session.id"].startswith("c1/")
    assert between["rvbbit.caller.id"] == "c1"
    ((_, spans),) = stage.sessions().items()
    assert [said(span)["rvbbit.session.event"] for span in spans if span.name == "cascade research"] == ["end"]
