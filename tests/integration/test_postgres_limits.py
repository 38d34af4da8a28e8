"""Limits of the whole fleet, and failures in a row, among many who claim, finish and plan at once in PostgreSQL."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

from anselai.adapters.postgres import limited_claims
from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Connection, Database
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.schedules import PostgresSchedules
from anselai.adapters.postgres.studios import PostgresStudios
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.audit import Actor, AuditAction, Deed
from anselai.domain.claim_limits import ClaimLimits
from anselai.domain.connection import ConnectionKey
from anselai.domain.failure_streak import DISABLE_AFTER
from anselai.domain.frequency import Frequency
from anselai.domain.ports.schedules import PlannedSlot
from anselai.domain.schedule import SlotPlan, SyncSchedule
from anselai.domain.secret import Secret
from anselai.domain.sync_job import AttemptResult, ClaimedJob, Outcome
from tests.samples import GOOGLE, a_connection, a_schedule, some_id

HOUR = timedelta(hours=1)
JOBS = 60
DAEMONS = 4
ROUNDS = DISABLE_AFTER - 1


async def test_the_limit_of_the_fleet_holds_while_many_claim_and_finish(database_url: str) -> None:
    limits = ClaimLimits(here={"google": 2}, fleet={"google": 3})
    running: set[object] = set()
    most = 0

    async def work(jobs: PostgresSyncJobs) -> int:
        nonlocal most
        done = idle = 0
        while idle < 30:
            claimed = await jobs.claim(some_id(), 5, HOUR, limits)
            running.update(each.job.id for each in claimed)
            most = max(most, len(running))
            await jobs.renew([each.job.lease for each in claimed], HOUR)  # as work that takes its time
            running.difference_update(each.job.id for each in claimed)
            results = [AttemptResult(lease=each.job.lease, outcome=Outcome.SUCCEEDED) for each in claimed]
            done += len(await jobs.finish(results))
            idle = 0 if claimed else idle + 1
        return done

    async with AsyncExitStack() as stack:
        daemons = [await stack.enter_async_context(Database(Secret(database_url))) for _ in range(DAEMONS)]
        await _queue(daemons[0], [f"studio-{number}" for number in range(JOBS)])
        done = await asyncio.gather(*(work(PostgresSyncJobs(database=each)) for each in daemons for _ in range(2)))
    assert (sum(done), most) == (JOBS, 3)


async def test_a_claim_waits_for_one_that_counts_and_then_sees_what_that_took(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    await connections.add(a_connection(), [])
    for frequency in Frequency:
        await jobs.enqueue(some_id(), GOOGLE, frequency)
    limits = ClaimLimits(fleet={"google": 2})
    values = {"worker": some_id(), "limit": 2, "lease": HOUR} | limited_claims.parameters(limits)

    async def while_somebody_claims(claiming: Connection) -> "asyncio.Task[Sequence[ClaimedJob]]":
        async with claiming.transaction():
            await claiming.execute(limited_claims.ALONE)
            second = asyncio.create_task(jobs.claim(some_id(), 2, HOUR, limits))
            await asyncio.wait([second], timeout=0.2)
            assert not second.done()
            await claiming.execute(limited_claims.CLAIM, values)
        return second

    second = await database.act(while_somebody_claims, studio=EVERY_STUDIO)
    assert await second == []


async def test_failures_count_while_the_same_schedules_are_planned_and_changed(database: Database) -> None:
    connections, schedules = PostgresConnections(database=database), PostgresSchedules(database=database)
    jobs = PostgresSyncJobs(database=database)
    keys = [ConnectionKey("default", f"platform-{number}") for number in range(10)]
    later = (await schedules.due(1)).now + HOUR
    for key in keys:
        await connections.add(a_connection(key), [a_schedule(key, each, later) for each in Frequency])
    for _ in range(ROUNDS):
        for key in keys:
            for frequency in Frequency:
                await jobs.enqueue(some_id(), key, frequency)
        claimed = await jobs.claim(some_id(), 100, HOUR)
        failed = [AttemptResult(lease=each.job.lease, outcome=Outcome.FAILED, error_code="NO") for each in claimed]
        stored = await schedules.list("default")
        await asyncio.gather(
            jobs.finish(failed[::3]),
            schedules.commit([PlannedSlot(plan=_next(each), job_id=some_id()) for each in stored]),
            jobs.finish(failed[1::3][::-1]),
            schedules.save(stored[0]),
            jobs.finish(failed[2::3]),
            return_exceptions=True,
        )
    assert {each.failures_in_row for each in await schedules.list("default")} == {ROUNDS}
    [(deadlocks,)] = await database.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0


async def _queue(database: Database, studios: Sequence[str]) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    for studio in studios:
        added = Deed(studio=studio, actor=Actor(name="test"), action=AuditAction.STUDIO_ADDED)
        await PostgresStudios(database=database).add(studio, "A studio", added)
        await connections.add(a_connection(ConnectionKey(studio, "google")), [])
        await jobs.enqueue(some_id(), ConnectionKey(studio, "google"), None)


def _next(schedule: SyncSchedule) -> SlotPlan:
    following = schedule.next_slot_at + HOUR
    return SlotPlan(schedule=schedule, run_slot_at=None, accounted=(), next_slot_at=following)
