"""All that stands here shows a figure of docs/reliability.md, and runs in `make harden` and, in five minutes, in `make harden-bounded`."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.figures import FIGURE

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker(FIGURE) is None:
            item.add_marker(pytest.mark.figure())
