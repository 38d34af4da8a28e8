"""`make refreshes`."""

import argparse
import logging
import os
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import count
from multiprocessing import Pool

from anselai.domain.refreshing import SecondUse
from bench.machine import described
from chaos.server import chaos_server
from refreshes.fleet import FULL, SMALL, Result, fight
from refreshes.simulation import Verdict, scenario, simulate

EACH = 3000  # refreshes of one simulated run
CONTESTED = "contested of tokens that work once"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make refreshes", description="Fights over token refreshes, and judges.")
    parser.add_argument(
        "--refreshes", type=int, default=100_000, help="contested ones of tokens that work once, in made-up time"
    )
    parser.add_argument("--real", type=int, default=FULL.refreshes, help="contested ones, by real processes")
    parser.add_argument("--seed", type=int, default=1, help="the first of the simulation")
    parser.add_argument("--only-seed", action="store_true", help="no more than that run")
    parser.add_argument("--small", action="store_true", help="a few seconds of each")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    wanted = 1000 if args.small else args.refreshes
    broken = _simulated(args.seed, 1 if args.only_seed else wanted, EACH)
    if not args.only_seed and (args.small or args.real):
        broken += _fought(args.real, small=args.small)
    raise SystemExit(1 if broken else 0)


def _simulated(first: int, wanted: int, each: int) -> int:
    began, total, counts, runs, broken = time.monotonic(), Counter[str](), Counter[str](), 0, 0
    with Pool(os.cpu_count()) as pool:
        for seed, verdict in zip(count(first), pool.imap(partial(_run, each), count(first)), strict=False):
            runs, counts = runs + 1, counts + verdict.counts
            total.update(_figures(verdict, scenario(seed, each).second_use))
            broken += bool(verdict.broken)
            for sentence in verdict.broken[:5]:
                print(f"  BROKEN, with --seed {seed} --only-seed: {sentence}")
            if total[CONTESTED] >= wanted:
                break
    seconds = time.monotonic() - began
    print(f"In made-up time: {runs} runs, {seconds:.0f} s. {_told(total)}")
    print(f"  {_told(counts)}")
    return broken


def _run(each: int, seed: int) -> Verdict:
    logging.disable(logging.CRITICAL)
    return simulate(scenario(seed, each))


def _figures(verdict: Verdict, second_use: SecondUse) -> dict[str, int]:
    return {
        "refreshes": verdict.refreshes,
        CONTESTED if second_use is SecondUse.REFUSED else "contested of others": verdict.contested,
        "reused": verdict.reused,
        "lost or otherwise broken": len(verdict.broken),
        "expired and said why": verdict.expired,
        "of these with a token that nobody could know to be alive": verdict.needlessly,
    }


def _fought(wanted: int, *, small: bool) -> int:
    size = SMALL if small else replace(FULL, refreshes=wanted)
    with chaos_server() as server:
        machine = described(server.dsn, server.directory)
        result = fight(server.create("refreshes"), size, server.directory / "refreshes", server.restart)
    print(f"By {size.processes} real processes on one durable PostgreSQL: {_summary(result)}")
    print(f"  {_told(result.counts)}")
    for sentence in result.broken[:20]:
        print(f"  BROKEN: {sentence}")
    print(f"{machine}.")
    return len(result.broken)


def _summary(result: Result) -> str:
    return (
        f"{result.contested:,} contested refreshes in {result.seconds:.0f} s, "
        f"{result.counts['reused']} reused, {len(result.broken)} lost, {result.expired} expired and said why"
    )


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))


if __name__ == "__main__":
    main()
