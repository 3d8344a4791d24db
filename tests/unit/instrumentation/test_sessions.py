from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.context import Context, attach, get_current
from opentelemetry.instrumentation.utils import suppress_instrumentation
from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel.instrumentation.state import sessions


def attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_session_leaves_its_start_its_cascade_and_its_rows_in_one_trace_under_the_caller(traced: Traced) -> None:
    def body() -> str:
        toy.log("s-1", "user", "hello", node_type="input", cell_name="cell-1", take_index=2, duration_ms=1.5)
        return "result"

    toy.set_caller("c-1", {"origin": "sql"})
    toy.Sessions().get("s-1")
    assert toy.Cascade("s-1").run(body) == "result"
    toy.clear_caller()

    told, start, log, cascade, root = traced.spans
    assert len({span.context.trace_id for span in traced.spans}) == 1
    # What the caller's span tells when it ends is told when its first session starts, so that a query can be seen while it runs.
    assert (told.name, told.parent.span_id) == ("caller start", root.context.span_id)
    assert (
        attributes(told)
        == attributes(root)
        == {
            "rvbbit.kind": "caller",
            "rvbbit.caller.id": "c-1",
            "rvbbit.caller.source": "explicit",
            "rvbbit.caller.origin": "sql",
            "rvbbit.caller.digest": attributes(root)["rvbbit.caller.digest"],
            "rvbbit.caller.metadata": '{"origin": "sql"}',
        }
    )
    assert (start.parent.span_id, cascade.parent.span_id, log.parent.span_id) == (
        root.context.span_id,
        root.context.span_id,
        cascade.context.span_id,
    )
    stamp = {
        "session.id": "s-1",
        "rvbbit.caller.id": "c-1",
        "rvbbit.caller.source": "echo",
        "rvbbit.caller.origin": "sql",
    }
    assert (start.name, attributes(start)) == (
        "session start",
        {**stamp, "rvbbit.kind": "session", "rvbbit.session.event": "start", "rvbbit.session.status": "running"},
    )
    assert (cascade.name, attributes(cascade)) == (
        "cascade toy",
        {
            **stamp,
            "rvbbit.kind": "cascade",
            "rvbbit.cascade.id": "toy",
            "rvbbit.session.event": "end",
            "rvbbit.session.status": "completed",
        },
    )
    assert (log.name, attributes(log)) == (
        "log user",
        {
            **stamp,
            "rvbbit.kind": "log",
            "rvbbit.cascade.id": "toy",
            "rvbbit.log.role": "user",
            "rvbbit.log.node_type": "input",
            "rvbbit.cell.name": "cell-1",
            "rvbbit.take.index": 2,
            "rvbbit.duration_ms": 1.5,
        },
    )
    assert log.start_time == log.end_time


def test_looking_a_session_up_again_starts_it_once_even_after_its_end(traced: Traced) -> None:
    toy.set_caller("c-1")
    manager = toy.Sessions()
    for _ in range(5):
        manager.get("s-1")
    toy.Cascade("s-1").run(lambda: manager.get("s-1"))
    manager.get("s-1")
    manager.get("s-1", None, "c-1")
    assert [span.name for span in traced.spans] == ["caller start", "session start", "cascade toy"]


def test_a_session_opened_by_many_threads_at_once_starts_once(traced: Traced) -> None:
    barrier = threading.Barrier(8)

    def open_it() -> None:
        barrier.wait(10)
        toy.Sessions().get("s-1", None, "c-1")

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(open_it) for _ in range(8)]:
            future.result()
    assert [span.name for span in traced.spans] == ["caller unknown", "session start"]


def test_a_session_id_used_again_by_another_caller_after_its_end_is_a_new_session(traced: Traced) -> None:
    for caller in ("c-1", "c-2"):
        toy.Sessions().get("s-1", None, caller)
        toy.Cascade("s-1").run(lambda: None)
    assert [(span.name, attributes(span)["rvbbit.caller.id"]) for span in traced.spans] == [
        ("caller unknown", "c-1"),
        ("session start", "c-1"),
        ("cascade toy", "c-1"),
        ("caller unknown", "c-2"),
        ("session start", "c-2"),
        ("cascade toy", "c-2"),
    ]


def test_a_sub_session_belongs_to_its_parents_caller_and_hangs_under_its_span(traced: Traced) -> None:
    toy.Sessions().get("parent", None, "c-1")

    def sub() -> None:
        attach(Context())  # As on a thread that lost it.
        toy.Cascade("child", parent="parent").run(lambda: None)

    toy.Cascade("parent").run(sub)
    child, parent = [span for span in traced.spans if span.name == "cascade toy"]
    assert attributes(child)["rvbbit.caller.id"] == "c-1"
    assert attributes(child)["rvbbit.session.parent_id"] == "parent"
    assert child.parent.span_id == parent.context.span_id


def test_a_session_whose_caller_is_named_on_a_thread_without_context_hangs_under_that_callers_root(
    traced: Traced,
) -> None:
    toy.set_caller("c-1", {"origin": "sql"})
    toy.clear_caller()
    attach(Context())
    toy.Sessions().get("s-1", None, "c-1")
    root, start = traced.spans
    assert start.parent.span_id == root.context.span_id
    assert attributes(start)["rvbbit.caller.origin"] == "sql"


def test_the_sessions_of_a_caller_that_only_they_name_are_one_trace_with_what_is_known_of_it(traced: Traced) -> None:
    for number in (1, 2):
        toy.Sessions().get(f"s-{number}", None, "cli-1", {"origin": "cli", "command": "run"})
        toy.Cascade(f"s-{number}").run(lambda: None)
    root, *rest = traced.spans
    assert (root.name, root.parent) == ("caller cli", None)
    assert attributes(root)["rvbbit.caller.metadata"] == '{"command": "[redacted, 3 characters]", "origin": "cli"}'
    assert [span.name for span in rest] == ["session start", "cascade toy"] * 2
    assert {span.parent.span_id for span in rest} == {root.context.span_id}


def test_rows_of_a_session_keep_its_caller_in_the_context_of_another_and_say_so(traced: Traced) -> None:
    toy.Sessions().get("s-1", None, "c-1")
    toy.set_caller("c-2")
    toy.log("s-1", "late")
    toy.Cascade("s-1").cell("cell-1", lambda: traced.mark("below"))
    traced.mark("beside")
    toy.clear_caller()
    row = attributes(traced.named("log late"))
    assert (row["rvbbit.caller.id"], row["rvbbit.caller.conflict"]) == ("c-1", "c-2")
    assert traced.named("log late").context.trace_id == traced.named("session start").context.trace_id
    assert traced.callers() == {"below": "c-1", "beside": "c-2"}


def test_third_party_spans_below_a_cascade_are_rows_of_its_session(traced: Traced) -> None:
    toy.set_caller("c-1")
    toy.Cascade("s-1").run(lambda: traced.mark("below"))
    traced.mark("beside")
    assert attributes(traced.named("below"))["session.id"] == "s-1"
    assert "session.id" not in attributes(traced.named("beside"))


def test_cells_tools_and_llm_calls_nest_and_usage_counts_on_the_log_row_only(traced: Traced) -> None:
    usage = {"tokens_in": 3, "tokens_out": 4, "cost": 0.5}

    def take() -> None:
        toy.complete("model-1", lambda: usage)
        toy.log(role="assistant", model="model-1", **usage)

    cascade = toy.Cascade("s-1")
    toy.set_caller("c-1")
    cascade.run(lambda: cascade.cell("cell-1", lambda: cascade.tool("tool-1", take)))
    by_name = {span.name: span for span in traced.spans}
    names = ["cascade toy", "cell cell-1", "execute_tool tool-1", "chat model-1"]
    for outer, inner in itertools.pairwise(names):
        assert by_name[inner].parent.span_id == by_name[outer].context.span_id
    numbers = {"rvbbit.usage.cost": 0.5, "gen_ai.request.model": "model-1"}
    told = {"rvbbit.usage.told.input_tokens": 3, "rvbbit.usage.told.output_tokens": 4, "rvbbit.usage.counted": False}
    counted = {"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4, "rvbbit.usage.counted": True}
    llm, log = attributes(by_name["chat model-1"]), attributes(by_name["log assistant"])
    assert llm.items() >= {**numbers, **told, "gen_ai.operation.name": "chat"}.items()
    assert not llm.keys() & {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"}  # Others add these up.
    assert log.items() >= {**numbers, **counted, "session.id": "s-1"}.items()
    assert attributes(by_name["execute_tool tool-1"])["gen_ai.operation.name"] == "execute_tool"


def test_a_failing_cascade_says_error_and_what_failed_but_not_the_message(traced: Traced) -> None:
    def fail() -> None:
        raise toy.ToyError(" ".join(["a", "secret"]))

    with pytest.raises(toy.ToyError):
        toy.Cascade("s-1").run(fail)
    span = traced.named("cascade toy")
    assert attributes(span)["rvbbit.session.status"] == "error"
    assert attributes(span)["error.type"] == f"{toy.MODULE}.ToyError"
    assert span.status.is_ok is False
    assert "a secret" not in str(span.to_json())


def test_a_final_status_is_said_by_the_cascades_end_and_another_one_by_a_row(traced: Traced) -> None:
    manager = toy.Sessions()

    def body() -> None:
        manager.status("s-1", "running")
        manager.status("s-1", "waiting")
        manager.status("s-1", "cancelled")

    toy.Cascade("s-1").run(body)
    assert [(span.name, attributes(span)["rvbbit.session.status"]) for span in traced.spans] == [
        ("session start", "running"),
        ("session status", "waiting"),
        ("cascade toy", "cancelled"),
    ]


@pytest.mark.parametrize(("content", "message"), [("off", None), ("full", "no such tool")])
def test_an_error_that_the_runner_notes_without_raising_is_on_the_cascade(
    instrumented: Callable[..., Traced], content: str, message: str | None
) -> None:
    traced = instrumented(content=content)
    toy.Cascade("s-1").run(lambda: toy.Sessions().status("s-1", "error", "no such tool"))
    toy.Sessions().status("s-2", "failed", "no such tool")
    toy.Cascade("s-3").run(lambda: toy.Sessions().status("s-3", "cancelled"))
    for name in ("cascade toy", "session status"):
        span = next(span for span in traced.spans if span.name == name)
        assert (span.status.status_code.name, span.status.description) == ("ERROR", message)
        assert attributes(span)["error.type"] == attributes(span)["rvbbit.session.status"]
    cancelled = traced.spans[-1]
    assert (attributes(cancelled)["rvbbit.session.status"], cancelled.status.status_code.name) == ("cancelled", "UNSET")


def test_a_session_without_a_cascade_ends_by_its_own_hook(traced: Traced) -> None:
    toy.Sessions().get("s-1", None, "c-1")
    toy.Sessions().end("s-1", "failed")
    end = attributes(traced.named("session end"))
    assert (end["rvbbit.session.event"], end["rvbbit.session.status"], end["rvbbit.caller.id"]) == (
        "end",
        "failed",
        "c-1",
    )
    echo = traced.ours.registry.get("s-1")
    assert echo is not None
    assert echo.ended is not None


def test_a_heartbeat_is_a_row_once_in_a_while(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    def body() -> None:
        toy.Sessions().heartbeat("s-1")
        monkeypatch.setattr(sessions, "HEARTBEAT_SECONDS", 0.0)
        toy.Sessions().heartbeat("s-1")

    toy.Cascade("s-1").run(body)
    assert [span.name for span in traced.spans].count("session heartbeat") == 1


def test_a_cascade_within_a_cascade_of_the_same_session_does_not_end_it(traced: Traced) -> None:
    toy.Cascade("s-1", "outer").run(lambda: toy.Cascade("s-1", "inner").run(lambda: None))
    assert "rvbbit.session.event" not in attributes(traced.named("cascade inner"))
    assert attributes(traced.named("cascade outer"))["rvbbit.session.event"] == "end"


def test_a_cascade_with_two_ways_in_one_calling_the_other_is_one_row(traced: Traced) -> None:
    toy.Cascade("s-1").run(lambda: toy.Cascade("s-1").run(lambda: toy.log("s-1", "inside")))
    assert [span.name for span in traced.spans] == ["session start", "log inside", "cascade toy"]


def test_a_broken_session_id_costs_the_row_only_and_is_counted(traced: Traced) -> None:
    assert toy.Sessions().get("bad\nid") == {"session": "bad\nid"}
    assert toy.Cascade("x" * 300).run(lambda: "ran") == "ran"
    assert traced.spans == ()
    assert traced.ours.counters.snapshot()["invalid_ids.session"] == 2
    assert traced.errors() == {}


def test_while_instrumentation_is_suppressed_there_are_no_spans_but_the_caller_is_carried(traced: Traced) -> None:
    toy.set_caller("c-1")
    with suppress_instrumentation():
        toy.Cascade("s-1").run(lambda: traced.mark("below"))
        toy.log("s-1", "user")
    assert [span.name for span in traced.spans] == ["below"]
    assert traced.callers() == {"below": "c-1"}


def test_content_and_input_stay_in_the_process_unless_allowed(instrumented: Callable[..., Traced]) -> None:
    traced = instrumented(content="truncated", content_limit=5)
    toy.Cascade("s-1").run(lambda: toy.log("s-1", "user", "a long secret", metadata={"k": "v"}), {"product": "x"})
    assert attributes(traced.named("log user"))["rvbbit.log.content"] == "a lon"
    assert attributes(traced.named("log user"))["rvbbit.log.metadata"] == '{"k":'
    assert attributes(traced.named("cascade toy"))["rvbbit.cascade.input"] == '{"pr"'


def test_a_redaction_hook_sees_content_first_and_a_failing_one_leaves_it_out(
    instrumented: Callable[..., Traced],
) -> None:
    def redact(name: str, text: str) -> str:
        if "raise" in text:
            raise ToyRedactionError
        return text.replace("secret", "***")

    traced = instrumented(content="full", redact=redact)
    toy.log("s-1", "one", "a secret")
    toy.log("s-1", "two", "raise a secret")
    assert attributes(traced.named("log one"))["rvbbit.log.content"] == "a ***"
    assert "rvbbit.log.content" not in attributes(traced.named("log two"))
    assert traced.errors() == {"errors.content.redact": 1}


class ToyRedactionError(Exception):
    pass


def test_an_executor_hook_carries_the_context_to_where_the_function_runs(traced: Traced) -> None:
    later: list[Callable[[], Any]] = []
    toy.set_caller("c-1")
    toy.submit(later, lambda: traced.mark("later"))
    toy.clear_caller()
    before = get_current()
    later[0]()
    assert get_current() is before
    assert traced.callers() == {"later": "c-1"}
