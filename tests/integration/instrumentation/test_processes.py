"""Callers across processes: each case is a small program of its own, since fork and chDB, and one provider a process, don't mix with tests."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from tests.integration.instrumentation.conftest import Run, Sink

PROGRAM = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from small_rvbbit import caller_context
from small_rvbbit.echo import sessions
from small_rvbbit.logs import log_message

def work(session):
    sessions.get_session(session)
    log_message(session, "user")
    return session

class Override(multiprocessing.Process):
    def run(self):
        work("overridden")

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
{body}
"""


def callers(sink: Sink) -> dict[str, str | None]:
    return {row["session.id"]: row.get("rvbbit.caller.id") for row in sink.of("log user")}


def program(folder: Path, body: str) -> str:
    path = folder / "program.py"
    path.write_text(PROGRAM.format(body=textwrap.indent(textwrap.dedent(body), "    ")))
    return str(path)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_works_for_the_caller_that_started_it(method: str, run: Run, sink: Sink, tmp_path: Path) -> None:
    path = program(
        tmp_path,
        """
        made = []
        for caller in ("c-1", "c-2", None):
            if caller: caller_context.set_caller_context(caller, {})
            made.append(multiprocessing.Process(target=work, args=(f"session-{caller}",)))
            made[-1].start()
            if caller == "c-2":
                made.append(Override()); made[-1].start()
            caller_context.clear_caller_context()
        for process in made: process.join()
        print([process.exitcode for process in made])
        """,
    )
    done = run("opentelemetry-instrument", "python", path, method)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 0, 0, 0]\n", "")
    assert callers(sink) == {"session-c-1": "c-1", "session-c-2": "c-2", "overridden": "c-2", "session-None": None}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pools_worker_works_for_whoever_submitted_the_task(method: str, run: Run, sink: Sink, tmp_path: Path) -> None:
    path = program(
        tmp_path,
        """
        with ProcessPoolExecutor(1) as pool:
            for caller in ("c-1", "c-2", None):
                if caller: caller_context.set_caller_context(caller, {})
                print(pool.submit(work, f"session-{caller}").result())
                caller_context.clear_caller_context()
        pool = multiprocessing.Pool(1)
        caller_context.set_caller_context("c-3", {})
        print(pool.map(work, ["mapped"]), list(pool.imap(work, ["imapped"])), pool.apply(work, ("applied",)))
        caller_context.clear_caller_context()
        pool.close(); pool.join()
        """,
    )
    done = run("opentelemetry-instrument", "python", path, method)
    printed = "session-c-1\nsession-c-2\nsession-None\n['mapped'] ['imapped'] applied\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")
    assert callers(sink) == {
        "session-c-1": "c-1",
        "session-c-2": "c-2",
        "session-None": None,
        "mapped": "c-3",
        "imapped": "c-3",
        "applied": "c-3",
    }


def test_a_fork_while_other_threads_hold_our_locks_does_not_hang(run: Run, sink: Sink, tmp_path: Path) -> None:
    path = program(
        tmp_path,
        """
        import os, threading
        stop = threading.Event()
        def busy(name):
            count = 0
            while not stop.is_set():
                count += 1
                caller_context.set_caller_context(f"{name}-{count}", {}, name)
                sessions.get_session(f"{name}-{count}")
                caller_context.clear_caller_context(name)
        threads = [threading.Thread(target=busy, args=(f"t{n}",)) for n in range(2)]
        for thread in threads: thread.start()
        codes = set()
        for number in range(20):
            child = os.fork()
            if not child:
                sessions._lock = threading.Lock()  # The host's own lock is the host's to look after.
                caller_context.set_caller_context(f"child-{number}", {}, "t0")
                work(f"forked-{number}")
                os._exit(3)
            codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        stop.set()
        for thread in threads: thread.join()
        print(codes)
        """,
    )
    done = run("opentelemetry-instrument", "python", path, "fork", OTEL_TRACES_EXPORTER="none")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{3}\n", "")
