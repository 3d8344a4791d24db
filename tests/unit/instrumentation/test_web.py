"""Requests of web applications, eight at once: streamed answers, background tasks, and who is believed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import StreamingResponse
from starlette.routing import Route
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation.web import AsgiCallers, Naming, Request, WsgiCallers
from rvbbit_otel.instrumentation.web.naming import joined

USERS = [f"user-{number}" for number in range(8)]


def by_user(request: Request) -> str | None:
    return request.headers.get("x-user")


async def asked(app: Any, user: str, path: str = "/ask", peer: str = "10.1.2.3", header: str = "x-user") -> bytes:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "client": (peer, 1), "headers": []}
    scope["headers"] = [(header.encode(), user.encode())]
    await app(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def named(naming: Naming, request: Request) -> str:
    block = naming.block(request, {})
    assert block is not None
    return block._block._caller_id


def endings(traced: Traced) -> Counter[tuple[str, str]]:
    said = [dict(span.attributes or {}) for span in traced.spans]
    return Counter(
        (each["rvbbit.caller.id"], each["rvbbit.session.status"])
        for each in said
        if each.get("rvbbit.session.event") == "end"
    )


def test_a_request_its_streamed_answer_and_its_background_task_are_its_callers(traced: Traced) -> None:
    async def ask(request: StarletteRequest) -> StreamingResponse:
        user = request.headers["x-user"]
        traced.mark(f"{user} begins")

        async def parts() -> AsyncIterator[str]:
            for number in range(2):
                await asyncio.sleep(0)
                traced.mark(f"{user} part {number}")
                yield user

        async def later() -> None:
            await asyncio.sleep(0)
            traced.mark(f"{user} later")

        return StreamingResponse(parts(), background=BackgroundTask(later))

    app = Starlette(routes=[Route("/ask", ask)], middleware=[Middleware(AsgiCallers, name=by_user)])

    async def all_at_once() -> list[bytes]:
        return await asyncio.gather(*(asked(app, user) for user in USERS))

    assert asyncio.run(all_at_once()) == [f"{user}{user}".encode() for user in USERS]
    steps = ("begins", "part 0", "part 1", "later")
    assert traced.callers() == {f"{user} {step}": user for user in USERS for step in steps}
    assert endings(traced) == dict.fromkeys(((user, "completed") for user in USERS), 1)
    assert {span.attributes["rvbbit.cascade.id"] for span in traced.spans if span.name == "session end"} == {"http GET"}  # type: ignore[index]


def test_a_request_that_fails_is_a_failed_session_and_the_error_passes(traced: Traced) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        traced.mark("inside")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(asked(AsgiCallers(app, name=by_user), "user-1"))
    assert endings(traced) == {("user-1", "error"): 1}
    assert traced.callers() == {"inside": "user-1"}


def test_the_parts_of_a_wsgi_answer_are_its_callers_and_its_server_is_left_alone(traced: Traced) -> None:
    class Parts:
        def __init__(self, user: str) -> None:
            self.user, self.left = user, 2

        def __iter__(self) -> Iterator[bytes]:
            while self.left:
                self.left -= 1
                traced.mark(f"{self.user} part {self.left}")
                yield b"x"

        def close(self) -> None:
            traced.mark(f"{self.user} closes")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Parts:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Parts(environ["HTTP_X_USER"])

    served = validator(WsgiCallers(app, name=by_user))

    def request(user: str) -> bytes:
        environ: dict[str, Any] = {"HTTP_X_USER": user, "QUERY_STRING": ""}
        setup_testing_defaults(environ)
        answer = served(environ, lambda *_: lambda _: None)
        parts = []
        for number, part in enumerate(answer):
            traced.mark(f"{user} server {number}")
            parts.append(part)
        answer.close()  # type: ignore[attr-defined]
        return b"".join(parts)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(request, USERS)) == [b"xx"] * 8
    theirs = {f"{user} {step}": user for user in USERS for step in ("part 1", "part 0", "closes")}
    nobodys = {f"{user} server {number}": None for user in USERS for number in range(2)}
    assert traced.callers() == {**theirs, **nobodys}
    assert endings(traced) == dict.fromkeys(((user, "completed") for user in USERS), 1)


@pytest.mark.parametrize(
    ("naming", "peer", "believed"),
    [
        (Naming(header="X-Caller", trusted=["10.0.0.0/8"]), "10.1.2.3", True),
        (Naming(header="X-Caller", trusted=["10.0.0.0/8"]), "192.168.0.1", False),
        (Naming(header="X-Caller", trusted=["10.0.0.0/8"]), "", False),
        (Naming(header="X-Caller", trusted=["::1"]), "::1", True),
        (Naming(header="X-Caller"), "127.0.0.1", False),
        (Naming(name=lambda request: None, header="X-Caller", trusted=["127.0.0.1"]), "127.0.0.1", True),
    ],
)
def test_a_header_is_believed_from_trusted_hosts_only(naming: Naming, peer: str, believed: bool) -> None:
    caller = named(naming, Request("GET", "/", {"x-caller": "sql-fox"}, peer, {}))
    assert (caller == "sql-fox") is believed
    assert believed or caller.startswith("web-")


def test_a_header_that_is_no_id_and_a_function_that_raises_leave_a_caller_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(request: Request) -> str:
        raise KeyError("user")

    naming = Naming(fails, header="x-caller", trusted=["127.0.0.1"])
    callers = {named(naming, Request("GET", "/", {"x-caller": "no id"}, "127.0.0.1", {})) for _ in range(2)}
    assert len(callers) == 2
    assert all(caller.startswith("web-") for caller in callers)
    (line,) = caplog.messages
    assert "KeyError('user')" in line


@pytest.mark.parametrize(
    ("sent", "peer", "counted"),
    [
        ([("X-Caller", "ann")], "192.168.0.1", {"untrusted.header": 1}),
        ([("X-Caller", "ann"), ("x-caller", "bob")], "10.0.0.1", {"invalid_ids.header": 1}),
        ([("X-Caller", "ann")], "10.0.0.1", {}),
        ([("X-Caller", "ann")], "::ffff:10.0.0.1", {}),
        ([], "192.168.0.1", {}),
    ],
)
def test_a_header_that_is_not_believed_is_counted(
    sent: list[tuple[str, str]], peer: str, counted: dict[str, int], traced: Traced
) -> None:
    naming = Naming(header="X-Caller", trusted=["10.0.0.0/8"])
    caller = named(naming, Request("GET", "/", joined(sent), peer, {}))
    assert (caller == "ann") is (bool(sent) and counted == {})
    counters = traced.ours.counters.snapshot()
    assert {name: n for name, n in counters.items() if name.endswith(".header")} == counted


def test_a_request_is_no_part_of_what_is_around_its_server(traced: Traced) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        traced.mark("inside")

    with called_by("the-server-s-starter"):
        asyncio.run(asked(AsgiCallers(app, name=by_user), "user-1"))
    inside = traced.named("inside")
    outer = next(span for span in traced.spans if (span.attributes or {}).get("rvbbit.caller.id") != "user-1")
    assert (inside.attributes or {})["rvbbit.caller.id"] == "user-1"
    assert inside.context.trace_id != outer.context.trace_id
    parents = {(span.attributes or {}).get("rvbbit.session.parent_id") for span in traced.spans}
    assert parents == {None}


def test_a_middleware_inside_another_one_is_the_same_request_unless_it_names_somebody(traced: Traced) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        traced.mark(scope["path"])

    def by_path(request: Request) -> str | None:
        return "inner" if request.path == "/inner" else None

    stack = AsgiCallers(AsgiCallers(app, name=by_path), name=by_user)
    asyncio.run(asked(stack, "user-1", "/outer"))
    asyncio.run(asked(stack, "user-1", "/inner"))
    assert traced.callers() == {"/outer": "user-1", "/inner": "inner"}


def test_an_answer_that_says_so_is_a_failed_session(traced: Traced) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response(environ["HTTP_X_STATUS"], [])
        return [b"x"]

    for user, status in (("user-1", "200 OK"), ("user-2", "404 Not Found"), ("user-3", "503 Busy")):
        environ: dict[str, Any] = {"HTTP_X_USER": user, "HTTP_X_STATUS": status, "REMOTE_ADDR": "10.1.2.3"}
        answer = WsgiCallers(app, name=by_user)(environ, lambda *_: None)
        assert list(answer) == [b"x"]
        answer.close()  # type: ignore[attr-defined]
    assert endings(traced) == {("user-1", "completed"): 1, ("user-2", "completed"): 1, ("user-3", "error"): 1}


def test_what_is_no_request_is_nobodys(traced: Traced) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        traced.mark(scope["type"])

    asyncio.run(AsgiCallers(app)({"type": "lifespan"}, None, None))
    assert traced.callers() == {"lifespan": None}
