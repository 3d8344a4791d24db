"""A function that a setting names, ``package.module:function``: found when it is first wanted, since its module may not be imported before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

_logger: Final = logging.getLogger("rvbbit_otel")


class Named:
    """That function, as a function. It answers None where it can't be found, or raises: it only names, and what it names is done anyway."""

    def __init__(self, path: str, instead: str) -> None:
        """`instead`: what is said in the log to happen without it."""
        self._path = path
        self._instead = instead
        self._found: Callable[[Any], Any] | None = None
        self._told = False

    def __call__(self, asked: Any) -> str | None:
        """Call the function and return its result."""
        try:
            if self._found is None:
                module, _, name = self._path.partition(":")
                self._found = getattr(import_module(module), name)
            answer = self._found(asked)
        except Exception as error:  # noqa: BLE001 - somebody else's function
            if not self._told:
                self._told = True
                _logger.warning("rvbbit-otel: %s: %r; %s", self._path, error, self._instead)
            return None
        return answer if isinstance(answer, str) else None
