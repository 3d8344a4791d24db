"""One cascade in this process: what it logs, exactly."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from small_rvbbit import caller_context, journal, llm
from small_rvbbit.echo import sessions
from small_rvbbit.runner import run_cascade
from small_rvbbit.session_state import states
from small_rvbbit.stub_llm import StubHandler, StubServer

CASCADES = Path(journal.__file__).parent / "cascades" / "traits"
PRODUCT = {"product_name": "Apple iPhone #c03r07"}

Events = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def stub() -> Iterator[str]:
    with StubServer(("127.0.0.1", 0), StubHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def events(stub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Events:
    monkeypatch.setenv("SMALL_RVBBIT_LLM", stub)
    monkeypatch.setattr(journal, "_file", None)
    journal.open_journal(tmp_path / "journal.jsonl")

    def events(kind: str) -> list[dict[str, Any]]:
        every = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
        return [event for event in every if event["event"] == kind]

    return events


def node_types(events: Events, session_id: str) -> Counter[str]:
    return Counter(event["node_type"] for event in events("log") if event["session_id"] == session_id)


def test_a_session_with_two_takes_and_a_tool_makes_eleven_log_calls(events: Events) -> None:
    answer = run_cascade(str(CASCADES / "extract_brand.yaml"), PRODUCT, session_id="s-1", caller_id="sql-1")
    assert answer == {"brand": "Apple", "valid": True}
    assert node_types(events, "s-1") == {
        "cascade_start": 1,
        "input": 1,
        "prompt": 2,
        "agent": 2,
        "pick": 1,
        "cell_end": 1,
        "tool_call": 1,
        "tool_result": 1,
        "cascade_end": 1,
    }
    assert [
        {key: event[key] for key in ("session_id", "caller_id", "cascade_id", "input")} for event in events("session")
    ] == [{"session_id": "s-1", "caller_id": "sql-1", "cascade_id": "extract_brand", "input": PRODUCT}]
    assert states._states["s-1"]["status"] == "completed"


def test_every_logged_row_has_its_session_its_caller_and_its_product(events: Events) -> None:
    run_cascade(str(CASCADES / "nested.yaml"), PRODUCT, session_id="s-2", caller_id="sql-1")
    rows = events("log")
    assert len(rows) == 5 + 11
    assert [row for row in rows if "#c03r07" not in row["content"]] == []
    assert {row["caller_id"] for row in rows if row["session_id"] == "s-2"} == {"sql-1"}


def test_each_answer_of_the_model_carries_its_usage_and_no_other_row_does(events: Events) -> None:
    run_cascade(str(CASCADES / "extract_brand.yaml"), PRODUCT, session_id="s-3")
    told = [(row["role"], row["take_index"], row["tokens_in"], row["tokens_out"], row["cost"]) for row in events("log")]
    # "Name the brand of this product: Apple iPhone #c03r07" is nine words, "Apple" is one.
    cost = 9 * llm.PRICE_IN + llm.PRICE_OUT
    assert sorted(row for row in told if row[2] is not None) == [
        ("assistant", 0, 9, 1, cost),
        ("assistant", 1, 9, 1, cost),
    ]
    assert {row[0] for row in told if row[2] is None and row[4] is None} == {"system", "user", "tool"}


def test_a_cascade_in_a_cell_runs_in_a_session_of_its_own_under_it(events: Events) -> None:
    assert run_cascade(str(CASCADES / "nested.yaml"), PRODUCT, session_id="s-4") == {"brand": "Apple", "valid": True}
    parent, child = events("session")
    assert (parent["session_id"], parent["parent_session_id"]) == ("s-4", None)
    assert child["parent_session_id"] == "s-4"
    assert node_types(events, "s-4") == Counter(["cascade_start", "input", "tool_call", "tool_result", "cascade_end"])
    assert sum(node_types(events, child["session_id"]).values()) == 11


def test_a_failing_tool_ends_its_session_as_an_error_and_raises(events: Events) -> None:
    with pytest.raises(RuntimeError, match="the tool is out of order for Apple iPhone #c03r07"):
        run_cascade(str(CASCADES / "failing.yaml"), PRODUCT, session_id="s-5")
    expected = ["cascade_start", "input", "prompt", "agent", "pick", "cell_end", "tool_call", "error"]
    assert node_types(events, "s-5") == Counter(expected)
    assert states._states["s-5"]["status"] == "error"


@pytest.mark.parametrize("cascade", ["extract_brand", "nested", "failing"])
def test_a_session_that_has_ended_is_forgotten(events: Events, cascade: str) -> None:
    before = sessions._sessions.keys() | set()
    try:
        run_cascade(str(CASCADES / f"{cascade}.yaml"), PRODUCT)
    except RuntimeError:
        assert cascade == "failing"
    assert sessions._sessions.keys() == before


def test_the_caller_is_known_in_the_thread_that_set_it_and_in_no_other(events: Events) -> None:
    caller_context.set_caller_context("sql-1", {"origin": "sql"})
    try:
        run_cascade(str(CASCADES / "extract_brand.yaml"), PRODUCT, session_id="here")
        other = threading.Thread(target=run_cascade, args=(str(CASCADES / "extract_brand.yaml"), PRODUCT, "there"))
        other.start()
        other.join()
    finally:
        caller_context.clear_caller_context()
    assert caller_context.get_caller_id() is None
    assert {event["session_id"]: event["caller_id"] for event in events("session")} == {"here": "sql-1", "there": None}
