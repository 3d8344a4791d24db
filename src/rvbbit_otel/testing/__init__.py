"""For the tests of programs that rvbbit-otel attributes: a recorder in memory, a store of their own, and an assertion that shows what differs.

`rvbbit_otel.testing.plugin` gives pytest the fixtures `rvbbit_recorder` and `rvbbit_store`; it is found by itself,
and imports the rest when a test asks for one of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rvbbit_otel.testing.attributed import assert_attributed
    from rvbbit_otel.testing.recorded import Recorded
    from rvbbit_otel.testing.recorder import Recorder
    from rvbbit_otel.testing.store import Store, running_store

__all__ = ["Recorded", "Recorder", "Store", "assert_attributed", "running_store"]

_HOME: Final = {
    "Recorded": "recorded",
    "Recorder": "recorder",
    "Store": "store",
    "assert_attributed": "attributed",
    "running_store": "store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
