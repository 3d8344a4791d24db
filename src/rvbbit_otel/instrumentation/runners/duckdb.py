"""The hooks of DuckDB, for the spec of any runner whose UDFs run cascades."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.spec import Hook, Role

_CONNECTION: Final = "duckdb:DuckDBPyConnection"

HOOKS: Final = (
    Hook(
        Role.CONNECTION_OPENED,
        "duckdb:connect",
        {"connection": "result", "database": "database"},
        parameters=("database", "read_only", "config"),
    ),
    *(
        Hook(Role.CONNECTION_OPENED, f"{_CONNECTION}.{name}", {"connection": "result", "parent": "self"}, optional=True)
        for name in ("cursor", "duplicate")
    ),
    *(
        Hook(
            Role.QUERY,
            f"{_CONNECTION}.{name}",
            {"connection": "self", "text": "query"},
            optional=True,
            parameters=("query",),
        )
        for name in ("execute", "executemany", "sql", "query", "from_query")
    ),
    # Names differ between versions of DuckDB.
    *(
        Hook(Role.QUERY_FETCHED, f"{_CONNECTION}.{name}", {"connection": "self"}, optional=True)
        for name in (
            "fetchall",
            "fetchdf",
            "fetch_df",
            "fetchnumpy",
            "df",
            "pl",
            "arrow",
            "to_arrow_table",
            "fetch_arrow_table",
            "complete",
            "abort",
            "close",
        )
    ),
    Hook(
        Role.UDF_REGISTRATION,
        f"{_CONNECTION}.create_function",
        {"connection": "self", "function": "function"},
        parameters=("name", "function"),
    ),
)
