"""What a job's message says, whom a worker believes, and what the job runs as."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from opentelemetry.context import attach
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel import called_by, current_caller
from rvbbit_otel.attribution.propagation import with_work
from rvbbit_otel.attribution.work import Work
from rvbbit_otel.instrumentation.jobs.messages import Messages, Said
from rvbbit_otel.instrumentation.jobs.running import Job, Running
from rvbbit_otel.settings import Settings

KEY = "a secret of the tests"
JOB = Job("celery", "shop.ask", "7", None, None)


def sent(messages: Messages, caller: str = "ann", job: str = "celery shop.ask 7") -> str:
    with called_by(caller):
        text = messages.written(job)
    assert text is not None
    return text


def test_nobody_sends_nothing(traced: Traced) -> None:
    assert Messages(Settings()).written("a job") is None


@pytest.mark.parametrize(
    ("settings", "job", "believed"),
    [
        (Settings(job_key=KEY), "celery shop.ask 7", True),
        (Settings(job_key=KEY), "celery shop.ask 8", False),
        (Settings(job_key="another secret of the tests"), "celery shop.ask 7", False),
        (Settings(), "celery shop.ask 7", False),
        (Settings(trust_inbound=True), "celery shop.ask 8", True),
    ],
)
def test_a_message_is_believed_if_its_seal_fits(
    settings: Settings, job: str, believed: bool, traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    text = sent(Messages(Settings(job_key=KEY)))
    reader = Messages(settings)
    said = [reader.read(job, text) for _ in range(2)][-1]
    assert (said.caller is not None) is believed
    assert said.candidate == (None if believed else "ann")
    assert traced.ours.counters.snapshot().get("untrusted.job", 0) == (0 if believed else 2)
    assert len([line for line in caplog.messages if "OTEL_PYTHON_RVBBIT_JOB_KEY" in line]) == (0 if believed else 1)


@pytest.mark.parametrize("text", [None, 7, "", "x", "x:", "x:{}", "x:[]", "x:7", f"x:{'y' * 4096}"])
def test_a_message_that_can_t_be_read_is_nobodys(text: object, traced: Traced) -> None:
    assert Messages(Settings(trust_inbound=True)).read("a job", text) == Said()


def test_a_job_runs_as_its_sender_and_its_session_is_the_child_of_the_sender_s(traced: Traced) -> None:
    messages = Messages(Settings(job_key=KEY))
    text = sent(messages)
    with called_by("whoever-started-the-worker"):
        with Running(JOB, messages.read("celery shop.ask 7", text), None) as running:
            traced.mark("inside")
            running.ends_by(ValueError("broken"))
        traced.mark("after")
    assert traced.callers() == {"inside": "ann", "after": "whoever-started-the-worker"}
    ends = {
        span.attributes["rvbbit.cascade.id"]: dict(span.attributes)  # type: ignore[index, arg-type]
        for span in traced.spans
        if span.name == "session end"
    }
    job = ends["celery shop.ask"]
    sender = next(each for each in ends.values() if each["rvbbit.caller.id"] == "ann" and each is not job)
    assert (job["rvbbit.session.status"], job["rvbbit.session.parent_id"]) == ("error", sender["session.id"])
    assert traced.errors() == {}


def test_what_nobody_sent_is_nobodys_and_a_name_is_the_caller(traced: Traced) -> None:
    with called_by("whoever-started-the-worker"):
        with Running(JOB, Said(), None):
            traced.mark("nobody")
        with Running(JOB, Said(), "clock"):
            traced.mark("named")
        with Running(JOB, Said(candidate="ann"), None):
            traced.mark("candidate")
    assert traced.callers() == {"nobody": None, "named": "clock", "candidate": None}
    assert (traced.named("candidate").attributes or {})["rvbbit.caller.candidate"] == "ann"


def test_what_its_sender_had_only_inherited_is_no_better_known_in_the_worker(
    instrumented: Callable[..., Traced],
) -> None:
    traced = instrumented()
    messages = Messages(Settings(job_key=KEY))
    with called_by("ann"):
        caller = current_caller()
    block = Work(caller)
    job = block.job()
    block.end()
    attach(with_work(None, job))
    text = messages.written("a job")
    with Running(JOB, messages.read("a job", text), None):
        traced.mark("inside")
    stamp = traced.named("inside").attributes or {}
    assert (stamp["rvbbit.caller.id"], stamp["rvbbit.caller.source"]) == ("ann", "inherited")


def test_an_exception_passes(traced: Traced, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    with pytest.raises(ValueError, match="broken"), Running(JOB, Said(), "clock"):
        raise ValueError("broken")
    assert caplog.messages == []
    assert current_caller() is None
