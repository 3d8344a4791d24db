"""Find out whether a line of execution waits inside a loop: the mark of one that lives on and looks for work.

Python does not say so, but a function's instructions do: a loop is a jump backwards, from its last instruction to its first. A `for` has an
end of its own and is a job's as often as a worker's, so only what has none, a `while`, counts, unless the wait is for somebody else's word.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator
from functools import lru_cache
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from itertools import pairwise
from types import CodeType, FrameType
from typing import Final

# Where lines of execution begin: what is further out is not this job's.
_BEGINNINGS: Final = frozenset(
    {
        ("threading", "run"),
        ("threading", "_bootstrap_inner"),
        ("asyncio.events", "_run"),
        ("asyncio.runners", "run"),
        ("concurrent.futures.thread", "run"),
        ("multiprocessing.process", "_bootstrap"),
        ("multiprocessing.pool", "worker"),
        ("trio._core._run", "unrolled_run"),
        ("rvbbit_otel.instrumentation.execution", "run"),
        ("rvbbit_otel.instrumentation.carry.threads", "run_as_job"),
    }
)
_FOR: Final = frozenset({"FOR_ITER", "GET_ANEXT"})
# What makes a `for` go on without an end.
_ENDLESS: Final = frozenset({"count", "cycle", "repeat"})
_NAMES: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_DEREF", "LOAD_METHOD", "LOAD_ATTR"})
_JUMPS: Final = frozenset({*dis.hasjrel, *dis.hasjabs})
# Before Python 3.11 these say where the handler of what follows them begins, which is behind all of that.
_SETUPS: Final = frozenset({"SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"})
# What an `await` and a `yield from` loop over, which is no loop of the function's.
_NO_LOOP: Final = frozenset({"SEND", "YIELD_FROM"})
# Before the first instruction of a loop, in some versions.
_PREFIXES: Final = frozenset({"EXTENDED_ARG", "SETUP_FINALLY", "CACHE"})
# Behind these nothing follows but by a jump.
_ENDS: Final = frozenset(
    (
        *("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"),
        *("JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"),
    )
)


# Where each instruction may lead, or may have come from, by their offsets.
_Ways = dict[int, list[int]]


def loop_around(frame: FrameType | None, any_kind: bool = False) -> FrameType | None:
    """The frame of the outermost loop in which this frame is, within the job that runs here, None for none.

    `any_kind`: a `for` of the frame itself counts, too. So does one over a generator that loops: a step of that is a turn of the loop.
    """
    return loop_in(_job_of(frame), any_kind)


def loop_in(frames: Iterable[FrameType], any_kind: bool) -> FrameType | None:
    """The same for frames that need not be on a stack, the innermost first: those of a task that is suspended."""
    found: FrameType | None = None
    for frame in frames:
        if frame.f_lasti in in_loops(frame.f_code, any_kind):
            found = frame
        steps = bool(frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR))
        any_kind = steps and (any_kind or found is frame)
    return found


def _job_of(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of the job that runs here."""
    while frame is not None and (frame.f_globals.get("__name__"), frame.f_code.co_name) not in _BEGINNINGS:
        yield frame
        frame = frame.f_back


@lru_cache(maxsize=4096)
def in_loops(code: CodeType, any_kind: bool) -> frozenset[int]:
    """Return the offsets in a function that are in a `while`, or in a loop of any kind.

    Loops are found by the flow of control: an edge back to an instruction that led there, and all between the two.
    """
    instructions = list(dis.get_instructions(code))
    names, after = _names(instructions), _after(code, instructions)
    before: _Ways = {offset: [] for offset in after}
    for offset, nexts in after.items():
        for following in nexts:
            before[following].append(offset)
    # While an instruction calls, the frame may stand on the cache behind it.
    spans = {one: range(one, following) for one, following in pairwise([*after, len(code.co_code)])}
    inside: set[int] = set()
    endless = _endless(instructions)
    for head, sources in _edges_back(after).items():
        if names[head] not in _NO_LOOP and (any_kind or names[head] not in _FOR or head in endless):
            body = _between(before, head, sources)
            inside.update(offset for place in body for offset in spans[place])
            if names[head] not in _FOR:
                inside.update(_first_test(code, min(body), max(sources)))
    return frozenset(inside)


def _endless(instructions: list[dis.Instruction]) -> set[int]:
    """Where a `for` over one of the iterators of `itertools` that have no end begins."""
    found: set[int] = set()
    named: list[str] = []
    for instruction, following in pairwise(instructions):
        if instruction.starts_line:
            named = []
        if instruction.opname in _NAMES:
            named.append(str(instruction.argval))
        elif instruction.opname == "GET_ITER" and not _ENDLESS.isdisjoint(named[: 1 + (named[:1] == ["itertools"])]):
            found.add(following.offset)
    return found


def _names(instructions: list[dis.Instruction]) -> dict[int, str]:
    """Return the name of each instruction, by its offset; a prefix has the name of the instruction that it stands
    before.
    """
    names: dict[int, str] = {}
    name = ""
    for instruction in reversed(instructions):
        if instruction.opname not in _PREFIXES:
            name = instruction.opname
        names[instruction.offset] = name
    return names


def _after(code: CodeType, instructions: list[dis.Instruction]) -> _Ways:
    """Return the instructions that each instruction may lead to: by a jump, to the next one, or by an exception."""
    after: _Ways = {each.offset: [each.argval] if each.opcode in _JUMPS else [] for each in instructions}
    for one, following in pairwise(instructions):
        if one.opname not in _ENDS:
            after[one.offset].append(following.offset)
    for start, end, handler in _protected(code, instructions):
        for offset in after.keys() & range(start, end):
            after[offset].append(handler)
    return after


def _protected(code: CodeType, instructions: list[dis.Instruction]) -> list[tuple[int, int, int]]:
    """Yield the ranges of exception handlers: from, to, and the handler's begin."""
    entries = getattr(dis.Bytecode(code), "exception_entries", ())
    setups = [each for each in instructions if each.opname in _SETUPS]
    return [
        *((entry.start, entry.end, entry.target) for entry in entries),
        *((each.offset, each.argval, each.argval) for each in setups),
    ]


def _edges_back(after: _Ways) -> _Ways:
    """What each instruction on the way from the function's begin is led back to from, where it is led back to."""
    found: _Ways = {}
    begin = next(iter(after))
    seen, way = {begin}, {begin: iter(after[begin])}
    while way:
        place = next(reversed(way))
        following = next(way[place], None)
        if following is None:
            del way[place]
        elif following in way:
            found.setdefault(following, []).append(place)
        elif following not in seen:
            seen.add(following)
            way[following] = iter(after[following])
    return found


def _between(before: _Ways, head: int, sources: list[int]) -> set[int]:
    """What leads from the head of a loop to the edges back."""
    body, waiting = {head}, [*sources]
    while waiting:
        place = waiting.pop()
        if place not in body:
            body.add(place)
            waiting += before[place]
    return body


def _first_test(code: CodeType, begin: int, last: int) -> set[int]:
    """The test of a `while` stands twice: before the loop, on the same line, and at its end."""
    lines = list(code.co_lines())
    tests = [line for start, end, line in lines if last in range(start, end)]
    return {offset for start, end, line in lines if line in tests for offset in range(start, min(end, begin))}
