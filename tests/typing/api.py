"""Uses of the public names that a strict type checker must accept, and some that it must reject: mypy checks this file, nobody runs it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from typing_extensions import assert_type

import rvbbit_otel
from rvbbit_otel import (
    Caller,
    CallerId,
    CallerLogFilter,
    CallerLogRecordProcessor,
    CallerSpanProcessor,
    EchoRegistry,
    Hook,
    HookReport,
    NotebookReport,
    Role,
    RunnerSpec,
    RvbbitInstrumentor,
    SessionId,
    Settings,
    called_by,
    check_spec,
    current_caller,
    load_spec,
    report,
)

assert_type(current_caller(), "Caller | None")
assert_type(rvbbit_otel.__version__, str)

with called_by("web-1", {"route": "/ask"}, origin="http", session="run-1"):
    pass
with called_by("web-1", '{"route": "/ask"}'):
    pass
with called_by(7):  # type: ignore[arg-type]
    pass
with called_by("web-1", route="/ask"):  # type: ignore[call-arg]
    pass


@called_by("job-1")
def plain(count: int) -> str:
    return "x" * count


@called_by("job-1")
async def later(count: int) -> str:
    return "x" * count


@called_by("job-1")
def steps() -> Iterator[int]:
    yield 1


@called_by("job-1")
async def later_steps() -> AsyncIterator[int]:
    yield 1


async def uses() -> None:
    assert_type(plain(3), str)
    assert_type(await later(3), str)
    assert_type(next(steps()), int)
    assert_type([each async for each in later_steps()], list[int])
    plain("3")  # type: ignore[arg-type]


caller = Caller.of("web-1", {"route": "/ask"})
assert_type(caller.id, CallerId)
assert_type(caller.metadata, Mapping[str, object])
session: SessionId = caller.id  # type: ignore[assignment]
caller.id = CallerId("web-2")  # type: ignore[misc]

registry = EchoRegistry()
TracerProvider().add_span_processor(CallerSpanProcessor())
TracerProvider().add_span_processor(CallerSpanProcessor(registry))
LoggerProvider().add_log_record_processor(CallerLogRecordProcessor(registry))
logging.StreamHandler().addFilter(CallerLogFilter())

settings = Settings(content="truncated", runners=("assistant",))
Settings(content="some")  # type: ignore[arg-type]
RvbbitInstrumentor().instrument(content="off")

spec = RunnerSpec(name="assistant", module="assistant", hooks=(Hook(Role.CALLER_CLEARED, "assistant:logout"),))
assert_type(check_spec(spec), list[HookReport])
assert_type(report("web-1", last=timedelta(hours=1)), NotebookReport)
assert_type(load_spec("assistant.toml"), RunnerSpec)
