"""Connections whose clients do not go on have an end, and never keep a good client out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from rvbbit_otel.all_in_one.http import connections
from rvbbit_otel.all_in_one.http.asgi import Receive, Scope, Send

GOOD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
SECOND = b"POST /second HTTP/1.1\r\n"
ANSWER = b"HTTP/1.1 200 OK"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    config = uvicorn.Config(app, port=0, http=connections.Connection, lifespan="off", log_level="error", ws="none")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, sent: bytes = b"") -> Client:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def ended(client: Client) -> bool:
    """Whether the server ends the connection within seconds, without an answer."""
    try:
        return await asyncio.wait_for(client[0].read(), 5) == b""
    except ConnectionError:
        return True
    finally:
        client[1].close()


async def answered(client: Client) -> bool:
    return (await asyncio.wait_for(client[0].readline(), 5)).startswith(ANSWER)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.1)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.1)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "sent",
    [b"", b"POST", b"POST / HTTP/1.1\r\nHost: x\r\n", GOOD[:-1], GOOD[:-2], GOOD + SECOND],
    ids=["nothing", "a word", "half its headers", "half its body", "no body", "half a second request"],
)
def test_a_client_that_stops_half_way_is_let_go(sent: bytes) -> None:
    async def run() -> None:
        async with serving() as port:
            client = await connect(port, sent.removesuffix(SECOND))
            if sent.endswith(SECOND):
                assert await answered(client)
                await client[0].readuntil(b"ab")
                client[1].write(SECOND)
            assert await ended(client)

    asyncio.run(run())


def test_a_slow_body_that_goes_on_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 2.0)  # Less than the whole takes, much more than any part.

    async def run() -> None:
        async with serving() as port:
            client = await connect(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n")
            for _ in range(6):
                await asyncio.sleep(0.4)
                client[1].write(b"x")
                await client[1].drain()
            assert await answered(client)
            client[1].close()

    asyncio.run(run())


def test_above_the_limit_the_one_that_waited_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)

    async def run() -> None:
        async with serving() as port:
            busy = await connect(port, GOOD[:-1])
            first = await connect(port, GOOD)
            assert await answered(first)
            second = await connect(port, b"POST")
            late = await connect(port, GOOD)
            assert await answered(late)
            await first[0].readuntil(b"ab")
            assert await ended(first)
            busy[1].write(b"b")
            assert await answered(busy)
            for client in (busy, second, late):
                client[1].close()

    asyncio.run(run())
