"""Hooked calls inside of hooked calls: what a call cost is accounted for once, whoever tells of it."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec, RvbbitInstrumentor, runners


def client(name: str, body: Callable[[], Any]) -> Any:
    return body()


def router(name: str, body: Callable[[], Any]) -> Any:
    return body()


async def router_async(name: str, body: Callable[[], Any]) -> Any:
    return await body()


def stream(name: str, chunks: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    yield from chunks()


def tool(name: str, body: Callable[[], Any]) -> Any:
    return body()


def log(name: str, tokens: Any, request_id: Any = None) -> None:
    pass


def log_of_answer(name: str, body: Callable[[], Any]) -> Any:
    return body()


def late(request_id: str, cost: float) -> None:
    pass


def run(session: str, body: Callable[[], Any]) -> Any:
    return body()


RESULT = {"model": "name", "tokens_in": "result.tokens"}
HOOKS = (
    Hook(Role.LLM, f"{__name__}:client", RESULT, accounts=True),
    Hook(Role.LLM, f"{__name__}:router", RESULT, accounts=True),
    Hook(Role.LLM, f"{__name__}:router_async", RESULT, accounts=True),
    Hook(Role.LLM, f"{__name__}:stream", {"model": "name", "tokens_in": "yielded.tokens"}, accounts=True),
    Hook(Role.TOOL, f"{__name__}:tool", {"name": "name"}),
    Hook(Role.CASCADE, f"{__name__}:run", {"session_id": "session"}),
)
# A framework's spec, whose own LLM calls are its rows'.
FRAMEWORK = (
    Hook(Role.LLM, f"{__name__}:router", {"model": "name"}),
    Hook(
        Role.LOG, f"{__name__}:log", {"role": "name", "tokens_in": "tokens", "request_id": "request_id"}, accounts=True
    ),
    Hook(Role.USAGE, f"{__name__}:late", {"request_id": "request_id", "cost": "cost"}),
)
CLIENT = (Hook(Role.LLM, f"{__name__}:client", RESULT, accounts=True),)
Start = Callable[..., Traced]


@pytest.fixture
def start(instrumented: Start, monkeypatch: pytest.MonkeyPatch) -> Start:
    def with_hooks(*specs: tuple[Hook, ...]) -> Traced:
        made = tuple(RunnerSpec(f"toy{number}", "tests", hooks) for number, hooks in enumerate(specs))
        monkeypatch.setattr(runners, "SHIPPED", made)
        return instrumented()

    return with_hooks


@pytest.fixture
def traced(start: Start) -> Traced:
    return start(HOOKS)


def told(traced: Traced) -> list[tuple[Any, ...]]:
    """Of each row that tells tokens or a cost, in the order of their ends: its name, the number, whether it accounts."""
    rows = [(span.name.split()[-1], dict(span.attributes or {})) for span in traced.spans]
    found = []
    for name, said in rows:
        if "rvbbit.usage.counted" in said:
            counted = said["rvbbit.usage.counted"]
            tokens = said.get("gen_ai.usage.input_tokens" if counted else "rvbbit.usage.told.input_tokens")
            found.append((name, said.get("rvbbit.usage.cost") if tokens is None else tokens, counted))
    return found


def says(tokens: Any) -> Callable[[], Any]:
    return lambda: {"tokens": tokens}


def test_a_router_over_a_client_counts_what_the_client_tells(traced: Traced) -> None:
    router("outer", lambda: client("inner", says(5)))
    assert told(traced) == [("inner", 5, True), ("outer", 5, False)]


@pytest.mark.parametrize("nothing", [None, 0, -1, True, "?"])
def test_a_router_over_a_client_that_tells_nothing_counts_itself(traced: Traced, nothing: Any) -> None:
    router("outer", lambda: client("inner", says(nothing)) and {"tokens": 5})
    assert [row for row in told(traced) if row[1]] == [("outer", 5, True)]


def test_calls_beside_each_other_and_one_after_another_all_count(traced: Traced) -> None:
    client("one", says(1))
    router("two", says(2))
    client("three", says(3))
    assert told(traced) == [("one", 1, True), ("two", 2, True), ("three", 3, True)]


def test_each_try_of_a_retry_costs_money_and_counts(traced: Traced) -> None:
    def fails() -> Iterator[Any]:
        yield {"tokens": 3}
        raise ConnectionError("gone")

    def retry() -> Any:
        with pytest.raises(ConnectionError):
            list(stream("first", fails))
        return client("second", says(5))

    router("outer", retry)
    assert told(traced) == [("first", 3, True), ("second", 5, True), ("outer", 5, False)]


def test_a_retry_whose_tries_tell_nothing_is_counted_by_the_call_around_them(traced: Traced) -> None:
    def retry() -> Any:
        with pytest.raises(ConnectionError):
            client("first", lambda: (_ for _ in ()).throw(ConnectionError("gone")))
        return client("second", lambda: {"tokens": None}) and {"tokens": 5}

    router("outer", retry)
    assert told(traced) == [("outer", 5, True)]


def test_of_three_calls_in_each_other_the_innermost_that_tells_counts(traced: Traced) -> None:
    router("a", lambda: router("b", lambda: client("c", says(5))))
    router("d", lambda: router("e", lambda: client("f", says(None)) and {"tokens": 6}))
    assert told(traced) == [
        ("c", 5, True),
        ("b", 5, False),
        ("a", 5, False),
        ("e", 6, True),
        ("d", 6, False),
    ]


def test_a_stream_over_a_stream_counts_the_inner_one_however_it_is_read(traced: Traced) -> None:
    def chunks() -> Iterator[Any]:
        yield {"text": "a", "tokens": 4}
        yield {"text": "", "tokens": 5}

    def nested(outer: str, inner: str) -> Any:
        return stream(outer, lambda: stream(inner, chunks))

    list(nested("outer", "inner"))
    left = nested("left", "within")
    next(left)
    left.close()
    # The reader's own calls between two steps are not inside.
    for _ in nested("read", "thrice"):
        client("reader", says(1))
    assert told(traced) == [
        ("inner", 5, True),
        ("outer", 5, False),
        ("within", 4, True),
        ("left", 4, False),
        ("reader", 1, True),
        ("reader", 1, True),
        ("thrice", 5, True),
        ("read", 5, False),
    ]


def test_threads_and_tasks_that_a_call_hands_work_to_are_inside_of_it(traced: Traced) -> None:
    def in_threads() -> Any:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda n: client(f"thread{n}", says(n)), (1, 2))) and {"tokens": 3}

    async def one(number: int) -> Any:
        return client(f"task{number}", says(number))

    async def in_tasks() -> Any:
        await asyncio.gather(one(1), one(2))
        return {"tokens": 3}

    with called_by("sql-1"):
        router("over-threads", in_threads)
        asyncio.run(router_async("over-tasks", in_tasks))
    rows = told(traced)
    assert sorted(rows[:2]) == [("thread1", 1, True), ("thread2", 2, True)]
    assert sorted(rows[3:5]) == [("task1", 1, True), ("task2", 2, True)]
    assert [rows[2], rows[5]] == [("over-threads", 3, False), ("over-tasks", 3, False)]


@pytest.mark.parametrize("caller", ["sql-1", None])
def test_a_thread_that_is_late_does_not_count_what_the_call_around_it_has_counted(
    traced: Traced, caller: str | None
) -> None:
    begun, told_first = threading.Event(), threading.Event()

    def slow() -> Any:
        begun.set()
        told_first.wait(10)
        return {"tokens": 5}

    def leaves_a_thread() -> Any:
        thread = threading.Thread(target=client, args=("late", slow))
        thread.start()
        threads.append(thread)
        begun.wait(10)
        return {"tokens": 5}

    threads: list[threading.Thread] = []
    if caller is None:
        router("outer", leaves_a_thread)
    else:
        with called_by(caller):
            router("outer", leaves_a_thread)
    told_first.set()
    threads[0].join()
    assert told(traced) == [("outer", 5, True), ("late", 5, False)]


def test_a_worker_that_a_call_happened_to_start_is_not_inside_of_it(traced: Traced) -> None:
    jobs: queue.Queue[Any] = queue.Queue()
    done: queue.Queue[Any] = queue.Queue()

    def work() -> None:
        while (job := jobs.get()) is not None:
            with called_by(job):
                client(f"for-{job}", says(7))
            done.put(job)

    def of_another() -> None:
        with called_by("web-2"):
            started.wait(10)
            jobs.put("web-2")

    started = threading.Event()
    worker, another = threading.Thread(target=work), threading.Thread(target=of_another)
    another.start()

    def starts_the_worker() -> Any:
        worker.start()
        started.set()
        done.get(timeout=10)
        return {"tokens": 5}

    with called_by("web-1"):
        router("outer", starts_the_worker)
    jobs.put(None)
    worker.join()
    another.join()
    assert told(traced) == [("for-web-2", 7, True), ("outer", 5, True)]


def test_what_starts_after_a_call_has_returned_is_not_inside_of_it(traced: Traced) -> None:
    go = threading.Event()

    def later() -> None:
        go.wait(10)
        client("after", says(7))

    thread = threading.Thread(target=later)

    def starts_a_thread() -> Any:
        thread.start()
        return {"tokens": 5}

    with called_by("web-1"):
        router("outer", starts_a_thread)
        go.set()
        thread.join()
    assert told(traced) == [("outer", 5, True), ("after", 7, True)]


def test_what_a_tool_asks_models_for_is_no_part_of_the_call_that_wanted_the_tool(traced: Traced) -> None:
    router("outer", lambda: tool("search", lambda: client("of-the-tool", says(7))) and {"tokens": 5})
    assert told(traced) == [("of-the-tool", 7, True), ("outer", 5, True)]


def test_a_session_inside_of_a_call_is_inside_of_it(traced: Traced) -> None:
    with called_by("web-1"):
        router("outer", lambda: run("s-1", lambda: client("inner", says(5))))
    assert told(traced) == [("inner", 5, True), ("outer", 5, False)]


def test_a_framework_s_row_of_a_call_does_not_count_what_a_client_inside_told(start: Start) -> None:
    traced = start(FRAMEWORK, CLIENT)

    def asks(inner: Any) -> Callable[[], Any]:
        def body() -> Any:
            client("inner", says(inner))
            log("row", 5)

        return body

    router("model", asks(5))
    router("model", asks(None))
    log("elsewhere", 6)
    assert told(traced) == [("inner", 5, True), ("row", 5, False), ("row", 5, True), ("elsewhere", 6, True)]


def test_several_rows_inside_of_one_call_all_count_and_the_call_itself_does_not(start: Start) -> None:
    traced = start((Hook(Role.LLM, f"{__name__}:client", RESULT, accounts=True),), FRAMEWORK)
    client("batch", lambda: [log("row", 1), log("row", 2)] and {"tokens": 3})
    assert told(traced) == [("row", 1, True), ("row", 2, True), ("batch", 3, False)]


def test_a_late_price_counts_only_if_its_row_did(start: Start) -> None:
    traced = start(FRAMEWORK, CLIENT)

    def body() -> Any:
        client("inner", says(5))
        log("row", None, "r-1")

    router("model", body)
    log("row", 6, "r-2")
    late("r-1", 0.5)
    late("r-2", 0.25)
    assert told(traced) == [("inner", 5, True), ("row", 6, True), ("usage", 0.5, False), ("usage", 0.25, True)]


@pytest.mark.parametrize("order", [1, -1])
def test_two_specs_on_one_function_count_it_once(start: Start, order: int) -> None:
    ours = (Hook(Role.LLM, f"{__name__}:log_of_answer", RESULT, accounts=True),)
    theirs = (
        Hook(Role.LOG, f"{__name__}:log_of_answer", {"role": "name", "tokens_in": "result.tokens"}, accounts=True),
    )
    traced = start(*(ours, theirs)[::order])
    log_of_answer("answer", says(5))
    log_of_answer("answer", says(0))
    assert sorted(row for row in told(traced) if row[1]) == [("answer", 5, False), ("answer", 5, True)]


def test_two_names_of_one_function_count_it_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.alias", client, raising=False)
    aliased = (Hook(Role.LLM, f"{__name__}:alias", RESULT, accounts=True),)
    traced = start(CLIENT, aliased)
    client("answer", says(5))
    assert told(traced) == [("answer", 5, True), ("answer", 5, False)]


def test_a_call_that_was_begun_before_switching_off_ends_well(traced: Traced) -> None:
    router("outer", lambda: RvbbitInstrumentor().uninstrument() or client("inner", says(5)))
    assert told(traced) == [("outer", 5, True)]


def test_calls_in_many_threads_at_once_each_count_once(traced: Traced) -> None:
    def ask(number: int) -> Any:
        return router(f"outer{number}", lambda: client(f"inner{number}", says(number)))

    with called_by("web-1"), ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(1, 201)))
    counted = [(name, tokens) for name, tokens, counts in told(traced) if counts]
    assert sorted(counted) == sorted((f"inner{number}", number) for number in range(1, 201))
    assert len(told(traced)) == 400
