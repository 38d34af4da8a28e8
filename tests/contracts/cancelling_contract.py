"""What every SyncJobs has to do when somebody cancels syncs."""

import asyncio

import pytest

from anselai.domain.errors import ConnectionNotFound, JobEnded, LeaseLost, NotFound
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, JobState, Outcome
from tests.contracts.stores import ELSEWHERE, HOUR, META, SECOND, Stores
from tests.samples import GOOGLE, a_metric, some_id


class CancellingContract:
    async def test_a_queued_job_is_cancelled_and_stays_readable(self, stores: Stores) -> None:
        await stores.connect()
        queued = (await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)).job
        [cancelled] = await stores.jobs.cancel(GOOGLE, None)
        assert (cancelled.id, cancelled.state, cancelled.attempt) == (queued.id, JobState.CANCELLED, 0)
        assert cancelled.finished_at is not None
        assert cancelled.fence > queued.fence
        assert await stores.jobs.get("default", queued.id) == cancelled
        assert await stores.jobs.active("default") == []
        assert await stores.claim() == []

    async def test_a_running_job_is_cancelled_and_its_run_fenced_off(self, stores: Stores) -> None:
        await stores.connect()
        running = (await stores.running()).job
        [cancelled] = await stores.jobs.cancel(GOOGLE, None)
        assert (cancelled.id, cancelled.state, cancelled.lease_expires_at) == (running.id, JobState.CANCELLED, None)
        assert await stores.jobs.renew([running.lease], HOUR) == frozenset()
        late = AttemptResult(lease=running.lease, outcome=Outcome.SUCCEEDED)
        assert await stores.jobs.finish([late]) == frozenset()
        with pytest.raises(LeaseLost):
            await stores.records.store(running.lease, [a_metric()], "cursor")
        stores.pass_time(HOUR)
        assert await stores.jobs.reclaim(10) == 0
        assert (await stores.jobs.get("default", running.id)).state is JobState.CANCELLED

    async def test_each_has_a_row_in_the_log_that_says_who_it_was(self, stores: Stores) -> None:
        await stores.connect()
        running = (await stores.running()).job
        queued = (await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)).job
        await stores.jobs.cancel(GOOGLE, None)
        rows = {row.job_id: row for row in await stores.log()}
        assert rows.keys() == {running.id, queued.id}
        assert {(row.outcome, row.message) for row in rows.values()} == {(Outcome.CANCELLED, "cancelled by a person")}
        assert (rows[running.id].attempt, rows[queued.id].attempt) == (1, None)

    async def test_the_slot_of_a_cancelled_job_is_accounted_for_and_does_not_run_again(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        slot = stores.plan(schedule)
        await stores.schedules.commit([slot])
        [cancelled] = await stores.jobs.cancel(GOOGLE, Frequency.HOURLY)
        assert (cancelled.id, cancelled.slot_at) == (slot.job_id, schedule.next_slot_at)
        [row] = await stores.log()
        assert (row.outcome, row.slot_at, row.slot_last_at) == (
            Outcome.CANCELLED,
            schedule.next_slot_at,
            schedule.next_slot_at,
        )
        assert await stores.schedules.commit([slot]) == 0

    async def test_a_job_that_waits_for_its_next_attempt_is_cancelled(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        await stores.jobs.finish([AttemptResult(lease=lease, outcome=Outcome.RETRYING, retry_in=HOUR)])
        [cancelled] = await stores.jobs.cancel(GOOGLE, None)
        assert cancelled.id == lease.job_id
        rows = await stores.sync_log.attempts("default", lease.job_id)
        assert [row.outcome for row in rows] == [Outcome.RETRYING, Outcome.CANCELLED]
        stores.pass_time(2 * HOUR)
        assert await stores.claim() == []

    async def test_only_the_frequency_that_was_named_is_cancelled(self, stores: Stores) -> None:
        await stores.connect()
        for frequency in Frequency:
            await stores.jobs.enqueue(some_id(), GOOGLE, frequency)
        [cancelled] = await stores.jobs.cancel(GOOGLE, Frequency.DAILY)
        assert cancelled.frequency is Frequency.DAILY
        assert {each.frequency for each in await stores.jobs.active("default")} == {
            Frequency.HOURLY,
            Frequency.WEEKLY,
        }

    async def test_all_frequencies_are_cancelled_the_longest_due_first(self, stores: Stores) -> None:
        await stores.connect()
        ids = []
        for frequency in (Frequency.WEEKLY, Frequency.HOURLY, Frequency.DAILY):
            ids.append((await stores.jobs.enqueue(some_id(), GOOGLE, frequency)).job.id)
            stores.pass_time(SECOND)
        assert [each.id for each in await stores.jobs.cancel(GOOGLE, None)] == ids

    async def test_jobs_of_other_connections_go_on(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key)
            await stores.jobs.enqueue(some_id(), key, None)
        assert len(await stores.jobs.cancel(GOOGLE, None)) == 1
        assert {each.job.key for each in await stores.claim()} == {META, ELSEWHERE}

    async def test_where_nothing_is_queued_or_running_nothing_is_cancelled(self, stores: Stores) -> None:
        await stores.connect()
        ended = (await stores.finished()).job
        before = await stores.log()
        assert await stores.jobs.cancel(GOOGLE, None) == []
        assert (await stores.jobs.get("default", ended.id)).state is JobState.SUCCEEDED
        assert await stores.log() == before

    async def test_syncs_of_what_is_not_connected_cannot_be_cancelled(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE)
        with pytest.raises(ConnectionNotFound):
            await stores.jobs.cancel(GOOGLE, None)

    async def test_after_a_cancellation_a_sync_can_be_asked_for_again(self, stores: Stores) -> None:
        await stores.connect()
        await stores.running()
        await stores.jobs.cancel(GOOGLE, None)
        again = await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert not again.deduplicated
        assert [each.job.id for each in await stores.claim()] == [again.job.id]

    async def test_a_rate_limit_of_a_cancelled_job_holds_back_no_other(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        await stores.jobs.finish([AttemptResult(lease=lease, outcome=Outcome.RETRYING, retry_in=HOUR)])
        await stores.jobs.cancel(GOOGLE, None)
        await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert len(await stores.claim()) == 1

    async def test_one_job_is_cancelled_by_its_id(self, stores: Stores) -> None:
        await stores.connect()
        hourly = (await stores.running()).job
        daily = (await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)).job
        cancelled = await stores.jobs.cancel_one("default", hourly.id)
        assert (cancelled.id, cancelled.state) == (hourly.id, JobState.CANCELLED)
        assert await stores.jobs.active("default") == [daily]
        [row] = await stores.log()
        assert (row.job_id, row.outcome) == (hourly.id, Outcome.CANCELLED)

    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
    async def test_a_job_that_has_ended_is_not_cancelled(self, stores: Stores, outcome: Outcome) -> None:
        await stores.connect()
        job = (await stores.finished(outcome=outcome)).job
        before = await stores.log()
        with pytest.raises(JobEnded, match=outcome):
            await stores.jobs.cancel_one("default", job.id)
        assert await stores.log() == before

    async def test_a_job_is_cancelled_once(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        answers = await asyncio.gather(
            *(stores.jobs.cancel_one("default", job.id) for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in answers].count(JobEnded) == 2
        assert len(await stores.log()) == 1

    async def test_a_job_that_there_is_not_cannot_be_cancelled(self, stores: Stores) -> None:
        with pytest.raises(NotFound):
            await stores.jobs.cancel_one("default", some_id())

    async def test_another_studios_job_cannot_be_cancelled(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE)
        job = (await stores.running(ELSEWHERE)).job
        with pytest.raises(NotFound):
            await stores.jobs.cancel_one("default", job.id)
        assert await stores.jobs.renew([job.lease], HOUR) == {job.id}
