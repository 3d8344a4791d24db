"""Putting wrappers in place of a runner's callables, and taking every one of them out again by the same list."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, Final

import wrapt

from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation.wrapping.wrappers import Wrapper

_ABSENT: Final = object()


@dataclass
class Patch:
    """One wrapped attribute: where it is, what was there, and what is there now."""

    holder: Any
    name: str
    own: Any  # what `vars(holder)` had, _ABSENT for an inherited attribute
    wrapper: Any


class TargetMissingError(LookupError):
    """The module has no such attribute."""


class Patches:
    """Every attribute that we replaced."""

    def __init__(self, counters: Counters) -> None:
        """Nothing replaced yet."""
        self._counters = counters
        self._done: list[Patch] = []

    def put(self, module: ModuleType, qualname: str, make: Callable[[Callable[..., Any], bool], Wrapper]) -> None:
        """Wrap ``module.qualname``; `make` gets the plain function, and whether its first argument is bound. Raises TargetMissingError."""
        holder, name = _holder(module, qualname)
        own: Any = vars(holder).get(name, _ABSENT) if hasattr(holder, "__dict__") else _ABSENT
        raw: Any = own if own is not _ABSENT else inspect.getattr_static(holder, name, _ABSENT)
        if raw is _ABSENT:
            raise TargetMissingError(f"{module.__name__} has no {qualname}")
        plain = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
        bound = isinstance(holder, type) and not isinstance(raw, staticmethod)
        wrapper = wrapt.FunctionWrapper(raw, make(plain, bound))
        setattr(holder, name, wrapper)
        self._done.append(Patch(holder, name, own, wrapper))
        if isinstance(holder, ModuleType):
            # Modules that imported the function by name before now hold it themselves; those that do so later get the wrapper.
            _replace_everywhere(raw, wrapper)

    def put_method(self, holder: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> bool:
        """Put a plain function in the place of a class's own method, which costs a third of a wrapper; False where it has none that is one."""
        own = vars(holder).get(name)
        if type(own) is not FunctionType:
            return False
        method = functools.wraps(own)(make(own))
        setattr(holder, name, method)
        self._done.append(Patch(holder, name, own, method))
        return True

    def replace(self, module: ModuleType, name: str, new: Any) -> None:
        """Put something else in the place of ``module.name``, and of what others imported of it by name."""
        old = vars(module)[name]
        setattr(module, name, new)
        self._done.append(Patch(module, name, old, new))
        _replace_everywhere(old, new)

    def undo(self) -> None:
        """Put back what was there, last first. A wrapper that somebody else wrapped in turn stays, and does nothing any more."""
        while self._done:
            patch = self._done.pop()
            try:
                _put_back(patch)
            except Exception as error:  # noqa: BLE001 - one that can't be put back must not keep the others
                self._counters.error("patching.undo", error)


def _holder(module: ModuleType, qualname: str) -> tuple[Any, str]:
    *path, name = qualname.split(".")
    holder: Any = module
    for step in path:
        holder = getattr(holder, step, _ABSENT)
        if holder is _ABSENT:
            raise TargetMissingError(f"{module.__name__} has no {qualname}")
    return holder, name


def _put_back(patch: Patch) -> None:
    now = vars(patch.holder).get(patch.name, _ABSENT)
    if now is patch.wrapper:
        if patch.own is _ABSENT:
            delattr(patch.holder, patch.name)
        else:
            setattr(patch.holder, patch.name, patch.own)
    if isinstance(patch.holder, ModuleType) and patch.own is not _ABSENT:
        _replace_everywhere(patch.wrapper, patch.own)


def _replace_everywhere(old: Any, new: Any) -> None:
    for namespace in _namespaces():
        for name, value in list(namespace.items()):
            if value is old:
                namespace[name] = new


def _namespaces() -> Iterator[dict[str, Any]]:
    for module in list(sys.modules.values()):
        # By its real type: what stands in for a module may claim to be one (`_cffi_backend.Lib`). Not `vars(module)`: that would load a lazy one.
        if issubclass(type(module), ModuleType):
            yield object.__getattribute__(module, "__dict__")
