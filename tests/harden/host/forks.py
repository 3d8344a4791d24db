"""Forks a process while its other threads work for their callers: each child must end, and stamp its work as its caller's.

`python -m tests.harden.host.forks FORKS SEED` prints how many hung, were wrong and were right.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.contract.programs import SPEC
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation import RvbbitInstrumentor

# Far more than a child needs: one that is not over by then waits for a lock that nobody gives back.
HANGS_SECONDS = 20


def main() -> None:
    forks, chance = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter(), schedule_delay_millis=5))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    RvbbitInstrumentor().instrument(tracer_provider=provider, runner_files=(SPEC,), max_sessions=50)
    tracer = provider.get_tracer("third-party")

    def work(owner: str, once: bool = False) -> None:
        number = 0
        while not over.is_set():
            number += 1
            with called_by(owner):
                toy.open_session(f"{owner}-{number}", user=owner)
                Work(f"run-{owner}-{number}").run(lambda: tracer.start_span(owner).end())
                toy.login(owner, f"c-{owner}")
                toy.note(owner)
                toy.logout(f"c-{owner}")
            if once:
                return
            if number % 50 == 0:
                exporter.clear()

    over = threading.Event()
    threads = [threading.Thread(target=work, args=(f"busy-{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    ended = {"hung": 0, "wrong": 0, "right": 0}
    for number in range(forks):
        owner = f"forked-{number}"
        with called_by(owner):
            for _ in range(chance.randrange(50)):
                toy.note(owner)
            child = os.fork()
            if child == 0:
                signal.alarm(HANGS_SECONDS)
                # What a busy thread held at the fork is of this exporter of tests, which does not look after its lock: none of ours.
                exporter._lock = threading.Lock()
                exporter.clear()
                tracer.start_span(owner).end()
                work(f"child-{number}", once=True)
                found = {
                    span.name: (span.attributes or {}).get("rvbbit.caller.id")
                    for span in exporter.get_finished_spans()
                    if "-" in span.name and "rvbbit.kind" not in (span.attributes or {})
                }
                os._exit(0 if found == {name: name for name in (owner, f"child-{number}")} else 1)
        _, status = os.waitpid(child, 0)
        ended["hung" if os.WIFSIGNALED(status) else "right" if status == 0 else "wrong"] += 1
    over.set()
    for thread in threads:
        thread.join()
    print(*(f"{what} {count}" for what, count in ended.items()))


if __name__ == "__main__":
    main()
