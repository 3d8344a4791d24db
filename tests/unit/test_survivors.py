"""The list of mutants that no test kills is of the code as it is."""

from __future__ import annotations

from tests.mutation.selection import MODULES, ROOT
from tests.mutation.survivors import listed


def test_every_listed_survivor_changes_a_line_that_is_there() -> None:
    lines = {
        module: {line.strip() for line in (ROOT / path).read_text().splitlines()} for module, path in MODULES.items()
    }
    assert listed()
    assert [name for name in listed() if name[2] not in lines[name[0]]] == []
    assert [name for name, reason in listed().items() if not reason.strip()] == []
