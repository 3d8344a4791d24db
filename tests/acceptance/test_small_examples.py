"""Each small example runs alone, as its first line says, and prints what it should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rvbbit_otel.testing import running_store

SMALL = Path(__file__).parents[2] / "examples" / "small"
PRINTED = {
    "block": "tea: web-1 from http\nrain: web-2 from http\nbackup: job-nightly from cron\nalone: nobody from nowhere\n",
    "web_app": "tea for user-ann\nrain for user-bob\n",
    "own_runner": (
        "matched  caller_set      assistant:login\nmatched  caller_cleared  assistant:logout\n"
        "matched  cascade         assistant:answer\n"
    ),
    "json_logs": (
        '{"message": "asked for tea", "caller_id": "web-1", "caller_origin": "http", "session_id": "ticket-42"}\n'
        '{"message": "idle", "caller_id": "-", "caller_origin": "-", "session_id": "-"}\n'
    ),
}
LONGEST = 40


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "RVBBIT_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *command], env={**clean, **environ}, capture_output=True, text=True, check=False
    )


def test_every_example_is_short_and_has_a_test() -> None:
    files = {path.stem: path.read_text().splitlines() for path in SMALL.glob("*.py")}
    assert files.keys() == {*PRINTED, "llm_call", "assistant"}
    assert {name: len(lines) for name, lines in files.items() if len(lines) > LONGEST} == {}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str) -> None:
    done = run(str(SMALL / f"{name}.py"))
    assert (done.returncode, done.stdout, done.stderr) == (0, PRINTED[name], "")


def test_a_call_to_a_model_in_a_block_is_a_row_with_its_dollars(tmp_path: Path) -> None:
    with running_store(tmp_path) as store:
        done = run("-m", "rvbbit_otel", "run", "--", sys.executable, str(SMALL / "llm_call.py"), **store.environment)
        assert (done.returncode, done.stdout) == (0, "WHAT ABOUT TEA?\n"), done.stderr
        rows = store.query(
            "SELECT caller_id, session_id, tokens_in, tokens_out, cost FROM unified_logs WHERE kind = 'llm'"
        )
        callers = store.query("SELECT DISTINCT caller_id FROM unified_logs")
        broken = store.broken_rules()
    # 0.15 and 0.60 dollars for a million tokens.
    assert [{**row, "cost": f"{row['cost']:.5f}"} for row in rows] == [
        {"caller_id": "web-7", "session_id": "ticket-42", "tokens_in": 1000, "tokens_out": 500, "cost": "0.00045"}
    ]
    assert (callers, broken) == ([{"caller_id": "web-7"}], {})
