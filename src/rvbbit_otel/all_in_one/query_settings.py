"""Which settings a query from outside may bring: those that shape its answer, and limits below ours. ClickHouse's clients send them in the URL.

A setting that names a file (`format_schema`, `output_format_schema`, `format_template_row`) is none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rvbbit_otel.all_in_one.engine import EngineError
from rvbbit_otel.all_in_one.options import Options

_SHAPING = re.compile(
    r"(?:output_format_(?:json|pretty|csv|tsv|native|arrow|parquet|values|markdown|xml|decimal)_\w+|output_format_write_statistics"
    r"|date_time_(?:input|output)_format|session_timezone|join_use_nulls|group_by_use_nulls|join_default_strictness|transform_null_in"
    r"|aggregate_functions_null_for_empty|prefer_column_name_to_alias|extremes|final|limit|offset|max_threads|max_block_size"
    r"|max_rows_to_read|max_bytes_to_read|read_overflow_mode|result_overflow_mode|format_csv_delimiter|format_(?:csv|tsv)_null_representation"
    r"|bool_(?:true|false)_representation|cast_string_to_dynamic_use_inference|cast_string_to_variant_use_inference|use_query_cache)"
)
# Words of the protocol itself, and settings that mean nothing where no answer is streamed and no insert waits.
_PROTOCOL = frozenset(
    {
        "add_http_cors_header",
        "async_insert",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "database",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_receive_timeout",
        "http_send_timeout",
        "http_write_exception_in_output_format",
        "http_zlib_compression_level",
        "log_comment",
        "log_queries",
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
        "user",
        "wait_end_of_query",
        "wait_for_async_insert",
    }
)
_NUMBER = re.compile(r"\d{1,18}")


def settings_of(given: Iterable[tuple[str, str]], options: Options) -> dict[str, int | str]:
    """The settings among a URL's parameters; raises EngineError for one that can't be set here."""
    limits: Mapping[str, int] = {
        "max_execution_time": options.query_seconds,
        "max_memory_usage": options.query_memory,
        "max_result_rows": options.result_rows,
        "max_result_bytes": options.result_bytes,
    }
    settings: dict[str, int | str] = {}
    for name, value in given:
        if name in _PROTOCOL or name.startswith("param_"):
            continue
        if name in ("compress", "decompress"):
            if value not in ("0", "", "false"):
                raise _refused(
                    f"{name}={value} (ClickHouse's own blocks) is not served: use HTTP's gzip, or compress: none"
                )
        elif name in limits:
            # A limit may be lower than ours; 0 asks for none, and gets ours.
            asked = int(value) if _NUMBER.fullmatch(value) else 0
            settings[name] = min(asked, limits[name]) if asked else limits[name]
        elif _SHAPING.fullmatch(name):
            settings[name] = int(value) if _NUMBER.fullmatch(value) else value
        else:
            raise _refused(f"Setting {name[:80]!r} can't be set here, or is unknown")
    return settings


def _refused(text: str) -> EngineError:
    return EngineError(f"Code: 115. DB::Exception: {text}. (UNKNOWN_SETTING)")
