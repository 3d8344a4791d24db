"""Slow bodies and what is no body never keep a good client out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from rvbbit_otel.all_in_one.http import connections
from rvbbit_otel.all_in_one.http.asgi import Receive, Scope, Send

GOOD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
SLOW = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx"
ANSWER = b"HTTP/1.1 200 OK"
FAT = b"y" * 1_000_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body; ``/refused`` without reading it."""
    body = b""
    while scope["path"] != "/refused":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
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


class Client:
    """A connection of a sender."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int, sent: bytes = b"") -> Client:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        await client.send(sent)
        return client

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass  # It was closed; what the test asks next shows it.

    async def answered(self) -> bool:
        try:
            return (await asyncio.wait_for(self.reader.readline(), 5)).startswith(ANSWER)
        except ConnectionError:
            return False

    async def said(self) -> bytes:
        """All that the server says until it ends the connection."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5)
        except ConnectionError:
            return b""
        finally:
            self.writer.close()


def crowd(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", most)
    monkeypatch.setattr(connections, "PATIENCE_SECONDS", 0.0)


def test_slow_bodies_make_room_the_oldest_first_and_a_good_client_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd(monkeypatch, 3)

    async def run() -> None:
        async with serving() as port:
            slow = [await Client.connect(port, SLOW) for _ in range(3)]
            good = await Client.connect(port, GOOD)
            assert await good.answered()
            assert await slow[0].said() == b""
            for each in slow[1:]:
                await each.send(b"x" * 999)
                assert await each.answered()
                each.writer.close()
            good.writer.close()

    asyncio.run(run())


async def settled(port: int) -> None:
    """A round trip, so that what was sent before it has been read."""
    client = await Client.connect(port, GOOD)
    assert await client.answered()
    client.writer.close()


def test_who_asks_for_nothing_makes_room_before_who_is_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd(monkeypatch, 2)

    async def run() -> None:
        async with serving() as port:
            sending = await Client.connect(port, SLOW)
            await settled(port)
            idle = await Client.connect(port)
            await settled(port)
            assert await idle.said() == b""
            await sending.send(b"x" * 999)
            assert await sending.answered()
            sending.writer.close()

    asyncio.run(run())


def test_who_has_just_come_does_not_make_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(connections, "PATIENCE_SECONDS", 3600.0)

    async def run() -> None:
        async with serving() as port:
            first = await Client.connect(port)
            second = await Client.connect(port)
            third = await Client.connect(port, GOOD)
            assert await third.answered()
            assert await first.said() == b""
            await second.send(GOOD)
            assert await second.answered()
            for each in (second, third):
                each.writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /" + FAT,
        b"POST / HTTP/1.1\r\nX: " + FAT,
        b"POST / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(100_000)),
    ],
    ids=["target", "one header", "many headers"],
)
def test_a_fat_head_is_told_so_and_ended(sent: bytes) -> None:
    async def run() -> None:
        async with serving() as port:
            client = await Client.connect(port, sent)
            assert (await client.said())[:12] in (b"HTTP/1.1 431", b"")
            again = await Client.connect(port, GOOD)
            assert await again.answered()
            again.writer.close()

    asyncio.run(run())


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED + b"1;" + FAT,
        CHUNKED + b"1\r\nx\r\n" * 300_000,
        CHUNKED + b"1\r\nx\r\n0\r\nX: " + FAT,
        CHUNKED + b"1\r\nx\r\n0\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(100_000)),
    ],
    ids=["extension of a chunk", "chunks of a byte", "one trailer", "many trailers"],
)
def test_a_body_that_is_mostly_no_body_is_ended(sent: bytes) -> None:
    async def run() -> None:
        async with serving() as port:
            assert await (await Client.connect(port, sent)).said() == b""
            again = await Client.connect(port, GOOD)
            assert await again.answered()
            again.writer.close()

    asyncio.run(run())


def test_headers_of_usual_size_and_large_bodies_in_large_chunks_are_taken_again_and_again() -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    request = CHUNKED.replace(b"Host", b"X: " + b"y" * 8000 + b"\r\nHost") + chunk * 30 + b"0\r\nX: y\r\n\r\n"

    async def run() -> None:
        async with serving() as port:
            client = await Client.connect(port)
            for _ in range(5):
                await client.send(request)
                assert await client.answered()
                head = await client.reader.readuntil(b"\r\n\r\n")
                assert b"content-length: 1966080" in head
                await client.reader.readexactly(30 * 65536)
            client.writer.close()

    asyncio.run(run())


def test_the_rest_of_a_body_that_was_refused_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.1)

    async def run() -> None:
        async with serving() as port:
            client = await Client.connect(port, SLOW.replace(b"slow", b"refused"))
            assert (await client.said()).startswith(ANSWER)
            quick = await Client.connect(port, SLOW.replace(b"slow", b"refused") + b"x" * 999)
            assert await quick.answered()
            await quick.send(GOOD)
            await quick.reader.readuntil(b"\r\n\r\n")
            assert await quick.answered()
            quick.writer.close()

    asyncio.run(run())
