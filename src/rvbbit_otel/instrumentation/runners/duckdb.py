"""The hooks of DuckDB: a UDF's call is whose query it is, in any process that has DuckDB, whatever runs there.

Names differ between versions. A relation of DuckDB 1 is C code that runs by itself; one of DuckDB 2 is Python and submits text to its connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

_CONNECTION: Final = "duckdb:DuckDBPyConnection"
_RELATION: Final = "_duckdb:DuckDBPyRelation"
_RESULT: Final = "_duckdb:RelationResult"
_OF_METHODS: Final = {"connection": "self"}
# Functions of the module work on the connection that they are given, else on the default one.
_OF_FUNCTIONS: Final = {"connection": "connection", "default": "literal:duckdb.default_connection"}
# It comes by keyword only: behind all arguments that a call can have.
_BY_NAME: Final = (*("_",) * 64, "connection")

# The fields of each role beside those, by what it is in both places, and the arguments by position where Python can't read them.
_CALLS: Final[tuple[tuple[Role, str, dict[str, str], tuple[str, ...]], ...]] = (
    (Role.QUERY, "execute executemany", {"text": "query"}, ("query", "parameters")),
    (
        Role.QUERY_PREPARED,
        "sql query from_query",
        {"text": "query", "relation": "result"},
        ("query",),
    ),
    (
        Role.QUERY_PREPARED,
        "table view values table_function from_df from_arrow from_parquet read_parquet from_csv_auto read_csv read_json",
        {"relation": "result"},
        (),
    ),
    (Role.QUERY_PREPARED, "append", {}, ()),
    (Role.QUERY_FETCH, "fetchone fetchmany fetch_df_chunk", {"rows": "result"}, ()),
    (Role.QUERY_FETCH, "fetch_record_batch to_arrow_reader pl", {"reader": "result"}, ()),
    (
        Role.QUERY_FETCHED,
        "fetchall fetchdf fetch_df fetchnumpy fetch_arrow_table to_arrow_table torch tf complete abort close",
        {},
        (),
    ),
)


# Those that take SQL, in which a table may be a variable of the caller's.
_READING: Final = frozenset({Role.QUERY, Role.QUERY_PREPARED})


def _calls() -> Iterable[Hook]:
    for holder, of, last in ((f"{_CONNECTION}.", _OF_METHODS, ()), ("duckdb:", _OF_FUNCTIONS, _BY_NAME)):
        for role, names, more, parameters in _CALLS:
            for name in names.split():
                yield Hook(
                    role,
                    f"{holder}{name}",
                    {**of, **more},
                    optional=True,
                    parameters=(*parameters, *last) or None,
                    sees_variables=role in _READING,
                )


def _each(role: Role, holder: str, names: str, fields: dict[str, str]) -> Iterable[Hook]:
    return (Hook(role, f"{holder}.{name}", fields, optional=True) for name in names.split())


HOOKS: Final = (
    Hook(
        Role.CONNECTION_OPENED,
        "duckdb:connect",
        {"connection": "result", "database": "database"},
        parameters=("database", "read_only", "config"),
    ),
    *_each(Role.CONNECTION_OPENED, _CONNECTION, "cursor duplicate", {"connection": "result", "parent": "self"}),
    *(
        Hook(
            Role.CONNECTION_OPENED,
            f"duckdb:{name}",
            {"connection": "result", "parent": "connection", "default": _OF_FUNCTIONS["default"]},
            optional=True,
            parameters=_BY_NAME,
        )
        for name in ("cursor", "duplicate")
    ),
    *_calls(),
    # Of a connection alone. What `df` and `arrow` of the module are depends on their arguments.
    *_each(Role.QUERY_FETCH, _CONNECTION, "arrow", {"connection": "self", "reader": "result"}),
    *_each(Role.QUERY_FETCHED, _CONNECTION, "df __exit__ _result_as_arrow", _OF_METHODS),
    *(
        Hook(Role.QUERY_FETCH, f"duckdb:{name}", _OF_FUNCTIONS, optional=True, parameters=_BY_NAME)
        for name in ("df", "arrow")
    ),
    # How relations of DuckDB 2 are made, and run.
    *(
        Hook(
            Role.QUERY_PREPARED,
            f"{_CONNECTION}.{name}",
            {"connection": "self", "text": "sql"},
            optional=True,
            parameters=("sql",),
            sees_variables=True,
        )
        for name in ("_bind", "_prepare_script")
    ),
    Hook(
        Role.QUERY,
        f"{_CONNECTION}._submit",
        {"connection": "self", "text": "sql", "format": "format", "result": "result"},
        optional=True,
        parameters=("sql", "values", "format"),
        sees_variables=True,
    ),
    *_each(Role.QUERY_FETCH, _RESULT, "arrow_reader arrow_capsule", {"connection": "self", "reader": "result"}),
    *_each(Role.QUERY_FETCHED, _RESULT, "arrow_table drain close", _OF_METHODS),
    # Relations of DuckDB 1.
    *_each(Role.RELATION, _RELATION, "fetchone fetchmany fetch_df_chunk", {"relation": "self", "rows": "result"}),
    *_each(
        Role.RELATION,
        _RELATION,
        "fetch_record_batch record_batch fetch_arrow_reader to_arrow_reader arrow pl __arrow_c_stream__",
        {"relation": "self", "reader": "result"},
    ),
    *_each(
        Role.RELATION,
        _RELATION,
        "fetchall fetchdf df to_df fetchnumpy fetch_arrow_table to_arrow_table torch tf execute create to_table "
        "create_view to_view insert insert_into update write_csv to_csv write_parquet to_parquet show explain "
        "describe map close __len__ __str__ __repr__",
        {"relation": "self"},
    ),
    Hook(Role.RELATION, f"{_RELATION}.query", {"relation": "self"}, optional=True, sees_variables=True),
    # Rows that are added one by one are counted by their thousands: a hook on each would cost more than it.
    *_each(Role.RELATION, "duckdb:Appender", "append_rows flush __exit__", {"relation": "self"}),
    Hook(
        Role.UDF_REGISTRATION,
        f"{_CONNECTION}.create_function",
        {"connection": "self", "function": "function", "name": "name"},
        parameters=("name", "function"),
    ),
    Hook(
        Role.UDF_REGISTRATION,
        "duckdb:create_function",
        {**_OF_FUNCTIONS, "function": "function", "name": "name"},
        optional=True,
        parameters=("name", "function", *_BY_NAME),
    ),
    Hook(
        Role.UDF_REGISTRATION,
        f"{_CONNECTION}._register_map",
        {"connection": "self", "function": "function"},
        optional=True,
        parameters=("function",),
    ),
)

SPEC: Final = RunnerSpec("duckdb", "duckdb", HOOKS, distribution="duckdb")
