"""Released versions of larsql, each with the hooks that were written for the newest."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runners import environment, runs
from tests.runners.modes import FULL, MODES, Mode
from tests.support.all_in_one import running_all_in_one

# The newest is driven by every other test here.
OLDER = ("3.1.0", "3.0.0")
(MAP,) = [mode for mode in MODES if mode.name == "map"]
FEW = Mode("older", 2, 8, 1, 1, MAP.statements)


@pytest.mark.parametrize("version", OLDER)
def test_an_older_version_is_attributed_as_exactly(version: str, larsql: Path, tmp_path: Path) -> None:
    older = {"PYTHONPATH": str(environment.other_version(version))}
    with running_all_in_one(tmp_path / "store") as store:
        run = runs.run(tmp_path, larsql, store, (FEW,), older)
    assert run.errors == {FEW.name: []}
    assert run.ours is not None
    for tables in (run.ours, run.theirs):
        for table, verdicts in tables.verdicts(run.ours.texts()).items():
            assert (table, verdicts[FEW.name].exact, verdicts[FEW.name].sessions) == (table, True, FEW.expected)
    assert run.ours.rows_by_session() == run.theirs.rows_by_session()
    # Nothing that counts is missing in it, or the log would say so.
    assert "rvbbit-otel:" not in (tmp_path / "larsql.log").read_text(errors="replace"), FULL
