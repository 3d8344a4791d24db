"""Each framework as it is published, under eight callers at once, alone and beside what instruments it elsewhere.

Who asked is told by a marker in the text of each question, and what it cost by the stub's books; neither side's own word is believed.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from typing import Any

from tests.frameworks import environment
from tests.frameworks.books import assert_books, assert_books_by_run
from tests.frameworks.known import ALONE, Framework
from tests.frameworks.running import RUNS, Ran

# Of each run: a model is asked, calls a tool, is asked again.
CALLS = 2
_MARKED = "extractAll(concat(SpanName, toString(SpanAttributes), toString(Events.Attributes)), 'm-([a-z0-9-]+-c[0-9]-r[0-9])-')"


def ours(ran: Ran) -> list[dict[str, Any]]:
    """The rows that we made, not a third party."""
    return ran.ask(
        "SELECT caller_id, session_id, kind, name, caller_conflict, span_id, parent_id FROM unified_logs WHERE service_name = '{service}' "
        "AND (trace_id, span_id) IN (SELECT TraceId, SpanId FROM otel_traces WHERE ScopeName = 'rvbbit_otel')"
    )


def sessions(ran: Ran) -> list[dict[str, Any]]:
    return ran.ask(
        "SELECT caller_id, session_id, parent_session_id, status, cascade_id FROM session_state WHERE (caller_id, session_id) IN "
        "(SELECT caller_id, session_id FROM unified_logs WHERE service_name = '{service}')"
    )


def is_run(framework: Framework, session: dict[str, Any]) -> bool:
    return str(session["session_id"]).startswith(f"{framework.name}-") and "/" not in session["session_id"]


def test_every_run_answers(case: tuple[Framework, str], ran: Ran) -> None:
    markers = [f"m-{caller}-r{run}-" for caller in ran.callers for run in range(RUNS)]
    expected = {marker: f"finished {marker}" for marker in markers}
    assert {name: answer for name, answer in ran.answers.items() if not answer.startswith("raised ")} == expected
    # What a framework raises for a model that fails is its own affair; that it raises is not hidden.
    assert [name for name, answer in ran.answers.items() if answer.startswith("raised ")] == [f"m-{ran.unlucky}-r0-"]


def test_every_span_is_of_the_caller_whose_marker_it_carries(case: tuple[Framework, str], ran: Ran) -> None:
    spans = ran.ask(
        f"SELECT SpanAttributes['rvbbit.caller.id'] AS caller, ScopeName AS scope, arrayDistinct({_MARKED}) AS marked "
        "FROM otel_traces WHERE ServiceName = '{service}'"
    )
    wrong = [span for span in spans for marked in span["marked"] if not marked.startswith(f"{span['caller']}-r")]
    assert wrong == []
    assert {span["caller"] for span in spans} == {*ran.callers, ran.unlucky}
    marked = Counter(marker for span in spans for marker in span["marked"])
    assert len(marked) == len(ran.callers) * RUNS + 1
    foreign = [span for span in spans if span["scope"] != "rvbbit_otel"]
    if case[1] != ALONE:
        # Something does instrument it beside us, every caller's work; some tell nothing of a run that fails.
        assert {span["caller"] for span in foreign} - {ran.unlucky} == set(ran.callers)


def test_each_run_is_a_session_of_its_caller_that_ended_as_it_did(case: tuple[Framework, str], ran: Ran) -> None:
    framework, _ = case
    found = sessions(ran)
    blocks = {s["caller_id"]: s for s in found if s["session_id"].startswith(f"{s['caller_id']}/")}
    assert {caller: block["status"] for caller, block in blocks.items()} == {
        **dict.fromkeys(ran.callers, "completed"),
        ran.unlucky: "error",
    }
    assert {block["parent_session_id"] for block in blocks.values()} == {""}
    runs = [session for session in found if is_run(framework, session)]
    statuses = Counter((session["caller_id"], session["status"]) for session in runs)
    if not framework.cascades:
        assert statuses == {}
        return
    assert statuses == {
        **dict.fromkeys(((caller, "completed") for caller in ran.callers), RUNS),
        (ran.unlucky, "error"): 1,
    }
    assert {session["cascade_id"] for session in runs} <= set(framework.cascades)
    if framework.conversation is None:
        assert [s for s in runs if s["parent_session_id"] != blocks[s["caller_id"]]["session_id"]] == []
    else:
        assert [s for s in runs if not s["parent_session_id"].startswith(framework.conversation)] == []
    # What is left is named by third parties only: conversations, as they call a session. They neither start nor end.
    assert {s["status"] for s in found if s not in runs and s not in blocks.values()} <= {""}


def test_unified_logs_has_the_sessions_of_each_caller_and_no_more(case: tuple[Framework, str], ran: Ran) -> None:
    framework, beside = case
    counted = ran.ask(
        "SELECT caller_id, count() AS row_count, count(DISTINCT session_id) AS session_count FROM unified_logs "
        "WHERE service_name = '{service}' GROUP BY caller_id"
    )
    # Its block, its runs, and where a third party names them their conversations, one a run.
    a_run = (1 if framework.cascades else 0) + (1 if beside in framework.names_conversations else 0)
    expected = {**dict.fromkeys(ran.callers, 1 + RUNS * a_run), ran.unlucky: 1 + a_run}
    assert {row["caller_id"]: int(row["session_count"]) for row in counted} == expected
    assert min(int(row["row_count"]) for row in counted) > 0


def test_models_and_tools_are_rows_of_their_run(case: tuple[Framework, str], ran: Ran) -> None:
    framework, _ = case
    rows = [row for row in ours(ran) if row["caller_id"] != ran.unlucky]
    # A framework's model may ask by litellm, whose call is a row below: one call all the same.
    models = {row["span_id"] for row in rows if row["kind"] == "llm"}
    rows = [row for row in rows if row["kind"] != "llm" or row["parent_id"] not in models]
    assert {row["caller_conflict"] for row in rows} == {""}
    kinds = ("llm", "tool", "cascade")
    by_session: dict[str, Counter[str]] = {}
    for row in rows:
        if is_run(framework, row) or row["kind"] in kinds:
            by_session.setdefault(row["session_id"], Counter())[row["kind"]] += 1
    each = {"llm": CALLS, "tool": len(framework.tools), "cascade": framework.modules}
    count = len(ran.callers) * RUNS
    if not framework.cascades:
        each, count = {"llm": CALLS * RUNS, "tool": 0, "cascade": 0}, len(ran.callers)
    assert [{kind: found[kind] for kind in kinds} for found in by_session.values()] == [each] * count
    tools = Counter(row["name"] for row in rows if row["kind"] == "tool")
    assert tools == dict.fromkeys((f"execute_tool {name}" for name in framework.tools), count)
    assert {row["name"] for row in rows if row["kind"] == "cascade"} == {
        f"cascade {name}" for name in framework.cascades
    }


def test_tokens_and_dollars_by_caller_are_what_the_stub_gave_out(case: tuple[Framework, str], ran: Ran) -> None:
    framework, beside = case
    assert_books(ran)
    # A call that two spans tell of stands on the one that came first, which may be a conversation's row.
    if framework.cascades and beside not in framework.names_conversations:
        assert_books_by_run(ran)
    assert {len(ran.books.of(caller)) for caller in ran.callers} == {CALLS * RUNS}


def test_doctor_finds_every_hook_in_the_version_that_is_tried(case: tuple[Framework, str]) -> None:
    framework, beside = case
    venv = environment.installed(framework, beside)
    command = [venv / "bin" / "rvbbit-otel", "doctor", "--runner", framework.program]
    done = subprocess.run(command, cwd=environment.FOLDER, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert framework.packages[0].partition("==")[2] in done.stdout
