"""A bare lock that others give back is a bell: a lock tells nobody who waits for it, but the function of a job says what it does with one."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from threading import Lock
from types import CodeType, FrameType
from typing import Any, Final

from rvbbit_otel.instrumentation.carry.loops import in_loops

_LOCK: Final = type(Lock())
_ATTRIBUTES: Final = frozenset({"LOAD_METHOD", "LOAD_ATTR"})
_NAMES: Final = frozenset(
    {"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"}
)
# A lock's name, and the attributes that lead from what has that name to the lock.
_Path = tuple[str, ...]


def waits_for_a_bell(function: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> bool:
    """Return whether a job waits, in a loop of its own, for a lock that it never releases: then others announce work
    to it by that lock.
    """
    while isinstance(function, partial):
        function, args, kwargs = function.func, (*function.args, *args), {**function.keywords, **(kwargs or {})}
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or not (paths := _awaited(code)):
        return False
    return any(type(_found(path, function, args, kwargs or {})) is _LOCK for path in paths)


def never_gives_back(frame: FrameType) -> bool:
    """Return whether the code in this frame acquires something in a loop and releases it nowhere."""
    return bool(_awaited(frame.f_code))


@lru_cache(maxsize=4096)
def _awaited(code: CodeType) -> tuple[_Path, ...]:
    """Return what a function acquires in a loop and releases nowhere."""
    if "acquire" not in code.co_names:
        return ()
    looped = in_loops(code, True)
    taken = [path for offset, path in _calls(code, "acquire") if offset in looped]
    given = {path for each in _codes(code) for _, path in _calls(each, "release")}
    return tuple(path for path in taken if path not in given)


def _calls(code: CodeType, method: str) -> Iterator[tuple[int, _Path]]:
    """Yield the places where a function calls this method, and the paths of the objects that it is called on."""
    path: list[str] = []
    for instruction in dis.get_instructions(code) if method in code.co_names else ():
        if instruction.opname in _NAMES:
            path = [str(instruction.argval)]
        elif instruction.opname in _ATTRIBUTES:
            if instruction.argval == method:
                yield instruction.offset, tuple(path)
            path.append(str(instruction.argval))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _found(path: _Path, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
    """Return the object that a path leads to when the job begins; None where that can't be told."""
    if not path:
        return None
    known = inspect.getclosurevars(function)
    names: dict[str, Any] = {**known.globals, **known.nonlocals}
    try:
        names.update(inspect.signature(function).bind(*args, **kwargs).arguments)
        bound = getattr(function, "__self__", None)
        if bound is not None:
            names[function.__code__.co_varnames[0]] = bound
    except TypeError:  # It will not run with these.
        return None
    found = names.get(path[0])
    for name in path[1:]:
        found = vars(found).get(name) if hasattr(found, "__dict__") else None
    return found
