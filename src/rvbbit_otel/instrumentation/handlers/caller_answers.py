"""Setting right what the runner itself believes of the caller, so that its own tables are as right as ours.

A runner that has lost the caller on another thread falls back to a guess. Two kinds of its callables are replaced: those that it asks whose the work
is, and those that are handed the answer. Switched off, nothing of the runner changes, and a guess that it makes is only disowned: where it comes back
as an argument, it is not believed.
"""

from __future__ import annotations

import _thread
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.context import get_current

from rvbbit_otel.attribution.caller import Caller
from rvbbit_otel.attribution.propagation import caller_of
from rvbbit_otel.attribution.work import work_of
from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation.emit.spans import Values
from rvbbit_otel.instrumentation.spec.expressions import Arguments, Path, parse, put_at
from rvbbit_otel.instrumentation.spec.model import Hook
from rvbbit_otel.instrumentation.state.callers import Callers
from rvbbit_otel.instrumentation.state.sessions import Sessions
from rvbbit_otel.instrumentation.wrapping.wrappers import Interception, Wrapper

# A look-up of a few microseconds; one that waits for us must not hold the host up.
_ASKED_SECONDS: Final = 1.0
_MISSING: Final[tuple[object, ...]] = (None, "", "{}", {})


class Mending:
    """Makes the wrappers of the hooks by which a runner learns of its caller."""

    def __init__(self, callers: Callers, sessions: Sessions, counters: Counters, on: bool) -> None:
        """`on`: the runner is told what we know; else it goes on as it was."""
        self._callers = callers
        self._sessions = sessions
        self._counters = counters
        self._on = on

    def asked(self, hook: Hook, arguments: Arguments) -> tuple[Wrapper, Interception]:
        """For a callable that answers whose the work is: the answer is ours, and None where nobody knows."""
        ours = Interception(hook, arguments, _nothing, self._counters)
        places = {name: _place(hook.fields[name]) for name in ("caller_id", "metadata") if name in hook.fields}
        read_connection = ours.reader("connection_id")
        read_theirs = ours.reader("caller_id")

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not ours.on:
                return wrapped(*args, **kwargs)
            try:
                # One that names a connection looks that up, and guesses nothing.
                named = read_connection is not None and read_connection(instance, args, kwargs, None) is not None
                context = get_current()
                known = caller_of(context)
                if self._on and not named and (known is not None or work_of(context) is not None):
                    return _answer(places, known)
            except Exception as error:  # noqa: BLE001 - the runner's own answer is used instead
                self._counters.error("mending.asked", error)
                return wrapped(*args, **kwargs)
            result = wrapped(*args, **kwargs)
            if self._on and not named:
                # We know nothing: it may have known its caller before we came. What it would say to anybody is no knowledge.
                try:
                    return _answer(places, None) if result == _said_to_anybody(wrapped, args, kwargs) else result
                except Exception as error:  # noqa: BLE001 - the runner's own answer is used instead
                    self._counters.error("mending.asked", error)
                    return result
            if read_theirs is not None and not named:
                try:
                    theirs = read_theirs(instance, args, kwargs, result)
                    if theirs is not None and (known is None or theirs != known.id):
                        self._callers.disown(theirs)
                except Exception as error:  # noqa: BLE001 - never into the host
                    self._counters.error("mending.asked", error)
            return result

        return call, ours

    def guessed(self, hook: Hook, arguments: Arguments) -> tuple[Wrapper, Interception]:
        """For a callable that looks for whoever it might be: it finds nothing, unless it is asked for a connection."""
        ours = Interception(hook, arguments, _nothing, self._counters)
        read_connection = ours.reader("connection_id")

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if ours.on and self._on:
                try:
                    if read_connection is None or read_connection(instance, args, kwargs, None) is None:
                        return None
                except Exception as error:  # noqa: BLE001 - the runner's own answer is used instead
                    self._counters.error("mending.guessed", error)
            return wrapped(*args, **kwargs)

        return call, ours

    def passed(self, hook: Hook, arguments: Arguments) -> tuple[Wrapper, Interception]:
        """For a callable that is handed the caller: where it is handed none, it gets that of its session."""
        ours = Interception(hook, arguments, _nothing, self._counters)
        there = hook.fields.keys() - ours.lost.keys()
        paths = {name: parse(hook.fields[name])[0] for name in ("caller_id", "metadata") if name in there}

        def filled(
            instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            values = ours.values(instance, args, kwargs)
            if not _is_missing(values.get("caller_id")):
                return args, kwargs
            caller = self._sessions.owner(values.get("session_id"), values.get("parent_session_id"))
            if caller is None:
                return args, kwargs
            self._counters.add("mended.passed")
            args, kwargs = put_at(paths["caller_id"], arguments, instance, args, kwargs, str(caller.id))
            if "metadata" in paths and _is_missing(values.get("metadata")):
                # In the shape that is there: some keep it as JSON text.
                as_text = isinstance(values.get("metadata"), str)
                metadata = caller.metadata_json if as_text else json.loads(caller.metadata_json)
                args, kwargs = put_at(paths["metadata"], arguments, instance, args, kwargs, metadata)
            return args, kwargs

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if ours.on and self._on:
                try:
                    args, kwargs = filled(instance, args, kwargs)
                except Exception as error:  # noqa: BLE001 - the host's call goes on as it is
                    self._counters.error("mending.passed", error)
            return wrapped(*args, **kwargs)

        return call, ours


def _said_to_anybody(wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what the runner answers where it can't know a caller: on a new thread, in an empty context."""
    answer: list[Any] = []
    done = threading.Lock()
    done.acquire()

    def ask() -> None:
        try:
            answer.append(wrapped(*args, **kwargs))
        except Exception:  # noqa: BLE001 - then it says nothing there, which is an answer too
            answer.append(None)
        finally:
            done.release()

    _thread.start_new_thread(ask, ())
    return answer[0] if done.acquire(timeout=_ASKED_SECONDS) else None


def _nothing(values: Values) -> None:
    return None


def _is_missing(value: object) -> bool:
    return any(value is missing or value == missing for missing in _MISSING)


def _place(expression: str) -> int | None:
    """Return the position of a field within the runner's answer; None if the field is the whole answer."""
    path: Path = parse(expression)[0]
    return int(path.steps[0]) if path.steps else None


def _answer(places: Mapping[str, int | None], caller: Caller | None) -> Any:
    parts = {
        "caller_id": None if caller is None else str(caller.id),
        "metadata": None if caller is None else json.loads(caller.metadata_json),
    }
    answer: list[Any] = [None] * (1 + max(place or 0 for place in places.values()))
    for name, place in places.items():
        if place is None:
            return parts[name]
        answer[place] = parts[name]
    return tuple(answer)
