from __future__ import annotations

from rvbbit_otel.instrumentation.web import Request


def of_request(request: Request) -> str | None:
    return request.headers.get("x-user")
