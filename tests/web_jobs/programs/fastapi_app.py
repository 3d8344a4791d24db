"""FastAPI: each way in which an endpoint works, and goes on to work after it has answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, Header, HTTPException, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from tests.web_jobs.programs.marks import mark

from rvbbit_otel.instrumentation.web import AsgiCallers, Request

User = Annotated[str, Header(alias="X-User")]
_pool: list[ThreadPoolExecutor] = []
_lock = threading.Lock()


def caller(request: Request) -> str | None:
    return request.headers.get("x-user")


app = FastAPI(default_response_class=PlainTextResponse)
app.add_middleware(AsgiCallers, name=caller)


@app.get("/sync")
def sync(x_user: User) -> str:
    mark(x_user, "sync")
    return x_user


@app.get("/async")
async def asynchronous(x_user: User) -> str:
    await asyncio.sleep(0)
    mark(x_user, "async")
    return x_user


@app.get("/background")
async def background(x_user: User, tasks: BackgroundTasks) -> str:
    async def later() -> None:
        await asyncio.sleep(0)
        mark(x_user, "background async")

    tasks.add_task(mark, x_user, "background sync")
    tasks.add_task(later)
    mark(x_user, "background")
    return x_user


@app.get("/stream-async")
async def stream_async(x_user: User) -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            await asyncio.sleep(0)
            mark(x_user, f"stream-async {number}")
            yield x_user

    return StreamingResponse(parts())


@app.get("/stream-sync")
def stream_sync(x_user: User) -> StreamingResponse:
    def parts() -> Iterator[str]:
        for number in range(3):
            mark(x_user, f"stream-sync {number}")
            yield x_user

    return StreamingResponse(parts())


async def async_dependency(x_user: User) -> AsyncIterator[str]:
    mark(x_user, "dependency async begins")
    yield x_user
    await asyncio.sleep(0)
    mark(x_user, "dependency async ends")


def sync_dependency(x_user: User) -> Iterator[str]:
    mark(x_user, "dependency sync begins")
    yield x_user
    mark(x_user, "dependency sync ends")


@app.get("/dependency")
async def dependency(
    one: Annotated[str, Depends(async_dependency)], two: Annotated[str, Depends(sync_dependency)]
) -> str:
    mark(one, "dependency")
    return two


@app.get("/pool")
async def pool(x_user: User) -> str:
    with _lock:
        if not _pool:
            _pool.append(ThreadPoolExecutor(2))
    await asyncio.get_running_loop().run_in_executor(_pool[0], mark, x_user, "pool")
    task = asyncio.create_task(asyncio.to_thread(mark, x_user, "pool task"))
    await task
    return x_user


@app.get("/detached")
async def detached(x_user: User) -> str:
    async def later() -> None:
        await asyncio.sleep(0.05)
        mark(x_user, "detached task")

    app.state.tasks = [*getattr(app.state, "tasks", []), asyncio.create_task(later())]
    return x_user


@app.get("/fails")
async def fails(x_user: User) -> str:
    mark(x_user, "fails")
    raise ValueError("broken")


@app.get("/refuses")
async def refuses(x_user: User) -> str:
    mark(x_user, "refuses")
    raise HTTPException(404)


@app.websocket("/websocket")
async def websocket(socket: WebSocket) -> None:
    user = socket.headers["x-user"]
    await socket.accept()
    async for text in socket.iter_text():
        mark(user, f"websocket {text}")
        await socket.send_text(text)
