from __future__ import annotations

import re
from pathlib import Path

from rvbbit_otel.instrumentation import Role, RunnerSpec, report
from rvbbit_otel.instrumentation.spec import FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "write-a-runner-spec.md").read_text()


def test_the_examples_of_the_page_run() -> None:
    namespace: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, namespace)
    assert isinstance(namespace["SPEC"], RunnerSpec)
    assert report() == []


def test_every_role_and_every_field_is_on_the_page() -> None:
    assert [role.name for role in Role if f"`{role.name}`" not in PAGE] == []
    names = {name for fields in FIELDS.values() for name in fields.required | fields.optional}
    table = PAGE[PAGE.index("| role |") :]
    assert sorted(name for name in names if re.search(rf"\b{name}\b", table) is None) == []
