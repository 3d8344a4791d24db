"""Data that names its own types: what the engine writes is walked to its end, and no type in it leads to a file."""

from __future__ import annotations

import pytest
from tests.conftest import Store

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.statements.inserts import LANDING_TABLES
from rvbbit_otel.all_in_one.statements.typed_data import check_types
from rvbbit_otel.storage.migrations import apply

ZONES = frozenset({"", "UTC", "Europe/Berlin"})
TYPES = (
    "UInt8",
    "Bool",
    "String",
    "LowCardinality(String)",
    "LowCardinality(Nullable(String))",
    "Map(LowCardinality(String), String)",
    "Array(String)",
    "Array(LowCardinality(String))",
    "Array(Map(LowCardinality(String), String))",
    "Map(String, Array(LowCardinality(String)))",
    "DateTime64(9)",
    "DateTime('UTC')",
    "DateTime64(3, 'Europe/Berlin')",
    "Nullable(String)",
    "Array(Nullable(Float64))",
    "Array(Array(UInt64))",
    "Tuple(a String, b UInt8)",
    "Tuple(String, LowCardinality(String))",
    "Array(Tuple(k LowCardinality(String), v String))",
    "FixedString(16)",
    "Enum8('a, (b' = 1, 'b' = 2)",
    "Decimal(18, 2)",
    "UUID",
    "IPv6",
)
BAD = "DateTime('file:/etc/hostname')"


def made(engine: Engine, types: tuple[str, ...], rows: int, form: str, longest: int = 3) -> bytes:
    columns = ", ".join(f"c{at} {kind}" for at, kind in enumerate(types)).replace("'", "\\'")
    sql = f"SELECT * FROM generateRandom('{columns}', 7, 200, {longest}) LIMIT {rows}"
    with engine.reader({"max_block_size": 1000}) as reader:
        return reader.run(sql, form).body


def text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


@pytest.mark.parametrize("form", ["Native", "RowBinaryWithNamesAndTypes"])
@pytest.mark.parametrize("rows", [0, 1, 3, 2500])
@pytest.mark.parametrize("longest", [0, 3])
def test_what_the_engine_writes_is_taken(engine: Engine, form: str, rows: int, longest: int) -> None:
    check_types(made(engine, TYPES, rows, form, longest), form, ZONES.__contains__)


def test_a_type_that_leads_to_a_file_is_found_behind_any_column(engine: Engine) -> None:
    bad = b"\x01\x01" + text("x") + text(BAD) + bytes(4)
    for kind in TYPES:
        block = made(engine, (kind,), 20, "Native")
        check_types(block, "Native", ZONES.__contains__)
        with pytest.raises(EngineError, match=r"497\..*of the type DateTime"):
            check_types(block + bad, "Native", ZONES.__contains__)
    with pytest.raises(EngineError, match=r"497\..*of the type DateTime"):
        check_types(b"\x01" + text("x") + text(BAD), "RowBinaryWithNamesAndTypes", ZONES.__contains__)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        b"\x01\x01\x01x\x05UInt8",
        b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + text("x") + text("UInt8"),
        b"\xff" * 20,
        b"\x01\x01" + text("x") + text("String") + b"\xff\xff\xff\xff\x7f",
        b"\x01\x01" + text("x") + text("JSON") + bytes(50),
        b"\x01\x01" + text("x") + text("Dynamic") + bytes(50),
        b"\x01\x01" + text("x") + text("AggregateFunction(any, String)") + bytes(50),
        b"\x01\x01" + text("x") + text("LowCardinality(String)") + bytes(50),
        b"\x01\x01" + text("x") + text("Array(String)") + b"\xff" * 8,
        b"\x01\x02" + text("x") + text("Array(UInt8)") + b"\x09" + bytes(7) + b"\xff" * 8,
        b"\x01\x01" + text("x") + text("Array(" * 12 + "UInt8" + ")" * 12) + bytes(200),
        b"\x01\x01\x02\xff\xfe\x05UInt8\x00",
    ],
)
def test_what_can_not_be_walked_over_is_refused(data: bytes) -> None:
    with pytest.raises(EngineError, match=r"Code: 497\."):
        check_types(data, "Native", ZONES.__contains__)


def test_no_landing_table_says_what_to_fill_in_for_a_column_that_is_left_out(empty_store: Store) -> None:
    """`Engine.insert_rows` fills it with zeros."""
    apply(empty_store.engine)
    sql = "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND default_kind != ''"
    assert [row for row in empty_store.rows(sql) if row[0] in LANDING_TABLES] == []
