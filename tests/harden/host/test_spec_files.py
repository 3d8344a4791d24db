"""Any text as a RunnerSpec file: a spec, or a SpecError that names the file and the place; no other exception, and an end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies
from tests.harden.host.mutations import CORPUS, mutated

from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation.runners.toml_file import load_spec, parse_spec, spec_as_toml
from rvbbit_otel.instrumentation.spec.model import RunnerSpec

SEEDS = [path.read_text() for path in sorted((CORPUS / "specs").glob("*.toml"))]
_HANGS_SECONDS = 20


@pytest.fixture(autouse=True)
def _it_ends() -> Iterator[None]:
    """Each file restarts the alarm: one that takes so long is never read."""

    def hangs(number: int, frame: Any) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def read(file: Path, content: bytes) -> RunnerSpec | None:
    file.write_bytes(content)
    signal.alarm(_HANGS_SECONDS)
    try:
        spec = load_spec(str(file))
    except SpecError as error:
        message = str(error)
        assert message.startswith(f"{file}: ") and len(message) > len(f"{file}: "), message
        return None
    assert parse_spec(spec_as_toml(spec)) == spec
    return spec


def test_the_seeds_are_specs(tmp_path: Path) -> None:
    assert [read(tmp_path / "spec.toml", text.encode()) is not None for text in SEEDS] == [True] * 3


def test_texts_that_are_nearly_specs(tmp_path: Path, seed: int, sized: Callable[[int, int], int]) -> None:
    number, read_well = sized(20_000, 1_500), 0
    for text in mutated(SEEDS, number, seed):
        read_well += read(tmp_path / "spec.toml", text.encode(errors="surrogatepass")) is not None
    assert 0 < read_well < number


def test_any_bytes(tmp_path: Path, explore: Callable[..., int], sized: Callable[[int, int], int]) -> None:
    number = sized(3_000, 300)
    assert explore(strategies.binary(max_size=400), lambda content: read(tmp_path / "spec.toml", content), number) > 0


_VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers(-5, 5) | strategies.text(max_size=8),
    lambda inner: (
        strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
_KEYS = (
    "role",
    "target",
    "fields",
    "accounts",
    "block",
    "when",
    "unless",
    "optional",
    "parameters",
    "not_errors",
    "sees_variables",
)


def _toml(value: Any) -> str:
    import json

    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps("" if value is None else value)


def test_values_of_any_type(tmp_path: Path, explore: Callable[..., int], sized: Callable[[int, int], int]) -> None:
    hooks = strategies.lists(strategies.dictionaries(strategies.sampled_from(_KEYS), _VALUES, max_size=6), max_size=2)
    tables = strategies.fixed_dictionaries(
        {"name": _VALUES, "module": _VALUES},
        optional={"hooks": hooks | _VALUES, "include": _VALUES, "versions": _VALUES, "distribution": _VALUES},
    )

    def check(table: dict[str, Any]) -> None:
        text = "\n".join(f"{key} = {_toml(value)}" for key, value in table.items())
        read(tmp_path / "spec.toml", text.encode(errors="surrogatepass"))

    assert explore(tables, check, sized(3_000, 300)) > 0


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5_000, "a." * 5_000 + "b = 1", "[" + "a." * 20_000 + "b]", "x = '" + "a" * 900_000, "\n" * 900_000],
)
def test_what_grows(tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "spec.toml", text.encode()) is None
