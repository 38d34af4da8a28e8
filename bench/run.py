"""Plays the contests and prints their tables. `make bench`, or `python -m bench --only jobs --rounds 3`."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from bench import growth, http_api, idle, jobs, slots, start, tokens, top_of_hour, trigger
from bench.contest import Contest, play
from bench.machine import described
from bench.report import table
from bench.server import BenchServer, bench_server

CONTESTS: dict[str, Callable[[BenchServer], AbstractContextManager[Contest]]] = {
    "jobs": lambda server: nullcontext(jobs.contest(server)),
    "hour": top_of_hour.contest,
    "trigger": trigger.contest,
    "slots": slots.contest,
    "growth": growth.contest,
    "idle": idle.contest,
    "http": http_api.contest,
    "tokens": lambda _: nullcontext(tokens.contest()),
    "start": lambda _: start.contest(),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, help="of each contestant, in turn; otherwise as many as each contest needs"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=CONTESTS,
        default=list(CONTESTS),
        metavar="NAME",
        help=f"some of: {', '.join(CONTESTS)}",
    )
    args = parser.parse_args()
    began = time.perf_counter()
    tables = []
    with bench_server() as server:
        machine = described(server.dsn, server.data_dir.parent)
        for name in args.only:
            with CONTESTS[name](server) as contest:
                tables.append(table(contest, play(contest, args.rounds or contest.rounds, _report)))
    _report(f"Took {time.perf_counter() - began:.0f} s")
    print(f"\nMeasured on {machine}; medians of interleaved rounds.\n")
    print("\n".join(tables))


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
