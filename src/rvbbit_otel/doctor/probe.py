"""One span, made by a program that the launcher set up, followed until it is a row."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TIMEOUT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
)

from rvbbit_otel.doctor import probe_program
from rvbbit_otel.doctor.links import OTEL_CONFIG_FILE, Link
from rvbbit_otel.doctor.processes import run_module
from rvbbit_otel.doctor.receiver import complaint
from rvbbit_otel.errors import RvbbitOtelError
from rvbbit_otel.instrumentation.launcher import environment_for, protocol_for
from rvbbit_otel.settings import Settings
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.files import read

_DEFAULT: Final = "http://127.0.0.1:4317"
_CONNECT_SECONDS: Final = 3.0
_CHILD_SECONDS: Final = 45.0
_EXPORT_SECONDS: Final = "3"
# A collector between batches for seconds.
_ARRIVAL_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.02


def endpoint(environ: Mapping[str, str]) -> Link:
    """Check the address that OTLP is sent to, and that something listens there."""
    if environ.get(OTEL_CONFIG_FILE):
        return Link("endpoint", "ok", "OTLP goes where the configuration file says")
    exporter = environ.get(OTEL_TRACES_EXPORTER) or "otlp"
    if "otlp" not in exporter:
        return Link("endpoint", "broken", f"{OTEL_TRACES_EXPORTER}={exporter}: no span leaves by OTLP", "unset it")
    address = environ.get(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) or environ.get(OTEL_EXPORTER_OTLP_ENDPOINT) or _DEFAULT
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        return Link("endpoint", "broken", f"{address!r} is no address", "one reads like http://127.0.0.1:4317")
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError as error:
        seen = f"OTLP goes to {address}, where nothing answers ({error.strerror or error})"
        return Link("endpoint", "broken", seen, f"start the store, or set {OTEL_EXPORTER_OTLP_ENDPOINT}")
    protocol = environ.get(OTEL_EXPORTER_OTLP_PROTOCOL) or protocol_for(address)
    wrong = complaint(address, protocol, environ)
    if wrong is not None:
        return Link("endpoint", "broken", f"OTLP goes to {address} as {protocol}; {wrong[0]}", wrong[1])
    return Link("endpoint", "ok", f"OTLP goes to {address} as {protocol}, which takes it")


def probe(database: ClickHouseDatabase, environ: Mapping[str, str], before: list[Link]) -> Link:
    """Send one span and wait for its row; not tried where a link before is broken that it would have to pass."""
    on_the_way = {"settings", "SDK", "configuration file", "instrumentation", "endpoint", "store", "schema"}
    broken = [link.name for link in before if link.state == "broken" and link.name in on_the_way]
    if broken:
        return Link("probe", "note", f"not sent, since {', '.join(broken)} would stop it", "mend that first")
    caller_id = f"doctor-{secrets.token_hex(8)}"
    try:
        environment = environment_for(["rvbbit-otel-doctor"], environ)
    except RvbbitOtelError as error:
        return Link("probe", "broken", str(error))
    environment[OTEL_EXPORTER_OTLP_TIMEOUT] = _EXPORT_SECONDS
    text, status = run_module(probe_program.__name__, [caller_id], environment, _CHILD_SECONDS)
    try:
        seen = json.loads(text)
    except ValueError:
        how = "did not end in time" if status is None else f"ended with {status}"
        return Link("probe", "broken", f"the program that should send a span {how}", "start one with rvbbit-otel run")
    if not seen["instrumented"] or not seen["processor"]:
        what = "the instrumentation is not on" if not seen["instrumented"] else "no CallerSpanProcessor is in place"
        remedy = "start programs with `rvbbit-otel run --` or opentelemetry-instrument"
        return Link("probe", "broken", f"{what} in a launched program (its provider: {seen['provider']})", remedy, seen)
    if not seen["stamped"] or not seen["flushed"]:
        what = "was not stamped with its caller" if not seen["stamped"] else "did not leave the process in time"
        remedy = (
            f"does {OTEL_EXPORTER_OTLP_PROTOCOL} fit the port? what does the log of the store or the collector say?"
        )
        return Link("probe", "broken", f"the span {what}", remedy, seen)
    redaction = Settings.lenient(environ)[0].redaction
    return _arrival(database, caller_id, seen, seen["unredacted"] if redaction else [])


def _arrival(database: ClickHouseDatabase, caller_id: str, seen: dict[str, object], unredacted: list[str]) -> Link:
    sql, parameters = read("probe_arrived.sql"), {"trace_id": seen["trace_id"], "caller_id": caller_id}
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        try:
            arrived = database.query(sql, parameters).rows[0][0]
        except RvbbitOtelError as error:
            return Link("probe", "broken", str(error), "start the store, or name it with --dsn", seen)
        if arrived:
            milliseconds = max(0.0, (time.time() - float(str(seen["ended"]))) * 1000)
            text = f"our processor is in place; a span was a row with its caller {milliseconds:.0f} ms after it ended"
            details = {**seen, "latency_ms": round(milliseconds, 1)}
            if unredacted:
                return Link(
                    "probe", "note", f"{text}; what {', '.join(unredacted)} may send is not redacted", details=details
                )
            return Link("probe", "ok", text, details=details)
        time.sleep(_POLL_SECONDS)
    return Link(
        "probe",
        "broken",
        f"a span left the process, and is no row of {database.address} after {_ARRIVAL_SECONDS:.0f} s",
        f"does the endpoint lead to this store, and does {OTEL_EXPORTER_OTLP_PROTOCOL} fit its port? what does a collector between "
        "them log?",
        seen,
    )
