"""Any value of a setting: taken, or named in one sentence with what it may be; the process starts with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields

import pytest
from hypothesis import strategies
from tests.harden.host.mutations import lines, mutated

from rvbbit_otel.attribution.propagation import caller_of, context_from_environment
from rvbbit_otel.errors import ConfigurationError, SpecError
from rvbbit_otel.instrumentation.launcher import environment_for
from rvbbit_otel.settings import PREFIX, Settings

VARIABLES = [PREFIX + field.name.upper() for field in fields(Settings)]


def check(environ: Mapping[str, str]) -> list[str]:
    settings, problems = Settings.lenient(environ)
    assert settings == Settings(**{field.name: getattr(settings, field.name) for field in fields(Settings)})
    assert all(any(problem.startswith(name) for name in environ) for problem in problems)
    try:
        assert Settings.from_environment(environ) == settings
    except ConfigurationError as error:
        assert str(error) == "; ".join(problems) and problems
    else:
        assert problems == []
    return problems


def test_values_that_are_nearly_right(seed: int, sized: Callable[[int, int], int]) -> None:
    number, wrong = sized(20_000, 2_000), 0
    seeds = lines("settings.txt")
    for place, text in enumerate(mutated(seeds, number, seed)):
        wrong += bool(check({VARIABLES[place % len(VARIABLES)]: text}))
    assert 0 < wrong < number


def test_any_environment(explore: Callable[..., int], sized: Callable[[int, int], int]) -> None:
    names = strategies.one_of(
        strategies.sampled_from(VARIABLES), strategies.text(max_size=8).map(lambda text: PREFIX + text)
    )
    assert (
        explore(strategies.dictionaries(names, strategies.text(max_size=30), max_size=4), check, sized(3_000, 300)) > 0
    )


def test_what_a_parent_process_says(seed: int, sized: Callable[[int, int], int]) -> None:
    """TRACEPARENT, TRACESTATE and BAGGAGE of any text: a context, whose caller is none that breaks the format."""
    seeds = [*lines("baggage.txt"), f"00-{1:032x}-{2:016x}-01", "a=1,b=2"]
    known = 0
    for text in mutated(seeds, sized(10_000, 1_000), seed):
        caller = caller_of(context_from_environment(dict.fromkeys(("TRACEPARENT", "TRACESTATE", "BAGGAGE"), text)))
        known += caller is not None
        assert caller is None or 0 < len(caller.id) <= 128
    assert known > 0


@pytest.mark.parametrize(
    "name",
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_RESOURCE_ATTRIBUTES", "PYTHONPATH", *VARIABLES],
)
def test_a_launch_says_what_is_wrong_or_goes_on(name: str, seed: int, sized: Callable[[int, int], int]) -> None:
    seeds = [*lines("settings.txt"), "http://127.0.0.1:4318", "service.name=a", "65536"]
    for text in mutated(seeds, sized(300, 30), seed):
        try:
            environment = environment_for(["python", "app.py"], {name: text}, None)
        except (ConfigurationError, SpecError) as error:
            assert str(error)
        else:
            assert environment["OTEL_TRACES_EXPORTER"] == "otlp"


@pytest.mark.parametrize("endpoint", ["", "nowhere", "ftp://x", "http://", "http:// x", "\x00", "https:///x"])
def test_an_endpoint_that_is_none_is_named(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address"):
        environment_for(["python"], {}, endpoint)
