"""Check that the packages we work with are installed in versions that go together."""

from __future__ import annotations

import importlib.metadata
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from rvbbit_otel.doctor.links import Link

_OURS: Final = "rvbbit-otel"
_THEIRS: Final = "opentelemetry-"


def versions() -> Link:
    """Compare what is installed with what our package and each of OpenTelemetry's asks for."""
    installed = {canonicalize_name(each.metadata["Name"]): each for each in importlib.metadata.distributions()}
    asking = [name for name in sorted(installed) if name == _OURS or name.startswith(_THEIRS)]
    clashes = []
    for name in asking:
        for text in installed[name].requires or []:
            wanted = _requirement(text)
            if wanted is None or (wanted.marker is not None and not wanted.marker.evaluate({"extra": ""})):
                continue
            found = installed.get(canonicalize_name(wanted.name))
            if found is None:
                clashes.append(f"{name} needs {wanted.name}, which is not installed")
            elif not wanted.specifier.contains(found.version, prereleases=True):
                clashes.append(
                    f"{name} {installed[name].version} needs {wanted.name} {wanted.specifier}, and {found.version} is installed"
                )
    if clashes:
        return Link(
            "versions",
            "broken",
            "; ".join(clashes),
            "pip install --upgrade rvbbit-otel and the packages named, in one command",
        )
    sdk = installed.get(canonicalize_name("opentelemetry-sdk"))
    return Link(
        "versions",
        "ok",
        f"{len(asking)} packages go together, OpenTelemetry's SDK {sdk.version if sdk else 'is not installed'} among them",
    )


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None  # Written by somebody else, and pip's to judge.
