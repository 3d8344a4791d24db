"""Find out what answers at the address that spans are sent to, by an empty request: every OTLP receiver acknowledges
it, and none stores it.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import grpc
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS,
)

_SECONDS: Final = 3.0
_PATH: Final = "/v1/traces"
_EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TOKEN: Final = f"set {OTEL_EXPORTER_OTLP_HEADERS}=authorization=Bearer%20TOKEN"
_OTHER_PROTOCOL: Final = f"does {OTEL_EXPORTER_OTLP_PROTOCOL} fit the port? 4317 is for grpc, 4318 for http/protobuf"


def complaint(address: str, protocol: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return what is wrong with the program that answers at an address, and what to do; None if it takes OTLP."""
    headers = _headers(environ)
    if protocol == "grpc":
        return _by_grpc(address, headers)
    if environ.get(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT):
        if urlsplit(address).path in ("", "/"):
            seen = f"{OTEL_EXPORTER_OTLP_TRACES_ENDPOINT} is used as it is, and has no path"
            return seen, f"write {address.rstrip('/')}{_PATH}, or set {OTEL_EXPORTER_OTLP_ENDPOINT} without a path"
        return _by_http(address, headers)
    return _by_http(address.rstrip("/") + _PATH, headers)


def _by_http(url: str, headers: Mapping[str, str]) -> tuple[str, str] | None:
    sent = {**headers, "Content-Type": "application/x-protobuf"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=b"", headers=sent), timeout=_SECONDS) as answer:
            kind = answer.headers.get("Content-Type", "")
            if "protobuf" in kind or "json" in kind:
                return None
            return f"{url} answers {kind or 'something without a type'}, which is no OTLP", _OTHER_PROTOCOL
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return f"{url} wants to know who sends ({error.code})", _TOKEN
        if error.code in (429, 503):
            return None  # It takes OTLP, and is busy.
        return (
            f"{url} answers {error.code}: it takes no OTLP there",
            f"the path of traces is {_PATH}; {_OTHER_PROTOCOL}",
        )
    except (OSError, ValueError, urllib.error.URLError) as error:
        why = getattr(error, "reason", None) or error
        return f"{url} does not answer as HTTP ({why})", _OTHER_PROTOCOL
    except Exception as error:  # noqa: BLE001 - http.client has errors of its own for what is no HTTP
        return f"{url} does not answer as HTTP ({type(error).__name__})", _OTHER_PROTOCOL


def _by_grpc(address: str, headers: Mapping[str, str]) -> tuple[str, str] | None:
    parts = urlsplit(address if "//" in address else f"//{address}")
    target = f"{parts.hostname}:{parts.port or 443}"
    secure = parts.scheme == "https"
    made = grpc.secure_channel(target, grpc.ssl_channel_credentials()) if secure else grpc.insecure_channel(target)
    with made as channel:
        export = channel.unary_unary(_EXPORT)
        try:
            export(b"", timeout=_SECONDS, metadata=[(name.lower(), value) for name, value in headers.items()])
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                return None  # It takes OTLP, and is busy.
            if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
                return f"{target} wants to know who sends ({code.name.lower()})", _TOKEN
            return f"{target} does not answer as OTLP over gRPC ({code.name.lower()})", _OTHER_PROTOCOL
    return None


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    text = environ.get(OTEL_EXPORTER_OTLP_TRACES_HEADERS) or environ.get(OTEL_EXPORTER_OTLP_HEADERS) or ""
    pairs = (item.partition("=") for item in text.split(",") if "=" in item)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}
