"""RVBBIT's statement, turned into one that DuckDB knows."""

from __future__ import annotations

import re

_MAP = re.compile(
    r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"  # Comments may come first: a client can put there what it wants to find again.
    r"RVBBIT\s+MAP\s+'(?P<path>[^']+)'\s+AS\s+(?P<column>[A-Za-z_][A-Za-z0-9_]*)\s+USING\s*\((?P<query>.*)\)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)


def rewrite(text: str) -> str:
    """`RVBBIT MAP 'cascade.yaml' AS column USING (query)` as a SELECT that calls the UDF once a row; other statements as they are."""
    found = _MAP.fullmatch(text)
    if found is None:
        return text
    # The line break ends a comment that the query may end with.
    return (
        f"SELECT source.*, rvbbit_run('{found['path']}', CAST(to_json(source) AS VARCHAR)) AS {found['column']} "
        f"FROM ({found['query']}\n) AS source"
    )
