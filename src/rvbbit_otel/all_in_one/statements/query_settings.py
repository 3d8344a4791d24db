"""The settings that a question from outside may bring: those that shape its answer, and limits below ours.
ClickHouse's clients send them in the URL.

Each is in a list with what its value is. A setting that names a file (`format_schema`, `output_format_schema`, `format_template_row`) is none of
them, and none of them ever reaches the connection on which statements are checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.statements.vocabulary import lines

Value = int | float | str

# Words of the protocol itself, and settings that mean nothing where no insert waits and no result is kept.
_PROTOCOL = frozenset(
    {
        "add_http_cors_header",
        "async_insert",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_max_field_name_size",
        "http_max_field_value_size",
        "http_max_fields",
        "http_max_uri_size",
        "http_receive_timeout",
        "http_send_timeout",
        "http_write_exception_in_output_format",
        "http_zlib_compression_level",
        "log_comment",
        "log_queries",
        "network_compression_method",
        "network_zstd_compression_level",
        "password",
        "query",
        "query_id",
        "quota_key",
        "readonly",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "use_query_cache",
        "user",
        "wait_end_of_query",
        "wait_for_async_insert",
    }
)
_LONGEST_TEXT = 64
_LONGEST_NUMBER = 18
_WORD_LETTERS = frozenset("_-.,")


def settings_of(given: Iterable[tuple[str, str]], options: Options, is_zone: Callable[[str], bool]) -> dict[str, Value]:
    """The settings among a URL's parameters; raises EngineError for one that can't be set here, or not to that."""
    settings: dict[str, Value] = {}
    for name, value in given:
        if name in _PROTOCOL or name.startswith("param_"):
            continue
        if can_be_set(name):
            settings[name] = setting(name, value, options, is_zone)
        else:
            raise _refused(f"Setting {name[:80]!r} can't be set here, or is unknown")
    return settings


def is_on(value: str) -> bool:
    """Return whether a protocol value stands for true."""
    return _FLAGS.get(value) == 1


def can_be_set(name: str) -> bool:
    """Return whether a question may bring this setting, with any value."""
    return name in _kinds() or name in _LIMITS


def check_change(name: str, value: str, options: Options, is_zone: Callable[[str], bool]) -> None:
    """Raise EngineError for what SET can't have: a setting that is in no list, a value that it can't have, a limit that would be lifted."""
    limit = _LIMITS.get(name)
    if not can_be_set(name) or (limit is not None and not 0 < (_number(value) or 0) <= getattr(options, limit)):
        raise EngineError(
            f"Code: 164. DB::Exception: Cannot modify '{name[:80]}' setting in readonly mode, or not to that. (READONLY)"
        )
    setting(name, value, options, is_zone)


def settable() -> list[str]:
    """Names of all that a question may bring, with those that are the protocol's own."""
    return [*_kinds(), *_LIMITS, *sorted(_PROTOCOL - {"readonly"})]


def setting(name: str, value: str, options: Options, is_zone: Callable[[str], bool]) -> Value:
    """A setting's value as the engine gets it; raises EngineError for one that it can't have here."""
    limit = _LIMITS.get(name)
    if limit is not None:
        # A limit may be lower than ours; 0 asks for none, and gets ours.
        ours = getattr(options, limit)
        asked = _number(value)
        if not asked or not 0 < asked < ours:
            return int(ours)
        return asked if name == "max_execution_time" else max(1, int(asked))
    kind, *bounds = _kinds()[name].split()
    read: Value | None
    if kind == "whole":
        read = _whole(value, *map(int, bounds))
    elif kind == "capped":
        least, most = map(int, bounds)
        read = _whole(value, least, 10**_LONGEST_NUMBER)
        read = read if read is None else min(read, most)
    elif kind == "choice":
        read = value if value in bounds else None
    else:
        read = _READERS[kind](value, is_zone)
    if read is None:
        raise EngineError(
            f"Code: 36. DB::Exception: {value[:80]!r} is no value of the setting {name} here. (BAD_ARGUMENTS)"
        )
    return read


_LIMITS: Mapping[str, str] = {
    "max_execution_time": "query_seconds",
    "max_memory_usage": "query_memory",
    "max_result_rows": "result_rows",
    "max_result_bytes": "result_bytes",
}


@cache
def _kinds() -> Mapping[str, str]:
    return {name: kind for name, _, kind in (line.partition(" ") for line in lines("settings.txt"))}


def _whole(value: str, least: int, most: int) -> int | None:
    digits = len(value) <= _LONGEST_NUMBER + 1 and value.isascii() and value.isdigit()
    return int(value) if digits and least <= int(value) <= most else None


def _number(value: str) -> float | None:
    try:
        number = float(value) if len(value) <= _LONGEST_NUMBER and value.isascii() else math.nan
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number == int(number) else number


_FLAGS: Mapping[str, int] = {"1": 1, "true": 1, "True": 1, "0": 0, "false": 0, "False": 0}
_READERS: Mapping[str, Callable[[str, Callable[[str], bool]], Value | None]] = {
    "bool": lambda value, _: _FLAGS.get(value),
    "auto": lambda value, _: value if value == "auto" else _FLAGS.get(value),
    "char": lambda value, _: value if len(value) == 1 and value.isascii() else None,
    "float": lambda value, _: _number(value),
    "text": lambda value, _: value if len(value) <= _LONGEST_TEXT and "\0" not in value else None,
    "word": lambda value, _: (
        value
        if len(value) <= _LONGEST_TEXT
        and value.isascii()
        and all(letter.isalnum() or letter in _WORD_LETTERS for letter in value)
        else None
    ),
    "zone": lambda value, is_zone: value if is_zone(value) else None,
}


def _refused(text: str) -> EngineError:
    return EngineError(f"Code: 115. DB::Exception: {text}. (UNKNOWN_SETTING)")
