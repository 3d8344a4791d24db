"""``python -m small_rvbbit serve`` and ``python -m small_rvbbit run``."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from small_rvbbit import caller_context, journal
from small_rvbbit.ready import serve_until_terminated
from small_rvbbit.runner import run_cascade
from small_rvbbit.server import Server


def main() -> None:
    """Parse and do it."""
    parser = argparse.ArgumentParser(
        prog="python -m small_rvbbit", description="A small runner with the shape of RVBBIT."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="SQL over the Postgres wire")
    serve.add_argument("--port", type=int, default=0, help="0 picks a free one")
    serve.add_argument("--ready-file", type=Path, required=True, help="written once it serves: JSON with pid and dsn")
    run = commands.add_parser("run", help="run one cascade")
    run.add_argument("cascade")
    run.add_argument("--input", type=json.loads, default={}, help='JSON, such as {"product_name": "Apple iPhone"}')
    for command in (serve, run):
        command.add_argument("--root", type=Path, default=Path(__file__).parent / "cascades", help="where cascades are")
        command.add_argument("--journal", type=Path, help="write what really happened to this file")
        command.add_argument("--llm", required=True, help="address of the model, such as http://127.0.0.1:9000")
    options = parser.parse_args()
    os.environ["SMALL_RVBBIT_LLM"] = options.llm
    if options.journal:
        journal.open_journal(options.journal.absolute())
    ready_file = options.ready_file.absolute() if options.command == "serve" else None
    os.chdir(options.root)
    if ready_file is None:
        cli_run(options.cascade, options.input)
    else:
        serve_sql(options.port, ready_file)


def serve_sql(port: int, ready_file: Path) -> None:
    """Serve until terminated."""
    server = Server("127.0.0.1", port)
    dsn = f"postgresql://demo@127.0.0.1:{server.server_address[1]}/demo"
    serve_until_terminated(server, ready_file, {"dsn": dsn})


def cli_run(cascade: str, input_data: dict[str, object]) -> None:
    """Run one cascade for a caller of the command line."""
    caller_id = caller_context.new_caller_id("cli")
    journal.write("caller", caller_id=caller_id, sql_query=None)
    caller_context.set_caller_context(caller_id, {"origin": "cli", "cascade": cascade})
    try:
        print(json.dumps(run_cascade(cascade, input_data)))
    finally:
        caller_context.clear_caller_context()


if __name__ == "__main__":
    main()
