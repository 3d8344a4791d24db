"""Runs mutants in a copy of the project; reads one question a line, and answers which test failed first.

What is loaded once is used for every mutant: each file of tests is collected by pytest in a process of its own (`Collected`), which forks for each
mutant, and gives the functions of the changed module their new code. A change outside of functions, as of a default or a constant, is imported in
a fork that has not loaded the project. The mutant is written to the copy, too, since programs of the tests start others. Nothing of it is seen by
the product, which looks at frames and modules: a mutant has the names, lines and frames of the original.
"""

from __future__ import annotations

import _thread
import gc
import io
import itertools
import json
import math
import os
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

import _pytest.main
import hypothesis
import opentelemetry.sdk.trace.export.in_memory_span_exporter  # noqa: F401 - loaded before the forks
import pytest

# The time at which a mutant was written tells its compiled form from that of the one before it, which may have as many characters.
_written: Final = itertools.count(1_000_000_000)
_PATIENCE, _TIMES = 40.0, 5
_CANT: Final = 77  # the exit status of a fork in which functions can't be given the new code


def _first_failure(run: Callable[[int], int], limit: float, what: str) -> tuple[int, str | None]:
    """Run it in a fork, to which it says by a pipe which tests fail: the exit status, and the first; None if none did.

    `limit`: seconds of the processor, after which it hangs. One that waits for ever uses none: the clock's limit is far more, for a busy machine.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit)))
        try:
            os._exit(run(writing))
        except BaseException:
            os._exit(1)
    os.close(writing)
    ended = os.pidfd_open(child)
    try:
        over = bool(select.select([ended], [], [], _PATIENCE + _TIMES * limit)[0])
    finally:
        os.close(ended)
        try:
            os.killpg(child, signal.SIGKILL)  # With whatever its tests started and left.
        except ProcessLookupError:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.set_blocking(reading, False)
    try:
        first = os.read(reading, 10_000).decode().partition("\n")[0]
    except BlockingIOError:
        first = ""  # Some process that it left behind could still say something.
    finally:
        os.close(reading)
    if not over or (status == -signal.SIGKILL and not first):
        return status, f"{what} (hangs)"
    return status, None if status in (0, _CANT) else first or f"{what} (ended with {status})"


class _Failures:
    """Says which tests fail."""

    def __init__(self, where: int) -> None:
        self._where = where

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            os.write(self._where, f"{report.nodeid}\n".encode())

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            os.write(self._where, f"{report.nodeid} (not even collected)\n".encode())


def _silent() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdout, sys.stderr = io.TextIOWrapper(io.FileIO(1, "w")), io.TextIOWrapper(io.FileIO(2, "w"))


def _arguments(file: str) -> list[str]:
    return [file, "-x", "-q", "-p", "no:cacheprovider", f"--confcutdir={Path(file).parent}"]


def _afresh(file: str, where: int) -> int:
    _silent()
    return int(pytest.main(_arguments(file), plugins=[_Failures(where)]))


class Collected:
    """A process that has collected one file of tests, and waits for mutants."""

    def __init__(self, file: str, mutated: list[str]) -> None:
        self._file = file
        questions, self._questions = os.pipe()
        self._answers, answers = os.pipe()
        if os.fork() == 0:
            os.close(self._questions)
            try:
                _silent()
                pytest.main(_arguments(file), plugins=[_Waiting(file, questions, answers, mutated)])
            finally:
                os._exit(1)
        os.close(questions)
        os.close(answers)
        self._said = os.fdopen(self._answers)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        os.write(self._questions, json.dumps(question).encode() + b"\n")
        line = self._said.readline()
        if not line:
            raise RuntimeError(f"pytest did not collect {self._file}")
        answer: dict[str, Any] = json.loads(line)
        return answer


class _Waiting:
    """In place of pytest's own loop over the tests: one fork for each question."""

    def __init__(self, file: str, questions: int, answers: int, mutated: list[str]) -> None:
        self._file = file
        self._questions, self._answers = questions, answers
        self._mutated = {str(Path(path).absolute()): path for path in mutated}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        functions = [
            each
            for each in gc.get_objects()
            if isinstance(each, FunctionType) and each.__code__.co_filename in self._mutated
        ]
        gc.freeze()
        alone = threading.active_count() == 1
        with os.fdopen(self._questions) as asked:
            for line in asked:
                question = json.loads(line)

                def run(where: int, question: dict[str, Any] = question) -> int:
                    if question["survey"]:
                        return self._survey(session, question["survey"])
                    if question["code"] and not _swap(functions, Path(question["path"]).absolute(), question["code"]):
                        return _CANT
                    session.config.pluginmanager.register(_Failures(where))
                    if question["tests"] is not None:
                        session.items = [item for item in session.items if item.nodeid in question["tests"]]
                    return _loop(session)

                status, killer = _first_failure(run, question["limit"], self._file)
                answer = json.dumps({"cant": status == _CANT or not alone, "killer": killer})
                os.write(self._answers, answer.encode() + b"\n")
        os._exit(0)

    def _survey(self, session: pytest.Session, where: str) -> int:
        tracer = _Tracer(self._mutated)
        session.config.pluginmanager.register(tracer)
        status = _loop(session)
        seen = {name: {path: sorted(lines) for path, lines in by.items()} for name, by in tracer.seen.items()}
        Path(where).write_text(json.dumps(seen))
        return status


def _loop(session: pytest.Session) -> int:
    try:
        _pytest.main.pytest_runtestloop(session)
    except (session.Failed, session.Interrupted):
        return 1
    return 1 if session.testsfailed else 0


def _swap(functions: list[FunctionType], path: Path, code: str) -> bool:
    """Give the functions of a module that is imported here the new code; False if that can't be done."""
    new: dict[tuple[str, int], list[CodeType]] = {}
    for each in _codes(compile(code, str(path), "exec", dont_inherit=True)):
        new.setdefault((each.co_name, each.co_firstlineno), []).append(each)
    for function in functions:
        if function.__code__.co_filename == str(path):
            found = new.get((function.__code__.co_name, function.__code__.co_firstlineno), [])
            if len(found) != 1 or found[0].co_freevars != function.__code__.co_freevars:
                return False
            function.__code__ = found[0]
    return True


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


class _Tracer:
    """Which lines of the mutated modules each test runs, in this process."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files
        self._now: dict[str, set[int]] = {}
        self.seen: dict[str, dict[str, set[int]]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._now = self.seen[item.nodeid] = {path: set() for path in self._files.values()}
        start = _thread.start_new_thread
        threading.settrace(self._called)
        sys.settrace(self._called)
        # Of threads that are started below `threading`, nobody else sees the begin.
        _thread.start_new_thread = self._starting(start)
        try:
            return (yield)
        finally:
            _thread.start_new_thread = start
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]

    def _starting(self, start: Callable[..., int]) -> Callable[..., int]:
        def starting(function: Callable[..., object], *more: Any) -> int:
            def traced(*args: Any, **kwargs: Any) -> object:
                sys.settrace(self._called)
                return function(*args, **kwargs)

            return start(traced, *more)

        return starting

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        path = self._files.get(frame.f_code.co_filename)
        if path is None:
            return None
        self._now[path].add(frame.f_lineno)
        return self._ran

    def _ran(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._now[self._files[frame.f_code.co_filename]].add(frame.f_lineno)
        return self._ran


@contextmanager
def _written_to(path: Path, code: str | None) -> Iterator[None]:
    """The module has this text, until the end of the block."""
    whole = path.read_text()
    if code is not None:
        path.write_text(code)
        now = next(_written)
        os.utime(path, (now, now))
    try:
        yield
    finally:
        if code is not None:
            path.write_text(whole)


class Worker:
    """Answers questions."""

    def __init__(self, mutated: list[str]) -> None:
        self._mutated = mutated
        self._collected: dict[str, Collected] = {}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Files are run in the order in which they come, until a test fails."""
        seconds: dict[str, float] = {}
        killer = None
        for file, tests in question["files"].items():
            if file not in self._collected and not question["afresh"]:
                self._collected[file] = Collected(file, self._mutated)
                self._collected[file].ask({"path": None, "code": None, "tests": [], "survey": None, "limit": 600.0})
            with _written_to(Path(question["path"]), question["code"]):
                began = time.monotonic()
                killer = self._killer(file, tests, question)
                seconds[file] = round(time.monotonic() - began, 2)
            if killer is not None:
                break
        return {"killer": killer, "seconds": seconds}

    def _killer(self, file: str, tests: list[str] | None, question: dict[str, Any]) -> str | None:
        limit = question["limits"][file]
        if not question["afresh"]:
            answer = self._collected[file].ask({**question, "files": None, "tests": tests, "limit": limit})
            if not answer["cant"]:
                killer: str | None = answer["killer"]
                return killer
        return _first_failure(lambda where: _afresh(file, where), limit, file)[1]


def main() -> None:
    """One answer a line for each question; the first line names the modules that are mutated."""
    # What a busy machine makes slow is no failure, and what one mutant failed by is not tried first on the next.
    unhurried: Any = {"deadline": None, "suppress_health_check": list(hypothesis.HealthCheck)}
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, **unhurried)
    hypothesis.settings.load_profile("mutation")
    assert not any(name.startswith("rvbbit_otel") for name in sys.modules)
    worker = Worker(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
