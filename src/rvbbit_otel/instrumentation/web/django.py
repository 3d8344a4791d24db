"""The middleware for Django's list: it stands behind Django's own, so that a function may ask the request for its user.

MIDDLEWARE = [..., "rvbbit_otel.instrumentation.web.django.DjangoCallers"]
RVBBIT_CALLERS = {"name": "shop.callers.of_request"}  # the fields of `Naming`; the function, or its dotted name
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.utils.module_loading import import_string

from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation.web.naming import Answering, Naming
from rvbbit_otel.instrumentation.web.streaming import AsyncParts, Parts, Streamed
from rvbbit_otel.instrumentation.web.wsgi import request_of


class DjangoCallers:
    """A request is its caller's, its streamed answer too."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        """Around what answers; Django calls it."""
        self._get_response = get_response
        fields = dict(getattr(settings, "RVBBIT_CALLERS", {}))
        if isinstance(fields.get("name"), str):
            fields["name"] = import_string(fields["name"])
        self._naming = Naming(**fields)
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Answer a request."""
        block: Answering | None = None
        try:
            # Under ASGI too, Django says of a request what WSGI would.
            mark = getattr(request, "scope", request.META)
            block = self._naming.block(replace(request_of(request.META), raw=request), mark)
        except Exception as error:  # noqa: BLE001 - the request is answered, for nobody
            failed("web", error)
        if block is None:
            return self._get_response(request)
        return self._answered(block, request) if self._is_async else self._answer(block, request)

    def _answer(self, block: Answering, request: Any) -> Any:
        with _Begun(block) as begun:
            response = self._get_response(request)
            return begun.answered_by(response)

    async def _answered(self, block: Answering, request: Any) -> Any:
        with _Begun(block) as begun:
            response = await self._get_response(request)
            return begun.answered_by(response)


class _Begun:
    """The block of a request up to its answer, and to the end of that where it is streamed: Django asks for its parts later."""

    def __init__(self, block: Answering) -> None:
        self._block = block
        self._goes_on = False

    def __enter__(self) -> _Begun:
        self._block.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        if self._goes_on:
            self._block.step_out()
        else:
            self._block.__exit__(*raised)

    def answered_by(self, response: Any) -> Any:
        """The answer, with its parts to be made as the request's, which is over when Django closes it."""
        self._block.said(response.status_code)
        if response.streaming:
            self._goes_on = True
            streamed = Streamed(self._block, response.close)
            if getattr(response, "file_to_stream", None) is None:  # A server may send a file by itself.
                kind = AsyncParts if response.is_async else Parts
                response.streaming_content = kind(streamed, response.streaming_content)
            response.close = streamed.close
        return response
