"""Plans the schedules that are due and claims their jobs, as a daemon does it, and prints what one of each took."""

import argparse
import asyncio
import json
import random
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import psycopg

from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from bench import studios
from bench.ours.opened import opened

DUE = 500
CYCLES = 8
WARM_UP = 2  # cycles, in which the connection learns the statements


async def cycle(ansel: Ansel, dsn: str, schedules: int) -> tuple[float, float]:
    """Microseconds for a schedule planned, and for a job claimed."""
    _make_due(dsn, schedules)
    worker, limits = ansel.worker, WorkerLimits()
    began = time.perf_counter()
    while await worker.planner.tick():
        pass
    planned = time.perf_counter()
    claimed = 0
    while claims := await worker.jobs.claim(worker.id, limits.concurrency, limits.lease):
        claimed += len(claims)
    ended = time.perf_counter()
    assert claimed >= DUE, f"{claimed} of {DUE} jobs could be claimed"  # more where a new minute has just begun
    return (planned - began) / claimed * 1e6, (ended - planned) / claimed * 1e6


def _make_due(dsn: str, schedules: int) -> None:
    """Any of them, and nothing is left of those before."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE sync_jobs, sync_log")
    slot = datetime.now(UTC) - timedelta(seconds=1)
    chosen = random.sample(range(schedules), DUE)
    studios.make_due(dsn, ((studios.schedule(number), slot) for number in chosen))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--schedules", type=int, required=True)
    args = parser.parse_args()
    async with opened(args.dsn) as ansel:
        cycles = [await cycle(ansel, args.dsn, args.schedules) for _ in range(WARM_UP + CYCLES)][WARM_UP:]
    planned, claimed = (median(figures) for figures in zip(*cycles, strict=True))
    print(json.dumps({"µs a schedule planned": planned, "µs a job claimed": claimed}))


if __name__ == "__main__":
    asyncio.run(main())
