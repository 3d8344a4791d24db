"""Where programs run for real: the instrumented runner, shared places, and gates by which lines take turns.

A gate is a bare lock, or a future of the event loop: what the product looks at (events, conditions, queues) would make each line that waits
for its turn look like a worker.
"""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import functools
import gc
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool
from typing import Any
from urllib.parse import unquote

import duckdb
from opentelemetry.context import Context, attach
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.model import runner

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation import RvbbitInstrumentor, runners

PATIENCE = 3.0  # seconds for a turn, before a program counts as hung
LIMITS = {
    "none": SpanLimits(),
    "count": SpanLimits(max_span_attributes=3),
    "length": SpanLimits(max_span_attribute_length=5),
}
_nothing = contextvars.Context()


class HungError(Exception):
    pass


@dataclass(frozen=True)
class Row:
    """What a span was exported with."""

    name: str
    caller: str | None
    source: str | None
    conflict: str | None = None
    candidate: str | None = None


class Own(threading.Thread):
    """A thread with a `run` of its own."""

    def __init__(self, body: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.body = body

    def run(self) -> None:
        self.body()


class Gates:
    """One turn after the other."""

    def __init__(self) -> None:
        self.now = 0
        self.hung = False
        self._guard = _thread.allocate_lock()
        self._locks: dict[int, Any] = {}
        self._waiting: dict[int, tuple[Any, Any]] = {}
        self._opened: set[int] = {0}

    def _lock(self, turn: int) -> Any:
        with self._guard:
            lock = self._locks.get(turn)
            if lock is None:
                lock = self._locks[turn] = _thread.allocate_lock()
                if turn not in self._opened:
                    lock.acquire()
            return lock

    def give(self) -> None:
        turn = self.now + 1
        with self._guard:
            self._opened.add(turn)
            lock = self._locks.get(turn)
            waiting = self._waiting.pop(turn, None)
        if lock is not None and lock.locked():
            lock.release()
        if waiting is not None:
            loop, future = waiting
            loop.call_soon_threadsafe(_resolve, future, context=_nothing.copy())

    def reach(self, turn: int) -> None:
        if not self._lock(turn).acquire(timeout=PATIENCE):
            self.hung = True
            raise HungError(turn)
        self.now = turn

    async def areach(self, turn: int) -> None:
        loop = asyncio.get_running_loop()
        future = None
        with self._guard:
            if turn not in self._opened:
                future = loop.create_future()
                self._waiting[turn] = (loop, future)
        if future is not None:
            await future
        self.now = turn


def _resolve(future: Any) -> None:
    if not future.done():
        future.set_result(None)


class World:
    """What one program finds; its public names are the names that programs use."""

    def __init__(self, stage: Stage, number: int, limits: str) -> None:
        self._stage = stage
        self._number = number
        self._tracer = stage.providers[limits].get_tracer("third-party")
        self._gates = Gates()
        self._pools: dict[str, Any] = {}
        self._guard = _thread.allocate_lock()
        self._again: set[int] = set()
        self.from_children: dict[int, Row] = {}
        self.threads: list[threading.Thread] = []
        self.jobs: dict[int, Any] = {}
        self.queue: Any = queue.Queue()
        self.simple: Any = queue.SimpleQueue()
        self.box: list[Any] = []
        self.condition = threading.Condition()
        self.event = threading.Event()
        self.things: list[Any] = []
        self.gens: dict[int, Any] = {}
        self.called_by = called_by
        self.time, self.asyncio, self.threading = time, asyncio, threading
        self.Own = Own
        self.login, self.logout, self.handle = runner.login, runner.logout, runner.handle

    # Turns.
    def begin(self, turn: int) -> None:
        self._gates.reach(turn)

    def give(self) -> None:
        self._gates.give()

    def turn(self, turn: int) -> None:
        self._gates.give()
        self._gates.reach(turn)

    async def abegin(self, turn: int) -> None:
        await self._gates.areach(turn)

    async def aturn(self, turn: int) -> None:
        self._gates.give()
        await self._gates.areach(turn)

    # Spans.
    def mark(self, name: str, number: int, **more: Any) -> None:
        attributes = {key: value for key, value in self._named(more).items() if not key.startswith("late_")}
        span = self._tracer.start_span(self.span_name(name, number), attributes=attributes)
        for key, value in self._named({k[5:]: v for k, v in more.items() if k.startswith("late_")}).items():
            span.set_attribute(key, value)
        if more.get("filled"):
            for each in range(3):
                span.set_attribute(f"filling.{each}", "filling")
        span.end()

    def span_name(self, name: str, number: int) -> str:
        return f"{name} {self._number}.{number}"

    def _named(self, more: dict[str, Any]) -> dict[str, str]:
        named = {}
        if "session" in more:
            named["session.id"] = self._session(more["session"])
        if "caller" in more:
            named["rvbbit.caller.id"] = more["caller"]
        return named

    def _session(self, session: str) -> str:
        return f"{session}.{self._number}"

    # The runner, with session ids of this program's own.
    def work(self, session: str, user: str | None = None, parent: str | None = None) -> runner.Work:
        return runner.Work(self._session(session), user, None if parent is None else self._session(parent))

    def open_session(self, session: str, user: str | None = None) -> None:
        runner.open_session(self._session(session), user)

    def close_session(self, session: str) -> None:
        runner.close_session(self._session(session))

    # Lines of execution.
    def start(self, thread: threading.Thread) -> None:
        thread.daemon = True
        self.threads.append(thread)
        thread.start()

    @property
    def pool(self) -> ThreadPoolExecutor:
        if "pool" not in self._pools:
            self._pools["pool"] = ThreadPoolExecutor(1)
        return self._pools["pool"]

    @property
    def thread_pool(self) -> ThreadPool:
        if "thread_pool" not in self._pools:
            self._pools["thread_pool"] = ThreadPool(1)
        return self._pools["thread_pool"]

    def again(self, number: int) -> bool:
        """True the first time: a loop that goes round once."""
        if number in self._again:
            return False
        self._again.add(number)
        return True

    @property
    def pipe(self) -> tuple[Any, Any]:
        with self._guard:  # One who waits there is not alone.
            if "pipe" not in self._pools:
                self._pools["pipe"] = get_context("fork").Pipe(duplex=False)
        return self._pools["pipe"]

    def put_box(self, item: str) -> None:
        with self.condition:
            self.box.append(item)
            self.condition.notify()

    def query(self, which: int, name: str, number: int, left: bool) -> None:
        self.connections[which].execute(f"SELECT udf('{name}', {number})")
        if not left:
            self.fetch(which)

    def fetch(self, which: int) -> None:
        self.connections[which].fetchall()

    @property
    def connections(self) -> list[duckdb.DuckDBPyConnection]:
        with self._guard:
            if "connections" not in self._pools:
                self._pools["connections"] = [self._connected() for _ in range(2)]
        return self._pools["connections"]

    def _connected(self) -> duckdb.DuckDBPyConnection:
        def udf(name: str, number: int) -> int:
            self.mark(name, number)
            return number

        connection = duckdb.connect()
        connection.create_function("udf", udf, ["VARCHAR", "BIGINT"], "BIGINT", side_effects=True)  # type: ignore[list-item, arg-type]
        return connection

    def drop(self, which: int) -> None:
        """Let go of a generator in a circle, which only the collector finds."""
        circle: list[Any] = [self.gens.pop(which)]
        circle.append(circle)
        del circle
        gc.collect()

    def collect(self) -> None:
        gc.collect()

    def in_shell(self, name: str, number: int) -> None:
        """A command, which says by its environment whom it works for."""
        said = subprocess.run(["/bin/sh", "-c", 'printf %s "$BAGGAGE"'], capture_output=True, text=True, check=True)
        pairs = dict(pair.split("=", 1) for pair in said.stdout.split(",") if "=" in pair)
        caller = pairs.get("rvbbit.caller.id")
        self.from_children[number] = Row(name, None if caller is None else unquote(caller), None)

    def in_fork(self, name: str, number: int) -> None:
        """A process for one job."""
        reads, writes = os.pipe()

        def job() -> None:
            self.mark(name, number)
            rows = [_row(span) for span in self._stage.exported() if span.name == self.span_name(name, number)]
            os.write(writes, json.dumps([rows[0].caller, rows[0].source]).encode())

        process = get_context("fork").Process(target=job)
        process.start()
        os.close(writes)
        process.join()
        said = os.read(reads, 65536)
        os.close(reads)
        caller, source = json.loads(said) if said else ("the process said nothing", None)
        self.from_children[number] = Row(name, caller, source)

    # The end.
    def close(self) -> None:
        for pool in self._pools.values():
            if isinstance(pool, ThreadPoolExecutor):
                pool.shutdown()
            elif isinstance(pool, ThreadPool):
                pool.terminate()
                pool.join()
            else:
                for end in pool:
                    end.close()
        for thread in self.threads:
            thread.join(PATIENCE)

    @property
    def names(self) -> dict[str, Any]:
        return {"world": self, **{name: getattr(self, name) for name in _NAMES}}


_NAMES = [
    "begin",
    "give",
    "turn",
    "abegin",
    "aturn",
    "mark",
    "work",
    "open_session",
    "close_session",
    "start",
    "jobs",
    "threads",
    "queue",
    "simple",
    "box",
    "condition",
    "event",
    "things",
    "gens",
    "again",
    "put_box",
    "query",
    "fetch",
    "drop",
    "collect",
    "in_shell",
    "in_fork",
    "called_by",
    "time",
    "asyncio",
    "threading",
    "Own",
    "login",
    "logout",
    "handle",
]


class Stage:
    """The instrumented process."""

    def __init__(self) -> None:
        self.kept = {name: InMemorySpanExporter() for name in LIMITS}
        self.providers = {
            name: TracerProvider(shutdown_on_exit=False, span_limits=each) for name, each in LIMITS.items()
        }
        for name, provider in self.providers.items():
            provider.add_span_processor(BatchSpanProcessor(self.kept[name], 100_000, 3_600_000, 10_000))
        self._number = 0
        self._errors: dict[str, int] = {}

    def open(self) -> None:
        self._shipped, runners.SHIPPED = runners.SHIPPED, (runner.SPEC, runners.duckdb.SPEC)
        RvbbitInstrumentor().instrument(tracer_provider=self.providers["none"])
        ours = RvbbitInstrumentor().current
        assert ours is not None
        self.ours = ours
        for provider in self.providers.values():
            ours.pipeline.install_tracing(provider)

    def close(self) -> None:
        RvbbitInstrumentor().uninstrument()
        runners.SHIPPED = self._shipped
        gc.unfreeze()
        for provider in self.providers.values():
            provider.shutdown()

    def exported(self) -> list[ReadableSpan]:
        for provider in self.providers.values():
            provider.force_flush()
        return [span for kept in self.kept.values() for span in kept.get_finished_spans()]

    def run(self, source: str, limits: str = "none", evicts: bool = False) -> dict[int, Row]:
        """Run a program's `main`, and return its rows by number."""
        self._number += 1
        if self._number % 200 == 0:
            gc.unfreeze()
            gc.collect()
        gc.freeze()  # Programs collect often, and what is here by now is not theirs.
        registry = self.ours.registry
        registry._echoes.clear()
        registry._ended.clear()
        registry._max_sessions = 2 if evicts else 100_000
        world = World(self, self._number, limits)
        names = world.names
        exec(_compiled(source), names)
        failures: list[BaseException] = []

        def main() -> None:
            attach(Context())
            try:
                names["main"]()
            except BaseException as failure:
                failures.append(failure)
                world._gates.give()

        # The stack of a program begins here, and so do its context and its thread-locals.
        thread = threading.Thread(target=main, daemon=True)
        contextvars.Context().run(thread.start)
        thread.join(PATIENCE * 2)
        if failures:
            raise failures[0]
        if thread.is_alive() or world._gates.hung:
            raise HungError("main")
        world.close()
        rows = dict(world.from_children)
        for span in self.exported():
            if span.instrumentation_scope is not None and span.instrumentation_scope.name == "third-party":
                program, number = span.name.rpartition(" ")[2].split(".")
                if int(program) == self._number:  # What an earlier one left hanging is none of this one's.
                    rows[int(number)] = _row(span)
        for kept in self.kept.values():
            kept.clear()
        return rows

    def errors(self) -> dict[str, int]:
        """What was counted as an error of the product's own since this was asked last."""
        now = {name: n for name, n in self.ours.counters.snapshot().items() if name.startswith("errors.")}
        new = {name: n - self._errors.get(name, 0) for name, n in now.items() if n > self._errors.get(name, 0)}
        self._errors = now
        return new


@functools.lru_cache(maxsize=8)
def _compiled(source: str) -> Any:
    return compile(source, "<program>", "exec")


def _row(span: ReadableSpan) -> Row:
    get = (span.attributes or {}).get
    said = [get(f"rvbbit.caller.{name}") for name in ("id", "source", "conflict", "candidate")]
    return Row(span.name.rpartition(" ")[0], *(None if each is None else str(each) for each in said))


@contextmanager
def stage() -> Iterator[Stage]:
    """The process, instrumented for as long."""
    made = Stage()
    made.open()
    try:
        yield made
    finally:
        made.close()


def play(source: str, expected: dict[int, set[str | None]], limits: str = "none", evicts: bool = False) -> None:
    """What a printed program ends with: run it, and exit with the number of wrong rows."""
    with stage() as there:
        rows = there.run(source, limits, evicts)
    wrong = 0
    for number, allowed in sorted(expected.items()):
        row = rows.get(number)
        fits = row is not None and row.caller in allowed
        wrong += not fits
        print("ok   " if fits else "WRONG", number, row, "" if fits else f"expected {allowed}")
    sys.exit(wrong)
