"""Figure 25: each random test prints its seed, and replays from it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import strategies
from tests.harden.host.mutations import lines, mutated

HERE = Path(__file__).parent


def test_a_seed_says_which_texts() -> None:
    seeds = lines("baggage.txt")
    first, again, other = (list(mutated(seeds, 50, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_seed_says_what_hypothesis_makes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARDEN_SEED", "7")
    explore = request.getfixturevalue("explore")
    made: list[list[str]] = [[], []]
    for texts in made:
        explore(strategies.text(), texts.append, 20)
    assert made[0] == made[1] and len(set(made[0])) > 1


def test_the_seed_is_printed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARDEN_SEED", "123")
    assert request.getfixturevalue("seed") == 123
    assert capsys.readouterr().out == f"HARDEN_SEED=123 replays {request.node.name}\n"


def test_no_test_draws_by_chance_without_one() -> None:
    """The only chance beside the seeds' is that which makes them."""
    drawn = [
        f"{path.name}:{node.lineno}"
        for path in sorted(HERE.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("random", "secrets", "uuid")
        and not (node.func.attr == "Random" and node.args)
        and (path.name, node.func.attr) != ("conftest.py", "SystemRandom")
    ]
    assert drawn == []
