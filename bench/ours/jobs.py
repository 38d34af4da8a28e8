"""Sync jobs through AnselAI: connections that each have one due job, and a worker that runs them all.

`fill` makes them, through the API; `work` runs the worker until the last one is finished and prints how long it took.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from anselai.application.ansel import Ansel
from anselai.domain.ports.jobs import SyncJobs
from anselai.domain.sync_job import AttemptResult
from anselai.entrypoints.daemon import spare_the_collector
from bench.ours.opened import opened

PLATFORMS = ("google", "meta", "pinterest", "tiktok")
AT_ONCE = 10  # connections of the pool while filling


class FinishLine:
    """Where results are written, and which says when so many were accepted."""

    def __init__(self, jobs: SyncJobs, expected: int) -> None:
        self._jobs = jobs
        self._missing = expected
        self.reached = asyncio.Event()
        self.reached_at = 0.0

    async def finish(self, results: Sequence[AttemptResult]) -> frozenset[UUID]:
        accepted = await self._jobs.finish(results)
        self._missing -= len(accepted)
        if self._missing <= 0:
            self.reached_at = time.perf_counter()
            self.reached.set()
        return accepted


async def fill(ansel: Ansel, dsn: str, jobs: int) -> None:
    """One studio for every four connections; each has its three schedules and one job that is due."""
    studios = [(f"studio-{number:06}",) for number in range((jobs + 3) // 4)]
    with psycopg.connect(dsn) as connection:
        connection.cursor().executemany("INSERT INTO studios (id, name) VALUES (%s, 'A studio')", studios)
    expires_at = datetime.now(UTC) + timedelta(days=30)
    numbers = iter(range(jobs))

    async def save_and_queue() -> None:
        for number in numbers:
            platform, (studio,) = PLATFORMS[number % 4], studios[number // 4]
            await ansel.connections.save_connection(
                platform,
                studio=studio,
                access_token=f"an-access-token-{number:0184}",
                refresh_token=f"a-refresh-token-{number:084}",
                token_expires_at=expires_at,
            )
            await ansel.scheduler.run_sync_now(platform, studio=studio)

    await asyncio.gather(*(save_and_queue() for _ in range(AT_ONCE)))
    with psycopg.connect(dsn) as connection:  # so that no schedule comes due and brings more jobs during a round
        connection.execute("UPDATE sync_schedules SET next_slot_at = next_slot_at + interval '1 year'")


async def work(ansel: Ansel, jobs: int) -> float:
    """Seconds from the worker's start to the last result that the database accepted."""
    finish_line = FinishLine(ansel.worker.jobs, jobs)
    ansel.worker.writer.jobs = finish_line  # type: ignore[assignment]
    spare_the_collector()  # as every daemon does when it has opened
    began = time.perf_counter()
    worker = asyncio.create_task(ansel.worker.run())
    await finish_line.reached.wait()
    ansel.worker.stop()
    await worker
    return finish_line.reached_at - began


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["fill", "work"])
    parser.add_argument("dsn")
    parser.add_argument("--jobs", type=int, required=True)
    args = parser.parse_args()
    if args.what == "fill":
        async with opened(f"{args.dsn}&options=-csynchronous_commit%3Doff") as ansel:
            await fill(ansel, args.dsn, args.jobs)
        return
    async with opened(args.dsn) as ansel:
        seconds = await work(ansel, args.jobs)
    with psycopg.connect(args.dsn) as connection:
        row = connection.execute("SELECT count(*) FROM sync_log WHERE outcome = 'succeeded'").fetchone()
    print(json.dumps({"seconds": seconds, "finished": row[0] if row else 0}))


if __name__ == "__main__":
    asyncio.run(main())
