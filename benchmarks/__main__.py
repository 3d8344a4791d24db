"""Run benchmarks: ``python -m benchmarks NAME [--size smoke|short|full] [--rounds N] [--json]``, or ``all``."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import ROUNDS, report

# larsql needs what `make test-runners` installs, so it is not one of all.
ALL = (
    "stamp",
    "udf",
    "leaving",
    "host",
    "registry",
    "start",
    "fresh",
    "storage",
    "query",
    "audit",
    "ingest",
    "answers",
    "overload",
    "soak",
)
NAMES = (*ALL, "larsql")


def main() -> int:
    """Parse, run, print; exit 0 if every limit is met, 1 if one is not. Of all, only errors count: times are for people."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=(*NAMES, "all"))
    parser.add_argument("--size", choices=tuple(ROUNDS), default="full", help="how much of it (default: full)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default: 1, 5, 7 by size)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--results", type=Path, help="a file of the JSON of all, in which what ran is replaced")
    options = parser.parse_args()
    rounds = options.rounds or ROUNDS[options.size]
    if options.name == "all":
        return run_all(options.size, rounds, options.results)
    start = time.monotonic()
    rows = importlib.import_module(f"benchmarks.{options.name}").run(rounds, options.size)
    result = {**report(options.name, rows), "size": options.size, "rounds": rounds}
    result["seconds"] = round(time.monotonic() - start)
    if options.results is not None:
        keep(result, options.results)
    if options.json:
        print(json.dumps(result))
    else:
        print_table(result)
    return 0 if result["met"] else 1


def run_all(size: str, rounds: int, results: Path | None) -> int:
    """Each in a process of its own, since one process can open one store; exit 1 only if one could not run."""
    for name in ALL:
        command = [sys.executable, "-m", "benchmarks", name, "--size", size, "--rounds", str(rounds), "--json"]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        lines = ran.stdout.splitlines()
        if not lines or not lines[-1].startswith("{"):
            print(f"{name} did not run: exit status {ran.returncode}", file=sys.stderr)
            return 1
        result = json.loads(lines[-1])
        print_table(result)
        if results is not None:
            keep(result, results)
    return 0


def keep(result: dict[str, object], results: Path) -> None:
    """Replace the same benchmark's result in the file, and leave the others, in the order of all."""
    kept = {each["benchmark"]: each for each in (json.loads(results.read_text()) if results.exists() else [])}
    kept[result["benchmark"]] = result
    ordered = [kept[name] for name in NAMES if name in kept]
    results.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def print_table(result: dict[str, object]) -> None:
    """The same for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table("case", "figure", "unit", "baseline", "ratio", "limit", "met", title=f"{result['benchmark']}")
    rows: Sequence[dict[str, object]] = result["rows"]  # type: ignore[assignment]
    for each in rows:
        limit = "" if each["limit"] is None else f"{each['limit']:g}"
        ratio = f"{each['ratio']:g} ± {each['spread']:g}"
        table.add_row(
            f"{each['case']}",
            f"{each['figure']:g}",
            f"{each['unit']}",
            f"{each['baseline']:g}",
            ratio,
            limit,
            f"{each['met']}",
        )
    console = Console()
    console.print(table)
    console.print(f"{result['machine']} {result['versions']} {result['seconds']} s")


if __name__ == "__main__":
    sys.exit(main())
