"""What happens at once in PostgreSQL leaves the same as if it had happened in turn."""

import asyncio
from datetime import timedelta

from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Connection, Database
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.records import PostgresRecords
from anselai.adapters.postgres.schedules import PostgresSchedules
from anselai.adapters.postgres.sync_log import PostgresSyncLog
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import AnselError, ConnectionNotFound, LeaseLost
from anselai.domain.frequency import Frequency
from anselai.domain.ports.schedules import PlannedSlot
from anselai.domain.ports.sync_log import LogQuery
from anselai.domain.schedule import SlotPlan
from anselai.domain.sync_job import AttemptResult, Outcome
from tests.samples import GOOGLE, a_connection, a_metric, a_schedule, some_id

HOUR = timedelta(hours=1)
ROUNDS = 20


async def test_no_job_or_schedule_survives_the_removal_of_its_connection(database: Database) -> None:
    connections, schedules = PostgresConnections(database=database), PostgresSchedules(database=database)
    jobs, log = PostgresSyncJobs(database=database), PostgresSyncLog(database=database)
    for _ in range(ROUNDS):
        now = (await schedules.due(1)).now
        due = [a_schedule(GOOGLE, frequency, now - HOUR) for frequency in Frequency]
        await connections.add(a_connection(), due)
        plans = [
            PlannedSlot(
                plan=SlotPlan(
                    schedule=each, run_slot_at=each.next_slot_at, accounted=(), next_slot_at=each.next_slot_at + HOUR
                ),
                job_id=some_id(),
            )
            for each in due
        ]
        results = await asyncio.gather(
            jobs.enqueue(some_id(), GOOGLE, Frequency.WEEKLY),
            schedules.commit(plans[:2]),
            schedules.save(due[2]),
            connections.remove(GOOGLE),
            jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY),
            schedules.commit(plans[2:]),
            jobs.claim(some_id(), 10, HOUR),
            return_exceptions=True,
        )
        assert [each for each in results if isinstance(each, Exception) and not isinstance(each, AnselError)] == []
        assert await jobs.active("default") == []
        assert await schedules.list("default") == []
    outcomes = {row.outcome for row in await log.query(LogQuery(studio="default", limit=1000))}
    assert outcomes <= {Outcome.CANCELLED, Outcome.OVERLAPPED}


async def test_a_removal_and_a_result_at_once_end_the_job_once(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    log = PostgresSyncLog(database=database)
    for _ in range(ROUNDS):
        await connections.add(a_connection(), [])
        queued = await jobs.enqueue(some_id(), GOOGLE, None)
        [claimed] = await jobs.claim(some_id(), 1, HOUR)
        await asyncio.gather(
            jobs.finish([AttemptResult(lease=claimed.job.lease, outcome=Outcome.SUCCEEDED)]),
            connections.remove(GOOGLE),
        )
        [attempt] = await log.attempts("default", queued.job.id)
        ended = await jobs.get("default", queued.job.id)
        assert attempt.outcome.value == ended.state.value


async def test_a_batch_is_stored_before_its_job_is_cancelled_or_not_at_all(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    records = PostgresRecords(database=database)
    for number in range(ROUNDS):
        await connections.add(a_connection(), [])
        queued = await jobs.enqueue(some_id(), GOOGLE, None)
        [claimed] = await jobs.claim(some_id(), 1, HOUR)
        stored, _ = await asyncio.gather(
            records.store(claimed.job.lease, [a_metric(value=number + 1)], "cursor"),
            connections.remove(GOOGLE),
            return_exceptions=True,
        )
        job = await jobs.get("default", queued.job.id)
        if isinstance(stored, LeaseLost):
            assert (job.cursor, job.records) == (None, 0)
        else:
            assert (job.cursor, job.records) == ("cursor", 1)


async def test_workers_that_finish_jobs_of_the_same_connections_do_not_lock_each_other_out(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    keys = [ConnectionKey("default", f"platform-{number}") for number in range(20)]
    for key in keys:
        await connections.add(a_connection(key), [])
    for _ in range(ROUNDS):
        for key in keys:
            await jobs.enqueue(some_id(), key, Frequency.HOURLY)
            await jobs.enqueue(some_id(), key, Frequency.DAILY)
        claimed = await jobs.claim(some_id(), 100, HOUR)
        results = [AttemptResult(lease=each.job.lease, outcome=Outcome.SUCCEEDED) for each in claimed]
        hourly = [result for result, each in zip(results, claimed, strict=True) if each.job.frequency == "hourly"]
        daily = [result for result in results if result not in hourly]
        done = await asyncio.gather(
            jobs.finish(hourly), jobs.finish(daily[::-1]), jobs.renew([each.job.lease for each in claimed], HOUR)
        )
        assert len(done[0] | done[1]) == len(claimed) == 40
    [(deadlocks,)] = await database.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0


async def test_a_lease_is_held_while_its_own_run_stores_and_nobody_waits(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    await connections.add(a_connection(), [])
    queued = await jobs.enqueue(some_id(), GOOGLE, None)
    [claimed] = await jobs.claim(some_id(), 1, HOUR)

    async def while_storing(storing: Connection) -> frozenset[object]:
        async with storing.transaction():
            await storing.execute("SELECT FROM sync_jobs WHERE id = %s FOR UPDATE", [queued.job.id])
            return frozenset(await jobs.renew([claimed.job.lease], HOUR))

    assert await database.act(while_storing) == {queued.job.id}


async def test_two_that_enqueue_at_once_get_the_same_job(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    for number in range(ROUNDS):
        key = ConnectionKey("default", f"platform-{number}")
        await connections.add(a_connection(key), [])
        answers = await asyncio.gather(*(jobs.enqueue(some_id(), key, None) for _ in range(8)))
        assert len({answer.job.id for answer in answers}) == 1
        assert sorted(answer.deduplicated for answer in answers) == [False] + [True] * 7


async def test_enqueueing_and_removing_at_once_either_finds_no_connection_or_is_cancelled(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    for _ in range(ROUNDS):
        await connections.add(a_connection(), [])
        answers = await asyncio.gather(
            *(jobs.enqueue(some_id(), GOOGLE, frequency) for frequency in Frequency),
            connections.remove(GOOGLE),
            return_exceptions=True,
        )
        assert {type(each) for each in answers if isinstance(each, BaseException)} <= {ConnectionNotFound}
        assert await jobs.active("default") == []
