"""Starts an unchanged program with the instrumentation on: what `rvbbit-otel run -- CMD` does."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    OTEL_RESOURCE_ATTRIBUTES,
    OTEL_SERVICE_NAME,
)

from rvbbit_otel.attributes import RUN_ID
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
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_RESOURCE_SERVICE: Final = re.compile(r"(^|,)\s*service\.name\s*=")


@dataclass(frozen=True)
class Ended:
    """A program that has ended.

    status: its exit status, minus the number of the signal that ended it. run_id: the run's id on the resource of its spans. began: when, in seconds
    since 1970.
    """

    status: int
    run_id: str
    began: float


def launch(command: Sequence[str], endpoint: str | None = None) -> NoReturn:
    """Become `command`, instrumented, its children too: its exit status, its signals and its terminal are its own.

    `endpoint` is where OTLP goes, ``http://host:4318`` for HTTP and ``http://host:4317`` for gRPC; None leaves it to the environment. Raises
    ConfigurationError, before anything is started, for a setting that is wrong, a command that is not found, or a missing opentelemetry-distro.
    """
    executable = _executable(command)
    environment = environment_for(command, os.environ, endpoint)
    _warn_if_nothing_listens(environment)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(executable, list(command), environment)


def supervise(command: Sequence[str], endpoint: str | None = None) -> Ended:
    """Run `command`, instrumented, its children too, and wait for its end; signals that are sent to this process are passed on.

    It has this process's terminal and files. Raises ConfigurationError as `launch` does.
    """
    executable = _executable(command)
    environment = environment_for(command, os.environ, endpoint)
    run_id = secrets.token_hex(8)
    attributes = [environment.get(OTEL_RESOURCE_ATTRIBUTES, ""), f"{RUN_ID}={run_id}"]
    environment[OTEL_RESOURCE_ATTRIBUTES] = ",".join(filter(None, attributes))
    _warn_if_nothing_listens(environment)
    began = time.time()
    child: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        if child:
            child[0].send_signal(number)
        else:
            early.append(number)

    # A terminal sends these two to the child as well. A function, since a signal that is ignored would be ignored by the child too.
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    kept |= {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        child.append(subprocess.Popen(list(command), executable=executable, env=environment, close_fds=False))
        for number in early:
            child[0].send_signal(number)
        return Ended(child[0].wait(), run_id, began)
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _executable(command: Sequence[str]) -> str:
    if not command:
        raise ConfigurationError(
            "there is no command to run; write it after --, as in: rvbbit-otel run -- python my_app.py"
        )
    executable = shutil.which(command[0])
    if executable is None:
        raise ConfigurationError(f"command {command[0]!r} is not found, or is not executable")
    return executable


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


def _warn_if_nothing_listens(environment: Mapping[str, str]) -> None:
    unheard = nothing_listens(environment)
    if unheard:
        sys.stderr.write(f"rvbbit-otel run: {unheard}\n")
        sys.stderr.flush()


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
