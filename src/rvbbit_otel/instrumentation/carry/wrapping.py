"""Wrapping what belongs to Python or to a library, now or once it is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation.wrapping.patches import Patches, TargetMissingError
from rvbbit_otel.instrumentation.wrapping.wrappers import Wrapper


class Wrapping:
    """Puts wrappers on, each of which does nothing any more once `on` is false."""

    def __init__(self, patches: Patches, counters: Counters) -> None:
        """Nothing wrapped yet."""
        self.patches = patches
        self.counters = counters
        self.on = True

    def put(self, module: str, qualname: str, wrapper: Wrapper) -> None:
        """Wrap ``module.qualname``; what another version lacks is counted."""

        def wrap(loaded: ModuleType) -> None:
            try:
                self.patches.put(loaded, qualname, lambda plain, bound: wrapper)
            except (TargetMissingError, AttributeError, TypeError) as error:
                self.counters.error(f"carry.{qualname}", error)

        self.when_imported(module, wrap)

    def before(self, module: str, qualname: str, action: Callable[[Any, Any, Any], tuple[Any, Any] | None]) -> None:
        """Let `action` see the instance and the arguments first; it returns others, or None to leave them as they are."""

        def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            if self.on:
                try:
                    changed = action(instance, args, kwargs)
                except Exception as error:  # noqa: BLE001 - the host's call goes on as it is
                    self.counters.error(f"carry.{qualname}", error)
                else:
                    if changed is not None:
                        args, kwargs = changed
            return wrapped(*args, **kwargs)

        self.put(module, qualname, call)

    def after(self, module: str, qualname: str, action: Callable[[Any, Any], None]) -> None:
        """Let `action` see the instance and the result."""

        def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            result = wrapped(*args, **kwargs)
            if self.on:
                try:
                    action(instance, result)
                except Exception as error:  # noqa: BLE001 - the host gets its result whatever we find
                    self.counters.error(f"carry.{qualname}", error)
            return result

        self.put(module, qualname, call)

    def when_made(self, module: str, name: str, action: Callable[[Any], None]) -> None:
        """Let `action` see each instance of a class that is made. Many are, so it is no wrapper where the class has an `__init__` of its own."""

        def made(plain: Callable[..., Any]) -> Callable[..., Any]:
            def init(instance: Any, /, *args: Any, **kwargs: Any) -> None:
                plain(instance, *args, **kwargs)
                if self.on:
                    try:
                        action(instance)
                    except Exception as error:  # noqa: BLE001 - the host makes what it makes whatever we find
                        self.counters.error(f"carry.{name}", error)

            return init

        def wrap(loaded: ModuleType) -> None:
            kind = getattr(loaded, name, None)
            if not isinstance(kind, type) or not self.patches.put_method(kind, "__init__", made):
                self.after_made(module, name, action)

        self.when_imported(module, wrap)

    def after_made(self, module: str, name: str, action: Callable[[Any], None]) -> None:
        """The same by a wrapper."""

        def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            made = wrapped(*args, **kwargs)
            if self.on:
                try:
                    action(instance)
                except Exception as error:  # noqa: BLE001 - the host makes what it makes whatever we find
                    self.counters.error(f"carry.{name}", error)
            return made

        self.put(module, f"{name}.__init__", call)

    def when_imported(self, module: str, action: Callable[[ModuleType], None]) -> None:
        """Do something with a module, once it is there."""

        def act(loaded: ModuleType) -> None:
            try:
                if self.on:
                    action(loaded)
            except Exception as error:  # noqa: BLE001 - the host imports its module whatever we find
                self.counters.error(f"carry.{module}", error)

        if module in sys.modules:
            act(sys.modules[module])
        else:
            wrapt.register_post_import_hook(act, module)
