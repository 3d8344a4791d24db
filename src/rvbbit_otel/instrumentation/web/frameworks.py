"""Requests of FastAPI, Starlette, Flask and Django by settings alone: their applications are wrapped as the middleware would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.named import Named
from rvbbit_otel.instrumentation.web import asgi, wsgi
from rvbbit_otel.instrumentation.web.naming import Naming
from rvbbit_otel.settings import Settings

_ASGI: Final = (
    ("starlette.applications", "Starlette.__call__"),
    ("quart.app", "Quart.__call__"),
    ("django.core.handlers.asgi", "ASGIHandler.__call__"),
)
_WSGI: Final = (("flask.app", "Flask.__call__"), ("django.core.handlers.wsgi", "WSGIHandler.__call__"))


def wrap(wrapping: Wrapping, settings: Settings) -> None:
    """Name the caller of each request, if a setting says how."""
    if not settings.request_caller and not settings.caller_header:
        return
    function = Named(settings.request_caller, "a request has a caller of its own") if settings.request_caller else None
    naming = Naming(function, settings.caller_header or None, settings.caller_hosts)

    def by_asgi(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if not wrapping.on or kwargs or len(args) != 3:
            return wrapped(*args, **kwargs)
        return asgi.answer(naming, wrapped, *args)

    def by_wsgi(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if not wrapping.on or kwargs or len(args) != 2:
            return wrapped(*args, **kwargs)
        return wsgi.answer(naming, wrapped, *args)

    for module, qualname in _ASGI:
        wrapping.put(module, qualname, by_asgi)
    for module, qualname in _WSGI:
        wrapping.put(module, qualname, by_wsgi)
