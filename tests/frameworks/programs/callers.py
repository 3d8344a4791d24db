"""Eight callers, three runs each, all at once: four on threads of their own, four on one event loop. Then a ninth, whose model fails.

Run in the environment of a framework: ``python -m tests.frameworks.programs.NAME URL PREFIX BESIDE``; prints what each run answered, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rvbbit_otel import called_by

ON_THREADS, ON_A_LOOP, RUNS = 4, 4, 3
CALLERS = ON_THREADS + ON_A_LOOP


def url() -> str:
    """Where the stub is."""
    return sys.argv[1]


def beside() -> str:
    """What instruments the framework beside us."""
    return sys.argv[3]


def look_up(topic: str) -> str:
    """Look a topic up."""
    return f"found for {topic}"


def marker(caller: str, run: int) -> str:
    """What stands in the text of a run, and nowhere else."""
    return f"m-{caller}-r{run}-"


def drive(blocking: Sequence[Callable[[str], Any]], awaited: Sequence[Callable[[str], Awaitable[Any]]]) -> None:
    """Each of the functions is one way in, given the question of a run; a caller's runs take them in turn."""
    answers: dict[str, str] = {}
    together = threading.Barrier(ON_THREADS + 1)

    def asked(caller: str, run: int) -> str:
        return f"please look up {marker(caller, run)}"

    def one_run(caller: str, run: int) -> None:
        answers[marker(caller, run)] = str(blocking[run % len(blocking)](asked(caller, run)))

    async def one_run_awaited(caller: str, run: int) -> None:
        answers[marker(caller, run)] = str(await awaited[run % len(awaited)](asked(caller, run)))

    def on_a_thread(caller: str) -> None:
        together.wait(60)
        with called_by(caller, {"origin": "http"}), ThreadPoolExecutor(RUNS) as pool:
            list(pool.map(lambda run: one_run(caller, run), range(RUNS)))

    async def as_a_task(caller: str) -> None:
        with called_by(caller, {"origin": "http"}):
            await asyncio.gather(*(one_run_awaited(caller, run) for run in range(RUNS)))

    async def on_a_loop(callers: Sequence[str]) -> None:
        await asyncio.gather(*(as_a_task(caller) for caller in callers))

    def fails(caller: str) -> None:
        try:
            with called_by(caller, {"origin": "http"}):
                blocking[0](f"fail, {asked(caller, 0)}")
        except Exception as error:
            answers[marker(caller, 0)] = f"raised {type(error).__name__}"

    names = [f"{sys.argv[2]}-c{number}" for number in range(CALLERS)]
    with ThreadPoolExecutor(ON_THREADS) as pool:
        left = [pool.submit(on_a_thread, name) for name in names[:ON_THREADS]]
        together.wait(60)
        asyncio.run(on_a_loop(names[ON_THREADS:]))
        for each in left:
            each.result()
    fails(f"{sys.argv[2]}-c{CALLERS}")
    print("ANSWERS", json.dumps(answers))
