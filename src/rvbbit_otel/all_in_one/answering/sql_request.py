"""Read a request to the SQL port: statement, parameters and settings from its URL, headers, body or form."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request

from rvbbit_otel.all_in_one.answering.external_tables import parameters_of
from rvbbit_otel.all_in_one.answering.packing import encoding_for
from rvbbit_otel.all_in_one.http import bodies
from rvbbit_otel.all_in_one.http.forms import boundary_of, read_form
from rvbbit_otel.all_in_one.http.unpacking import CLICKHOUSE, unpacker_of
from rvbbit_otel.all_in_one.statements.query_settings import is_on

_LONGEST_ID = 256


@dataclass(frozen=True)
class SqlRequest:
    """One request.

    text: the statement, an insert's data behind it. given: parameters, the last of each name. settings: those that may be settings, in their order.
    parameters: values for `{name:Type}`. tables: what was sent beside the question. format_name: for an answer whose statement names none.
    whole: nothing of the answer is sent before all of it is there. encoding, in_blocks: how it is packed.
    """

    writes: bool
    text: bytes
    query_id: str
    given: Mapping[str, str]
    settings: list[tuple[str, str]] = field(default_factory=list)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tables: list[tuple[str, bytes]] = field(default_factory=list)
    database: str | None = None
    format_name: str | None = None
    whole: bool = False
    encoding: str | None = None
    in_blocks: str | None = None


def query_id_of(request: Request) -> str:
    """The client's own name for its question, where it can stand in a header; else a new one."""
    given = request.query_params.get("query_id") or request.headers.get("x-clickhouse-query-id", "")
    usable = given.isascii() and given.isprintable() and 0 < len(given) <= _LONGEST_ID
    return given if usable else str(uuid.uuid4())


async def read_request(request: Request, query_id: str, most_bytes: int, share: bodies.Share) -> SqlRequest:
    """All that the request says; raises what `bodies.read` raises."""
    given, headers = request.query_params, request.headers
    sent_in_blocks = is_on(given.get("decompress", ""))
    body = await bodies.read(
        request.stream(),
        headers.get("content-encoding", ""),
        most_bytes,
        share,
        partial(unpacker_of, served=CLICKHOUSE, blocks_of=most_bytes if sent_in_blocks else 0),
    )
    said = given.multi_items()
    tables: list[tuple[str, bytes]] = []
    boundary = boundary_of(headers.get("content-type", ""))
    if boundary is not None:
        parts = read_form(body, boundary)
        try:
            said += [(part.name, part.data.decode()) for part in parts if not part.is_file]
        except UnicodeDecodeError as error:
            raise bodies.CorruptBodyError(f"a field of the form is no UTF-8: {error.reason}") from error
        tables = [(part.name, part.data) for part in parts if part.is_file]
        body = b""
    last = dict(said)
    in_blocks = is_on(last.get("compress", ""))
    # The engine's default is to pack by what the client accepts. Java's older driver names that beside blocks, and takes only one of the two.
    by_encoding = is_on(last.get("enable_http_compression", "0" if in_blocks else "1"))
    text = last.get("query", "").encode()
    of_tables = parameters_of(name for name, _ in tables)
    return SqlRequest(
        writes=request.method == "POST",
        # The real server puts the two together: the body is the rest of the statement, or an insert's data.
        text=text + b"\n" + body if text and body else text or body,
        query_id=query_id,
        given=last,
        settings=[(name, value) for name, value in said if name not in of_tables],
        parameters={name.removeprefix("param_"): value for name, value in said if name.startswith("param_")},
        tables=tables,
        database=last.get("database") or headers.get("x-clickhouse-database"),
        format_name=last.get("default_format") or headers.get("x-clickhouse-format"),
        # An older client knows no answer without a length.
        whole=is_on(last.get("wait_end_of_query", "")) or request.scope.get("http_version") == "1.0",
        encoding=encoding_for(headers.get("accept-encoding", "")) if by_encoding else None,
        in_blocks=(last.get("network_compression_method") or "lz4").lower() if in_blocks else None,
    )
