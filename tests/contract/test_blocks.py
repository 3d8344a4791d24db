"""A block of an application's own code is a session of its caller's, unless one of that caller's is around it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from tests.contract.programs import Spans, instrumented
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by


@pytest.fixture
def span() -> Iterator[Spans]:
    with instrumented() as spans:
        yield spans


def test_it_begins_and_ends_and_what_is_done_in_it_is_a_row_of_it(span: Spans) -> None:
    with called_by("web-1"):
        span("call")
    (call,), (start,), (end,) = span.rows("call"), span.rows("session start"), span.rows("session end")
    session_id = call["session.id"]
    assert session_id.startswith("web-1/")
    theirs = {"rvbbit.caller.id": "web-1", "rvbbit.caller.source": "baggage", "session.id": session_id}
    name = f"{__name__}.test_it_begins_and_ends_and_what_is_done_in_it_is_a_row_of_it"
    ours = {"rvbbit.kind": "session", "rvbbit.cascade.id": name, **theirs}
    assert call == theirs
    assert start == {"rvbbit.session.event": "start", "rvbbit.session.status": "running", **ours}
    assert end == {"rvbbit.session.event": "end", "rvbbit.session.status": "completed", **ours}


def test_each_has_a_session_of_its_own_and_one_within_anothers_is_its_child(span: Spans) -> None:
    with called_by("web-1"):
        span("one")
        with called_by("web-1"):
            span("same")
        with called_by("web-2"):
            span("two")
    with called_by("web-1"):
        span("again")
    one, same, two, again = (span.rows(name)[0]["session.id"] for name in ("one", "same", "two", "again"))
    assert one == same
    assert len({one, two, again}) == 3
    parents = {row["session.id"]: row.get("rvbbit.session.parent_id") for row in span.rows("session start")}
    assert parents == {one: None, two: one, again: None}


def test_one_that_is_named_is_that_session_and_a_bad_name_is_told_once(
    span: Spans, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rvbbit_otel.attribution.scope._told", [])
    for name in ("chat-7", "chat-7", "bad\n", "bad\n"):
        with called_by("web-1", session=name):
            span("call")
    first, second, third, fourth = (row["session.id"] for row in span.rows("call"))
    assert first == second == "chat-7"
    assert third != fourth
    assert third.startswith("web-1/")
    (told,) = [record.getMessage() for record in caplog.records if "called_by" in record.getMessage()]
    assert "session id 'bad\\n'" in told


def test_one_that_an_exception_leaves_has_failed_and_a_cancelled_one_is_cancelled(span: Spans) -> None:
    with pytest.raises(ZeroDivisionError), called_by("web-1"):
        1 / 0  # noqa: B018

    async def main() -> None:
        async def job() -> None:
            with called_by("web-2"):
                await asyncio.sleep(3600)

        task = asyncio.create_task(job())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    ends = {
        row["rvbbit.caller.id"]: (row["rvbbit.session.status"], row.get("error.type"))
        for row in span.rows("session end")
    }
    assert ends == {"web-1": ("error", "ZeroDivisionError"), "web-2": ("cancelled", None)}


def test_a_decorated_function_is_a_cascade_of_its_name(span: Spans) -> None:
    @called_by("web-1")
    def answer() -> None:
        span("call")

    answer()
    answer()
    (name,) = {row["rvbbit.cascade.id"] for row in span.rows("session start")}
    assert name.endswith("test_a_decorated_function_is_a_cascade_of_its_name.<locals>.answer")
    assert len({row["session.id"] for row in span.rows("call")}) == 2


def test_nobodys_block_is_no_session(span: Spans) -> None:
    with called_by("not an id"):
        span("call")
    assert [row.get("session.id") for row in span.rows("call")] == [None]
    assert span.rows("session start") == []


def test_in_a_runners_session_it_is_that_session_and_another_callers_is_its_child(span: Spans) -> None:
    def work() -> None:
        with called_by("web-1"):
            span("same")
        with called_by("web-2"):
            span("other")

    with called_by("web-1"):
        Work("chat-7").run(work)
        toy.note("after")
    assert [row["session.id"] for row in span.rows("same")] == ["chat-7"]
    (other,) = span.rows("other")
    assert other["session.id"].startswith("web-2/")
    (start,) = [row for row in span.rows("session start") if row["session.id"] == other["session.id"]]
    assert start["rvbbit.session.parent_id"] == "chat-7"


def test_a_forked_child_that_leaves_it_ends_nothing(span: Spans) -> None:
    reads, writes = os.pipe()
    block = called_by("web-1")
    block.__enter__()
    child = os.fork()
    block.__exit__(None, None, None)
    if child == 0:
        os.write(writes, str(len(span.rows("session end"))).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reads, 9) == b"0"
    assert len(span.rows("session end")) == 1
    os.close(reads)
    os.close(writes)
