"""The unit and contract tests with the lowest versions that pyproject.toml allows: ``python -m tests.frameworks.floor [PYTEST ARGUMENTS]``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from tests.frameworks.environment import FOLDER, ROOT, made

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# What comes with the exporter, each release of which asks for its own.
_WITH_THE_EXPORTER: Final = (
    "exporter-otlp-proto-common",
    "exporter-otlp-proto-grpc",
    "exporter-otlp-proto-http",
    "proto",
)
_WITH_INSTRUMENTATION: Final = ("processor-baggage",)
# Declarative configuration is a package of later releases only, and so are its tests.
_LATER: Final = "opentelemetry-configuration"
_TESTS: Final = ("tests/unit", "tests/contract", "-k", "not configuration_file and not where_file_and_disable_list")


def floors(project: dict[str, Any]) -> dict[str, str]:
    """The lowest version of each direct dependency."""
    listed = [Requirement(each) for each in (*project["dependencies"], *project["optional-dependencies"]["run"])]
    found = {
        each.name: specifier.version for each in listed for specifier in each.specifier if specifier.operator == ">="
    }
    found |= {f"opentelemetry-{name}": found["opentelemetry-exporter-otlp"] for name in _WITH_THE_EXPORTER}
    return found | {f"opentelemetry-{name}": found["opentelemetry-instrumentation"] for name in _WITH_INSTRUMENTATION}


def environment() -> Path:
    """An environment with these, and what the tests need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [each for name in ("embedded", "example", "dev") for each in extras[name]]
    needed = [each for each in needed if not each.startswith(("rvbbit-otel", _LATER))]
    lowest = [f"{name}=={version}" for name, version in floors(project).items()]
    FOLDER.mkdir(exist_ok=True)
    overrides = FOLDER / "floor.txt"
    overrides.write_text("\n".join(lowest), encoding="utf-8")
    return made("floor", (*needed, *lowest), "--override", str(overrides), "-e", f"{ROOT}[run]")


if __name__ == "__main__":
    command = [environment() / "bin" / "python", "-m", "pytest", "-p", "no:cacheprovider", *(sys.argv[1:] or _TESTS)]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
