"""APScheduler 4: hourly schedules whose first slots come due together, or some seconds apart; how late each began."""

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import psycopg
from apscheduler import Event, JobReleased, SchedulerRole
from apscheduler.triggers.cron import CronTrigger

from bench.peers.apscheduler_store import KEPT, TASKS, scheduler

SOON = 2.0  # seconds
started_at: dict[int, float] = {}


async def note(schedule: int) -> None:
    started_at[schedule] = time.time()


async def fill(dsn: str, schedules: int) -> None:
    """None of them is due for the next half hour."""
    later = datetime.now(UTC) + timedelta(minutes=40)
    async with scheduler(dsn, SchedulerRole.scheduler) as opened:
        for task in TASKS:
            await opened.configure_task(task, func=note, max_running_jobs=None)
        for number in range(schedules):
            await opened.add_schedule(
                TASKS[number % len(TASKS)],
                CronTrigger(minute=later.minute),
                id=str(number),
                args=[number],
                job_result_expiration_time=KEPT,
            )


async def work(dsn: str, schedules: int, apart: float) -> dict[str, object]:
    """Seconds from the first slot to the end of the last job, and by how many seconds each began late."""
    missing, done = schedules, asyncio.Event()

    def released(_: Event) -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            done.set()

    slots = [time.time() + SOON + number * apart for number in range(schedules)]
    with psycopg.connect(dsn) as connection:
        connection.cursor().executemany(
            "UPDATE schedules SET next_fire_time = to_timestamp(%s) WHERE id = %s",
            [(slot, str(number)) for number, slot in enumerate(slots)],
        )
    async with scheduler(dsn, SchedulerRole.both) as opened:
        for task in TASKS:
            await opened.configure_task(task, func=note)
        opened.subscribe(released, {JobReleased})
        await opened.start_in_background()
        assert time.time() < slots[0], "the slots were due before the scheduler had started"
        await done.wait()
        seconds = time.time() - slots[0]
    return {"seconds": seconds, "late": [started_at[number] - slot for number, slot in enumerate(slots)]}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["fill", "work"])
    parser.add_argument("dsn")
    parser.add_argument("--schedules", type=int, required=True)
    parser.add_argument("--apart", type=float, default=0.0, help="seconds")
    args = parser.parse_args()
    if args.what == "fill":
        await fill(args.dsn, args.schedules)
    else:
        print(json.dumps(await work(args.dsn, args.schedules, args.apart)))


if __name__ == "__main__":
    asyncio.run(main())
