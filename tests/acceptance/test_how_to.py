"""The how-to for a RunnerSpec, followed as written: each file and each command of the page, in its order, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.all_in_one import running_all_in_one

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "write-a-runner-spec.md").read_text()
INSTALL = "pip install 'rvbbit-otel[embedded,run]'\n"
UP = "rvbbit-otel up --ready-file ready.json &     # or in a terminal of its own\nuntil [ -e ready.json ]; do sleep 0.2; done\n"
# What is installed here already, and the entry point of the command, in place of the download.
INSTALLED = """
python - {packages} <<'END'
import pathlib, sys, sysconfig
here = pathlib.Path(sysconfig.get_path("purelib"))
(here / "installed.pth").write_text(f"import site; site.addsitedir({{sys.argv[1]!r}})\\n")
END
printf '#!/bin/sh\\nexec python -m rvbbit_otel "$@"\\n' > venv/bin/rvbbit-otel
chmod +x venv/bin/rvbbit-otel
"""


def followed() -> str:
    """The commands of the page up to its reference part, as one script; the files are written as they come."""
    script = ["set -eu"]
    steps = PAGE[: PAGE.index("## A runner that knows no caller")]
    for language, block in re.findall(r"```(\w+)\n(.*?)```", steps, re.DOTALL):
        name = re.match(r"# (\S+\.\w+)\n", block)
        if name:
            script.append(f"mkdir -p $(dirname {name[1]}); cat > {name[1]} <<'END_OF_FILE'\n{block}END_OF_FILE")
        elif language == "sh":
            script.append(block)
    return "\n".join(script)


def test_the_page_works_as_written(tmp_path: Path) -> None:
    script = followed()
    assert (INSTALL in script, UP in script) == (True, True)
    packages = sysconfig.get_path("purelib")
    script = script.replace("python -m venv", f"{sys.executable} -m venv")
    script = script.replace(INSTALL, INSTALLED.format(packages=packages))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "RVBBIT_", "PYTHON"))}
    folder = tmp_path / "empty"
    folder.mkdir()
    with running_all_in_one(tmp_path / "data") as store:
        # The store is there already, on ports that are free.
        script = script.replace(UP, f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://{store.otlp_grpc}\n")
        script = script.replace("http://127.0.0.1:8123", store.clickhouse)
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=clean, capture_output=True, text=True, timeout=240
        )
    assert done.returncode == 0, done.stdout + done.stderr
    (rows,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert rows in done.stdout
    assert len(re.findall(r"^run-\S+ (?:user what about|assistant WHAT ABOUT)", done.stdout, re.MULTILINE)) == 8
    # Once of the file, once of the package.
    assert len(re.findall(r"assistant: 5 of 5 hook points", done.stdout)) == 2
