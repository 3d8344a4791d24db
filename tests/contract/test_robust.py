"""Python runs finalizers, signal handlers and log calls in the middle of our code: nothing hangs, nothing is lost, and each row stays whose it is."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from tests.contract.programs import Spans
from tests.contract.programs import alone as _alone
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by

ROUNDS = 150


def alone(*expected: str) -> Any:
    """What a finalizer does while an exporter works is not recorded, by the SDK's own rule: so spans leave at the end."""
    return _alone(*expected, at_once=False)


@contextlib.contextmanager
def collecting_after(objects: int) -> Iterator[None]:
    """One collection, once so many more objects are made: what is swept through all that a call of ours makes finds each place in it."""
    gc.set_threshold(gc.get_count()[0] + objects, 1000, 1000)
    gc.enable()
    try:
        yield
    finally:
        gc.disable()


def rounds() -> Iterator[int]:
    """Without collections of their own."""
    gc.disable()
    gc.collect()
    gc.freeze()  # What is there by now is not looked through again and again.
    for number in range(ROUNDS):
        gc.collect()
        yield number
    gc.collect()
    gc.enable()


def cycle(kept: Any) -> None:
    """Garbage that only the collector finds."""
    ring: list[Any] = [kept]
    ring.append(ring)


def parts(span: Spans, number: int) -> Iterator[int]:
    try:
        span("first")
        yield 1
    finally:
        toy.open_session(f"opened-as-it-closes-{number}", user="first", owner="first")
        toy.close_session(f"opened-as-it-closes-{number}")
        span("first")


def drop_a_stream(span: Spans, number: int) -> None:
    with called_by("first"):
        stream = Work(f"run-{number}", owner="first").stream(lambda: parts(span, number))
        next(stream)
    cycle(stream)


@alone(*["first"] * 2 * ROUNDS)
def test_streams_that_the_collector_closes_while_a_session_is_opened(span: Spans) -> None:
    for number in rounds():
        drop_a_stream(span, number)
        with called_by("first"), collecting_after(number):
            toy.open_session(f"session-{number}", owner="first")


@alone(*["first"] * 2 * ROUNDS, *["second"] * ROUNDS)
def test_streams_that_the_collector_closes_while_another_s_session_is_run(span: Spans) -> None:
    for number in rounds():
        drop_a_stream(span, number)
        with collecting_after(number), called_by("second"):
            Work(f"session-{number}", owner="second").run(span, "second")


@alone(*["first"] * 2 * ROUNDS, "nobody")
def test_streams_that_the_collector_closes_while_another_logs_in_and_out(span: Spans) -> None:
    for number in rounds():
        drop_a_stream(span, number)
        with collecting_after(number):
            toy.login("second", f"c-{number}")
            toy.logout(f"c-{number}")
    span("nobody")


@alone(*["first"] * 2 * ROUNDS, *["second"] * ROUNDS)
def test_generators_with_a_block_that_the_collector_closes_in_another_s_work(span: Spans) -> None:
    def steps() -> Iterator[int]:
        with called_by("first"):
            try:
                span("first")
                yield 1
            finally:
                span("first")

    def drop() -> None:
        stream = steps()
        next(stream)
        cycle(stream)

    for number in rounds():
        with called_by("second"):
            drop()
            with collecting_after(number):
                toy.open_session(f"session-{number}", owner="second")
                span("second")


class Logs:
    """An object that logs as it goes."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id

    def __del__(self) -> None:
        toy.note("second", self.session_id)


@alone(*["log first"] * ROUNDS, *["log second"] * ROUNDS)
def test_a_log_call_from_a_finalizer_costs_the_row_being_written_nothing(span: Spans) -> None:
    toy.open_session("of-first", user="first", owner="first")
    toy.open_session("of-second", user="second", owner="second")
    for number in rounds():
        cycle(Logs("of-second"))
        with collecting_after(number):
            toy.note("first", "of-first")
    for name in ("first", "second"):
        for row in span.rows(f"log {name}"):
            kept = (row.get("rvbbit.kind"), row.get("rvbbit.log.role"), row.get("session.id"))
            assert kept == ("log", name, f"of-{name}"), row


@alone(*["log second"] * ROUNDS, *["first"] * ROUNDS)
def test_a_weak_reference_s_callback_that_logs_while_callers_change(span: Spans) -> None:
    toy.open_session("of-second", user="second", owner="second")
    for number in rounds():
        thing = type("Thing", (), {})()
        weakref.finalize(thing, toy.note, "second", "of-second")
        cycle(thing)
        del thing
        with collecting_after(number):
            toy.login("first", f"c-{number}")
            span("first")
            toy.logout(f"c-{number}")


@alone(*["log second"] * ROUNDS, "first")
def test_a_signal_s_handler_that_logs_and_opens_sessions_wherever_it_comes(span: Spans) -> None:
    toy.open_session("of-second", user="second", owner="second")
    handled: list[int] = []

    def handle(number: int, frame: Any) -> None:
        if len(handled) < ROUNDS:
            handled.append(number)
            toy.note("second", "of-second")
            toy.open_session(f"signal-{len(handled)}", user="second", owner="second")
            with called_by("third"):
                toy.close_session(f"signal-{len(handled)}")
            signal.setitimer(
                signal.ITIMER_REAL, 0.0002
            )  # Not a clock that ticks by itself: on a slow machine it would interrupt itself for ever.

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0002)
    with called_by("first"):
        number = 0
        while len(handled) < ROUNDS:
            number += 1
            Work(f"run-{number}", owner="first").run(toy.login, "first", f"c-{number}")
            toy.logout(f"c-{number}")
        signal.setitimer(signal.ITIMER_REAL, 0)
        span("first")


@alone(*["log second"] * ROUNDS, "first")
def test_what_is_told_of_each_collection_may_log(span: Spans) -> None:
    toy.open_session("of-second", user="second", owner="second")
    told: list[str] = []

    def tell(phase: str, info: Any) -> None:
        if len(told) < ROUNDS:
            told.append(phase)
            toy.note("second", "of-second")

    gc.callbacks.append(tell)
    with called_by("first"):
        for number in rounds():
            with collecting_after(number):
                Work(f"run-{number}", owner="first").run(toy.open_session, f"s-{number}")
        gc.callbacks.remove(tell)
        span("first")


class Meddler:
    """A value whose text is asked for in the middle of our code."""

    def __str__(self) -> str:
        toy.open_session("opened-by-a-text", user="second", owner="second")
        toy.note("second", "opened-by-a-text")
        return "a meddler"


@alone("log second", "log first")
def test_a_value_whose_text_opens_a_session(span: Spans) -> None:
    toy.open_session("of-first", user="first", owner="first", facts={"who": Meddler()})
    toy.note("first", "of-first")


class Auditing(SpanProcessor):
    """A span processor of the host's, which logs what starts and what ends."""

    def __init__(self) -> None:
        self.busy = threading.local()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.log()

    def on_end(self, span: Any) -> None:
        self.log()

    def log(self) -> None:
        if not getattr(self.busy, "now", False):
            self.busy.now = True
            toy.open_session("audit", user="second", owner="second")
            toy.set_status("audit", "running")
            self.busy.now = False


@alone("first", "log first")
def test_a_span_processor_of_the_host_s_that_opens_sessions(span: Spans) -> None:
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(Auditing())
    with called_by("first"):
        Work("of-first", owner="first").run(lambda: (span("first"), toy.note("first")))


@alone("nobody", "first", "second")
def test_a_log_handler_that_is_told_of_a_bad_id_and_names_callers_itself(span: Spans) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with called_by("second"):
                span("second")
                with called_by("bad too"):
                    pass

    logging.getLogger("rvbbit_otel").addHandler(Handler())
    with called_by("first"):
        with called_by("no good id"):
            span("nobody")
        span("first")


@alone(*["first"] * ROUNDS, *["second"] * ROUNDS)
def test_threads_of_two_callers_among_collections(span: Spans) -> None:
    def client(caller: str) -> None:
        with called_by(caller):
            for number in range(ROUNDS):
                cycle(Work(f"left-{caller}-{number}", owner=caller).stream(lambda: iter([1])))
                Work("one-id-for-both", owner=caller).run(span, caller)

    gc.set_threshold(1, 1, 1)
    threads = [threading.Thread(target=client, args=(caller,)) for caller in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
