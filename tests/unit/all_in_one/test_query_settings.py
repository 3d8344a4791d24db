"""Which settings of a URL reach the engine, and to what."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.statements import query_settings
from rvbbit_otel.all_in_one.statements.vocabulary import lines

OPTIONS = Options(Path("nowhere"), query_seconds=30, query_memory=1000, result_rows=100, result_bytes=50)
ZONES = frozenset({"UTC", "Europe/Berlin"})


def settings_of(*given: tuple[str, str]) -> dict[str, query_settings.Value]:
    return query_settings.settings_of(given, OPTIONS, ZONES.__contains__)


def test_words_of_the_protocol_and_bound_parameters_are_no_settings() -> None:
    given = [
        ("query", "SELECT 1"),
        ("session_id", "x"),
        ("param_y", "1"),
        ("wait_end_of_query", "1"),
        ("compress", "0"),
        ("use_query_cache", "1"),
    ]
    assert settings_of(*given) == {}


@pytest.mark.parametrize(
    ("name", "asked", "granted"),
    [
        ("max_execution_time", "5", 5),
        ("max_execution_time", "0.25", 0.25),
        ("max_execution_time", "500", 30),
        ("max_execution_time", "0", 30),
        ("max_execution_time", "-1", 30),
        ("max_execution_time", "1e9", 30),
        ("max_execution_time", "nan", 30),
        ("max_execution_time", "inf", 30),
        ("max_memory_usage", "0", 1000),
        ("max_memory_usage", "0.5", 1),
        ("max_result_rows", "99", 99),
        ("max_result_bytes", "51", 50),
    ],
)
def test_a_limit_can_be_lowered_and_never_raised(name: str, asked: str, granted: float) -> None:
    assert settings_of((name, asked)) == {name: granted}


@pytest.mark.parametrize(
    ("name", "asked", "granted"),
    [
        ("output_format_json_quote_64bit_integers", "1", 1),
        ("output_format_json_quote_64bit_integers", "false", 0),
        ("session_timezone", "Europe/Berlin", "Europe/Berlin"),
        ("max_threads", "3", 3),
        ("max_threads", "17", 16),
        ("count_distinct_implementation", "uniq", "uniq"),
        ("format_csv_delimiter", ";", ";"),
        ("format_tsv_null_representation", "SELECT 1", "SELECT 1"),
        ("join_algorithm", "partial_merge,hash", "partial_merge,hash"),
        ("output_format_pretty_color", "auto", "auto"),
    ],
)
def test_a_setting_that_shapes_the_answer_is_taken_as_what_it_is(name: str, asked: str, granted: int | str) -> None:
    assert settings_of((name, asked)) == {name: granted}


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("output_format_json_quote_64bit_integers", "2"),
        ("output_format_json_quote_64bit_integers", "SELECT 1"),
        ("session_timezone", "file:/etc/hostname"),
        ("session_timezone", "../../etc/hostname"),
        ("max_threads", "1" * 20),
        ("count_distinct_implementation", "file"),
        ("max_threads", "-1"),
        ("max_threads", "1' "),
        ("max_threads", "٣"),
        ("max_block_size", "0"),
        ("format_csv_delimiter", "ab"),
        ("format_tsv_null_representation", "x" * 65),
        ("join_algorithm", "hash'"),
        ("date_time_output_format", "simple, readonly=0"),
    ],
)
def test_a_value_that_a_setting_can_not_have_is_refused(name: str, asked: str) -> None:
    with pytest.raises(EngineError, match=r"Code: 36\..*" + name):
        settings_of((name, asked))


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
        "dialect",
        "implicit_select",
        "final\n",
        "",
    ],
)
def test_a_setting_that_reaches_further_or_is_unknown_is_refused_by_name(name: str) -> None:
    with pytest.raises(EngineError, match=r"Code: 115\.") as refused:
        settings_of((name, "1"))
    assert repr(name) in str(refused.value)


def test_no_setting_of_the_list_names_a_file_or_a_place() -> None:
    names = [line.split()[0] for line in lines("settings.txt")]
    assert [
        name
        for name in names
        if {"schema", "url", "path", "file", "template", "registry", "dialect"} & set(name.split("_"))
    ] == []
    assert names == sorted(set(names))
