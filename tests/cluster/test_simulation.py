"""The bounded form of ``python -m tests.cluster``: every step that says so is as one store, and the others lack or double no more than they say."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.scenario import week

# What each step that is not as one store is instead: fewer rows, or more.
LESS = {"rows are away with it, none is twice", "some of what was away is there again"}
MORE = {"what both took is twice until a merge"}


def test_rows_sessions_sums_and_audits_are_those_of_one_store_after_each_step(tmp_path: Path) -> None:
    seen = list(week(tmp_path, 24, 20261126))
    assert [(step.title, step.differ) for step in seen if step.note == "as one store" and not step.alike] == []
    # Not vacuous: most of its steps leave the cluster as one store.
    assert len([step for step in seen if step.note == "as one store"]) >= 20
    less = [step for step in seen if step.note in LESS]
    more = [step for step in seen if step.note in MORE]
    assert (len(less), len(more)) == (2, 1)
    # Sums follow the rows: nothing is made up, and what is away is away whole.
    assert [step.seen.rows < step.alone.rows and step.seen.dollars < step.alone.dollars for step in less] == [
        True,
        True,
    ]
    assert [
        step.seen.rows > step.alone.rows and step.seen.dollars_of_sessions == step.alone.dollars_of_sessions
        for step in more
    ] == [True]
