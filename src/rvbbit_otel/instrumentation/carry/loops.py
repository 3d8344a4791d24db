"""Whether a line of execution waits inside a loop: the mark of one that lives on and looks for work.

Python does not say so, but a function's instructions do: a loop is a jump backwards, from its last instruction to its first. A `for` has an
end of its own and is a job's as often as a worker's, so only what has none, a `while`, counts, unless the wait is for somebody else's word.
"""

from __future__ import annotations

import dis
from dataclasses import dataclass
from functools import lru_cache
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
        ("rvbbit_otel.instrumentation.flows", "run"),
        ("rvbbit_otel.instrumentation.carry.threads", "run_as_job"),
    }
)
_FOR: Final = frozenset({"FOR_ITER", "GET_ANEXT"})
# What an `await` and a `yield from` loop over, which is no loop of the function's.
_NO_LOOP: Final = frozenset({"SEND", "YIELD_FROM"})
# Before the first instruction of a loop, in some versions.
_PREFIXES: Final = frozenset({"EXTENDED_ARG", "SETUP_FINALLY", "CACHE"})
# Behind these nothing follows but by a jump.
_ENDS: Final = frozenset(
    {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"}
    | {"JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"}
)


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop of a function: the offsets of its instructions, the source line of its test, and whether it is a `for`."""

    body: frozenset[int]
    line: int | None
    is_for: bool


def loop_around(frame: FrameType | None, any_kind: bool = False) -> FrameType | None:
    """The frame of the outermost loop in which this frame is, within the job that runs here, None for none.

    `any_kind`: a `for` of the frame itself counts, too.
    """
    found: FrameType | None = None
    while frame is not None:
        code = frame.f_code
        if (frame.f_globals.get("__name__"), code.co_name) in _BEGINNINGS:
            break
        at, line = frame.f_lasti, frame.f_lineno
        for loop in loops_of(code):
            # The test of a `while` stands twice: before the loop, on the same line, and at its end.
            is_first_test = not loop.is_for and line == loop.line and at < min(loop.body)
            if (at in loop.body or is_first_test) and (any_kind or not loop.is_for):
                found = frame
                break
        any_kind = False
        frame = frame.f_back
    return found


@lru_cache(maxsize=4096)
def loops_of(code: CodeType) -> tuple[Loop, ...]:
    """The loops of a function, by its flow of control: an edge back to an instruction that led there, and all between the two."""
    instructions = list(dis.get_instructions(code))
    number = {instruction.offset: place for place, instruction in enumerate(instructions)}
    after = _successors(code, instructions, number)
    before: list[list[int]] = [[] for _ in instructions]
    for place, nexts in enumerate(after):
        for following in nexts:
            before[following].append(place)
    bodies: dict[int, set[int]] = {}
    last: dict[int, int] = {}
    for source, head in _edges_back(after):
        if _opname(instructions, head) not in _NO_LOOP:
            bodies.setdefault(head, set()).update(_between(before, head, source))
            last[head] = max(source, last.get(head, 0))
    starts = [*(instruction.offset for instruction in instructions), len(code.co_code)]
    lines = {offset: line for start, end, line in code.co_lines() for offset in range(start, end, 2)}
    return tuple(
        Loop(
            # While an instruction calls, the frame may stand on the cache behind it.
            frozenset(offset for place in body for offset in range(starts[place], starts[place + 1], 2)),
            lines.get(instructions[last[head]].offset),
            _opname(instructions, head) in _FOR,
        )
        for head, body in bodies.items()
    )


def _successors(code: CodeType, instructions: list[dis.Instruction], number: dict[int, int]) -> list[list[int]]:
    """Where each instruction may lead: on, by a jump, or by an exception."""
    after: list[list[int]] = []
    for place, instruction in enumerate(instructions):
        nexts = []
        jumps = instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs
        if jumps and instruction.argval in number:
            nexts.append(number[instruction.argval])
        if instruction.opname not in _ENDS and place + 1 < len(instructions):
            nexts.append(place + 1)
        after.append(nexts)
    for start, end, handler in _protected(code, instructions):
        for offset in range(start, end, 2):
            if offset in number and handler in number:
                after[number[offset]].append(number[handler])
    return after


def _protected(code: CodeType, instructions: list[dis.Instruction]) -> list[tuple[int, int, int]]:
    """What a handler of exceptions is for: from, to, and where the handler begins."""
    entries = getattr(dis.Bytecode(code), "exception_entries", None)
    if entries is not None:
        return [(entry.start, entry.end, entry.target) for entry in entries]
    # Before Python 3.11 an instruction says so, and its handler stands behind what it is for.
    setups = [each for each in instructions if each.opname.startswith("SETUP_") and isinstance(each.argval, int)]
    return [(each.offset, each.argval, each.argval) for each in setups]


def _edges_back(after: list[list[int]]) -> list[tuple[int, int]]:
    """The edges that lead back to an instruction on the way from the function's begin."""
    found: list[tuple[int, int]] = []
    if not after:
        return found
    seen, way = {0}, {0}
    stack = [(0, iter(after[0]))]
    while stack:
        place, nexts = stack[-1]
        for following in nexts:
            if following in way:
                found.append((place, following))
            elif following not in seen:
                seen.add(following)
                way.add(following)
                stack.append((following, iter(after[following])))
                break
        else:
            stack.pop()
            way.discard(place)
    return found


def _between(before: list[list[int]], head: int, source: int) -> set[int]:
    """What leads from the head of a loop to the edge back."""
    body, waiting = {head, source}, [source]
    while waiting:
        place = waiting.pop()
        if place == head:
            continue
        for earlier in before[place]:
            if earlier not in body:
                body.add(earlier)
                waiting.append(earlier)
    return body


def _opname(instructions: list[dis.Instruction], place: int) -> str:
    while instructions[place].opname in _PREFIXES and place + 1 < len(instructions):
        place += 1
    return instructions[place].opname
