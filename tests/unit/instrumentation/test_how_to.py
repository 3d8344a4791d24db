from __future__ import annotations

import re
from pathlib import Path

from rvbbit_otel.instrumentation import Role, RunnerSpec, report
from rvbbit_otel.instrumentation.runners.toml_file import parse_spec
from rvbbit_otel.instrumentation.spec.model import FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "write-a-runner-spec.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_spec_in_python_runs_and_is_equal_to_the_one_in_the_file() -> None:
    namespace: dict[str, object] = {}
    for block in blocks("python"):
        if not block.startswith("# "):  # Those are files of their own.
            exec(block, namespace)
    assert isinstance(namespace["SPEC"], RunnerSpec)
    (file,) = [block for block in blocks("toml") if block.startswith("# assistant.toml")]
    assert parse_spec(file) == namespace["SPEC"]
    assert report() == []


def test_every_role_and_every_field_is_on_the_page() -> None:
    assert [role.name for role in Role if f"`{role.name}`" not in PAGE] == []
    names = {name for fields in FIELDS.values() for name in fields.required | fields.optional}
    table = PAGE[PAGE.index("| role |") :]
    assert sorted(name for name in names if re.search(rf"\b{name}\b", table) is None) == []
