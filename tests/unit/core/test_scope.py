from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from opentelemetry.context import Context, attach, get_current

import rvbbit_otel
from rvbbit_otel.attribution import scope
from rvbbit_otel.attribution.caller import Caller, SessionId, _matching
from rvbbit_otel.attribution.propagation import caller_id_of, caller_of, session_of, with_session
from rvbbit_otel.attribution.work import WORK_KEY, Work


@pytest.fixture(autouse=True)
def _an_empty_context(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(scope, "_told", [])
    before = get_current()
    attach(Context())
    yield
    attach(before)


def test_a_block_has_its_caller_blocks_nest_and_what_was_before_is_back() -> None:
    before = get_current()
    with rvbbit_otel.called_by("web-1", {"origin": "http", "path": "/ask"}):
        assert caller_of(None) == Caller.of("web-1", {"origin": "http", "path": "/ask"})
        with rvbbit_otel.called_by("web-2", origin="cron"):
            known = caller_of(None)
            assert known is not None
            assert (known.id, known.origin) == ("web-2", "cron")
        assert caller_id_of(None) == "web-1"
    assert get_current() is before


def test_a_session_around_belongs_to_its_own_caller_and_not_to_another_ones_block() -> None:
    with rvbbit_otel.called_by("web-1"):
        attach(with_session(None, SessionId("s-1")))
        with rvbbit_otel.called_by("web-1"):
            assert session_of(None) == "s-1"
        with rvbbit_otel.called_by("web-2"):
            assert session_of(None) is None


@pytest.mark.parametrize(("around", "inside"), [("web-1", "web-2"), ("web-2", "web-1")])
def test_a_block_is_of_the_session_around_where_that_is_the_very_same_caller_s(around: str, inside: str) -> None:
    with rvbbit_otel.called_by(around, session="s-1"):
        _matching.cache_clear()  # Or the same text is the same object, for as long as few others come between.
        with rvbbit_otel.called_by("".join(list(around))):
            assert session_of(None) == "s-1"
        with rvbbit_otel.called_by(inside):
            assert session_of(None) is None
        with rvbbit_otel.called_by(around, session="s-2"):
            assert session_of(None) == "s-2"


def test_whoever_opens_scopes_last_opens_them_until_it_ends() -> None:
    asked = []

    def opens(name: str) -> Callable[[], None]:
        def opener(opening: scope.Opening, around: Context) -> tuple[Work, Context, scope.Close]:
            asked.append(name)
            return scope._plain(opening, around)

        return scope.open_scopes_with(opener)

    ends = [opens(name) for name in ("first", "second", "third")]
    for end in (None, *reversed(ends), *ends):
        if end is not None:
            end()
        with rvbbit_otel.called_by("web-1"):
            assert caller_id_of(None) == "web-1"
    assert asked == ["third", "second", "first"]


def test_a_block_in_a_function_that_a_generator_calls_is_the_function_s() -> None:
    def function() -> Work | None:
        with rvbbit_otel.called_by("web-1"):
            return get_current().get(WORK_KEY)  # type: ignore[return-value]

    def steps() -> Iterator[Work | None]:
        yield function()

    (work,) = steps()
    assert work is not None
    assert work.frame is None


def test_a_decorated_generator_gets_what_is_thrown_in_and_ends_when_it_is_closed() -> None:
    seen: list[object] = []

    @rvbbit_otel.called_by("web-1")
    def steps() -> Iterator[str]:
        try:
            yield "begun"
        except KeyError as error:
            seen.append(error.args)
        try:
            yield "caught"
        finally:
            seen.append(caller_id_of(None))

    driven: Any = steps()
    assert (next(driven), driven.throw(KeyError("thrown"))) == ("begun", "caught")
    driven.close()
    assert seen == [("thrown",), "web-1"]
    assert caller_id_of(None) is None


def test_a_decorated_async_generator_gets_what_is_thrown_in_and_ends_when_it_is_closed() -> None:
    seen: list[object] = []

    @rvbbit_otel.called_by("web-1")
    async def steps() -> AsyncIterator[str]:
        try:
            yield "begun"
        except KeyError as error:
            seen.append(error.args)
        try:
            yield "caught"
        finally:
            seen.append(caller_id_of(None))

    async def drive() -> None:
        driven: Any = steps()
        assert (await anext(driven), await driven.athrow(KeyError("thrown"))) == ("begun", "caught")
        await driven.aclose()
        seen.append(caller_id_of(None))

    asyncio.run(drive())
    assert seen == [("thrown",), "web-1", None]


@pytest.mark.parametrize(
    ("module", "source", "name"),
    [
        ("jobs", "def main():\n    with called_by('web-1'): pass\nmain()", "jobs.main"),
        ("jobs", "with called_by('web-1'): pass", "jobs"),
        ("jobs", "(lambda: called_by('web-1').__enter__())()", "jobs.<lambda>"),
        ("Jobs", "with called_by('web-1'): pass", "Jobs"),
        ("__main__", "def main():\n    with called_by('web-1'): pass\nmain()", "nightly.main"),
        ("__main__", "with called_by('web-1'): pass", "nightly"),
        (
            "jobs",
            "def main():\n    with ExitStack() as stack: stack.enter_context(called_by('web-1'))\nmain()",
            "jobs.main",
        ),
    ],
)
def test_a_block_is_named_after_its_function_and_module_or_its_script(module: str, source: str, name: str) -> None:
    named = []

    def opener(opening: scope.Opening, around: Context) -> tuple[Work, Context, scope.Close]:
        named.append(opening.name)
        return scope._plain(opening, around)

    end = scope.open_scopes_with(opener)
    known = {"__name__": "".join(list(module)), "called_by": rvbbit_otel.called_by, "ExitStack": ExitStack}
    exec(compile(source, "/srv/nightly.py", "exec"), known)
    end()
    assert named == [name]


def test_a_block_that_is_left_where_another_is_open_leaves_that_one_s_caller() -> None:
    elsewhere = rvbbit_otel.called_by("web-1")
    contextvars.copy_context().run(elsewhere.__enter__)
    with rvbbit_otel.called_by("web-2"):
        elsewhere.__exit__(None, None, None)
        assert caller_id_of(None) == "web-2"
    assert caller_id_of(None) is None


def test_a_bad_id_raises_nothing_is_said_once_and_the_block_belongs_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    ran = []
    with rvbbit_otel.called_by("outer"):
        for bad in ("not an id", "\x1b[31m", 7):
            with rvbbit_otel.called_by(bad):  # type: ignore[arg-type]
                ran.append(caller_id_of(None))
        assert caller_id_of(None) == "outer"
    assert ran == [None, None, None]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("rvbbit-otel: called_by: caller id 'not an id' is not 1 to 128 characters of")


def test_an_exception_passes_and_the_caller_is_gone() -> None:
    error = KeyError("x")
    with pytest.raises(KeyError) as caught, rvbbit_otel.called_by("web-1"):
        raise error
    assert caught.value is error
    assert caller_id_of(None) is None


def test_a_task_that_was_started_inside_keeps_the_caller_and_its_siblings_have_theirs() -> None:
    async def ask(caller: str) -> list[str | None]:
        with rvbbit_otel.called_by(caller):
            await asyncio.sleep(0)
            later = asyncio.create_task(asyncio.to_thread(caller_id_of, None))
            seen = [caller_id_of(None)]
        return [*seen, await later]

    async def both() -> list[list[str | None]]:
        return await asyncio.gather(ask("web-1"), ask("web-2"))

    assert asyncio.run(both()) == [["web-1", "web-1"], ["web-2", "web-2"]]


def test_a_block_that_is_left_in_another_context_than_it_was_entered_in_is_left_quietly() -> None:
    block = rvbbit_otel.called_by("web-1")
    contextvars.copy_context().run(block.__enter__)
    assert not block.__exit__(None, None, None)
    assert caller_id_of(None) is None
