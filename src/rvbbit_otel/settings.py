"""The settings of the instrumented process, with defaults and validation in one place.

The defaults are the private ones: a mistyped option in a declarative configuration makes the launcher go on with them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, cast

from rvbbit_otel.errors import ConfigurationError

PREFIX: Final = "OTEL_PYTHON_RVBBIT_"
Content = Literal["off", "truncated", "full"]
CallerSql = Literal["off", "shape", "full"]

# Letters, digits and signs of a key, and `*` for any run of them.
_KEY = re.compile(r"[^\s,]{1,256}")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_SHORTEST_KEY: Final = 16
_SECRET: Final = frozenset({"job_key"})
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.:-]*[A-Za-z0-9_])?", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """Every setting of the instrumented process; the environment variable of a field is ``OTEL_PYTHON_RVBBIT_`` and its name in capitals.

    content: whether what users and models wrote leaves the process: off, truncated to `content_limit` characters, or full
    (which still stops at 1 MiB a value).
    content_limit: characters kept of one value where content is truncated.
    runners: names of the RunnerSpecs to switch on; empty means all that are installed.
    propagate_hosts: hosts that may receive our baggage, ``*.example.com`` for its subdomains; empty means none.
    trust_inbound: whether a caller named by an incoming baggage header is believed.
    mend_runner: whether a runner that asks itself who its caller is gets our answer instead of its guess, so that its own tables are right too.
    max_sessions: live and recently ended sessions remembered at most; the oldest is forgotten first.
    session_ttl: seconds for which an ended session is remembered, for rows that are logged late.
    exit_patience: seconds for which the end of a process waits for a target that has acknowledged nothing for five; what is queued then is lost.
    runner_files: TOML files with a RunnerSpec each; one goes before an installed runner of the same name.
    redaction: whether spans and log records leave without secrets, and while content is off without content that other instrumentations wrote.
    redact_keys: attributes that never leave, beside those of the table; ``*`` stands for any run of characters.
    keep_keys: attributes that leave as they are, whatever the table says; of two patterns the longer says what is done.
    caller_sql: what leaves of a caller's SQL text while content is off: nothing, its shape (literals are ``?``, cut to `content_limit`
    characters), or all of it up to 1 MiB.
    request_caller: a function, ``package.module:function``, that names the caller of a web request; empty for none.
    caller_header: the header that names the caller of a web request, believed from `caller_hosts` only; empty for none.
    caller_hosts: addresses and networks whose `caller_header` is believed.
    job_caller: a function, ``package.module:function``, that names the caller of a job of Celery, RQ or APScheduler; empty for none.
    job_key: a secret that the programs which hand jobs over share with their workers: by it a worker knows whom it may believe. Empty: each process
    believes itself and those that it forks.
    """

    content: Content = "off"
    content_limit: int = 2048
    runners: tuple[str, ...] = ()
    propagate_hosts: tuple[str, ...] = ()
    trust_inbound: bool = False
    mend_runner: bool = True
    max_sessions: int = 100_000
    session_ttl: float = 900.0
    exit_patience: float = 1.0
    runner_files: tuple[str, ...] = ()
    redaction: bool = True
    redact_keys: tuple[str, ...] = ()
    keep_keys: tuple[str, ...] = ()
    caller_sql: CallerSql = "shape"
    request_caller: str = ""
    caller_header: str = ""
    caller_hosts: tuple[str, ...] = ()
    job_caller: str = ""
    job_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raise ConfigurationError, naming the field, for a value that it can't have."""
        if self.content not in ("off", "truncated", "full"):
            raise ConfigurationError(f"content is {self.content!r}; it is one of off, truncated, full")
        if self.caller_sql not in ("off", "shape", "full"):
            raise ConfigurationError(f"caller_sql is {self.caller_sql!r}; it is one of off, shape, full")
        _check_number("content_limit", self.content_limit, 1, 1_048_576, int)
        _check_number("max_sessions", self.max_sessions, 1, 10_000_000, int)
        _check_number("session_ttl", self.session_ttl, 0.0, 86_400.0, float)
        _check_number("exit_patience", self.exit_patience, 0.0, 3_600.0, float)
        for name in ("trust_inbound", "mend_runner", "redaction"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ConfigurationError(f"{name} is {value!r}; it is true or false")
        self._check_naming()
        for name in ("runners", "propagate_hosts", "runner_files", "redact_keys", "keep_keys", "caller_hosts"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(item, str) and item for item in value):
                raise ConfigurationError(f"{name} is {value!r}; it is a list of names")
            object.__setattr__(self, name, tuple(value))
        for name in ("redact_keys", "keep_keys"):
            for key in getattr(self, name):
                if not _KEY.fullmatch(key):
                    raise ConfigurationError(
                        f"{name} has {key!r}; an entry is an attribute's name, at most 256 characters, such as app.note or app.*"
                    )
        for host in self.propagate_hosts:
            if not _HOST.fullmatch(host):
                raise ConfigurationError(
                    f"propagate_hosts has {host!r}; an entry is a host name such as api.example.com or *.example.com"
                )

    def _check_naming(self) -> None:
        for name in ("request_caller", "job_caller"):
            value = getattr(self, name)
            if not isinstance(value, str) or (value and not _FUNCTION.fullmatch(value)):
                raise ConfigurationError(f"{name} is {value!r}; a function reads like package.module:function")
        if not isinstance(self.caller_header, str) or (
            self.caller_header and not _HEADER.fullmatch(self.caller_header)
        ):
            raise ConfigurationError(f"caller_header is {self.caller_header!r}; a header reads like X-Caller")
        for host in self.caller_hosts:
            try:
                ipaddress.ip_network(host, strict=False)
            except ValueError:
                raise ConfigurationError(
                    f"caller_hosts has {host!r}; an entry is an address or a network such as 10.0.0.0/8"
                ) from None
        if not isinstance(self.job_key, str) or 0 < len(self.job_key) < _SHORTEST_KEY:
            raise ConfigurationError(f"job_key is a secret of at least {_SHORTEST_KEY} characters")  # It is not shown.

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Settings:
        """Settings from keyword options; raises ConfigurationError for one that does not exist."""
        known = {field.name for field in fields(cls)}
        for name in options:
            if name not in known:
                raise ConfigurationError(f"{name} is no setting; there are {', '.join(sorted(known))}")
        return cls(**cast("dict[str, Any]", dict(options)))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Settings from the environment; raises ConfigurationError naming the variable, what it holds and what it may hold."""
        settings, problems = cls.lenient(environ)
        if problems:
            raise ConfigurationError("; ".join(problems))
        return settings

    @classmethod
    def lenient(cls, environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
        """Settings from the environment, with the default where a variable is wrong, and one sentence for each that is."""
        options: dict[str, Any] = {}
        problems: list[str] = []
        for variable in sorted(environ):
            if not variable.startswith(PREFIX):
                continue
            name, text = variable[len(PREFIX) :].lower(), environ[variable].strip()
            if name not in _PARSERS:
                known = ", ".join(PREFIX + known.upper() for known in _PARSERS)
                problems.append(f"{variable} is no setting of rvbbit-otel; there are {known}")
            elif text:  # OpenTelemetry: an empty variable is an unset one.
                try:
                    value = _PARSERS[name](text)
                    cls.from_options({name: value})
                except ValueError as error:
                    problems.append(f"{variable}: {error}" if name in _SECRET else f"{variable}={text!r}: {error}")
                else:
                    options[name] = value
        return cls(**options), problems


def _check_number(name: str, value: object, least: float, most: float, kind: type) -> None:
    right_type = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
    if not right_type or not least <= cast("float", value) <= most:
        raise ConfigurationError(f"{name} is {value!r}; it is a number from {least:g} to {most:g}")


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ConfigurationError("it is true or false")
    return text.lower() == "true"


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError("it is a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError("it is a number") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for item in text.split(",") if (name := item.strip()))


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "content": str.lower,
    "content_limit": _integer,
    "runners": _names,
    "propagate_hosts": _names,
    "trust_inbound": _boolean,
    "mend_runner": _boolean,
    "max_sessions": _integer,
    "session_ttl": _number,
    "exit_patience": _number,
    "runner_files": _names,
    "redaction": _boolean,
    "redact_keys": _names,
    "keep_keys": _names,
    "caller_sql": str.lower,
    "request_caller": str,
    "caller_header": str,
    "caller_hosts": _names,
    "job_caller": str,
    "job_key": str,
}
