"""Starts an unchanged program with the instrumentation on: what `rvbbit-otel run -- CMD` does."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from opentelemetry.environment_variables import OTEL_LOGS_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_TRACES_EXPORTER
from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_SCHEDULE_DELAY,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_SERVICE_NAME,
)

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.instrumentation.runners.toml_file import load_spec
from rvbbit_otel.sdk.bounded_export import MOST_QUEUED
from rvbbit_otel.settings import PREFIX, Settings

RUNNER_FILES: Final = f"{PREFIX}RUNNER_FILES"
_HTTP_PORT: Final = re.compile(r":4318(/|$)")
# One batch is on its way at a time, and to be stored costs it much the same whatever its size: with the SDK's default of 512 a store that takes a
# tenth of a second for each keeps up with 5,000 spans a second. One that is too large for a receiver goes in parts (`encoder`).
BATCH_SIZE: Final = 2048
# For so long a span waits for a batch, and is lost if its process is killed. The SDK's default is 5,000.
SCHEDULE_DELAY_MS: Final = 1000
_LISTENS_SECONDS: Final = 0.5
_RESOURCE_SERVICE: Final = re.compile(r"(^|,)\s*service\.name\s*=")


def launch(command: Sequence[str], endpoint: str | None = None) -> NoReturn:
    """Become `command`, instrumented, its children too: its exit status, its signals and its terminal are its own.

    `endpoint` is where OTLP goes, ``http://host:4318`` for HTTP and ``http://host:4317`` for gRPC; None leaves it to the environment. Raises
    ConfigurationError, before anything is started, for a setting that is wrong, a command that is not found, or a missing opentelemetry-distro.
    """
    if not command:
        raise ConfigurationError(
            "there is no command to run; write it after --, as in: rvbbit-otel run -- python my_app.py"
        )
    executable = shutil.which(command[0])
    if executable is None:
        raise ConfigurationError(f"command {command[0]!r} is not found, or is not executable")
    environment = environment_for(command, os.environ, endpoint)
    unheard = nothing_listens(environment)
    if unheard:
        sys.stderr.write(f"rvbbit-otel run: {unheard}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(executable, list(command), environment)


def environment_for(command: Sequence[str], environ: Mapping[str, str], endpoint: str | None = None) -> dict[str, str]:
    """The environment in which `command` is instrumented: `environ`, with defaults only where it says nothing.

    Raises ConfigurationError for an OTEL_PYTHON_RVBBIT_* variable that does not exist or has a wrong value, or if there is no distro, and
    SpecError for a runner file that can't be used.
    """
    settings = Settings.from_environment(environ)
    in_files = [load_spec(file).name for file in settings.runner_files]
    if settings.runners:
        from rvbbit_otel.instrumentation.runners import names  # All specs that are shipped, for the few who name some.

        known = {*in_files, *names()}
        unknown = [name for name in settings.runners if name not in known]
        if unknown:
            raise ConfigurationError(
                f"{PREFIX}RUNNERS: there is no runner {', '.join(unknown)}; there are {', '.join(sorted(known))}"
            )
    _require_distro()
    environment = dict(environ)
    if settings.runner_files:
        # The program, or a child of it, may change its folder.
        environment[RUNNER_FILES] = ",".join(str(Path(file).absolute()) for file in settings.runner_files)
    if endpoint is not None:
        if not re.match(r"https?://[^/\s]+", endpoint):
            raise ConfigurationError(f"endpoint {endpoint!r} is no address; one reads like http://127.0.0.1:4318")
        environment[OTEL_EXPORTER_OTLP_ENDPOINT] = endpoint
    address = environment.get(OTEL_EXPORTER_OTLP_ENDPOINT, "")
    defaults = {
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317",
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol_for(address),
        OTEL_TRACES_EXPORTER: "otlp",
        OTEL_LOGS_EXPORTER: "otlp",
        OTEL_METRICS_EXPORTER: "none",
        OTEL_BSP_MAX_QUEUE_SIZE: str(MOST_QUEUED),
        OTEL_BSP_SCHEDULE_DELAY: str(SCHEDULE_DELAY_MS),
    }
    if not _RESOURCE_SERVICE.search(environment.get("OTEL_RESOURCE_ATTRIBUTES", "")):
        defaults[OTEL_SERVICE_NAME] = service_name(command)
    if not environment.get(OTEL_BSP_MAX_QUEUE_SIZE):
        # A batch may not be larger than the queue, which then is the user's to choose.
        defaults[OTEL_BSP_MAX_EXPORT_BATCH_SIZE] = str(BATCH_SIZE)
    for name, value in defaults.items():
        if not environment.get(name):  # OpenTelemetry: an empty variable is an unset one.
            environment[name] = value
    environment["PYTHONPATH"] = _python_path(environment.get("PYTHONPATH", ""))
    return environment


def nothing_listens(environment: Mapping[str, str]) -> str:
    """A sentence if nothing takes connections where spans would go; empty if something does, or spans go elsewhere than by OTLP.

    Looked at once, for as long as a person does not notice: the program runs either way, and may be started before the store is.
    """
    if "otlp" not in environment.get(OTEL_TRACES_EXPORTER, "otlp"):
        return ""
    address = environment.get(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) or environment.get(OTEL_EXPORTER_OTLP_ENDPOINT, "")
    try:
        parts = urlsplit(address if "//" in address else f"http://{address}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=_LISTENS_SECONDS):
            return ""
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        shown = re.sub(r"//[^/@]*@", "//", address)
    return (
        f"nothing listens at {shown} ({why}), where spans go: start `rvbbit-otel up`, or name another with --endpoint. "
        "The program runs; its spans are lost until something does"
    )


def protocol_for(address: str) -> str:
    """The protocol that the port of an endpoint stands for."""
    return "http/protobuf" if _HTTP_PORT.search(address) else "grpc"


def service_name(command: Sequence[str]) -> str:
    """Return a service name for a command: the module of ``python -m``, the stem of a script, else the program."""
    program = Path(command[0]).name
    if re.fullmatch(r"python[0-9.]*", program):
        rest = list(command[1:])
        if "-m" in rest and rest.index("-m") + 1 < len(rest):
            return rest[rest.index("-m") + 1].removesuffix(".__main__")
        scripts = [word for word in rest if word.endswith(".py")]
        if scripts:
            return Path(scripts[0]).stem
    return program


def _python_path(given: str) -> str:
    # As opentelemetry-instrument does: its folder holds a `sitecustomize`, which Python runs at the start of the program and of its children.
    found = importlib.util.find_spec(
        "opentelemetry.instrumentation.auto_instrumentation"
    )  # Found, not imported: that is the child's to do.
    folder = str(Path(found.origin).parent) if found is not None and found.origin else ""
    rest = [path for path in given.split(os.pathsep) if path and path != folder]
    if str(Path.cwd()) not in rest:
        rest.insert(0, str(Path.cwd()))
    return os.pathsep.join([folder, *rest])


def _require_distro() -> None:
    if not list(importlib.metadata.entry_points(group="opentelemetry_configurator")):
        raise ConfigurationError(
            "nothing would set OpenTelemetry up: opentelemetry-distro is not installed here; pip install 'rvbbit-otel[run]'"
        )
