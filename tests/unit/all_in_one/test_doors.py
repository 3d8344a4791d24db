"""The sockets that the all-in-one listens on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from rvbbit_otel.all_in_one.server import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer_in_two_pieces_does_not_wait_for_the_clients_acknowledgement(host: str) -> None:
    """By Nagle's algorithm the second piece would: 40 ms more for each query on a kept connection."""

    async def no_delay() -> int:
        seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        door = listen(host, 0, "clickhouse")
        async with await asyncio.start_server(serve, sock=door):
            _, client = await asyncio.open_connection(*door.getsockname()[:2])
            client.close()
            return await seen

    assert asyncio.run(no_delay()) == 1
