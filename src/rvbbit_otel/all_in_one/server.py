"""Starts the all-in-one: takes the ports, closes the files of the machine to the engine, and only then loads the engine."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rvbbit_otel.all_in_one.engine.folder import prepared
from rvbbit_otel.all_in_one.engine.lockdown import lock_down
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.errors import ConfigurationError

__all__ = ["Options", "serve"]

_FILES = 65_536
# Seconds that one thread may keep the interpreter while another waits for it: one that prepares requests must not keep an answer waiting for Python's
# usual 5 ms.
_SWITCH_SECONDS = 0.0005


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT. Raises a RvbbitOtelError that says what to do if it can't start.

    For a process of its own: its working folder becomes one inside the store's folder, and files outside that are closed to it for good.
    """
    tell = Steps()
    with contextlib.ExitStack() as opened:
        doors = {
            name: opened.enter_context(listen(options.host, getattr(options, f"{name}_port"), name))
            for name in ("otlp_http", "clickhouse")
        }
        _allow_files()
        sys.setswitchinterval(_SWITCH_SECONDS)
        options = _in_its_folder(options)
        announce = opened.enter_context(_ready_file(options.ready_file))
        tell(lock_down(options.data))
        # Importing the engine starts threads, and a lock-down reaches only threads that start after it: so this import stands here.
        from rvbbit_otel.all_in_one.service import run

        ended = run(options, doors, announce, tell)
    tell("everything acknowledged is stored, or in the journal; closed")
    if not ended:
        # Python waits for its threads, and one of them is in the engine for good.
        tell("a question that the engine does not stop ends with the process")
        sys.stdout.flush()
        os._exit(0)


class Steps:
    """A line on standard error for each step of the start, with the seconds that it took."""

    def __init__(self) -> None:
        """The first step is measured from here."""
        self._last = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say that a step is done."""
        now = time.monotonic()
        sys.stderr.write(f"rvbbit-otel up: {text} ({now - self._last:.1f} s)\n")
        sys.stderr.flush()
        self._last = now


class Announce:
    """Writes the ready file, as a whole or not at all."""

    def __init__(self, file: Path | None, thread: ThreadPoolExecutor) -> None:
        """`thread` runs already, so it may still write where the rest of the process may not."""
        self._file = file
        self._thread = thread

    def __call__(self, addresses: Mapping[str, object]) -> None:
        """Say where it serves."""
        self._thread.submit(self._write, json.dumps(addresses)).result()

    def _write(self, text: str) -> None:
        if self._file is not None:
            partial = self._file.with_name(self._file.name + ".partial")
            try:
                partial.write_text(text)
                partial.replace(self._file)
            except OSError as error:
                raise ConfigurationError(f"--ready-file {self._file} can't be written ({error.strerror})") from error


@contextlib.contextmanager
def _ready_file(file: Path | None) -> Iterator[Announce]:
    with ThreadPoolExecutor(1, thread_name_prefix="ready-file") as thread:
        thread.submit(int).result()
        yield Announce(file, thread)


def _in_its_folder(options: Options) -> Options:
    """The options with absolute paths, the working folder and the one for temporary files being inside the store's.

    The engine keeps a copy of each protobuf schema in its working folder, whatever its settings say, and makes folders where TMPDIR is.
    """
    ready = options.ready_file.resolve() if options.ready_file is not None else None
    data = prepared(options.data)
    work = data / "work"
    os.chdir(work)
    os.environ["TMPDIR"] = str(work)
    return dataclasses.replace(options, data=data, ready_file=ready)


def _allow_files() -> None:
    """As many open files as this process may have without asking: connections and the store's parts are files, and 1,024 is the usual start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def listen(host: str, port: int, name: str) -> socket.socket:
    """A bound socket for one of the doors over HTTP; raises ConfigurationError, naming the option, where it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off where a socket names its protocol, and only there: with it, an answer on a kept connection takes 40 ms more.
    door = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise ConfigurationError(
            f"--{name.replace('_', '-')}{'-' if name else ''}port {port} on {host} can't be listened on ({error.strerror}): 0 picks a free one"
        ) from error
    return door
