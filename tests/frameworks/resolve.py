"""Whether this package can be installed beside each of twelve frameworks: ``python -m tests.frameworks.resolve [NAME ...]``.

By pip and by uv, as a user would: a name each and nothing else, no constraints. Nothing is installed. Exit status 1 if one does not resolve, or only
by an older release of the framework than it would have by itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.frameworks.environment import FOLDER, ROOT, uv

# What a user types, and the package that a framework's version is of.
TWELVE: Final = {
    "pydantic-ai": ("pydantic-ai",),
    "openai-agents": ("openai-agents",),
    "google-adk": ("google-adk",),
    "crewai": ("crewai",),
    "langchain": ("langchain",),
    "llama-index": ("llama-index",),
    "litellm": ("litellm[proxy]",),
    "smolagents": ("smolagents",),
    "dspy": ("dspy",),
    "langgraph": ("langgraph",),
    "openai": ("openai", "opentelemetry-instrumentation-openai-v2"),
    "strands-agents": ("strands-agents[otel]",),
}
_US: Final = f"rvbbit-otel[run] @ {ROOT.as_uri()}"
_SDK: Final = "opentelemetry-sdk"
Versions = Mapping[str, str]


class DoesNotResolveError(RuntimeError):
    """What the resolver said."""


def by_uv(*packages: str) -> Versions:
    """What uv would install."""
    command = [uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", sys.executable, "-"]
    said = _said(command, "\n".join(packages))
    return dict(line.split("==", 1) for line in said.splitlines() if "==" in line)


def by_pip(*packages: str) -> Versions:
    """What pip would install."""
    python = uv().with_name("python")
    options = ["--dry-run", "--ignore-installed", "--quiet", "--disable-pip-version-check", "--report", "-"]
    report = json.loads(_said([python, "-m", "pip", "install", *options, *packages], ""))
    found = [entry["metadata"] for entry in report["install"]]
    return {each["name"].lower().replace("_", "-"): each["version"] for each in found}


def _said(command: list[str | Path], given: str) -> str:
    done = subprocess.run(list(map(str, command)), input=given, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DoesNotResolveError(done.stderr.strip()[-2000:])
    return done.stdout


def line(name: str) -> tuple[bool, str]:
    """Whether a framework resolves with us as it does alone, and a line of the table."""
    packages = TWELVE[name]
    try:
        alone = by_uv(*packages)
        together = {"uv": by_uv(*packages, _US), "pip": by_pip(*packages, _US)}
    except DoesNotResolveError as error:
        return False, f"{name:<16} does not resolve: {error}"
    said = [f"{tool}: {found[name]} with SDK {found[_SDK]}" for tool, found in together.items()]
    held = all(found[name] == alone[name] for found in together.values())
    return (
        held,
        f"{name:<16} {'  '.join(f'{each:<36}' for each in said)} {'' if held else f'alone it is {alone[name]}'}",
    )


def main(names: list[str]) -> int:
    """Print the table."""
    FOLDER.mkdir(exist_ok=True)
    failed = 0
    for name in names or TWELVE:
        held, text = line(name)
        failed += not held
        print(text, flush=True)
    print(f"{len(names or TWELVE) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
