"""Errors where every function of ours begins and where it returns: put into its code as it is loaded, and raised when one is asked for.

Our sources are compiled with two more calls in each function. Nothing else changes: no frame, no name, no line. Where all of a function stands in a
`try` that catches what goes wrong, a *net*, they stand in there; and so in a *door*, which the host, Python or the SDK call themselves, and which
calls the host in turn (see `doors`): nothing of ours is above it to catch what its first instruction might raise.
"""

from __future__ import annotations

import ast
import builtins
import importlib.machinery
import signal
import sys
import threading
import types
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.abc import MetaPathFinder
from typing import Any, Final

PACKAGE: Final = "rvbbit_otel"
MESSAGE: Final = "struck by the harness"


class Struck(Exception):
    """An error of ours, of a kind that no code expects."""


# How each kind is raised. Those of a signal come as the host's handler raises them, in the middle of our code.
ERRORS: Final[dict[str, type[BaseException]]] = {
    "error": Struck,
    "memory": MemoryError,
    "recursion": RecursionError,
    "late": Struck,
}
SIGNALS: Final = {"handled": signal.SIGUSR1, "timed out": signal.SIGUSR2, "interrupted": signal.SIGINT}


@dataclass(frozen=True)
class Place:
    """One function of ours."""

    name: str  # module:Qualified.name
    line: int
    door: bool  # or a net: it has no end of its own


PLACES: Final[list[Place]] = []
DOORS: Final[set[str]] = set()
UNTOUCHED: Final[set[str]] = set()


class Blow:
    """What is to be struck, and how often it was."""

    place = -1
    kind = "error"
    strikes = 0
    # A signal comes once, an error of ours each time.
    left = -1
    # Where a signal is to come: in the first round of the scenes only, since at the start and at the end it would be for whoever calls these.
    signalled = -1
    # The places that were reached, while that is asked for.
    reached: set[int] | None = None
    thread_of_host = 0


def _begin(place: int) -> None:
    if Blow.reached is not None:
        Blow.reached.add(place)
    if place == Blow.place and Blow.kind != "late":
        _strike()


def _return(place: int) -> None:
    if place == Blow.place and Blow.kind == "late":
        _strike()


def _value(place: int, value: Any) -> Any:
    _return(place)
    return value


def _strike() -> None:
    number = SIGNALS.get(Blow.kind)
    if number is None:
        Blow.strikes += 1
        raise ERRORS[Blow.kind](MESSAGE)
    if Blow.left and threading.current_thread() is threading.main_thread():
        Blow.left -= 1
        Blow.strikes += 1
        signal.raise_signal(number)


class _Striker(ast.NodeTransformer):
    def __init__(self, module: str) -> None:
        self._module = module
        self._names: list[str] = []

    def _place(self, name: str, line: int) -> Place:
        full = f"{self._module}:{'.'.join([*self._names, name])}"
        known = {place.name for place in PLACES}
        unique = full if full not in known else f"{full}@{line}"
        place = Place(unique, line, full in DOORS or unique in DOORS)
        PLACES.append(place)
        return place

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self._names.append(node.name)
        self.generic_visit(node)
        self._names.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return self._function(node)

    def _function(self, node: Any) -> Any:
        place = self._place(node.name, node.lineno)
        number = len(PLACES) - 1
        self._names += [node.name, "<locals>"]
        self.generic_visit(node)
        del self._names[-2:]
        body = list(node.body)
        documented = body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        first = body[:1] if documented else []
        rest = body[len(first) :]
        if not rest or (len(rest) == 1 and isinstance(rest[0], ast.Expr) and isinstance(rest[0].value, ast.Constant)):
            return node  # It does nothing.
        if f"{self._module}:{'.'.join([*self._names, node.name])}" in UNTOUCHED:
            return node
        if place.door or _is_net(rest):
            PLACES[number] = replace(place, door=True)
            for each in _tries(rest):
                each.body = [_call("begin", number, each.body[0]), *each.body, _call("return", number, each.body[-1])]
            return node
        node.body = [*first, _call("begin", number, rest[0]), _guarded(rest, number)]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        place = self._place("<lambda>", node.lineno)
        number = len(PLACES) - 1
        self._names += ["<lambda>", "<locals>"]
        self.generic_visit(node)
        del self._names[-2:]
        if place.door:
            return node
        begin = _call("begin", number, node.body).value
        value = _call("value", number, node.body).value
        value.args.append(node.body)
        pair = ast.Tuple([begin, value], ast.Load())
        node.body = ast.copy_location(ast.Subscript(pair, ast.Constant(1), ast.Load()), node.body)
        ast.fix_missing_locations(node)
        return node


def _call(what: str, number: int, near: ast.AST) -> Any:
    name = ast.Name(f"__rvbbit_{what}__", ast.Load())
    made = ast.copy_location(ast.Expr(ast.Call(name, [ast.Constant(number)], [])), near)
    return ast.fix_missing_locations(made)


_FLAG: Final = "__rvbbit_raised__"


def _guarded(body: list[Any], number: int) -> Any:
    """The body; what is struck at its end comes after all of it, so that none of its own handlers sees it, and not where it raised."""

    def flag(value: bool) -> ast.Assign:
        return ast.Assign([ast.Name(_FLAG, ast.Store())], ast.Constant(value))

    raised = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), None, [flag(True), ast.Raise()])
    ending = ast.If(ast.UnaryOp(ast.Not(), ast.Name(_FLAG, ast.Load())), [_call("return", number, body[-1])], [])
    whole = ast.Try([flag(False), *body], [raised], [], [ending])
    for each in ast.walk(whole):
        if isinstance(each, ast.stmt | ast.expr | ast.excepthandler) and not hasattr(each, "lineno"):
            ast.copy_location(each, body[0])
    return ast.fix_missing_locations(whole)


def _is_net(body: list[Any]) -> bool:
    """Whether all that a function does stands in a `try` that catches an Exception whatever it is: before it nothing of ours is called."""
    tries = [each for each in body if _catches_all(each)]
    others = [each for each in body if not _catches_all(each)]
    calling = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.With, ast.AsyncWith, ast.Raise, ast.FunctionDef)
    return len(tries) == 1 and not any(isinstance(part, calling) for each in others for part in ast.walk(each))


def _catches_all(node: Any) -> bool:
    """Whether it is a `try` of ours: one that counts what it catches. Some are for what the host's own raises."""
    return isinstance(node, ast.Try) and any(
        isinstance(handler.type, ast.Name)
        and handler.type.id == "Exception"
        and any(_counts(part) for each in handler.body for part in ast.walk(each))
        for handler in node.handlers
    )


def _counts(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("error", "failed")


def _tries(body: list[Any]) -> list[ast.Try]:
    """The `try`s of a function, and of none inside it, that catch an Exception whatever it is."""
    found: list[ast.Try] = []
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if _catches_all(node):
            found.append(node)
        waiting += list(ast.iter_child_nodes(node))
    return found


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        tree = _Striker(fullname).visit(ast.parse(self.get_data(path)))
        return compile(tree, path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] != PACKAGE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install(doors: Sequence[str], untouched: Sequence[str]) -> None:
    """From here on, before anything of ours is imported; both by their names."""
    if any(name.partition(".")[0] == PACKAGE for name in sys.modules):
        raise RuntimeError("our modules are loaded already")
    DOORS.update(doors)
    UNTOUCHED.update(untouched)
    for name, function in (("begin", _begin), ("return", _return), ("value", _value)):
        setattr(builtins, f"__rvbbit_{name}__", function)
    sys.meta_path.insert(0, _Finder())
