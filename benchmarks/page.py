"""Writes docs/performance.md from benchmarks/results.json: ``python -m benchmarks.page``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

_HEAD = """# Performance

Made by `make bench`, which writes `benchmarks/results.json`, and this page from it; do not edit it. Each figure stands beside a baseline measured in
the same run, by turns, so that a machine that changes its speed changes both. The ratio is the result: absolute times are those of {cores} cores
({processor}, {versions}).
`±` is half the width of the middle half of the ratios. Where a limit is a figure and no ratio, what is allowed stands as the baseline.

`python -m benchmarks NAME --size full` measures at the sizes of the limits. What lost, and why: [ADR 60](adr/0060-what-it-costs.md).
"""
_BAR = 40


def render(results: Sequence[Mapping[str, Any]]) -> str:
    """The whole page."""
    first = results[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    machine = first["machine"]
    parts = [_HEAD.format(cores=machine["cores"], processor=machine["processor"], versions=versions)]
    parts += [_section(result) for result in results]
    return "\n".join(parts)


def _section(result: Mapping[str, Any]) -> str:
    name = result["benchmark"]
    lines = [f"## {name}", "", _about(name), ""]
    lines += [
        f"`python -m benchmarks {name} --size {result['size']} --rounds {result['rounds']}`, {result['seconds']} s.",
        "",
    ]
    compared = [row for row in result["rows"] if row["baseline"]]
    if compared:
        lines += ["| case | figure | baseline | unit | ratio | limit | met |", "|---|---|---|---|---|---|---|"]
        lines += [_row(row) for row in compared]
        lines.append("")
    rest = [row for row in result["rows"] if not row["baseline"]]
    if rest:
        lines += ["| case | figure | unit |", "|---|---|---|"]
        lines += [f"| {row['case']} | {row['figure']:g} | {row['unit']} |" for row in rest]
        lines.append("")
    return "\n".join([*lines, *_growth(result["rows"])])


def _row(row: Mapping[str, Any]) -> str:
    limited = row["limit"] is not None
    limit, met = (f"{row['limit']:g}", "yes" if row["met"] else "**no**") if limited else ("", "")
    return (
        f"| {row['case']} | {row['figure']:g} | {row['baseline']:g} | {row['unit']} "
        f"| {row['ratio']:g} ± {row['spread']:g} | {limit} | {met} |"
    )


def _about(name: str) -> str:
    source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    found = re.match(r'"""(.*?)"""', source, re.DOTALL)
    if found is None:
        raise ValueError(f"benchmarks/{name}.py does not say what it measures")
    return found[1].strip()


def _growth(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Bars for each case that was measured at several sizes: rows, sessions, threads."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if re.search(r"\d+ (rows|sessions|threads)", row["case"]):
            what = re.sub(r"\d+ (?=rows|sessions|threads)", "N ", row["case"]) + f", {row['unit']}"
            found.setdefault(what, []).append(row)
    lines: list[str] = []
    for what, cases in found.items():
        if len(cases) > 1:
            most = max(row["figure"] for row in cases) or 1
            lines.append(what)
            for row in cases:
                sizes = " ".join(re.findall(r"\d+(?= (?:rows|sessions|threads))", row["case"]))
                lines.append(f"  {sizes:>12} {'█' * max(round(row['figure'] / most * _BAR), 1)} {row['figure']:g}")
    return ["How it grows:", "", "```text", *lines, "```", ""] if lines else []


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
