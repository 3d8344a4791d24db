"""Flask: each way in which a view works, and goes on to work after it has answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, Response, abort, after_this_request, g, request, stream_with_context
from tests.web_jobs.programs.marks import mark

from rvbbit_otel.instrumentation.web import Request, WsgiCallers

_pool: list[ThreadPoolExecutor] = []
_lock = threading.Lock()


def caller(asked: Request) -> str | None:
    return asked.headers.get("x-user")


app = Flask(__name__)
app.wsgi_app = WsgiCallers(app.wsgi_app, name=caller)  # type: ignore[method-assign]


@app.before_request
def before() -> None:
    g.user = request.headers["X-User"]


@app.teardown_request
def teardown(error: BaseException | None) -> None:
    if request.path == "/teardown":
        mark(g.user, "teardown request")


@app.get("/plain")
def plain() -> str:
    mark(g.user, "plain")
    return g.user


@app.get("/teardown")
def teared() -> str:
    mark(g.user, "teardown")
    return g.user


@app.get("/after")
def after() -> str:
    user = g.user

    @after_this_request
    def later(response: Response) -> Response:
        mark(user, "after this request")
        response.call_on_close(lambda: mark(user, "after close"))
        return response

    return user


@app.get("/stream")
def stream() -> Response:
    user = g.user

    def parts() -> Iterator[str]:
        for number in range(3):
            mark(user, f"stream {number}")
            yield user

    return Response(parts())


@app.get("/stream-context")
def stream_in_context() -> Response:
    @stream_with_context
    def parts() -> Iterator[str]:
        for number in range(3):
            mark(g.user, f"stream-context {number}")
            yield g.user

    return Response(parts())


@app.get("/pool")
def pool() -> str:
    with _lock:
        if not _pool:
            _pool.append(ThreadPoolExecutor(2))
    _pool[0].submit(mark, g.user, "pool").result()
    return g.user


@app.get("/thread")
def thread() -> str:
    started = threading.Thread(target=mark, args=(g.user, "thread"))
    started.start()
    started.join()
    return g.user


@app.get("/async")
async def asynchronous() -> str:
    mark(g.user, "async")
    return g.user


@app.get("/fails")
def fails() -> str:
    mark(g.user, "fails")
    raise ValueError("broken")


@app.get("/refuses")
def refuses() -> str:
    mark(g.user, "refuses")
    abort(404)
