"""Rows of any sessions and traces in one picture; whatever parents they name, each stands there once."""

from __future__ import annotations

from typing import Any

from rvbbit_otel.page.charts import bars, segments, step_for
from rvbbit_otel.page.waterfall import tree, waterfall


def row(
    span: str, parent: str = "", session: str = "s", begins: int = 0, took: int = 10, **more: Any
) -> dict[str, Any]:
    facts = {"kind": "llm", "error": "", "parent_session_id": "", "cost": 1, "tokens": 2}
    return {
        "span_id": span,
        "parent_id": parent,
        "session_id": session,
        "begins": begins,
        "took": took,
        **facts,
        **more,
    }


def shape(rows: list[dict[str, Any]]) -> list[tuple[str, int, list[tuple[str, int]]]]:
    return [
        (block.session_id, block.depth, [(line.row["span_id"], line.depth) for line in block.lines])
        for block in waterfall(rows).blocks
    ]


def test_rows_lie_below_their_parents_and_sessions_below_theirs() -> None:
    rows = [
        row("a"),
        row("b", "a", begins=1),
        row("c", "b", begins=2),
        row("x", session="t", begins=3, parent_session_id="s"),
        row("d", "a", begins=4),
    ]
    assert shape(rows) == [("s", 0, [("a", 0), ("b", 1), ("c", 2), ("d", 1)]), ("t", 1, [("x", 0)])]


def test_a_parent_that_is_not_there_or_a_circle_loses_no_row() -> None:
    assert shape([row("a", "b"), row("b", "a", begins=1), row("c", "c", begins=2), row("d", "gone", begins=3)]) == [
        ("s", 0, [("c", 0), ("d", 0), ("a", 0), ("b", 0)])
    ]
    circle = [{"session_id": "a", "parent_session_id": "b"}, {"session_id": "b", "parent_session_id": "a"}]
    assert [(each["session_id"], depth) for each, depth in tree(circle)] == [("a", 0), ("b", 0)]


def test_a_thousand_generations_are_no_recursion() -> None:
    rows = [row(str(number), str(number - 1), begins=number) for number in range(5000)]
    (block,) = waterfall(rows).blocks
    assert (len(block.lines), block.lines[-1].depth, block.cost, block.tokens) == (5000, 12, 5000, 10_000)


def test_bars_are_on_one_axis_and_whatever_a_kind_is_called_its_class_is_a_word() -> None:
    fall = waterfall(
        [row("a", begins=1_000_000, took=1_000_000), row("b", begins=2_000_000, took=2_000_000, kind='x" onload="y')]
    )
    first, second = fall.blocks[0].lines
    assert (fall.took_ms, first.begins_ms, second.begins_ms, second.took_ms) == (3.0, 0.0, 1.0, 2.0)
    assert 'class="k-llm" x="0.0" width="333.3"' in first.bar
    assert 'class="k-other" x="333.3" width="666.7"' in second.bar
    assert waterfall([]).blocks == []


def test_a_chart_escapes_what_a_series_is_called_and_keeps_every_amount() -> None:
    rows = [
        {"bucket": 60, "series": "<b>", "amount": 1.5},
        {"bucket": 120, "series": "echo", "amount": 2.0},
        {"bucket": 60, "series": "others", "amount": 9.0},
    ]
    chart = bars(rows, 60, 180, 60, lambda name, amount, at: f"{name}: {amount}")
    assert "<b>" not in chart.svg
    assert "&lt;b&gt;: 1.5" in chart.svg
    assert [(each.name, each.colour, each.total) for each in chart.series] == [
        ("echo", "s-echo", 2.0),
        ("<b>", "c1", 1.5),
        ("others", "s-others", 9.0),
    ]
    assert (chart.top, chart.begin.timestamp(), chart.end.timestamp()) == (10.5, 60, 240)


def test_a_chart_has_sixty_bars_at_most() -> None:
    for seconds in (1, 59, 3600, 86_400, 30 * 86_400, 20 * 365 * 86_400):
        assert seconds / step_for(seconds) <= 60


def test_what_is_there_can_be_seen_however_little() -> None:
    assert segments({"echo": 9999, "inherited": 1}).count("<rect") == 2
    assert segments({"echo": 0}).count("<rect") == 0
