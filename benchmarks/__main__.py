"""Run one benchmark: ``python -m benchmarks NAME [--rounds N] [--json]``."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from benchmarks.harness import report

NAMES = ("stamp", "registry", "ingest", "larsql")


def main() -> int:
    """Parse, run, print; exit 0 if every limit is met, 1 if one is not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default: 7)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args()
    result = report(options.name, importlib.import_module(f"benchmarks.{options.name}").run(options.rounds))
    if options.json:
        print(json.dumps(result))
    else:
        print_table(result)
    return 0 if result["met"] else 1


def print_table(result: dict[str, object]) -> None:
    """The same for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table("case", "figure", "unit", "baseline", "ratio", "limit", "met", title=f"{result['benchmark']}")
    for each in result["rows"]:  # type: ignore[attr-defined]
        limit = "" if each["limit"] is None else f"{each['limit']:g}"
        ratio = f"{each['ratio']:g} ± {each['spread']:g}"
        table.add_row(
            each["case"], f"{each['figure']:g}", each["unit"], f"{each['baseline']:g}", ratio, limit, str(each["met"])
        )
    console = Console()
    console.print(table)
    console.print(f"{result['machine']} {result['versions']}")


if __name__ == "__main__":
    sys.exit(main())
