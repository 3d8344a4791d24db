"""What this package costs a session of the published RVBBIT: the same sessions with it and without, by turns, in one process of the real runner.

The model is a stub that answers at once, so a real session's share is smaller. Needs what `make test-runners` installs.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from tests.runners import environment, stub, workspace
from tests.runners.server import Larsql
from tests.support.all_in_one import running_all_in_one

from benchmarks.harness import Row, Size, row

# A session takes seconds, most of them its own.
_SESSIONS_A_ROUND: dict[Size, int] = {"smoke": 1, "short": 2, "full": 4}
_PROGRAM = Path(__file__).parent / "larsql_sessions.py"


def run(rounds: int, size: Size) -> list[Row]:
    """Wall and processor time of a session, as ratios to the session without this package."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as name,
        running_all_in_one(Path(name) / "store") as store,
        stub.serving() as model,
    ):
        larsql = Larsql(environment.installed(), workspace.make(Path(name) / "workspace", model.url))
        for cascade in ("extract_brand", "tool_brand"):
            done = subprocess.run(
                [
                    str(larsql.venv / "bin" / "python"),
                    str(_PROGRAM),
                    f"traits/{cascade}.yaml",
                    str(rounds * _SESSIONS_A_ROUND[size]),
                    store.otlp_grpc,
                ],
                cwd=larsql.workspace,
                env=larsql.environment(),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            seen = json.loads(done.stdout.splitlines()[-1])
            for place, what, limit in ((0, "wall time", 1.03), (1, "processor time", None)):
                figures, baselines = ([each[place] for each in seen[variant]] for variant in ("with", "without"))
                rows.append(row(f"{cascade}, {what}", "s a session", figures, baselines, limit))
    return rows
