"""A host, in scenes: what it prints is the same with us and without us. A span of its own is named after whose work it is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import io
import json
import logging
import multiprocessing
import multiprocessing.pool
import os
import queue
import sched
import socket
import subprocess
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from opentelemetry import baggage, propagate, trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from tests.contract.toyrunner import Later, Work, toy
from tests.harden.host import hosted

from small_rvbbit import llm
from small_rvbbit.runner import run_cascade
from small_rvbbit.server import ClientConnection

CASCADES: Final = Path(__file__).parents[3] / "examples" / "small_rvbbit" / "cascades" / "traits"
_logger: Final = logging.getLogger("host")
Blocks = Callable[..., Any]


class HostError(Exception):
    """What the host raises itself."""


class Nothing:
    """What `called_by` is for a host without us."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def __call__(self, function: Any) -> Any:
        return function


class Host:
    """What the scenes work with, and what they print."""

    def __init__(self, called_by: Blocks) -> None:
        self.called_by = called_by
        self.printed: list[str] = []

    def say(self, *words: object) -> None:
        self.printed.append(" ".join(map(str, words)))

    def span(self, owner: str) -> None:
        """A third party's span."""
        trace.get_tracer("third-party").start_span(owner).end()

    def outcome(self, function: Callable[..., Any], *args: Any) -> None:
        """What comes of a call: its result, or the host's own error, unchanged."""
        try:
            self.say("returned", function(*args))
        except HostError as error:
            self.say(
                "raised", error, type(error.__cause__).__name__, error.__notes__ if hasattr(error, "__notes__") else ""
            )


def fails(text: str) -> None:
    raise HostError(text)


def blocks(host: Host) -> None:
    called_by = host.called_by
    with called_by("first", {"route": "/"}):
        host.span("first")
        with called_by("second", session="second-1"):
            host.span("second")
        with called_by("no good id"):
            host.span("nobody")
        with called_by("first", session="\x00"):
            host.span("first")
        host.span("first")
    for owner in ("first", "second"):

        def in_block(owner: str = owner) -> None:
            with called_by(owner):
                host.span(owner)
                fails(owner)

        host.outcome(in_block)

    @called_by("first")
    def function(number: int) -> int:
        host.span("first")
        if number < 0:
            raise HostError(number)
        return number + 1

    @called_by("first")
    async def coroutine(number: int) -> int:
        await asyncio.sleep(0)
        host.span("first")
        return function(number)

    @called_by("first")
    def generator(number: int) -> Iterator[int]:
        host.span("first")
        try:
            said = yield number
            yield function(said or number)
        except KeyError:
            yield -1
        finally:
            host.span("first")

    @called_by("first")
    async def agenerator(number: int) -> AsyncIterator[int]:
        host.span("first")
        yield number
        yield function(number)

    async def alist(number: int) -> list[int]:
        return [item async for item in agenerator(number)]

    for number in (1, -1):
        host.outcome(function, number)
        host.outcome(lambda number=number: asyncio.run(coroutine(number)))
        host.outcome(lambda number=number: list(generator(number)))
        host.outcome(lambda number=number: asyncio.run(alist(number)))
    steps = generator(5)
    host.say(next(steps), steps.send(8))
    host.say(generator.__name__, coroutine.__name__, function.__name__)
    steps = generator(5)
    host.say(next(steps), steps.throw(KeyError("k")))
    steps.close()
    host.outcome(called_by("first")(lambda: "plain"))
    with called_by("nobody-else"):
        pass
    host.span("nobody")


def facts(host: Host) -> None:
    """What is said of callers, and asked."""
    if host.called_by is not Nothing:
        from rvbbit_otel import current_caller
    else:

        def current_caller() -> None: ...

    long = {"text": "x" * 20_000, "few": 1}
    for metadata in (None, '{"a": 1}', "no json", long, {b"bytes": {1, 2}}, [1], "[" * 20_000):
        with host.called_by("first", metadata):
            known = current_caller()
            host.say("known" if known is None or known.id in ("first", "nobody") else known)
            host.span("first")
    tracer = trace.get_tracer("third-party")
    with host.called_by("first"):
        for key, value in (
            ("url.full", "https://user:word@host/path?token=1#f"),
            ("http.target", "/path?token=1"),
            ("http.request.header.authorization", ("Bearer abc",)),
            ("gen_ai.input.messages", '[{"role": "user", "content": "hello"}]'),
            ("exception.stacktrace", 'File "a.py", line 1\n  secret = 1\nValueError: word'),
            ("rvbbit.caller.metadata", '{"a": "b", "sql_query": "SELECT 1"}'),
            ("db.statement", "SELECT 'a' -- b"),
            ("odd", b"bytes"),
        ):
            span = tracer.start_span("first", attributes={key: value})
            span.add_event("gen_ai.choice", {key: value})
            span.end()
            _logger.warning("said", extra={key.replace(".", "_"): value})
        late = tracer.start_span("first")
        late.set_attribute("rvbbit.caller.id", "first")
        late.end()


def within_generators(host: Host) -> None:
    called_by = host.called_by

    def steps() -> Iterator[int]:
        with called_by("first"):
            for number in range(3):
                host.span("first")
                yield number

    @contextlib.contextmanager
    def managed() -> Iterator[str]:
        with called_by("second"):
            yield "managed"

    async def asteps() -> AsyncIterator[int]:
        with called_by("first"):
            for number in range(2):
                host.span("first")
                yield number

    async def main() -> list[int]:
        done = asyncio.Event()
        found = []
        async for number in asteps():
            host.span("nobody")
            found.append(number)
        asyncio.get_running_loop().call_soon(done.set)
        await done.wait()
        return found

    for number in steps():
        host.say(number)
        host.span("nobody")
    with managed() as said:
        host.say(said)
        host.span("second")
    left = steps()
    next(left)
    host.say(asyncio.run(main()))
    del left
    host.span("nobody")


def threads(host: Host) -> None:
    called_by = host.called_by
    seen: queue.Queue[str] = queue.Queue()
    simple: queue.SimpleQueue[str] = queue.SimpleQueue()
    ready = threading.Event()

    def job(owner: str) -> str:
        host.span(owner)
        seen.put(f"job of {owner}")
        return owner

    def worker() -> None:
        while (item := simple.get()) != "stop":
            seen.put(f"worked on {item}")
        ready.set()

    serving = threading.Thread(target=worker)
    for owner in ("first", "second"):
        with called_by(owner):
            if not serving.is_alive():
                serving.start()
            thread = threading.Thread(target=job, args=(owner,))
            thread.start()
            thread.join()
            timer = threading.Timer(0, job, (owner,))
            timer.start()
            timer.join()
            simple.put(owner)
    simple.put_nowait("stop")
    ready.wait()
    serving.join()

    def waits() -> None:
        with condition:
            condition.wait_for(lambda: bool(told), timeout=10)
            host.span("first")

    condition, told = threading.Condition(), []
    with called_by("first"):
        waiting = threading.Thread(target=waits)
        waiting.start()
        with condition:
            told.append(True)
            condition.notify_all()
        waiting.join()
        semaphore = threading.Semaphore(1)
        host.say(semaphore.acquire(), semaphore.release())

    def handles() -> None:
        fails("in a thread")

    def guarded() -> None:
        try:
            handles()
        except HostError as error:
            seen.put(str(error))

    with called_by("second"):
        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()
    while not seen.empty():
        host.say(seen.get_nowait())
    host.printed.sort()
    try:
        simple.get_nowait()
    except queue.Empty:
        host.say("empty")


def pools(host: Host) -> None:
    called_by = host.called_by

    def job(owner: str, number: int = 1) -> int:
        host.span(owner)
        if number < 0:
            raise HostError(owner)
        return number + 1

    done: list[Any] = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for owner in ("first", "second"):
            with called_by(owner):
                future = pool.submit(job, owner)
                future.add_done_callback(lambda future: done.append(future.result()))
                host.outcome(future.result)
                host.outcome(pool.submit(job, owner, -1).result)
                host.say(list(pool.map(lambda number, owner=owner: job(owner, number), range(3))))
    host.say(done)
    threaded = multiprocessing.pool.ThreadPool(1)
    with called_by("first"):
        host.say(threaded.apply(job, ("first",)), threaded.map(lambda number: job("first", number), [1, 2]))
        threaded.apply_async(func=job, args=("first",), callback=done.append).get()
    threaded.close()
    threaded.join()
    host.say(done)
    later = sched.scheduler()
    with called_by("second"):
        later.enter(0, 1, job, ("second",))
        later.enterabs(0, 1, action=job, argument=("second",))
    later.run()
    host.span("nobody")


def loops(host: Host) -> None:
    called_by = host.called_by

    async def job(owner: str, number: int = 1) -> int:
        await asyncio.sleep(0)
        host.span(owner)
        if number < 0:
            raise HostError(owner)
        return number + 1

    async def worker(jobs: asyncio.Queue[Any], found: list[Any]) -> None:
        while (item := await jobs.get()) is not None:
            found.append(item)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        host.span("nobody")
        await writer.drain()
        writer.close()

    async def of(owner: str) -> list[Any]:
        loop, called, found = asyncio.get_running_loop(), asyncio.Event(), []
        with called_by(owner):
            loop.call_later(0, called.set)
            await called.wait()
            loop.call_soon(lambda: found.append(host.span(owner)))
            jobs: asyncio.Queue[Any] = asyncio.Queue()
            serving = asyncio.create_task(worker(jobs, found))
            jobs.put_nowait(owner)
            await jobs.put(None)
            await serving
            results = await asyncio.gather(job(owner), job(owner, -1), return_exceptions=True)
            found += [repr(each) for each in results]
            found.append(await loop.run_in_executor(None, lambda: host.span(owner)))
            found.append(await asyncio.to_thread(lambda: owner))
            async with asyncio.Lock():
                found.append(await asyncio.wait_for(job(owner), 10))
            condition = asyncio.Condition()
            async with condition:
                condition.notify_all()
            semaphore = asyncio.Semaphore(1)
            async with semaphore:
                host.span(owner)
        return found

    async def served() -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        with called_by("first"):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            line = await reader.readline()
            writer.close()
        server.close()
        await server.wait_closed()
        return line

    async def main() -> Any:
        return await asyncio.gather(of("first"), of("second"), served())

    host.say(asyncio.run(main()))

    async def raises() -> None:
        with called_by("first"):
            await job("first", -1)

    host.outcome(lambda: asyncio.run(raises()))
    host.span("nobody")


def streams(host: Host) -> None:
    called_by = host.called_by

    def parts(owner: str) -> Iterator[Any]:
        try:
            host.span(owner)
            said = yield 1
            host.span(owner)
            yield said
            fails(owner)
        finally:
            host.span(owner)

    def good(owner: str) -> Iterator[Any]:
        for number in range(2):
            host.span(owner)
            yield number

    async def aparts(owner: str) -> Any:
        try:
            for number in range(3):
                host.span(owner)
                yield number
        finally:
            host.span(owner)

    for owner in ("first", "second"):
        run = Work(f"stream-{owner}", owner=owner)
        with called_by(owner):
            made = [
                run.stream(lambda owner=owner: good(owner)),
                run.generator(lambda owner=owner: good(owner)),
                run.opened(lambda owner=owner: good(owner)),
                toy.complete_by_parts("m", lambda owner=owner: good(owner)),
                toy.complete_to_iterator("m", lambda owner=owner: good(owner)),
                toy.complete_to_stream("m", lambda owner=owner: good(owner)),
                hosted.ask("m", 2),
            ]
        for each in made:
            host.say(list(each), type(each).__name__)
        with called_by(owner):
            ways = (run.stream, run.generator, run.opened)
            broken = [way(lambda owner=owner: parts(owner)) for way in ways]
        for each in broken:
            host.outcome(lambda each=each: list(each))
        with called_by(owner):
            closed = [way(lambda owner=owner: parts(owner)) for way in ways]
        for each in closed:
            host.say(next(each), each.close())
        with called_by(owner):
            sent = run.stream(lambda owner=owner: parts(owner))
        host.say(next(sent), sent.send("sent"))
        host.outcome(sent.throw, HostError("thrown"))
        with called_by(owner), run.opened(lambda owner=owner: parts(owner)) as entered:
            host.say(next(entered))

        async def read(owner: str = owner) -> list[Any]:
            found: list[Any] = []
            run = Work(f"astream-{owner}", owner=owner)
            with called_by(owner):
                made = [way(lambda: aparts(owner)) for way in (run.astream, run.aopened)]
            for each in made:
                found.append([item async for item in each])
            with called_by(owner):
                left = [way(lambda: aparts(owner)) for way in (run.astream, run.aopened)]
            for each in left:
                found.append(await each.__anext__())
                await each.aclose()
            with called_by(owner):
                thrown = run.astream(lambda: aparts(owner))
            found.append(await thrown.__anext__())
            try:
                await thrown.athrow(HostError("thrown"))
            except HostError as error:
                found.append(repr(error))
            return found

        host.say(asyncio.run(read()))
    with called_by("first"):
        left = [way(lambda: parts("first")) for way in (run.stream, run.opened)]
        for each in left:
            next(each)
        ring: list[Any] = [left]
        ring.append(ring)
    del left, ring, each
    gc.collect()
    host.span("nobody")


def runs(host: Host) -> None:
    for owner in ("first", "second"):
        toy.login(owner)
        host.span(owner)
        toy.open_session(f"s-{owner}", user=owner, owner=owner, facts={"a": 1})
        toy.set_status(f"s-{owner}", "running")
        toy.set_status(f"s-{owner}", "failed")
        toy.beat(f"s-{owner}")
        toy.note(owner, f"s-{owner}")
        host.say(toy.complete(owner), toy.use_tool("t", lambda: "used"), toy.step("s", lambda: "done"))
        host.say(toy.hand_over("job", owner), toy.hand_over("job", owner, f"s-{owner}"))
        run = Work(f"run-{owner}", owner=owner)
        host.outcome(lambda run=run, owner=owner: run.run(lambda: host.span(owner)))
        host.outcome(lambda run=run, owner=owner: run.run(fails, owner))
        host.outcome(lambda run=run, owner=owner: run.run_for(owner, lambda: "ran"))

        async def awaited(owner: str = owner) -> str:
            await asyncio.sleep(0)
            host.span(owner)
            return owner

        host.say(asyncio.run(run.arun(awaited)))
        sub = Work(f"sub-{owner}", parent=f"run-{owner}", owner=owner)
        host.outcome(lambda sub=sub, owner=owner: sub.run(lambda: sub.run(lambda: host.span(owner))))
        toy.close_session(f"s-{owner}")
        toy.close_session(f"s-{owner}")
        toy.login(owner, "c-1")
        host.span(owner)
        toy.logout("c-1")
        toy.logout()
        host.span("nobody")
    host.outcome(lambda: toy.handle("first", lambda: host.span("first")))
    host.outcome(lambda: toy.handle("second", lambda: fails("in a request")))
    host.outcome(lambda: toy.loop(lambda: host.span("nobody")))
    toy.login("bad id")
    host.span("nobody")
    toy.logout()
    toy.last_user = None
    toy.whose()  # What it answers is mended, so it may differ.
    later = Later()
    with host.called_by("first"):
        later.put(lambda: host.span("first"))
    later.run()
    with host.called_by("first"):
        host.say(hosted.tools.find("double")(4), hosted.tools.find("none"))  # type: ignore[misc]
        host.say(hosted.tools.call("t", lambda: "called"))
        hosted.Handed("handed-1", parent="run-first")
        hosted.Handed("handed-2", "first", {"a": 1})
        host.say(hosted.look_around("c"), asyncio.run(hosted.ask_async("m")))
        host.say(hosted.note("n", "r-1", 3, {"said": ["x"]}), hosted.price("r-1", 0.5), hosted.asked_and_noted("four"))
        host.say(hosted.note("n", "r-2", session_id="handed-1"), hosted.end("handed-1", "done"))
        host.outcome(lambda: hosted.tools.call("t", lambda: fails("a tool")))

        def steers() -> None:
            raise hosted.Steering

        with contextlib.suppress(hosted.Steering):
            hosted.tools.call("t", steers)
        with hosted.rooms.room("one") as name:
            host.say(name)
            host.span("first")

        def leaves() -> None:
            with hosted.rooms.room("two"):
                fails("in a room")

        host.outcome(leaves)

        def steps() -> Iterator[int]:
            with hosted.rooms.room("three"):
                yield 1
                yield 2

        host.say(list(steps()))

        async def aroom() -> str:
            async with hosted.rooms.aroom("four") as name:
                host.span("first")
                return name

        host.say(asyncio.run(aroom()))

        async def aleaves() -> None:
            async with hosted.rooms.aroom("five"):
                fails("in an aroom")

        host.outcome(lambda: asyncio.run(aleaves()))
    host.span("nobody")


def _answer(request: Any, timeout: float) -> Any:
    prompt = json.loads(request.data)["messages"][0]["content"]
    answer = {
        "choices": [{"message": {"content": prompt.rpartition(": ")[2].split()[0]}}],
        "model": "stub",
        "usage": {"prompt_tokens": len(prompt), "completion_tokens": 1},
    }
    return contextlib.closing(io.BytesIO(json.dumps(answer).encode()))


def cascades(host: Host) -> None:
    """The runner of `examples/`, with its model answered here."""
    os.environ["SMALL_RVBBIT_LLM"] = "http://127.0.0.1:1"
    plain = urllib.request.urlopen
    llm.urllib.request.urlopen = _answer
    try:
        with host.called_by("first"):
            host.say(run_cascade(str(CASCADES / "extract_brand.yaml"), {"product_name": "Apple iPhone"}))
            host.say(run_cascade(str(CASCADES / "nested.yaml"), {"product_name": "Sony Headphones"}, "s-1"))
        host.say(
            run_cascade(str(CASCADES / "extract_brand.yaml"), {"product_name": "Bose Speaker"}, caller_id="second")
        )
        try:
            run_cascade(str(CASCADES / "failing.yaml"), {"product_name": "Canon Camera"})
        except RuntimeError as error:
            host.say(repr(error))
    finally:
        llm.urllib.request.urlopen = plain


def queries(host: Host) -> None:
    """Its server's queries, by DuckDB's own threads and the client's."""
    os.environ["SMALL_RVBBIT_LLM"] = "http://127.0.0.1:1"
    plain = urllib.request.urlopen
    llm.urllib.request.urlopen = _answer
    client = ClientConnection.__new__(ClientConnection)
    try:
        execute = client.connect({"user": "demo"})
        rows = "('Apple iPhone'), ('Sony Headphones')"
        path = CASCADES / "extract_brand.yaml"
        text = f"RVBBIT MAP '{path}' AS brand USING (SELECT * FROM (VALUES {rows}) AS t(product_name))"
        for result in (*execute(text, [], "simple"), *execute("SELECT 1; SELECT 2", [], "simple")):
            host.say(sorted(map(str, result.rows)), result.tag)
        database = client.database
        data = [1, 2]
        host.say(database.sql("SELECT 3 AS three").fetchall(), database.execute("SELECT 4").fetchall(), data)
        relation = database.sql("SELECT * FROM range(4)")
        host.say(relation.fetchall(), len(database.cursor().execute("SELECT 5").fetchall()))
        try:
            execute("SELEC", [], "simple")
        except Exception as error:
            host.say(type(error).__name__)
        client.disconnect()
    finally:
        llm.urllib.request.urlopen = plain


def telemetry(host: Host) -> None:
    """Spans and log records of every shape, of third parties."""
    tracer = trace.get_tracer("third-party", "1", attributes={"scope": "half \ud83d"})
    with host.called_by("first"):
        with tracer.start_as_current_span(
            "first", kind=SpanKind.SERVER, attributes={"number": 1, "many": [1, 2]}
        ) as span:
            span.add_event("event", {"at": 1.5, "gen_ai.prompt": "secret"})
            span.set_attribute("half", "\ud83d")
            span.set_attribute("rvbbit.caller.id", "first")
            span.set_attribute("db.query.text", "SELECT 'literal'")
            span.set_status(Status(StatusCode.ERROR, "broken"))
            tracer.start_span("first", links=[Link(span.get_span_context(), {"a": 1})]).end()
            _logger.warning("a record of %s", "first")
            _logger.warning("half %s", "\ud83d", extra={"session.id": "s", "half": "\ud83d"})
        host.outcome(lambda: _recorded(tracer))
        _logger.error("told", exc_info=HostError("told"))
    tracer.start_span("second", attributes={"rvbbit.caller.id": "second"}).end()
    tracer.start_span("nobody", attributes={"rvbbit.caller.id": "no good id"}).end()
    tracer.start_span("nobody", attributes={"session.id": "unknown"}).end()
    wide = tracer.start_span("second", attributes={**{str(n): n for n in range(140)}, "rvbbit.caller.id": "second"})
    wide.set_attributes({f"more {n}": n for n in range(140)})
    wide.end()
    late = tracer.start_span("first")
    late.set_attribute("session.id", "run-first")
    late.end()


def _recorded(tracer: Any) -> None:
    with tracer.start_as_current_span("first"):
        fails("recorded")


def travels(host: Host) -> None:
    """Headers out and in."""
    tracer = trace.get_tracer("third-party")
    for caller in (None, "first"):
        with contextlib.ExitStack() as stack:
            if caller:
                stack.enter_context(host.called_by(caller))
            for address in ("allowed.example", "other.example", None):
                attributes = {"server.address": address} if address else {}
                with tracer.start_as_current_span(caller or "nobody", kind=SpanKind.CLIENT, attributes=attributes):
                    headers: dict[str, str] = {}
                    propagate.inject(headers)
                    host.say(sorted(headers.keys() - {"baggage"}))
    sent = {"baggage": "theirs=1,rvbbit.caller.id=forged,session.id=forged", "traceparent": f"00-{1:032x}-{2:016x}-01"}
    context = propagate.extract(sent)
    host.say(baggage.get_baggage("theirs", context), trace.get_current_span(context).get_span_context().trace_id)
    tracer.start_span("nobody", context).end()
    host.say(sorted(propagate.get_global_textmap().fields))


def _squared(number: int) -> int:
    return number * number


def children(host: Host) -> None:
    """Processes: one that is another program, and forks."""
    fork = multiprocessing.get_context("fork")
    with host.called_by("first"):
        host.say(subprocess.run(["true"], check=False).returncode)
        host.say(subprocess.run(["true"], check=False, env={"PATH": os.environ["PATH"]}).returncode)
        process = fork.Process(target=_squared, args=(2,))
        process.start()
        process.join()
        host.say(process.exitcode)
        with fork.Pool(1) as pool:
            host.say(pool.map(_squared, [1, 2]), pool.apply_async(func=_squared, args=(3,)).get())
        with concurrent.futures.ProcessPoolExecutor(1, fork) as executor:
            host.say(list(executor.map(_squared, [3, 4])))
        one, other = fork.Pipe()
        one.send("sent")
        host.say(other.recv())
        one.send_bytes(b"bytes")
        host.say(other.recv_bytes())
        results = fork.Queue()
        results.put(1)
        host.say(results.get())
        results.close()
        results.join_thread()
    host.span("nobody")


def sockets(host: Host) -> None:
    with host.called_by("first"), socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        served, _ = listening.accept()
        client.sendall(b"hello")
        host.say(served.recv(5))
        client.close()
        served.close()


def web(host: Host) -> None:
    """Requests, by the middlewares; a host without us has none."""
    from importlib import import_module

    async def app(scope: Any, receive: Any, send: Any) -> None:
        host.span("web" if scope["type"] == "http" else "nobody")
        await send({"type": scope["path"]})

    def wsgi(environ: Any, start_response: Any) -> Iterator[bytes]:
        host.span("web")
        start_response("200 OK", [])
        yield b"one"
        yield b"two"

    async def asgi_called(called: Any) -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/p",
            "headers": [(b"X-Caller", b"web")],
            "client": ("127.0.0.1", 1),
        }
        await called(scope, None, send)
        await called({**scope, "type": "lifespan"}, None, send)
        return sent

    wrapped, wrapped_wsgi = app, wsgi
    if host.called_by is not Nothing:
        ours = import_module("rvbbit_otel.instrumentation.web")
        wrapped = ours.AsgiCallers(app, header="X-Caller", trusted=("127.0.0.0/8",))
        wrapped_wsgi = ours.WsgiCallers(wsgi, name=lambda request: "web")
    host.say(asyncio.run(asgi_called(wrapped)))
    statuses: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_X_CALLER": "web"}
    host.say(list(wrapped_wsgi(environ, lambda status, _: statuses.append(status))), statuses)


SCENES: Final[dict[str, Callable[[Host], None]]] = {
    each.__name__: each  # type: ignore[attr-defined]
    for each in (
        blocks,
        facts,
        within_generators,
        threads,
        pools,
        loops,
        streams,
        runs,
        cascades,
        queries,
        telemetry,
        travels,
        children,
        sockets,
        web,
    )
}
