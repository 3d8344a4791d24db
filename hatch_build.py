"""The runner of `rvbbit-otel demo` goes into the wheel; an editable install finds it in the checkout."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Example(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the example runner to a wheel that is installed as it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files, and where in the wheel they go."""
        if version == "standard":
            build_data["force_include"] |= {
                "examples/small_rvbbit": "rvbbit_otel/example/small_rvbbit",
                "examples/drive.py": "rvbbit_otel/example/drive.py",
            }
