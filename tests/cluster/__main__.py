"""``python -m tests.cluster``: the steps as a table. Exit status 0 where each is what it says."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import astuple, fields
from pathlib import Path

from tests.cluster.scenario import Seen, Step, week

SIZES = {"bounded": 24, "full": 400}
WIDTHS = (12, 12, 12, 16, 16, 22, 10, 10)


def line(step: Step) -> str:
    verdict = "as one store" if step.alike else step.note if step.note != "as one store" else f"DIFFERS: {step.differ}"
    both = zip(astuple(step.seen), astuple(step.alone), WIDTHS, strict=True)
    return f"{step.title[:92]:<92}" + "".join(f"{_pair(a, b):>{width}}" for a, b, width in both) + f"  {verdict}"


def _pair(seen: float, alone: float) -> str:
    return f"{seen:.10g}" if seen == alone else f"{seen:.10g}/{alone:.10g}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--seed", type=int, default=20261126)
    asked = parser.parse_args()
    begun = time.monotonic()
    wrong = 0
    names = [each.name.replace("_", " ") for each in fields(Seen)]
    head = "".join(f"{name:>{width}}" for name, width in zip(names, WIDTHS, strict=True))
    print(f"{'step (where they differ: cluster/one store)':<92}{head}")
    with tempfile.TemporaryDirectory() as folder:
        for step in week(Path(folder), SIZES[asked.size], asked.seed):
            print(line(step), flush=True)
            wrong += not step.alike and step.note == "as one store"
    print(f"{wrong} steps differ from one store; seed {asked.seed}, {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
