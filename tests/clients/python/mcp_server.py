"""mcp-clickhouse as an assistant starts it, asked over its standard input and output: `mcp_server.py URL`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from checks import check, equal
from fastmcp import Client
from fastmcp.client.transports import StdioTransport


def main(url: str) -> None:
    where = urlsplit(url)
    settings = {
        "CLICKHOUSE_HOST": str(where.hostname),
        "CLICKHOUSE_PORT": str(where.port),
        "CLICKHOUSE_USER": "default",
        "CLICKHOUSE_PASSWORD": "",
        "CLICKHOUSE_SECURE": "false",
        "CLICKHOUSE_VERIFY": "false",
    }
    command = str(Path(sys.executable).with_name("mcp-clickhouse"))

    def asked(tool: str, **arguments: object) -> str:
        async def ask() -> str:
            async with Client(StdioTransport(command, [], env={**os.environ, **settings})) as client:
                answer: Any = await client.call_tool(tool, arguments)
                return json.dumps(answer.structured_content) + "".join(
                    getattr(each, "text", "") for each in answer.content
                )

        return asyncio.run(ask())

    def contains(text: str, *words: str) -> None:
        equal([word for word in words if word not in text], [])

    def failing(query: str) -> str:
        try:
            return asked("run_query", query=query)
        except Exception as error:
            return str(error)

    check("databases", lambda: contains(asked("list_databases"), "default", "system"))
    check("tables", lambda: contains(asked("list_tables", database="default"), "unified_logs", "caller_id"))
    check(
        "query",
        lambda: contains(
            asked("run_query", query="SELECT session_id, count() AS n FROM unified_logs GROUP BY 1 ORDER BY 1"),
            "session_id",
            "s1",
            "s2",
        ),
    )
    check("unknown_table", lambda: contains(failing("SELECT * FROM nowhere"), "60"))
    check("no_write", lambda: contains(failing("DROP TABLE unified_logs"), "497"))


if __name__ == "__main__":
    main(*sys.argv[1:])
