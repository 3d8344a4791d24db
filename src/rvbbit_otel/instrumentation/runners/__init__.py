"""The runners we know: shipped ones, those that other packages announce, and those in files that the user names."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Final

from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation.runners import (
    crewai,
    dspy,
    duckdb,
    google_adk,
    langchain,
    langgraph,
    lars,
    litellm,
    llama_index,
    openai_agents,
    pydantic_ai,
    small_rvbbit,
    smolagents,
)
from rvbbit_otel.instrumentation.spec.model import RunnerSpec

# An entry point of this group names a RunnerSpec.
GROUP: Final = "rvbbit_otel_runners"
SHIPPED: Final = (
    lars.SPEC,
    small_rvbbit.SPEC,
    langgraph.SPEC,
    langchain.SPEC,
    llama_index.SPEC,
    pydantic_ai.SPEC,
    openai_agents.SPEC,
    google_adk.SPEC,
    crewai.SPEC,
    smolagents.SPEC,
    dspy.SPEC,
    litellm.SPEC,
    duckdb.SPEC,
)
# What any program's work may pass through: on whatever runners are asked for.
ALWAYS: Final = (duckdb.SPEC.name,)


def names() -> list[str]:
    """Every runner that is shipped or announced by an entry point; nothing is imported to find out."""
    announced = [point.name for point in importlib.metadata.entry_points(group=GROUP)]
    return list(dict.fromkeys([*(spec.name for spec in SHIPPED), *announced]))


def installed(counters: Counters) -> Mapping[str, RunnerSpec]:
    """Every known spec by its name; one that can't be loaded is counted, logged and left out."""
    specs = {spec.name: spec for spec in SHIPPED}
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        try:
            spec = loaded(entry_point)
            specs[spec.name] = spec
        except Exception as error:  # noqa: BLE001 - somebody else's package must not keep the others from working
            counters.error(f"runners.{entry_point.name}", error)
    return specs


def loaded(entry_point: importlib.metadata.EntryPoint) -> RunnerSpec:
    """The spec that an entry point names; raise SpecError if it is none, and whatever importing it raises."""
    spec = entry_point.load()
    if not isinstance(spec, RunnerSpec):
        raise SpecError(f"entry point {entry_point.name} of {GROUP} is {type(spec).__name__}, not a RunnerSpec")
    return spec
