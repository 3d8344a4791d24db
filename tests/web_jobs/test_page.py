"""The page says what is true: each of its examples runs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.web_jobs import environment
from tests.web_jobs.redis_server import running_redis

PAGE = (environment.ROOT / "docs" / "how-to" / "web-and-jobs.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"### ([^\n]*)\n\n```python\n(.*?)```", PAGE, re.DOTALL))


def test_there_is_an_example_for_each() -> None:
    assert list(EXAMPLES) == ["FastAPI, Starlette", "Flask", "Django", "Celery", "RQ", "APScheduler"]


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_of_the_page_holds(title: str, tmp_path: Path) -> None:
    venv = environment.web_jobs()
    file = tmp_path / "example.py"
    file.write_text(EXAMPLES[title], encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    with running_redis(venv, tmp_path) as url:
        ran = subprocess.run(
            [venv / "bin" / "python", file],
            env={**clean, "REDIS_URL": url},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr[-4000:]
