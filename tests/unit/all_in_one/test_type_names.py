"""Types as text: harmless unless a string in them may name a file."""

from __future__ import annotations

import pytest

from rvbbit_otel.all_in_one.statements.type_names import is_harmless_type

ZONES = frozenset({"UTC", "Europe/Berlin"})


@pytest.mark.parametrize(
    "text",
    [
        "String",
        "DateTime('UTC')",
        "DateTime64(3, 'Europe/Berlin')",
        "Array(Nullable(DateTime))",
        "Map(LowCardinality(String), Array(UInt8))",
        "Tuple(a UInt8, `b c` DateTime('UTC'))",
        "Enum8('a/b' = 1, 'file:/etc' = -2)",
        "Decimal(18, 2)",
        "a UInt8, b Array(String)",
        "DOUBLE PRECISION",
        "INT(11)",
        "JSON(a.b UInt32, SKIP c)",
        "FixedString(16)",
        "Variant(String, Array(UInt8))",
        "Array(Tuple(Enum8('x' = 1), DateTime('UTC')))",
        "",
    ],
)
def test_a_type_without_a_zone_of_its_own_is_harmless(text: str) -> None:
    assert is_harmless_type(text, ZONES.__contains__)


@pytest.mark.parametrize(
    "text",
    [
        "DateTime('file:/etc/hostname')",
        "DateTime('/etc/hostname')",
        "DateTime('../../etc/hostname')",
        "dateTIME ('file:/x')",
        "DateTime64(3, 'file:/x')",
        "Array(DateTime('file:/x'))",
        "a UInt8, b DateTime('file:/x')",
        "Tuple(enum DateTime('file:/x'))",
        "Enum8('a' = 1, DateTime('file:/x'))",
        "Enum8('a' = 1) DateTime('file:/x')",
        "Enum8('a\\' = 1), DateTime('file:/x')",
        "Enum8('a'' = 1, DateTime(''file:/x')",
        "JSON(SKIP REGEXP 'file:/x')",
        "AggregateFunction(any, Dynamic)",
        "`DateTime`('file:/x')",
        "DateTime/**/('file:/x')",
        "DateTime('file:/x",
        "DateTime(file(1))",
        "Array(String))",
        "Array(String",
        "x DEFAULT file('/etc/hostname')",
        "'file:/x'",
        "DateTime('UTC');",
        "DateTime(\x00'UTC')",
    ],
)
def test_a_type_that_may_lead_to_a_file_or_can_not_be_read_is_not(text: str) -> None:
    assert not is_harmless_type(text, ZONES.__contains__)


@pytest.mark.parametrize(
    "text", ["(" * 10**6, "Array(" * 10**5, "'" * 10**6, "a " * 10**6, "`x" * 10**6, "Array(`x`" * 10**5]
)
def test_a_text_of_any_length_is_read_once(text: str) -> None:
    assert is_harmless_type(text, ZONES.__contains__) == (text[0] in "a`")
