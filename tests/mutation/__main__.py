"""`python -m tests.mutation`: changes the rule of who owns what in a thousand ways, and sees whether a test notices.

Exits with 1 if tests notice less than nine of ten, if none was tried, or if one survives that `survivors.toml` does not list.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

from tests.mutation.copies import Copy, a_copy
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.results import Results
from tests.mutation.selection import MODULES, ROOT, SLOW, files_for
from tests.mutation.survey import survey_of
from tests.mutation.survivors import listed

SHARE = 0.9  # of the mutants are killed, at least


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--module", action="append", choices=MODULES, help="only this one; may be given more than once")
    parser.add_argument("--sample", type=int, help="so many of each module, the same each time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    options = parser.parse_args()
    mutants: list[Mutant] = []
    for module in options.module or MODULES:
        found = mutants_of(module, ROOT / MODULES[module])
        if options.sample is not None and options.sample < len(found):
            chosen = random.Random(0).sample(range(len(found)), options.sample)
            found = [found[number] for number in sorted(chosen)]
        mutants += found
    if options.list:
        for mutant in mutants:
            print(mutant)
        print(len(mutants))
        return 0
    files = list(dict.fromkeys(file for module in MODULES for file in files_for(module)))
    results = Results(files)
    waiting = [mutant for mutant in mutants if results.waiting(mutant, files_for(mutant.module))]
    print(f"{len(mutants)} mutants, {len(waiting)} of them to try", flush=True)
    if waiting:
        _try(waiting, results, options.workers)
    return _judge(mutants, results)


def _try(mutants: list[Mutant], results: Results, workers: int) -> None:
    with ExitStack() as stack:
        copies = [stack.enter_context(a_copy()) for _ in range(min(workers, len(mutants)))]
        survey = survey_of(results, copies[0])
        kills: Counter[tuple[str, str]] = Counter()
        # A run that is ended knows more if what is slow comes after all others.
        tried: Iterator[tuple[Mutant, bool]] = ((mutant, slow) for slow in (False, True) for mutant in mutants)
        lock, broken = threading.Lock(), list[BaseException]()

        def work(copy: Copy) -> None:
            while not broken:
                with lock:
                    mutant, slow = next(tried, (None, False))
                if mutant is None:
                    return
                try:
                    began = time.monotonic()
                    # What killed it before, or else most of this module in the least time, goes first; the order decides how long it takes, never
                    # what is found.
                    waiting, once = results.waiting(mutant, files_for(mutant.module)), results.once(mutant)
                    files = [file for file in waiting if (file in SLOW) is slow]
                    if not files:
                        continue
                    order = sorted(
                        files, key=lambda file: (file != once, -kills[mutant.module, file] / survey.limits[file])
                    )
                    tests = survey.tests(mutant, order)
                    path = MODULES[mutant.module]
                    answer = copy.ask(path, mutant.code, tests, survey.limits, afresh=not mutant.in_function)
                except BaseException as error:
                    broken.append(error)
                    return
                results.add(mutant, answer.killer, files)
                with lock:
                    if answer.killer is not None:
                        kills[mutant.module, list(answer.seconds)[-1]] += 1
                    fate = (
                        f"killed by {answer.killer}"
                        if answer.killer
                        else "SURVIVED"
                        if slow
                        else "survived the quick tests"
                    )
                    took = f"{time.monotonic() - began:.0f} s"
                    print(f"{mutant}: {fate}, {took}", flush=True)

        threads = [threading.Thread(target=work, args=(copy,)) for copy in copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if broken:
            raise broken[0]


def _judge(mutants: list[Mutant], results: Results) -> int:
    reasons, new = listed(), []
    print(f"\n{'module':<12} {'mutants':>8} {'killed':>8} {'survived':>9} {'share':>8}")
    totals: Counter[tuple[str, bool]] = Counter()
    for mutant in mutants:
        killer = results.killer(mutant)
        for name in (mutant.module, "all"):
            totals[name, killer is not None] += 1
        if killer is None and mutant.name not in reasons:
            new.append(mutant)
    for name in (*dict.fromkeys(mutant.module for mutant in mutants), "all"):
        killed, survived = totals[name, True], totals[name, False]
        share = killed / max(killed + survived, 1)
        print(f"{name:<12} {killed + survived:>8} {killed:>8} {survived:>9} {share:>8.1%}")
    for mutant in new:
        print(f"\nnew survivor, {MODULES[mutant.module]}:{mutant.line} in {mutant.within}, {mutant.operator}")
        print(f"  - {mutant.before}\n  + {mutant.after}")
    return 0 if totals["all", True] >= SHARE * len(mutants) > 0 and not new else 1


if __name__ == "__main__":
    sys.exit(main())
