from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import format_trace_id
from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

import rvbbit_otel
from rvbbit_otel.attribution.propagation import caller_id_of
from rvbbit_otel.attribution.work import WORK_KEY
from rvbbit_otel.instrumentation import RvbbitInstrumentor
from rvbbit_otel.instrumentation.state.callers import CallerScope


def in_thread(function: Any) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_a_caller_has_one_root_span_with_its_metadata_and_sql(traced: Traced) -> None:
    toy.set_caller("sql-1", {"origin": "sql", "sql_query": "SELECT 1"})
    toy.clear_caller()
    (span,) = traced.spans
    assert (span.name, span.parent) == ("caller sql", None)
    assert dict(span.attributes or {}) == {
        "rvbbit.caller.id": "sql-1",
        "rvbbit.caller.source": "explicit",
        "rvbbit.caller.origin": "sql",
        "rvbbit.caller.digest": "ce357f8da1e8",
        "rvbbit.caller.metadata": '{"origin": "sql", "sql_query": "SELECT ?"}',
        "db.query.text": "SELECT ?",
        "rvbbit.kind": "caller",
    }


def test_work_between_set_and_clear_is_the_callers_and_hangs_under_its_root(traced: Traced) -> None:
    traced.mark("before")
    toy.set_caller("c-1")
    traced.mark("during")
    toy.clear_caller()
    traced.mark("after")
    assert traced.callers() == {"before": None, "during": "c-1", "after": None}
    assert traced.named("during").parent.span_id == traced.named("caller unknown").context.span_id


def test_clearing_restores_the_very_context_from_before(traced: Traced) -> None:
    before = Context({"mine": 1})
    attach(before)
    toy.set_caller("c-1")
    toy.clear_caller()
    assert get_current() is before


def test_a_caller_named_by_the_result_of_a_tracking_call_is_set(traced: Traced) -> None:
    assert toy.track_query("q") == (7, 1.5, "sql-q")
    traced.mark("during")
    assert traced.callers() == {"during": "sql-q"}


def test_setting_the_same_caller_twice_makes_one_root(traced: Traced) -> None:
    toy.set_caller("c-1", None, "connection")
    toy.set_caller("c-1", None, "connection")
    toy.clear_caller("connection")
    traced.mark("after")
    assert [span.name for span in traced.spans] == ["caller unknown", "after"]
    assert traced.callers() == {"after": None}


def test_a_set_without_a_clear_is_replaced_by_the_next_set_of_the_same_thread(traced: Traced) -> None:
    toy.set_caller("c-1")
    toy.set_caller("c-2")
    traced.mark("second")
    toy.clear_caller()
    traced.mark("after")
    assert traced.callers() == {"second": "c-2", "after": None}
    assert len([span for span in traced.spans if span.name == "caller unknown"]) == 2


def test_another_connections_caller_nests_and_clearing_it_brings_the_outer_one_back(traced: Traced) -> None:
    toy.set_caller("http-1")
    toy.set_caller("sql-1", None, "connection")
    traced.mark("inner")
    toy.clear_caller("connection")
    traced.mark("outer")
    toy.clear_caller()
    traced.mark("after")
    assert traced.callers() == {"inner": "sql-1", "outer": "http-1", "after": None}
    roots = [span for span in traced.spans if span.name == "caller unknown"]
    assert len({span.context.trace_id for span in roots}) == 2
    inner = next(span for span in roots if (span.attributes or {})["rvbbit.caller.id"] == "sql-1")
    assert [format_trace_id(link.context.trace_id) for link in inner.links] == [
        format_trace_id(span.context.trace_id) for span in roots if span is not inner
    ]


def test_connections_cleared_out_of_order_leave_nobody(traced: Traced) -> None:
    toy.set_caller("c-1", None, "one")
    toy.set_caller("c-2", None, "two")
    toy.clear_caller("one")
    traced.mark("two is left")
    toy.clear_caller("two")
    traced.mark("after")
    assert traced.callers() == {"two is left": "c-2", "after": None}


def test_a_caller_cleared_by_another_thread_is_gone_from_the_thread_that_set_it(traced: Traced) -> None:
    toy.set_caller("c-1", None, "connection")
    in_thread(lambda: toy.clear_caller("connection"))
    traced.mark("after")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(traced.mark, "handed on after").result()
    toy.set_caller("c-2", None, "connection")
    traced.mark("next")
    toy.clear_caller("connection")
    assert traced.callers() == {"after": None, "handed on after": None, "next": "c-2"}
    assert caller_id_of(None) is None


def test_a_third_party_span_open_across_a_clear_does_not_bring_the_caller_back(traced: Traced) -> None:
    toy.set_caller("c-1")
    with traced.tracer.start_as_current_span("request"):
        toy.clear_caller()
        traced.mark("inside")
    traced.mark("after")
    assert traced.callers() == {"request": "c-1", "inside": None, "after": None}


def test_work_handed_to_a_pool_goes_on_for_its_caller_after_the_clear(traced: Traced) -> None:
    go = threading.Event()

    def late() -> None:
        go.wait(10)
        traced.mark("late")

    with ThreadPoolExecutor(1) as pool:
        toy.set_caller("c-1")
        future = pool.submit(late)
        toy.clear_caller()
        traced.mark("here")
        go.set()
        future.result()
    assert traced.callers() == {"here": None, "late": "c-1"}


def test_a_pool_worker_that_clears_what_it_inherited_ends_nothing_of_its_parent(traced: Traced) -> None:
    toy.set_caller("c-1")

    def work() -> None:
        toy.clear_caller()
        traced.mark("cleared in the worker")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
        pool.submit(traced.mark, "next task").result()
    traced.mark("still here")
    toy.clear_caller()
    assert traced.callers() == {"cleared in the worker": None, "next task": "c-1", "still here": "c-1"}


def test_two_tasks_of_one_event_loop_keep_their_callers_apart(traced: Traced) -> None:
    async def query(number: int) -> None:
        toy.set_caller(f"c-{number}")
        for step in range(3):
            await asyncio.sleep(0)
            traced.mark(f"{number}.{step}")
        toy.clear_caller()
        traced.mark(f"{number}.after")

    async def main() -> None:
        toy.set_caller("outer")
        await asyncio.gather(query(1), query(2))
        traced.mark("outer")
        toy.clear_caller()

    asyncio.run(main())
    expected: dict[str, str | None] = {f"{n}.{step}": f"c-{n}" for n in (1, 2) for step in range(3)}
    # A task nests in the one that started it, as any context does.
    assert traced.callers() == {**expected, "1.after": "outer", "2.after": "outer", "outer": "outer"}


def test_set_and_clear_in_different_contextvars_contexts_of_a_thread_leave_nobody(traced: Traced) -> None:
    contextvars.copy_context().run(toy.set_caller, "c-1", None, "connection")
    contextvars.copy_context().run(toy.clear_caller, "connection")
    traced.mark("after")
    assert traced.callers() == {"after": None}
    assert traced.named("caller unknown").end_time is not None


def test_a_malformed_caller_id_is_counted_and_leaves_nobody_rather_than_the_one_before(traced: Traced) -> None:
    toy.set_caller("c-1")
    assert toy.set_caller("not an id; at all") == "set"
    traced.mark("during")
    assert traced.callers() == {"during": None}
    assert traced.ours.counters.snapshot()["invalid_ids.caller"] == 1


def test_a_caller_that_nobody_clears_is_exported_when_instrumentation_ends(traced: Traced) -> None:
    toy.set_caller("cli-1")
    traced.ours.tools.callers.end_all()
    assert [span.name for span in traced.spans] == ["caller unknown"]


# Steps of a few workers: each sets, clears or works, on one of two connections or on none. What a worker may see is what it did itself.
STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["set", "clear", "work"])), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, with_connection=st.booleans())
def test_any_interleaving_of_workers_gives_each_the_caller_it_set_last(
    traced: Traced, steps: list[tuple[int, str]], with_connection: bool
) -> None:
    traced.exporter.clear()
    pools = [ThreadPoolExecutor(1) for _ in range(3)]
    contexts = [contextvars.Context() for _ in range(3)]
    expected: dict[str, str | None] = {}
    now: dict[int, str | None] = {}
    try:
        for number, (worker, what) in enumerate(steps):
            connection = f"connection-{worker}" if with_connection else None
            if what == "set":
                now[worker] = f"c-{number}"
                call: Any = lambda c=now[worker], k=connection: toy.set_caller(c, None, k)  # noqa: E731
            elif what == "clear":
                now[worker] = None
                call = lambda k=connection: toy.clear_caller(k)  # noqa: E731
            else:
                expected[str(number)] = now.get(worker)
                call = lambda n=str(number): traced.mark(n)  # noqa: E731
            # The worker's own context, as a thread that lives on has it; the pool would attach that of whoever submits.
            pools[worker].submit(contexts[worker].run, call).result()
    finally:
        for pool in pools:
            pool.shutdown()
        traced.ours.tools.callers.end_all()
    assert traced.callers() == expected


def test_a_context_speaks_for_its_scope_until_that_is_cleared(traced: Traced) -> None:
    toy.set_caller("c-1")
    scope = get_current().get(WORK_KEY)
    assert isinstance(scope, CallerScope)
    assert scope.holds
    toy.clear_caller()
    assert not scope.holds


def test_a_block_of_the_application_is_a_caller_with_a_root_span(traced: Traced) -> None:
    with rvbbit_otel.called_by("web-1", {"origin": "http"}):
        traced.mark("inside")
        with rvbbit_otel.called_by("web-2"):
            traced.mark("nested")
        traced.mark("inside again")
    traced.mark("outside")
    assert traced.callers() == {"inside": "web-1", "nested": "web-2", "inside again": "web-1", "outside": None}
    root = traced.named("caller http")
    assert traced.named("inside").parent == root.context
    assert (root.attributes or {})["rvbbit.caller.metadata"] == '{"origin": "http"}'


def test_a_runner_that_sets_and_clears_its_caller_inside_a_block_nests(traced: Traced) -> None:
    with rvbbit_otel.called_by("web-1"):
        toy.set_caller("inner")
        traced.mark("inner")
        toy.clear_caller()
        traced.mark("back")
        toy.set_caller("first")
        toy.set_caller("second")
        traced.mark("second")
        toy.clear_caller()
        traced.mark("back again")
    traced.mark("outside")
    assert traced.callers() == {
        "inner": "inner",
        "back": "web-1",
        "second": "second",
        "back again": "web-1",
        "outside": None,
    }


def test_work_handed_on_inside_a_block_goes_on_for_its_caller_and_later_work_does_not(traced: Traced) -> None:
    go = threading.Event()

    def later() -> None:
        go.wait(10)
        traced.mark("handed on")

    with rvbbit_otel.called_by("web-1"):
        thread = threading.Thread(target=later)
        thread.start()
    traced.mark("after")
    go.set()
    thread.join()
    assert traced.callers() == {"handed on": "web-1", "after": None}


def test_a_bad_id_of_a_block_is_counted_and_its_work_has_no_caller(traced: Traced) -> None:
    with rvbbit_otel.called_by("web-1"), rvbbit_otel.called_by("no id"):
        traced.mark("inside")
    assert traced.callers() == {"inside": None}
    assert traced.ours.counters.snapshot()["invalid_ids.caller"] == 1


def test_a_fault_of_ours_in_a_block_changes_nothing_for_the_application(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traced.ours.tools.callers, "_begin", lambda *_: 1 / 0)
    with rvbbit_otel.called_by("web-1"):
        traced.mark("inside")
    assert traced.errors() == {"errors.called_by": 1}


def test_a_block_that_outlives_the_instrumentation_ends_well(traced: Traced) -> None:
    with rvbbit_otel.called_by("web-1"):
        RvbbitInstrumentor().uninstrument()
    with rvbbit_otel.called_by("web-2"):
        assert caller_id_of(None) == "web-2"
    assert caller_id_of(None) is None
