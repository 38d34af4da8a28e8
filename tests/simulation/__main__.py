"""`python -m tests.simulation --slots 1000000 [--seed N]`: simulated runs, one seed after another.

With `--stories N` Hypothesis then looks for so many stories in which a promise breaks, and prints how to see one again.
"""

# ruff: noqa: T201

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from multiprocessing import Pool

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import FleetMachine
from tests.simulation.promises import Verdict
from tests.simulation.scenario import scenario
from tests.simulation.simulation import simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--slots", type=int, default=1_000_000, help="stop after as many slots")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--processes", type=int, default=1, help="how many runs go at once")
    parser.add_argument("--only", action="store_true", help="run that one seed, and print what it did")
    parser.add_argument("--stories", type=int, default=0, help="how many stories Hypothesis tells afterwards")
    parser.add_argument("--keep-going", action="store_true", help="go on after a broken promise")
    arguments = parser.parse_args()
    seed, slots, broken = arguments.seed, 0, 0
    fates: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    began = told = time.monotonic()
    for run in _runs(arguments.seed, arguments.processes):
        seed = run.scenario.seed
        slots, fates = slots + run.slots, fates + run.fates
        counts.update(run.counts)
        if run.broken:
            broken += 1
            _tell(run)
            if not arguments.keep_going:
                return 1
        if arguments.only or slots >= arguments.slots:
            break
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(_line(seed, slots, counts, told - began), flush=True)
    print(_line(seed, slots, counts, time.monotonic() - began))
    print("fates:", ", ".join(f"{number} {fate}" for fate, number in fates.most_common()))
    print("events:", ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    if arguments.stories and not broken:
        _tell_stories(arguments.stories)
    return 1 if broken else 0


def _tell_stories(number: int) -> None:
    """Raises what a broken promise raises, after Hypothesis has printed the shortest story of it."""
    stories = settings(
        max_examples=number,
        stateful_step_count=50,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(FleetMachine, settings=stories)
    print(f"stories: {number}, and no promise was broken")


def _runs(first: int, processes: int) -> Iterator[Verdict]:
    """The runs of one seed after another, whichever process does them, in the order of the seeds."""
    if processes == 1:
        yield from map(_run, count(first))
        return
    with Pool(processes) as pool:
        while True:
            yield from pool.imap(_run, range(first, first + 100 * processes))
            first += 100 * processes


def _run(seed: int) -> Verdict:
    return simulate(scenario(seed))


def _line(seed: int, slots: int, counts: Counter[str], seconds: float) -> str:
    return (
        f"seed {seed}: {slots:,} slots, {counts['attempts']:,} attempts, {counts['crashes']:,} crashes, "
        f"{slots / seconds:,.0f} slots/s"
    )


def _tell(run: Verdict) -> None:
    print(f"BROKEN with seed {run.scenario.seed}: python -m tests.simulation --only --seed {run.scenario.seed}")
    print(f"  {run.scenario}")
    for sentence in run.broken[:5]:
        print(f"  {sentence}")
    print("  the last events:")
    for line in run.trace[-40:]:
        print(f"    {line}")


if __name__ == "__main__":
    sys.exit(main())
