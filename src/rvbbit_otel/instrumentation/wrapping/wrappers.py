"""Intercepting one call without anybody noticing: same result, same exception, same kind of callable."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from contextvars import Token
from typing import Any, Final

import wrapt
from opentelemetry.context import Context, attach

from rvbbit_otel.attribution.garbage_collection import apart, collecting
from rvbbit_otel.attribution.work import WORK_KEY
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation import execution
from rvbbit_otel.instrumentation.spec.expressions import Arguments, Getter, bind, bind_all, of_items, uses_result
from rvbbit_otel.instrumentation.spec.model import FIELDS, IDENTIFYING, REPLACED_FIELD, Hook, Role
from rvbbit_otel.instrumentation.wrapping.entered import Entered
from rvbbit_otel.instrumentation.wrapping.running import Enter, Running
from rvbbit_otel.instrumentation.wrapping.steps import Reading, Steps, read, read_async
from rvbbit_otel.instrumentation.wrapping.streams import is_stream, kept

_NOTHING: Final[Mapping[str, Any]] = {}
_Getters = tuple[tuple[str, Getter], ...]
# (wrapped, instance, args, kwargs) -> result, as wrapt calls it.
Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
# (the fields of the call, the function) -> the function to use instead.
Carry = Callable[[Mapping[str, Any], Callable[..., Any]], Callable[..., Any]]


class Interception:
    """Our part of one hook's calls. Whatever goes wrong in it is counted, logged once, and the host's call goes on.

    lost: the fields that name an argument which the target has not, and what is wrong with each; the hook does without them.
    """

    def __init__(self, hook: Hook, arguments: Arguments, enter: Enter, counters: Counters) -> None:
        """Raise SpecError where such a field is one that the hook can't do without."""
        self._where = f"hook.{hook.role.value}"
        self._says_whose = hook.role in (Role.CALLER_SET, Role.CALLER_CLEARED)
        self._enter = enter
        self._counters = counters
        self._not_errors = frozenset(hook.not_errors)
        self.lost: dict[str, str] = {}
        self._before, self._after, self._of_each = self._getters(hook, arguments)
        # What it returns is a stream, unless the spec knows of an answer that comes whole, too.
        self.yields = bool(self._of_each) and not {name for name, _ in self._of_each} & {
            name for name, _ in self._after
        }
        self._read = bind_all({name: hook.fields[name] for name, _ in self._before}, arguments)
        self._when = bind(hook.when, arguments) if hook.when is not None else None
        self._unless = bind(hook.unless, arguments) if hook.unless is not None else None
        self.on = True

    def _getters(self, hook: Hook, arguments: Arguments) -> tuple[_Getters, _Getters, _Getters]:
        before: list[tuple[str, Getter]] = []
        after: list[tuple[str, Getter]] = []
        of_each: list[tuple[str, Getter]] = []
        for name, expression in hook.fields.items():
            try:
                items, rest = of_items(expression)
                item = bind(items, arguments) if items else None
                getter = bind(rest, arguments) if rest else None
            except SpecError as error:
                if name in FIELDS[hook.role].required | IDENTIFYING:
                    raise
                self.lost[name] = str(error)
                continue
            if item is not None:
                of_each.append((name, item))
            if getter is not None and name != REPLACED_FIELD:
                (after if uses_result(rest) else before).append((name, getter))
        return tuple(before), tuple(after), tuple(of_each)

    def begin(self, instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Running | None:
        """Before the host's call."""
        if not self.on:
            return None
        try:
            if self._when is not None and self._when(instance, args, kwargs, None) is None:
                return None
            if self._unless is not None and self._unless(instance, args, kwargs, None):
                return None
            return self._enter(self._read(instance, args, kwargs))
        except Exception as error:  # noqa: BLE001 - never into the host
            self.failed(error)
            return None

    def values(self, instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields that are known before the host's call."""
        return self._read(instance, args, kwargs)

    def reader(self, field: str) -> Getter | None:
        """Return the function that reads one field; None for a hook without that field."""
        return dict((*self._before, *self._after)).get(field)

    def saw(self, seen: dict[str, Any], item: Any) -> None:
        """An item that a generator yields: what it says goes into `seen`, for `end`."""
        said = self._said(self._of_each, None, (), _NOTHING, item)
        seen.update((name, value) for name, value in said.items() if value is not None)

    def _said(
        self, getters: _Getters, instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any
    ) -> dict[str, Any]:
        """These fields. One that can't be read costs itself only, unless it says whose all the others are."""
        said = {}
        for name, getter in getters:
            try:
                said[name] = getter(instance, args, kwargs, result)
            except Exception as error:
                if name in IDENTIFYING:
                    raise
                self._counters.error(self._where, error)
        return said

    def end(
        self,
        running: Running,
        instance: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        result: Any,
        error: BaseException | None,
        seen: Mapping[str, Any] = _NOTHING,
    ) -> None:
        """After it returned, or raised `error`. `seen` is what its items said; that counts however it ended."""
        try:
            if error is not None and self._not_errors and self._steers(error):
                error = None
            values = _NOTHING
            if self._after and (error is None or result is not None):
                values = self._said(self._after, instance, args, kwargs, result)
            if seen:
                values = {**values, **seen}
            running.finish(values, error)
        except Exception as failure:  # noqa: BLE001 - never into the host
            self.failed(failure)

    def failed(self, error: BaseException) -> None:
        """A part of ours has raised. Where the call says whose the work is from here on, that is not whoever it was before."""
        self._counters.error(self._where, error)
        if self._says_whose:
            attach(Context())

    def _steers(self, error: BaseException) -> bool:
        return any(f"{kind.__module__}:{kind.__qualname__}" in self._not_errors for kind in type(error).__mro__)


def wrapper_for(target: Callable[..., Any], interception: Interception) -> Wrapper:
    """The wrapper that keeps the target's nature: a coroutine function stays one, a generator function too."""
    if inspect.iscoroutinefunction(target):
        return _of_coroutine_function(interception)
    if inspect.isasyncgenfunction(target):
        return _of_generator_function(interception, read_async)
    if inspect.isgeneratorfunction(target):
        return _of_generator_function(interception, read)
    return _of_function(interception)


def entering_wrapper(ours: Interception) -> Wrapper:
    """A wrapper of a callable whose result is entered: the call is that block."""

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        manager = wrapped(*args, **kwargs)
        try:
            if ours.on and (hasattr(type(manager), "__aenter__") or hasattr(type(manager), "__enter__")):
                return Entered(manager, ours, instance, args, kwargs)
        except Exception as error:  # noqa: BLE001 - the host enters its own
            ours.failed(error)
        return manager

    return call


def returning_wrapper(ours: Interception) -> Wrapper:
    """A wrapper of a callable that looks another one up: what it returns is intercepted, with the fields of the look-up."""

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found = wrapped(*args, **kwargs)
        if not ours.on or not callable(found):
            return found

        def call_found(function: Callable[..., Any], _: Any, found_args: Any, found_kwargs: Any) -> Any:
            @functools.wraps(function)
            def as_asked(*_: Any, **__: Any) -> Any:
                return function(*found_args, **found_kwargs)

            return inner(as_asked, instance, args, kwargs)

        try:
            inner = wrapper_for(found, ours)
            return wrapt.FunctionWrapper(found, call_found)
        except Exception as error:  # noqa: BLE001 - the host has found its own
            ours.failed(error)
            return found

    return call


def _of_function(ours: Interception) -> Wrapper:
    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        elsewhere = False
        try:
            elsewhere = collecting()
        except Exception as error:  # noqa: BLE001 - the host's call goes on
            ours.failed(error)
        if elsewhere:
            return apart(intercepted, wrapped, instance, args, kwargs)
        return intercepted(wrapped, instance, args, kwargs)

    def intercepted(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        running = token = None
        try:
            running = ours.begin(instance, args, kwargs)
            if running is not None and running.context is not None:
                token = execution.enter(running.context)
        except Exception as error:  # noqa: BLE001 - the host's call goes on
            ours.failed(error)
        if running is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            _over(ours, token, running, instance, args, kwargs, error)
            raise
        try:
            if token is not None:
                execution.leave(token)
                if is_stream(result, ours.yields):
                    # What it does is done while it is read: each step of that is a part of the call.
                    return kept(
                        result, Steps(running.context), Reading(ours, running, instance, args, kwargs), ours.yields
                    )
            ours.end(running, instance, args, kwargs, result, None)
        except Exception as failure:  # noqa: BLE001 - the host has its result
            ours.failed(failure)
        return result

    return call


def _over(
    ours: Interception,
    token: Token[Context] | None,
    running: Running,
    instance: Any,
    args: Any,
    kwargs: Any,
    error: BaseException,
) -> None:
    """The host's call has raised; so it does, whatever becomes of this."""
    try:
        if token is not None:
            execution.leave(token)
        ours.end(running, instance, args, kwargs, None, error)
    except Exception as failure:  # noqa: BLE001 - the host has its error
        ours.failed(failure)
        if running.begun is not None:
            running.begun.ended = True  # What has ended says nothing any more.
        if token is not None:
            with suppress(Exception):
                execution.leave(token)  # Once more is nothing.


def _of_coroutine_function(ours: Interception) -> Wrapper:
    async def awaited(
        inner: Coroutine[Any, Any, Any], asked: execution.Asked, instance: Any, args: Any, kwargs: Any
    ) -> Any:
        running = token = None
        try:
            with asked:
                running = ours.begin(instance, args, kwargs)
            if running is not None and running.context is not None:
                token = execution.enter(running.context)
        except Exception as error:  # noqa: BLE001 - the host's call goes on
            ours.failed(error)
        if running is None:
            return await inner
        try:
            result = await inner
        except BaseException as error:
            _over(ours, token, running, instance, args, kwargs, error)
            raise
        try:
            if token is not None:
                execution.leave(token)
                if is_stream(result, ours.yields):
                    return kept(
                        result, Steps(running.context), Reading(ours, running, instance, args, kwargs), ours.yields
                    )
            ours.end(running, instance, args, kwargs, result, None)
        except Exception as failure:  # noqa: BLE001 - the host has its result
            ours.failed(failure)
        return result

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not ours.on:
            return wrapped(*args, **kwargs)
        # Called here, so that wrong arguments raise where they did before.
        inner = wrapped(*args, **kwargs)
        try:
            return _named_as(wrapped, awaited(inner, execution.Asked(), instance, args, kwargs))
        except Exception as error:  # noqa: BLE001 - the host awaits its own
            ours.failed(error)
            return inner

    return call


def _of_generator_function(ours: Interception, as_steps: Callable[..., Any]) -> Wrapper:
    """For generators, and for async ones: what begins with the first step ends with the last."""

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not ours.on:
            return wrapped(*args, **kwargs)

        def start(asked: execution.Asked) -> tuple[Steps, Reading]:
            try:
                with asked:
                    running = ours.begin(instance, args, kwargs)
                    # Of a call that means nothing by itself, as one within its own cascade, the steps are whose the first one was, too.
                    around = execution.current_context()
                if running is None and around.get(WORK_KEY) is not None:
                    return Steps(around), Reading(ours, None, instance, args, kwargs)
            except Exception as error:  # noqa: BLE001 - the host's generator begins
                ours.failed(error)
                running = None
            return Steps(None if running is None else running.context), Reading(ours, running, instance, args, kwargs)

        inner = wrapped(*args, **kwargs)
        try:
            return _named_as(wrapped, as_steps(inner, functools.partial(start, execution.Asked())))
        except Exception as error:  # noqa: BLE001 - the host reads its own
            ours.failed(error)
            return inner

    return call


def _named_as(function: Callable[..., Any], made: Any) -> Any:
    """Give our object the host function's name, for debuggers and for the warning about a coroutine that was never
    awaited.
    """
    made.__name__ = getattr(function, "__name__", made.__name__)
    made.__qualname__ = getattr(function, "__qualname__", made.__qualname__)
    return made


def replacing_wrapper(
    hook: Hook, arguments: Arguments, carry: Carry, counters: Counters
) -> tuple[Wrapper, Interception]:
    """A wrapper that hands the target another function in place of the one it was given."""
    name = hook.fields[REPLACED_FIELD]
    position = arguments.position(name)

    def nothing(values: Mapping[str, Any]) -> None:
        return None

    ours = Interception(hook, arguments, nothing, counters)

    def replaced(
        instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        by_keyword = name in kwargs
        if not by_keyword and (position is None or position >= len(args)):
            return args, kwargs
        given = kwargs[name] if by_keyword else args[position or 0]
        if not callable(given):
            return args, kwargs
        carried = carry(ours.values(instance, args, kwargs), given)
        if by_keyword:
            return args, {**kwargs, name: carried}
        place = position or 0
        return (*args[:place], carried, *args[place + 1 :]), kwargs

    def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if ours.on:
            try:
                args, kwargs = replaced(instance, args, kwargs)
            except Exception as error:  # noqa: BLE001 - the host's own function is used instead
                counters.error(f"hook.{hook.role.value}", error)
        return wrapped(*args, **kwargs)

    return call, ours
