"""APScheduler 4: jobs that do nothing, all of them queued before it starts."""

import argparse
import asyncio
import json
import time

import psycopg
from apscheduler import Event, JobReleased, SchedulerRole

from bench.peers.apscheduler_store import KEPT, TASKS, scheduler


async def nothing(connection: int) -> None:
    pass


async def fill(dsn: str, jobs: int) -> None:
    async with scheduler(dsn, SchedulerRole.scheduler) as opened:
        for task in TASKS:
            await opened.configure_task(task, func=nothing, max_running_jobs=None)
        for number in range(jobs):
            await opened.add_job(TASKS[number % len(TASKS)], args=[number], result_expiration_time=KEPT)


async def work(dsn: str, jobs: int) -> float:
    """Seconds from the worker's start to the end of the last job."""
    missing, done = jobs, asyncio.Event()

    def released(_: Event) -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            done.set()

    async with scheduler(dsn, SchedulerRole.worker) as opened:
        for task in TASKS:
            await opened.configure_task(task, func=nothing)
        opened.subscribe(released, {JobReleased})
        began = time.perf_counter()
        await opened.start_in_background()
        await done.wait()
        return time.perf_counter() - began


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["fill", "work"])
    parser.add_argument("dsn")
    parser.add_argument("--jobs", type=int, required=True)
    args = parser.parse_args()
    if args.what == "fill":
        await fill(args.dsn, args.jobs)
        return
    seconds = await work(args.dsn, args.jobs)
    with psycopg.connect(args.dsn) as connection:
        row = connection.execute("SELECT count(*) FROM job_results WHERE outcome = 'success'").fetchone()
    print(json.dumps({"seconds": seconds, "finished": row[0] if row else 0}))


if __name__ == "__main__":
    asyncio.run(main())
