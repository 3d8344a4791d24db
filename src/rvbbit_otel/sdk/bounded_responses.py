"""Answers to an OTLP exporter are read up to a size: what a target sends may have no end, and would be held in the host's memory.

The exporters look at the status and the headers only. `requests` reads the whole body before it gives the answer, but asks hooks first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rvbbit_otel.counters import failed

# Bytes of one answer; a partial success takes hundreds.
_MOST: Final = 1024 * 1024
_PIECE: Final = 64 * 1024


def shorten(exporter: Any) -> Callable[[], None]:
    """Read so much of the answers of this exporter's target; gives what undoes that. Raises AttributeError where its session is not found.

    An exporter that speaks gRPC has none, and a limit of its own.
    """
    if not hasattr(exporter, "_endpoint") or hasattr(exporter, "_channel"):
        return lambda: None
    session = exporter._session if hasattr(exporter, "_session") else exporter._client._transport._session
    endpoint, hooks = exporter._endpoint, session.hooks["response"]

    def hook(response: Any, *args: Any, **kwargs: Any) -> None:
        # The session may be the host's own, which asks others with it too.
        try:
            if response.request.url == endpoint:
                _read(response)
        except Exception as error:  # noqa: BLE001 - whoever asked reads the answer as it does without us
            failed("answers", error)

    hooks.append(hook)
    return lambda: hooks.remove(hook) if hook in hooks else None


def _read(response: Any) -> None:
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) <= _MOST:
        return  # requests reads that much itself, and keeps the connection.
    pieces: list[bytes] = []
    size = 0
    for piece in response.raw.stream(_PIECE, decode_content=False):
        size += len(piece)
        if size > _MOST:
            response.close()
            pieces.clear()
            break
        pieces.append(piece)
    response._content = b"".join(pieces)
    response._content_consumed = True
