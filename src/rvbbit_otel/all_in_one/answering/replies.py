"""The status and the headers of an answer, worded as ClickHouse's servers word them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import PlainTextResponse, Response

from rvbbit_otel.all_in_one.answering.packing import pack_error
from rvbbit_otel.all_in_one.answering.sql_request import SqlRequest
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.engine.reader import Cost
from rvbbit_otel.all_in_one.http.bodies import BodyTooLargeError
from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError

# HTTP status by the engine's code, as the real server's (ClickHouse src/Server/HTTP/exceptionCodeToHTTPStatus.cpp).
_STATUS: Mapping[int, int] = {
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 42, 43, 44, 46, 47, 48, 53, 62, 70, 72, 73, 81, 117, 130, 158, 167, 168, 186, 306), 400),
    **dict.fromkeys((386, 396, 456, 457, 536, 691, 718), 400),
    **dict.fromkeys((60, 115), 404),
    **dict.fromkeys((164, 497, 516), 403),
    **dict.fromkeys((159,), 408),
    **dict.fromkeys((202, 439), 503),
}  # fmt: skip
SERVER: Mapping[str, str] = {
    "X-ClickHouse-Server-Display-Name": "rvbbit-otel",
    "X-ClickHouse-Timezone": "UTC",
    "X-Content-Type-Options": "nosniff",
}


def answered(cost: Cost, body: bytes, size: int, headers: Mapping[str, str], progress: bool = False) -> Response:
    """A whole answer; `size` is that of its body before it was packed. With `progress`, as clients ask for it that show some."""
    summary = {
        "read_rows": cost.read_rows,
        "read_bytes": cost.read_bytes,
        "written_rows": cost.written_rows,
        "written_bytes": cost.written_bytes,
        "total_rows_to_read": cost.read_rows,
        "result_rows": cost.rows,
        "result_bytes": size,
        "elapsed_ns": cost.nanoseconds,
    }
    said = json.dumps({name: str(value) for name, value in summary.items()}, separators=(",", ":"))
    more = {"X-ClickHouse-Progress": said} if progress else {}
    return Response(body, headers={**headers, **more, "X-ClickHouse-Summary": said})


def nothing(headers: Mapping[str, str], cost: Cost | None = None) -> Response:
    """The answer to what has none, and so no format: clients tell a question without rows from it by that."""
    return answered(cost or Cost(), b"", 0, {**headers, "Content-Type": "text/plain; charset=UTF-8"})


def failed(error: RvbbitOtelError, headers: Mapping[str, str], asked: SqlRequest | None = None) -> Response:
    """The engine's code and words, or ours; packed as the request wants it, if that could be read."""
    if isinstance(error, EngineError):
        code, status = error.code, _STATUS.get(error.code, 500)
    elif isinstance(error, StoreUnavailableError):
        code, status = 202, 503
    else:
        code, status = 0, 413 if isinstance(error, BodyTooLargeError) else 400
    kept = {name: value for name, value in headers.items() if name in ("X-ClickHouse-Query-Id", *SERVER)}
    kept["X-ClickHouse-Exception-Code"] = str(code)
    body = f"{error}\n".encode(errors="replace")
    if asked is not None:
        body = pack_error(body, asked.encoding, asked.in_blocks)
        if asked.encoding:
            kept["Content-Encoding"] = asked.encoding
    return PlainTextResponse(body, status, headers=kept)
