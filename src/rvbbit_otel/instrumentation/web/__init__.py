"""For web applications: who triggered a request. A middleware for ASGI (FastAPI, Starlette, Quart, Django), one for WSGI (Flask, Django, Bottle).

A request is a block of `called_by`, from its begin to the last byte of its answer and the last of its background tasks. `web.django` has a middleware
for Django's own list. Without any code: `OTEL_PYTHON_RVBBIT_REQUEST_CALLER` and `OTEL_PYTHON_RVBBIT_CALLER_HEADER` (`frameworks`).
"""

from __future__ import annotations

from rvbbit_otel.instrumentation.web.asgi import AsgiCallers
from rvbbit_otel.instrumentation.web.naming import Naming, Request
from rvbbit_otel.instrumentation.web.wsgi import WsgiCallers

__all__ = ["AsgiCallers", "Naming", "Request", "WsgiCallers"]
