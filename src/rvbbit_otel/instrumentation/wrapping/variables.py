"""A wrapper of a callable that looks at the variables of whoever calls it, as DuckDB does for ``SELECT * FROM df``: it must still find them.

Such C code looks at the nearest frame of Python, and that would be our wrapper's. So the call is made from a frame that has the caller's globals
and a copy of its locals.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from rvbbit_otel.instrumentation.wrapping.wrappers import Wrapper

_OURS: Final = "rvbbit_otel"
_FUNCTION: Final = "__rvbbit_otel_function__"
_ARGUMENTS: Final = "__rvbbit_otel_arguments__"
_KEYWORDS: Final = "__rvbbit_otel_keywords__"
_CALL: Final = compile(
    f"{_FUNCTION}(*{_ARGUMENTS}, **{_KEYWORDS})", "<rvbbit-otel: a call with its caller's variables>", "eval"
)


def with_variables(wrapper: Wrapper, package: str) -> Wrapper:
    """The wrapper, whose call of the wrapped function is made as if by the nearest frame that is neither ours nor of the function's package."""
    passed_over = (_OURS, package)

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in passed_over:
            frame = frame.f_back
        if frame is None:
            return wrapper(wrapped, instance, args, kwargs)
        names, variables = frame.f_globals, frame.f_locals
        # Of a module they are the same, and are not copied.
        seen = {} if variables is names else dict(variables)

        def as_caller(*args: Any, **kwargs: Any) -> Any:
            seen.update({_FUNCTION: wrapped, _ARGUMENTS: args, _KEYWORDS: kwargs})
            return eval(_CALL, names, seen)

        return wrapper(as_caller, instance, args, kwargs)

    return call
