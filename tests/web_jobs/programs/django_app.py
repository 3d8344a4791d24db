"""Django: sync and async views, streamed answers, and what happens when an answer is closed; its settings are in here."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from tests.web_jobs.programs.marks import mark

from rvbbit_otel.instrumentation.web import Request

_pool: list[ThreadPoolExecutor] = []
_lock = threading.Lock()


def caller(asked: Request) -> str | None:
    assert isinstance(asked.raw, HttpRequest)
    return asked.headers.get("x-user")


class SyncMiddleware:
    """One that can't be asynchronous: Django runs it, and what is in it, on a thread."""

    def __init__(self, get_response: object) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)  # type: ignore[operator,no-any-return]


OURS = "rvbbit_otel.instrumentation.web.django.DjangoCallers"
BY_MIDDLEWARE = {"MIDDLEWARE": [OURS], "RVBBIT_CALLERS": {"name": f"{__name__}.caller"}}
LISTS = {
    "alone": BY_MIDDLEWARE,
    "before a sync one": {**BY_MIDDLEWARE, "MIDDLEWARE": [OURS, f"{__name__}.SyncMiddleware"]},
    "behind a sync one": {**BY_MIDDLEWARE, "MIDDLEWARE": [f"{__name__}.SyncMiddleware", OURS]},
    "none": {"MIDDLEWARE": []},
}
settings.configure(
    SECRET_KEY="only for tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, **LISTS[os.environ.get("LIST", "alone")]
)
django.setup()


def of(request: HttpRequest) -> str:
    return request.headers["X-User"]


def sync(request: HttpRequest) -> HttpResponse:
    mark(of(request), "sync")
    return HttpResponse(of(request))


async def asynchronous(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    mark(of(request), "async")
    await sync_to_async(mark)(of(request), "async to sync")
    return HttpResponse(of(request))


def stream_sync(request: HttpRequest) -> StreamingHttpResponse:
    user = of(request)

    def parts() -> Iterator[str]:
        for number in range(3):
            mark(user, f"stream-sync {number}")
            yield user
        mark(user, "stream-sync ends")

    return StreamingHttpResponse(parts())


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    user = of(request)

    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            await asyncio.sleep(0)
            mark(user, f"stream-async {number}")
            yield user

    return StreamingHttpResponse(parts())


def closing(request: HttpRequest) -> HttpResponse:
    user, response = of(request), StreamingHttpResponse(["a"])
    response._resource_closers.append(lambda: mark(user, "closing"))  # type: ignore[attr-defined]
    return response


def pool(request: HttpRequest) -> HttpResponse:
    with _lock:
        if not _pool:
            _pool.append(ThreadPoolExecutor(2))
    _pool[0].submit(mark, of(request), "pool").result()
    return HttpResponse(of(request))


def fails(request: HttpRequest) -> HttpResponse:
    mark(of(request), "fails")
    raise ValueError("broken")


async def refuses(request: HttpRequest) -> HttpResponse:
    mark(of(request), "refuses")
    raise Http404


urlpatterns = [
    path("sync", sync),
    path("async", asynchronous),
    path("stream-sync", stream_sync),
    path("stream-async", stream_async),
    path("closing", closing),
    path("pool", pool),
    path("fails", fails),
    path("refuses", refuses),
]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
