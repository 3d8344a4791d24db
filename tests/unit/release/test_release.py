"""What a release is made of: one version, one matrix, licences that are allowed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml
from release.environments import PYTHONS
from release.reports import is_allowed

from rvbbit_otel import demo

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_matrix_begins_with_the_lowest_python_and_has_every_kind_of_sdk() -> None:
    matrix = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]
    assert PROJECT["project"]["requires-python"] == f">={matrix['python'][0]}"
    assert set(matrix["python"]) < set(PYTHONS)
    kinds = {*matrix["sdk"], *(each["sdk"] for each in matrix["include"])}
    steps = [step["if"] for step in WORKFLOW["jobs"]["test"]["steps"] if "if" in step]
    assert kinds == {"pinned", "lowest", "newest"}
    assert sorted(steps) == sorted(f"matrix.sdk == '{kind}'" for kind in kinds)


def test_every_target_that_the_workflow_makes_is_there() -> None:
    runs = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    targets = {word for run in runs if run.startswith("make ") for word in run.split()[1:]}
    assert {"test", "test-floor", "test-newest", "demo", "dist", "reports", "site"} == targets
    assert [target for target in targets if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)] == []


def test_a_wheel_has_the_runner_of_the_demo_and_a_checkout_is_preferred() -> None:
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"] == {"custom": {}}
    hook = (ROOT / "hatch_build.py").read_text()
    for source, target in re.findall(r'"(examples/\S+)": "(\S+)"', hook):
        assert (ROOT / source).exists()
        assert ROOT / "src" / target.rpartition("/")[0] == demo.INSTALLED
    assert (demo.CHECKOUT / "drive.py").exists()


def test_everything_that_the_sdist_names_is_there() -> None:
    named = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_a_licence_is_allowed_if_one_of_its_alternatives_is() -> None:
    allowed = ["Apache-2.0", "MIT License", "BSD-3-Clause; Apache Software License", "GPL-2.0 OR MIT", "MPL-2.0"]
    assert [is_allowed(licence) for licence in allowed] == [True] * len(allowed)
    assert [is_allowed(licence) for licence in ("GPL-3.0-only", "UNKNOWN", "Proprietary")] == [False] * 3
