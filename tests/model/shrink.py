"""Makes a wrong program as small as can be: hypothesis deletes what it drew, this deletes steps, and puts what is in one in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.model.programs import Body, Program


def shrunk(program: Program, is_wrong: Callable[[Program], bool], tries: int) -> Program:
    """The smallest program that was found by as many tries."""
    left = tries
    smaller = True
    while smaller and left > 0:
        smaller = False
        for candidate in _smaller(program):
            left -= 1
            if is_wrong(candidate):
                program, smaller = candidate, True
                break
            if left <= 0:
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    for plain in ({"limits": "none"}, {"evicts": False}, {"choices": ()}, {"choices": program.choices[:-1]}):
        if replace(program, **plain) != program:  # type: ignore[arg-type]
            yield replace(program, **plain)  # type: ignore[arg-type]
    for body in _bodies(program.body):
        yield replace(program, body=body)
    for number, choice in enumerate(program.choices):
        if choice:
            fewer = (*program.choices[:number], 0, *program.choices[number + 1 :])
            yield replace(program, choices=fewer)


def _bodies(body: Body) -> Iterator[Body]:
    size = len(body)
    while size := size // 2:
        for start in range(0, len(body), size):
            yield body[:start] + body[start + size :]
    for number, step in enumerate(body):
        inner: Any = getattr(step, "body", None)
        if inner is not None:
            yield (*body[:number], *inner, *body[number + 1 :])
            for each in _bodies(inner):
                yield (*body[:number], replace(step, body=each), *body[number + 1 :])  # type: ignore[call-arg]
