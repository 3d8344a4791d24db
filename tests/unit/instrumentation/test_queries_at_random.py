from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.instrumentation.conftest import Traced
from tests.unit.instrumentation.queries_at_random import SPEC, Program, share

from rvbbit_otel.instrumentation import execution, runners


@pytest.fixture(autouse=True)
def _threads_that_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("seed", range(4))
def test_a_random_program_credits_no_call_to_another_caller_and_counts_each_that_it_gives_up(
    seed: int, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runners, "SHIPPED", (SPEC,))
    traced = instrumented()
    program = Program(seed, tmp_path)
    program.run(threads=4, steps=25)
    print(share(program.answers))
    assert program.wrong == []
    given_up = program.answers["none", True] + program.answers["none", False]
    assert given_up == traced.ours.counters.snapshot().get("dropped.udf_ambiguous_query", 0)
    assert program.answers["right", True] > 0
    assert traced.errors() == {}
    assert execution.here.running == []
