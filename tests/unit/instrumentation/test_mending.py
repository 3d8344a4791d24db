from __future__ import annotations

import queue
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

import pytest
from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

import rvbbit_otel
from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation import Hook, Role, RvbbitInstrumentor

KNOWN = {"origin": "sql", "sql_query": "SELECT 1"}


def on_a_bare_thread(function: Callable[[], Any]) -> Any:
    """What a native thread is: no context at all."""
    from opentelemetry.context import Context, attach

    results: list[Any] = []

    def run() -> None:
        attach(Context())
        results.append(function())

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def test_a_runner_that_asks_is_told_what_we_know_in_the_shape_of_its_own_answer(traced: Traced) -> None:
    toy.set_caller("sql-1", KNOWN)
    assert toy.who() == "sql-1"
    assert toy.what() == KNOWN
    assert toy.who_and_what() == ("sql-1", KNOWN)


def test_a_runner_that_asks_where_nobody_is_known_gets_none_and_not_its_guess(traced: Traced) -> None:
    toy.set_caller("sql-1", KNOWN)
    assert on_a_bare_thread(lambda: (toy.who(), toy.what(), toy.who_and_what())) == (None, None, (None, None))


def test_what_a_runner_knew_before_we_came_is_its_answer_where_we_know_nothing(traced: Traced) -> None:
    def ask() -> tuple[Any, Any]:
        toy.own_caller.set("sql-before")
        before = toy.who()
        with rvbbit_otel.called_by("web-1"):
            return before, toy.who()

    assert on_a_bare_thread(ask) == ("sql-before", "web-1")


def test_a_runner_that_inherited_its_caller_as_a_worker_is_told_nobody(traced: Traced) -> None:
    items: queue.Queue[str] = queue.Queue()
    items.put("another's")

    def worker() -> Any:
        toy.own_caller.set("sql-1")
        items.get()
        return toy.who()

    answers: list[Any] = []
    toy.set_caller("sql-1")
    thread = Thread(target=lambda: answers.append(worker()))
    thread.start()
    thread.join()
    assert answers == [None]


def test_a_look_around_for_whoever_it_might_be_finds_nobody_unless_it_names_a_connection(
    instrumented: Callable[..., Traced],
) -> None:
    instrumented()
    assert (toy.look_around(), toy.look_around("c-1")) == (None, "of c-1")
    RvbbitInstrumentor().uninstrument()
    instrumented(mend_runner=False)
    assert toy.look_around() == "sql-guess"


def test_a_call_that_names_a_connection_is_left_alone(traced: Traced) -> None:
    toy.set_caller("sql-1", KNOWN)
    assert toy.who("c-7") == toy.who(connection_id="c-7") == "of c-7"


def test_inside_a_session_the_answer_is_the_sessions_caller(traced: Traced) -> None:
    toy.Sessions().get("s-1", caller_id="cli-1", metadata={"origin": "cli"})
    assert toy.Cascade("s-1").run(toy.who_and_what) == ("cli-1", {"origin": "cli"})


def test_a_job_that_is_handed_nobody_gets_the_caller_around_and_one_that_is_handed_somebody_keeps_it(
    traced: Traced,
) -> None:
    toy.set_caller("sql-1", KNOWN)
    filled = toy.Job("s-1")
    named = toy.Job("s-2", "cli-2", {"origin": "cli"})
    assert (filled.caller_id, filled.metadata) == ("sql-1", KNOWN)
    assert (named.caller_id, named.metadata) == ("cli-2", {"origin": "cli"})
    assert [traced.ours.registry.get(name).caller.id for name in ("s-1", "s-2")] == ["sql-1", "cli-2"]  # type: ignore[union-attr]


def test_a_job_on_a_bare_thread_gets_its_parents_caller(traced: Traced) -> None:
    toy.set_caller("sql-1", KNOWN)
    toy.Job("s-1")
    assert on_a_bare_thread(lambda: toy.Job("s-2", parent="s-1").caller_id) == "sql-1"
    assert on_a_bare_thread(lambda: toy.Job("s-3", parent="s-unknown").caller_id) is None


def test_what_a_job_keeps_is_filled_in_the_shape_that_is_there(traced: Traced) -> None:
    toy.set_caller("sql-1", KNOWN)
    job = toy.Job("s-1")
    state = types.SimpleNamespace(caller=None, metadata_json="{}")
    assert on_a_bare_thread(lambda: job.keep(state)) is state
    assert vars(state) == {"caller": "sql-1", "metadata_json": '{"origin": "sql", "sql_query": "SELECT 1"}'}
    row = {"caller": "", "metadata_json": {}}
    job.keep(row)
    assert row == {"caller": "sql-1", "metadata_json": KNOWN}


def test_a_state_that_cannot_be_written_is_the_hosts_as_it_was(traced: Traced) -> None:
    toy.set_caller("sql-1", KNOWN)
    assert toy.Job("s-1").keep(7) == 7
    assert traced.errors() == {"errors.mending.passed": 1}


def test_any_worker_of_many_callers_is_told_its_own(traced: Traced) -> None:
    def work(number: int) -> tuple[Any, Any]:
        toy.set_caller(f"sql-{number}", {"number": number})
        with ThreadPoolExecutor(1) as inner:
            answer = inner.submit(toy.who_and_what).result()
        toy.clear_caller()
        return answer, toy.who_and_what()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(200)))
    assert answers == [((f"sql-{number}", {"number": number}), (None, None)) for number in range(200)]


def test_switched_off_the_runner_goes_on_as_it_was_and_its_guess_is_not_believed(
    instrumented: Callable[..., Traced],
) -> None:
    traced = instrumented(mend_runner=False)
    toy.set_caller("sql-1", KNOWN)

    def guessed() -> tuple[Any, Any]:
        job = toy.Job("s-guessed", *toy.who_and_what())
        toy.log("s-guessed", "bare")
        return job.caller_id, job.metadata

    assert on_a_bare_thread(guessed) == toy.GUESS
    assert toy.Job("s-1", toy.who()).caller_id == "sql-guess"
    assert toy.Job("s-2").caller_id is None
    sources = {
        span.attributes["session.id"]: (
            span.attributes.get("rvbbit.caller.id"),
            span.attributes["rvbbit.caller.source"],
        )
        for span in traced.spans
        if span.attributes is not None and span.attributes["rvbbit.kind"] != "caller"
    }
    assert sources == {"s-guessed": (None, "none"), "s-1": ("sql-1", "echo"), "s-2": ("sql-1", "echo")}


def test_a_call_that_is_a_callers_whole_work_makes_one_unless_it_is_somebodys_already(traced: Traced) -> None:
    made = toy.handle("SELECT 1 THEN 2", lambda: (toy.log("s-1", "inside"), toy.who())[1])
    assert made.startswith("sql-") and toy.who() is None
    root = traced.named("caller sql")
    assert root.attributes is not None
    assert (root.attributes["rvbbit.caller.id"], root.attributes["db.query.text"]) == (made, "SELECT ? THEN ?")
    inside = traced.named("log inside")
    assert inside.attributes is not None and inside.attributes["rvbbit.caller.id"] == made
    assert inside.parent is not None and inside.parent.span_id == root.context.span_id
    toy.set_caller("sql-1")
    assert toy.handle("SELECT 2", toy.who) == "sql-1"
    assert [span.name for span in traced.spans].count("caller sql") == 1


def test_a_callers_call_that_raises_says_so_on_its_span_and_the_error_is_the_hosts_own(traced: Traced) -> None:
    error = toy.ToyError("no")

    def fail() -> None:
        raise error

    with pytest.raises(toy.ToyError) as raised:
        toy.handle("SELECT 1", fail)
    assert raised.value is error
    assert traced.named("caller sql").status.status_code.name == "ERROR"
    assert toy.who() is None


def test_a_loop_that_lives_on_works_for_nobody_who_happened_to_start_it(traced: Traced) -> None:
    toy.set_caller("sql-1")
    with traced.tracer.start_as_current_span("around"):
        toy.loop(lambda: traced.mark("in the loop"))
        traced.mark("after it")
    assert traced.callers() == {"in the loop": None, "after it": "sql-1", "around": "sql-1"}
    assert traced.named("in the loop").parent is None


def test_a_price_that_comes_late_is_a_row_of_the_session_that_counts_the_cost_only(traced: Traced) -> None:
    toy.set_caller("sql-1")
    toy.Job("s-1")
    toy.log("s-1", "assistant", cell_name="one", model="m-1", request_id="r-1", tokens_in=7, tokens_out=3)
    toy.clear_caller()
    assert on_a_bare_thread(lambda: toy.price("r-1", 0.25, 7)) == {"cost": 0.25, "tokens": 7, "model": "m-1"}
    toy.price("r-1", 0.25)
    late = dict(traced.named("log usage").attributes or {})
    assert late == {
        "session.id": "s-1",
        "rvbbit.kind": "log",
        "rvbbit.log.role": "usage",
        "rvbbit.log.node_type": "usage",
        "rvbbit.cell.name": "one",
        "gen_ai.request.model": "m-1",
        "gen_ai.response.id": "r-1",
        "rvbbit.usage.cost": 0.25,
        "rvbbit.usage.counted": True,
        "rvbbit.caller.id": "sql-1",
        "rvbbit.caller.source": "echo",
        "rvbbit.caller.origin": "unknown",
    }


def test_a_call_whose_price_was_known_or_never_comes_leaves_no_second_row(traced: Traced) -> None:
    toy.Job("s-1", "sql-1")
    toy.log("s-1", "assistant", request_id="r-1", tokens_in=7, cost=0.5)
    toy.log("s-1", "assistant", request_id="r-2", tokens_in=7)
    toy.price("r-1", 0.5)
    toy.price("r-2", None)
    toy.price("r-3", 0.5)
    assert [span.name for span in traced.spans] == ["caller unknown", "session start"] + ["log assistant"] * 2


@pytest.mark.parametrize(
    ("role", "fields", "said"),
    [
        (Role.CALLER_ASKED, {}, "neither is a field"),
        (Role.CALLER_ASKED, {"caller_id": "argument"}, "result, or result.1"),
        (Role.CALLER_ASKED, {"caller_id": "result.name"}, "result, or result.1"),
        (Role.CALLER_PASSED, {"caller_id": "result"}, "can be filled"),
        (Role.CALLER_PASSED, {"caller_id": "a|b"}, "can be filled"),
        (Role.CALLER_PASSED, {"caller_id": "self"}, "can be filled"),
    ],
)
def test_a_hook_that_cannot_mend_says_why(role: Role, fields: dict[str, str], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        Hook(role, "m:f", fields)


@pytest.mark.parametrize("when", ["result.0", "1", ""])
def test_when_is_a_path_that_is_known_before_the_call(when: str) -> None:
    with pytest.raises(SpecError, match="when"):
        Hook(Role.CELL, "m:f", {"name": "name"}, when=when)
