"""The UDF that a rewritten query calls once a row."""

from __future__ import annotations

import json

import duckdb
from duckdb.sqltypes import VARCHAR

from small_rvbbit.runner import run_cascade


def rvbbit_run(cascade_path: str, row_json: str) -> str:
    """Run a cascade for one row; its brand is the answer."""
    return str(run_cascade(cascade_path, json.loads(row_json))["brand"])


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the UDF known to one connection."""
    connection.create_function("rvbbit_run", rvbbit_run, [VARCHAR, VARCHAR], VARCHAR, side_effects=True)
