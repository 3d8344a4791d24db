"""Paths that say where a hook's value comes from: ``connection_id``, ``self.session_id``, ``result.2``,
``literal:sql``.

A path starts at an argument of the call, at ``self``, at ``result``, at ``yielded`` (of what a stream yields, the last that has it), at
``ambient`` (what the context already knows: ``ambient.caller_id``, ``ambient.session_id``), at ``literal:`` or at ``new:`` (an id that is made
for this call). It goes on by attributes, mapping keys, indexes and ``*``, which goes on from each item of a sequence. ``a|b`` is the first that
is not None, ``a+b`` the sum of the numbers that there are.
Everything that can be decided before a call is decided when the target is wrapped: a call costs look-ups only.
"""

from __future__ import annotations

import inspect
import re
import sys
import uuid
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any, Final

from rvbbit_otel.attribution.propagation import block_session_of, caller_id_of, session_of
from rvbbit_otel.errors import SpecError

_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|-?[0-9]{1,9}|\*", re.ASCII)
_INDEX = re.compile(r"-?[0-9]+", re.ASCII)
LITERAL: Final = "literal:"
NEW: Final = "new:"
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
EACH: Final = "*"
_OF_THE_CALL: Final = frozenset({"self", "result", "yielded"})
_NO_ARGUMENT: Final = _OF_THE_CALL | {"ambient", LITERAL, NEW}
# Of a sequence at most so many items are read: a conversation has no end.
_MOST_ITEMS: Final = 1000
_AMBIENT: Final[Mapping[str, Callable[[], object]]] = {
    "caller_id": lambda: caller_id_of(None),
    # A block of the application's own code is no session that a runner could be part of: it becomes the parent.
    "session_id": lambda: session_of(None) if block_session_of(None) is None else None,
}

# (instance, positional arguments, keyword arguments, result or item) -> value
Getter = Callable[[Any, Sequence[Any], Mapping[str, Any], Any], Any]
# (instance, positional arguments, keyword arguments) -> values by name
Reader = Callable[[Any, Sequence[Any], Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Path:
    """One alternative of an expression: a root, and the steps from there; `plus`: what is added to it, from the same root."""

    root: str
    steps: tuple[str, ...] = ()
    plus: tuple[Path, ...] = ()


def parse(expression: str) -> tuple[Path, ...]:
    """The alternatives of an expression, first choice first; raises SpecError for one that says nothing."""
    return tuple(_parse_one(text.strip()) for text in expression.split("|"))


def _parse_one(text: str) -> Path:
    if text.startswith(LITERAL):
        return Path(LITERAL, (text[len(LITERAL) :],))
    if text.startswith(NEW):
        if not _PREFIX.fullmatch(text[len(NEW) :]):
            raise SpecError(f"{text!r}: what a new id begins with is 1 to 64 of A-Z a-z 0-9 _ . -")
        return Path(NEW, (text[len(NEW) :],))
    if "+" in text:
        first, *others = (_parse_one(part.strip()) for part in text.split("+"))
        if any(other.root != first.root for other in others):
            raise SpecError(f"{text!r}: what is added up begins at one place, as result.usage.a+result.usage.b does")
        return Path(first.root, first.steps, tuple(others))
    root, *steps = text.split(".")
    if not _STEP.fullmatch(root) or not root.isidentifier() or not all(_STEP.fullmatch(step) for step in steps):
        raise SpecError(
            f"{text!r} is no path; one reads like session_id, self.session_id, result.2, literal:sql or new:run"
        )
    if root == "ambient" and (len(steps) != 1 or steps[0] not in _AMBIENT):
        raise SpecError(f"{text!r}: of the context there are ambient.{' and ambient.'.join(_AMBIENT)}")
    return Path(root, tuple(steps))


def uses_result(expression: str) -> bool:
    """Return whether the value is known only after the call has returned."""
    return any(path.root == "result" for path in parse(expression))


def of_items(expression: str) -> tuple[str, str]:
    """The alternatives that are looked for in each item that a stream yields, and the others; either may be empty."""
    parts = [part.strip() for part in expression.split("|")]
    items = [part for part in parts if _parse_one(part).root == "yielded"]
    return "|".join(items), "|".join(part for part in parts if part not in items)


class Arguments:
    """The parameters of a callable, read once when it is wrapped."""

    def __init__(self, target: Callable[..., Any], bound_first: bool, declared: Sequence[str] | None = None) -> None:
        """`bound_first`: the first parameter is `self` or `cls`. `declared`: names in order, for callables that Python can't read."""
        self._positions: dict[str, int] = {}
        self._defaults: dict[str, Any] = {}
        self._takes_any_keyword = False
        self._keywords: str | None = None
        if declared is not None:
            self._positions = {name: position for position, name in enumerate(declared)}
            return
        try:
            parameters = list(inspect.signature(target).parameters.values())
        except (TypeError, ValueError):
            return
        for position, parameter in enumerate(parameters[1:] if bound_first else parameters):
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                self._positions[parameter.name] = position
            if parameter.kind is parameter.KEYWORD_ONLY:
                self._positions[parameter.name] = len(parameters)  # Never among the positional ones.
            if parameter.default is not parameter.empty:
                self._defaults[parameter.name] = parameter.default
            if parameter.kind is parameter.VAR_KEYWORD:
                self._takes_any_keyword, self._keywords = True, parameter.name

    def has(self, name: str) -> bool:
        """Return whether the callable accepts an argument of this name."""
        return name in self._positions or self._takes_any_keyword

    def is_one(self, name: str) -> bool:
        """Return whether the name is one parameter, and not `**kwargs` as a whole."""
        return self.has(name) and name != self._keywords

    def position(self, name: str) -> int | None:
        """Return the index of the parameter among the positional ones."""
        return self._positions.get(name)

    def place(self, name: str) -> tuple[int, str, Any]:
        """Return where an argument is: its index among the positional ones (past the last if it has none), its
        keyword, and its default.
        """
        return self._positions.get(name, sys.maxsize), name, self._defaults.get(name)

    def getter(self, name: str) -> Getter:
        """Reads one argument of a call; by the name of ``**kwargs``, all that is given by keyword."""
        if name == self._keywords:
            return lambda instance, args, kwargs, result: dict(kwargs) or None
        position = self._positions.get(name)
        default = self._defaults.get(name)

        def by_keyword(instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Any:
            return kwargs.get(name, default)

        if position is None:
            return by_keyword
        place: int = position

        def either(instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Any:
            return args[place] if place < len(args) else kwargs.get(name, default)

        return either


def put_at(
    path: Path, arguments: Arguments, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with `value` where `path` points: an argument is replaced, an attribute or a key of one is set."""
    if path.steps:
        *steps, last = path.steps
        holder = instance if path.root == "self" else arguments.getter(path.root)(instance, args, kwargs, None)
        for step in steps:
            holder = _step(holder, step)
        if isinstance(holder, MutableMapping):
            holder[last] = value
        elif holder is not None:
            setattr(holder, last, value)
        return args, kwargs
    position = arguments.position(path.root)
    if path.root not in kwargs and position is not None and position < len(args):
        return (*args[:position], value, *args[position + 1 :]), kwargs
    return args, {**kwargs, path.root: value}


def bind(expression: str, arguments: Arguments) -> Getter:
    """A function that reads the expression's value from a call; raises SpecError where the target has no such argument."""
    paths = parse(expression)
    # Of several arguments that an expression names, a version of the runner may have one: the others are what it is called elsewhere.
    there = [path for path in paths if path.root in _NO_ARGUMENT or arguments.has(path.root)]
    if not any(path.root in _OF_THE_CALL or path.root not in _NO_ARGUMENT for path in there):
        there = list(paths)
    getters = [_bind_one(path, arguments) for path in there]
    if len(getters) == 1:
        return getters[0]

    def first(instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Any:
        for getter in getters:
            value = getter(instance, args, kwargs, result)
            if value is not None:
                return value
        return None

    return first


def bind_all(expressions: Mapping[str, str], arguments: Arguments) -> Reader:
    """A function that reads all of these values from a call at once; raises SpecError as `bind` does.

    Most are arguments of the call as they are, and those are read in one go: a function call for each would cost more than the reading.
    """
    plain: list[tuple[str, int, str, Any]] = []
    others: list[tuple[str, Getter]] = []
    for name, expression in expressions.items():
        (path, *alternatives) = parse(expression)
        if alternatives or path.steps or path.plus or path.root in _NO_ARGUMENT or not arguments.is_one(path.root):
            others.append((name, bind(expression, arguments)))
        else:
            plain.append((name, *arguments.place(path.root)))

    def read(instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        given, named = len(args), kwargs.get
        values = {
            name: args[place] if place < given else named(argument, default) for name, place, argument, default in plain
        }
        for name, getter in others:
            values[name] = getter(instance, args, kwargs, None)
        return values

    return read


def _bind_one(path: Path, arguments: Arguments) -> Getter:
    if path.plus:
        parts = [_bind_one(part, arguments) for part in (Path(path.root, path.steps), *path.plus)]

        def total(instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Any:
            found: list[Any] = [
                value for part in parts if isinstance(value := part(instance, args, kwargs, result), Number)
            ]
            return sum(found) if found else None

        return total
    if path.root == LITERAL:
        literal = path.steps[0]
        return lambda instance, args, kwargs, result: literal
    if path.root == NEW:
        prefix = path.steps[0]
        return lambda instance, args, kwargs, result: f"{prefix}-{uuid.uuid4().hex}"
    if path.root == "ambient":
        read = _AMBIENT[path.steps[0]]
        return lambda instance, args, kwargs, result: read()
    start: Getter
    if path.root == "self":
        start = lambda instance, args, kwargs, result: instance  # noqa: E731
    elif path.root in ("result", "yielded"):
        start = lambda instance, args, kwargs, result: result  # noqa: E731
    elif arguments.has(path.root):
        start = arguments.getter(path.root)
    else:
        raise SpecError(f"the target has no argument {path.root}")
    if not path.steps:
        return start
    steps = tuple(int(step) if _INDEX.fullmatch(step) else step for step in path.steps)

    def walk(instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Any:
        return _walk(start(instance, args, kwargs, result), steps)

    return walk


def _walk(value: Any, steps: tuple[str | int, ...]) -> Any:
    for number, step in enumerate(steps):
        if step == EACH:
            if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray):
                return None
            rest = steps[number + 1 :]
            found = [_walk(item, rest) for item in value[:_MOST_ITEMS]]
            return found if any(item is not None for item in found) else None
        value = _step(value, step)
    return value


def _step(value: Any, step: str | int) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(step, int):
        return value[step] if isinstance(value, Sequence) and -len(value) <= step < len(value) else None
    return getattr(value, step, None)
