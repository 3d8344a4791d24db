"""Which settings of a URL reach the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvbbit_otel.all_in_one.engine import EngineError
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.query_settings import settings_of

OPTIONS = Options(Path("nowhere"), query_seconds=30, query_memory=1000, result_rows=100, result_bytes=50)


def test_words_of_the_protocol_and_bound_parameters_are_no_settings() -> None:
    given = [
        ("query", "SELECT 1"),
        ("session_id", "x"),
        ("param_y", "1"),
        ("wait_end_of_query", "1"),
        ("compress", "0"),
    ]
    assert settings_of(given, OPTIONS) == {}


@pytest.mark.parametrize(
    ("name", "asked", "granted"),
    [
        ("max_execution_time", "5", 5),
        ("max_execution_time", "500", 30),
        ("max_execution_time", "0", 30),
        ("max_execution_time", "-1", 30),
        ("max_execution_time", "1e9", 30),
        ("max_memory_usage", "0", 1000),
        ("max_result_rows", "99", 99),
        ("max_result_bytes", "51", 50),
        ("output_format_json_quote_64bit_integers", "1", 1),
        ("session_timezone", "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_limit_can_be_lowered_and_never_raised(name: str, asked: str, granted: int | str) -> None:
    assert settings_of([(name, asked)], OPTIONS) == {name: granted}


@pytest.mark.parametrize(
    "name",
    [
        "format_schema",
        "output_format_schema",
        "format_template_row",
        "allow_introspection_functions",
        "allow_python_table_function",
        "max_executoin_time",
        "output_format_json_x=1, readonly",
        "final\n",
        "",
    ],
)
def test_a_setting_that_reaches_further_or_is_unknown_is_refused_by_name(name: str) -> None:
    with pytest.raises(EngineError, match=r"Code: 115\.") as refused:
        settings_of([(name, "1")], OPTIONS)
    assert repr(name) in str(refused.value)


def test_clickhouse_s_own_compression_is_refused_with_what_to_do() -> None:
    with pytest.raises(EngineError, match="compress: none"):
        settings_of([("compress", "1")], OPTIONS)
