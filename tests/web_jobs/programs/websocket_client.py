"""Each user named on the command line has a websocket open at the same time, and says three things on it, in turns."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

from websockets.asyncio.client import connect


async def main(port: str, *users: str) -> None:
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                connect(f"ws://127.0.0.1:{port}/websocket", additional_headers={"X-User": user})
            )
            for user in users
        ]
        for number in range(3):
            for socket in sockets:
                await socket.send(str(number))
            for socket in sockets:
                assert await socket.recv() == str(number)


asyncio.run(main(*sys.argv[1:]))
