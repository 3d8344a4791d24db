"""Whether a line of execution waits inside a loop: the mark of one that lives on and looks for work.

Python does not say so, but a function's instructions do: a loop is a jump backwards, from its last instruction to its first. A `for` has an
end of its own and is a job's as often as a worker's, so only what has none, a `while`, counts, unless the wait is for somebody else's word.
"""

from __future__ import annotations

import dis
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
# Of an `await` or a `yield from`, which loops over what it awaits.
_NOT_A_LOOP: Final = frozenset({"JUMP_BACKWARD_NO_INTERRUPT"})


def loop_around(frame: FrameType | None, any_kind: bool = False) -> int | None:
    """The identity of the frame of the outermost loop in which this frame is, within the job that runs here, None for none.

    `any_kind`: a `for` of the frame itself counts, too.
    """
    found: int | None = None
    while frame is not None:
        code = frame.f_code
        if (frame.f_globals.get("__name__"), code.co_name) in _BEGINNINGS:
            break
        at = frame.f_lasti
        for first, last, is_for in _loops(code):
            # The test of a `while` stands twice: before the loop, on the same line, and at its end.
            is_first_test = at < first and not is_for and frame.f_lineno == _lines(code).get(last)
            if (first <= at <= last or is_first_test) and (any_kind or not is_for):
                found = id(frame)
                break
        any_kind = False
        frame = frame.f_back
    return found


@lru_cache(maxsize=4096)
def _loops(code: CodeType) -> tuple[tuple[int, int, bool], ...]:
    """The loops of a function, outermost first: first and last instruction, and whether it is a `for`."""
    instructions = list(dis.get_instructions(code))
    place = {instruction.offset: number for number, instruction in enumerate(instructions)}
    last: dict[int, int] = {}
    for instruction in instructions:
        target = instruction.argval
        if "JUMP" not in instruction.opname or instruction.opname in _NOT_A_LOOP or not isinstance(target, int):
            continue
        if target <= instruction.offset and target in place:
            last[target] = instruction.offset
    return tuple(
        (first, last[first], any(each.opname in _FOR for each in _head(instructions, place[first])))
        for first in sorted(last)
    )


@lru_cache(maxsize=4096)
def _lines(code: CodeType) -> dict[int, int | None]:
    """The line of each instruction, by its offset."""
    return {offset: line for start, end, line in code.co_lines() for offset in range(start, end, 2)}


def _head(instructions: list[dis.Instruction], start: int) -> list[dis.Instruction]:
    """What a loop begins with: its first instruction, but for prefixes of it."""
    end = start
    while instructions[end].opname in ("EXTENDED_ARG", "SETUP_FINALLY") and end + 1 < len(instructions):
        end += 1
    return instructions[start : end + 1]
