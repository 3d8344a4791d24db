"""`python -m tests.model`: the long search. Prints what was seen; exits with 1 if any row was wrong."""

from __future__ import annotations

import argparse
import logging
import sys

from tests.model.check import Tally
from tests.model.search import search
from tests.model.world import stage

EXAMPLES = 100  # of one seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    options = parser.parse_args()
    logging.disable()  # The SDK tells of each value that it cuts.
    tally, wrong, number = Tally(), 0, options.seed
    with stage() as there:
        while tally.schedules < options.schedules:
            # Every tenth seed has processes, of which each program starts four.
            few = number % 10 == 9
            found = search(there, number, EXAMPLES // 5 if few else EXAMPLES, tally, processes=few)
            if found is not None:
                wrong += 1
                print(f"seed {number}:\n{found}", flush=True)
                if wrong == 20:
                    break
            number += 1
    print(f"schedules {tally.schedules}, spans {tally.spans}, right {tally.right}, nobody's {tally.nobodys}")
    lost = sum(tally.none.values())
    print(f"none where there is a caller {lost} ({lost / max(tally.spans, 1):.2%})")
    for reason, times in tally.none.most_common():
        print(f"  {times}: {reason}")
    print(f"wrong programs {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
