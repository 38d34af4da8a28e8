"""What happens at once in PostgreSQL leaves the same as if it had happened in turn."""

import asyncio
from datetime import timedelta

import psycopg

from anselai.adapters.postgres import job_statements
from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Connection, Database
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.records import PostgresRecords
from anselai.adapters.postgres.schedules import PostgresSchedules
from anselai.adapters.postgres.sealed_tokens import PostgresSealedTokens
from anselai.adapters.postgres.sync_log import PostgresSyncLog
from anselai.domain.connection import ConnectionKey, SealedToken
from anselai.domain.errors import AnselError, ConnectionNotFound, IdempotencyKeyReused, LeaseLost
from anselai.domain.frequency import Frequency
from anselai.domain.ports.jobs import QueuedJob
from anselai.domain.ports.schedules import PlannedSlot
from anselai.domain.ports.sealed_tokens import Resealed
from anselai.domain.ports.sync_log import LogQuery
from anselai.domain.schedule import SlotPlan
from anselai.domain.sync_job import AttemptResult, Outcome
from tests.samples import GOOGLE, a_connection, a_metric, a_schedule, some_id

META = ConnectionKey("default", "meta")
HOUR = timedelta(hours=1)
ROUNDS = 20
PATIENCE = 5.0  # seconds; what waits for a row waits until somebody gives up


async def test_no_job_or_schedule_survives_the_removal_of_its_connection(database: Database) -> None:
    connections, schedules = PostgresConnections(database=database), PostgresSchedules(database=database)
    jobs, log = PostgresSyncJobs(database=database), PostgresSyncLog(database=database)
    for _ in range(ROUNDS):
        now = (await schedules.due(1)).now
        # As if planners saw the slots come in the instant of the removal: of what is due already it would be refused.
        coming = [a_schedule(GOOGLE, frequency, now + HOUR) for frequency in Frequency]
        await connections.add(a_connection(), coming)
        plans = [
            PlannedSlot(
                plan=SlotPlan(
                    schedule=each, run_slot_at=each.next_slot_at, accounted=(), next_slot_at=each.next_slot_at + HOUR
                ),
                job_id=some_id(),
            )
            for each in coming
        ]
        results = await asyncio.gather(
            jobs.enqueue(some_id(), GOOGLE, Frequency.WEEKLY),
            schedules.commit(plans[:2]),
            schedules.save(coming[2]),
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

    assert await database.act(while_storing, studio="default") == {queued.job.id}


async def test_a_claim_does_not_wait_for_another_and_takes_what_that_leaves(
    database: Database, owners_url: str
) -> None:
    jobs = PostgresSyncJobs(database=database)
    for key in (GOOGLE, META):
        await PostgresConnections(database=database).add(a_connection(key), [])
        await jobs.enqueue(some_id(), key, Frequency.DAILY)
    values = {"worker": some_id(), "limit": 1, "lease": HOUR}
    async with await psycopg.AsyncConnection.connect(owners_url) as slow:
        first = await (await slow.execute(job_statements.CLAIM.encode(), values)).fetchall()
        second = await asyncio.wait_for(jobs.claim(some_id(), 10, HOUR), 2)
    assert len(first) == len(second) == 1
    assert second[0].job.id not in first[0]


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


async def test_two_that_enqueue_at_once_with_one_key_get_the_same_job(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    for number in range(ROUNDS):
        key = ConnectionKey("default", f"platform-{number}")
        await connections.add(a_connection(key), [])
        answers = await asyncio.gather(*(jobs.enqueue(some_id(), key, None, f"key-{number}") for _ in range(8)))
        assert len({answer.job.id for answer in answers}) == 1
        assert sorted(answer.deduplicated for answer in answers) == [False] + [True] * 7
        assert [each.key for each in await jobs.active("default")].count(key) == 1


async def test_one_key_for_two_connections_at_once_makes_one_job_and_one_refusal(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    await connections.add(a_connection(GOOGLE), [])
    await connections.add(a_connection(META), [])
    for number in range(ROUNDS):
        asked = [jobs.enqueue(some_id(), key, None, f"key-{number}") for key in (GOOGLE, META) for _ in range(3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        kept = [each for each in answers if not isinstance(each, BaseException)]
        assert len({each.job.id for each in kept}) == 1
        assert [type(each) for each in answers].count(IdempotencyKeyReused) == 3
        [active] = await jobs.active("default")
        assert active == kept[0].job
        await jobs.cancel(active.key, None)


async def test_a_key_whose_day_is_over_is_taken_once_while_it_is_pruned(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    await connections.add(a_connection(), [])
    for _ in range(ROUNDS):
        before = (await jobs.enqueue(some_id(), GOOGLE, None, "key")).job
        await jobs.cancel_one("default", before.id)
        await database.rows(
            "UPDATE sync_requests SET requested_at = requested_at - interval '1 day' RETURNING 1", studio="default"
        )
        *answers, _, _ = await asyncio.gather(
            *(jobs.enqueue(some_id(), GOOGLE, None, "key") for _ in range(4)),
            jobs.prune(HOUR, HOUR, 10),
            jobs.prune(HOUR, HOUR, 10),
        )
        [job_id] = {each.job.id for each in answers if isinstance(each, QueuedJob)}
        assert job_id != before.id
        assert (await jobs.enqueue(some_id(), GOOGLE, None, "key")).job.id == job_id
        await jobs.cancel_one("default", job_id)
        await database.rows("DELETE FROM sync_requests RETURNING 1", studio="default")


async def test_enqueueing_with_a_key_and_removing_at_once_leaves_no_job_behind(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    for number in range(ROUNDS):
        await connections.add(a_connection(), [])
        answers = await asyncio.gather(
            *(jobs.enqueue(some_id(), GOOGLE, each, f"{number}-{each}") for each in (*Frequency, *Frequency)),
            connections.remove(GOOGLE),
            return_exceptions=True,
        )
        assert {type(each) for each in answers if isinstance(each, BaseException)} <= {ConnectionNotFound}
        assert await jobs.active("default") == []


async def test_a_cancellation_and_a_result_at_once_end_the_job_once(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    log = PostgresSyncLog(database=database)
    await connections.add(a_connection(), [])
    for _ in range(ROUNDS):
        for frequency in Frequency:
            await jobs.enqueue(some_id(), GOOGLE, frequency)
        claimed = await jobs.claim(some_id(), 3, HOUR)
        results = [AttemptResult(lease=each.job.lease, outcome=Outcome.SUCCEEDED) for each in claimed]
        accepted, cancelled = await asyncio.gather(jobs.finish(results[::-1]), jobs.cancel(GOOGLE, None))
        assert accepted | {each.id for each in cancelled} == {each.job.id for each in claimed}
        assert len(accepted) + len(cancelled) == len(claimed)
        for each in claimed:
            [attempt] = await log.attempts("default", each.job.id)
            assert attempt.outcome.value == (await jobs.get("default", each.job.id)).state.value


async def test_a_cancellation_and_a_claim_at_once_leave_nothing_running(database: Database) -> None:
    connections, jobs = PostgresConnections(database=database), PostgresSyncJobs(database=database)
    await connections.add(a_connection(), [])
    for _ in range(ROUNDS):
        for frequency in Frequency:
            await jobs.enqueue(some_id(), GOOGLE, frequency)
        claimed, cancelled, _ = await asyncio.gather(
            jobs.claim(some_id(), 3, HOUR), jobs.cancel(GOOGLE, None), jobs.claim(some_id(), 3, HOUR)
        )
        assert len(cancelled) == 3
        assert await jobs.active("default") == []
        assert await jobs.renew([each.job.lease for each in claimed], HOUR) == frozenset()


async def test_a_rotation_waits_for_nobody_who_holds_a_row_and_no_reader_waits_for_a_rotation(
    database: Database, database_url: str
) -> None:
    connections, sealed_tokens = PostgresConnections(database=database), PostgresSealedTokens(database=database)
    for key in (GOOGLE, META):
        await connections.add(a_connection(key, refresh_token=None), [])
    stored = await sealed_tokens.not_sealed_with([], None, 2)
    anew = [Resealed(before=each, access_token=SealedToken("anew"), refresh_token=None) for each in stored]
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("SET anselai.studio = '*'")
        await other.execute("SELECT 1 FROM platform_connections WHERE platform = 'google' FOR NO KEY UPDATE")
        assert await asyncio.wait_for(sealed_tokens.reseal(anew), PATIENCE) == 1
        # What a rotation holds while its statement lasts is such a lock, too.
        held = await asyncio.wait_for(connections.get(GOOGLE), PATIENCE)
    assert held.access_token == a_connection().access_token
    assert (await connections.get(META)).access_token == "anew"
    assert await sealed_tokens.reseal(anew) == 1
