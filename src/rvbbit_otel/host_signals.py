"""Tell whether an exception was raised by a signal handler of the host's while our code happened to run; it is the
host's, and passes.

Python runs handlers in the middle of any code of the main thread. A host that ends its work by a timer raises an error there, which is no
error of ours, and would be lost with us.
"""

from __future__ import annotations

import functools
import signal
import threading
from types import CodeType, TracebackType


def from_handler(error: BaseException) -> bool:
    """Return whether a signal handler of the host's raised the exception."""
    if threading.current_thread() is not threading.main_thread():
        return False
    traceback: TracebackType | None = error.__traceback__
    handlers: set[CodeType] | None = None
    while traceback is not None:
        handlers = _handlers() if handlers is None else handlers
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _handlers() -> set[CodeType]:
    found: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: object = signal.getsignal(number)
        while isinstance(handler, functools.partial):
            handler = handler.func
        if not callable(handler):
            continue
        # A function, a method, or an object that can be called.
        plain = getattr(handler, "__func__", handler)
        code = getattr(plain, "__code__", None) or getattr(vars(type(handler)).get("__call__"), "__code__", None)
        if isinstance(code, CodeType):
            found.add(code)
    return found
