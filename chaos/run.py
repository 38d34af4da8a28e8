"""`make chaos`."""

import argparse
import time

from bench.machine import described
from chaos.faults import SCENARIOS
from chaos.report import table
from chaos.scenario import Result, run
from chaos.server import chaos_server
from chaos.size import FULL, SMALL

MOST_PROBLEMS = 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos", description="Ill-treats daemons and database, and judges.")
    parser.add_argument("--only", default="", help="scenarios whose name has this in it")
    parser.add_argument("--small", action="store_true", help="a few seconds of each")
    args = parser.parse_args()
    size, results = (SMALL if args.small else FULL), []
    began = time.monotonic()
    with chaos_server() as server:
        machine = described(server.dsn, server.directory)
        for number, scenario in enumerate(each for each in SCENARIOS if args.only in each.name):
            print(f"{time.monotonic() - began:5.0f} s  {scenario.name}", flush=True)
            result = run(server, scenario, size, server.directory / f"chaos-{number}", f"chaos_{number}")
            results.append(result)
            _tell_problems(result)
    print(
        f"\n{table(results)}\n\n{size.daemons} daemons with {size.concurrency} syncs at once and a lease of "
        f"{size.lease:.0f} s on one durable PostgreSQL. {machine}. {time.monotonic() - began:.0f} s in all."
    )
    raise SystemExit(0 if all(each.verdict.is_clean and not any(each.exit_codes) for each in results) else 1)


def _tell_problems(result: Result) -> None:
    verdict = result.verdict
    print(
        f"         {verdict.abandoned} abandoned, {verdict.resumed} went on from a checkpoint, "
        f"settled after {result.settled_after:.0f} s"
    )
    if any(result.exit_codes):
        print(f"         daemons ended with {result.exit_codes}:", *result.last_words, sep="\n")
    for problem in verdict.problems[:MOST_PROBLEMS]:
        print(f"         {problem}")
    if len(verdict.problems) > MOST_PROBLEMS:
        print(f"         … and {len(verdict.problems) - MOST_PROBLEMS} more")
