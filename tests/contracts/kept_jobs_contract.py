"""What every SyncJobs has to do with the jobs that it keeps: reading and pruning."""

from datetime import timedelta

import pytest

from anselai.domain.errors import NotFound
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, Outcome
from tests.contracts.stores import ELSEWHERE, HOUR, META, MINUTE, OTHER_STUDIO, SECOND, Stores
from tests.samples import GOOGLE, some_id


class ReadingJobsContract:
    async def test_an_unknown_job_is_not_found(self, stores: Stores) -> None:
        with pytest.raises(NotFound):
            await stores.jobs.get("default", some_id())

    async def test_another_studios_job_is_not_found(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE)
        job = (await stores.running(ELSEWHERE)).job
        with pytest.raises(NotFound):
            await stores.jobs.get("default", job.id)
        assert await stores.jobs.get(OTHER_STUDIO, job.id) == job

    async def test_the_active_jobs_of_a_studio_are_queued_or_running_the_longest_due_first(
        self, stores: Stores
    ) -> None:
        for key in (META, GOOGLE, ELSEWHERE):
            await stores.connect(key)
        await stores.finished(GOOGLE)
        running = (await stores.running(META)).job
        stores.pass_time(SECOND)
        queued = (await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)).job
        await stores.jobs.enqueue(some_id(), ELSEWHERE, Frequency.HOURLY)
        assert [each.id for each in await stores.jobs.active("default")] == [running.id, queued.id]

    async def test_the_next_run_of_an_empty_queue_is_none(self, stores: Stores) -> None:
        await stores.connect()
        await stores.finished()
        assert await stores.jobs.next_run_at() is None

    async def test_the_next_run_is_the_first_queued_job_or_the_first_lease_to_end(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key)
        first = await stores.running(GOOGLE, lease=2 * MINUTE)
        assert await stores.jobs.next_run_at() == first.job.lease_expires_at
        second = await stores.running(ELSEWHERE, lease=MINUTE)
        assert await stores.jobs.next_run_at() == second.job.lease_expires_at
        queued = await stores.jobs.enqueue(some_id(), META, Frequency.HOURLY)
        assert await stores.jobs.next_run_at() == queued.job.run_after

    async def test_the_next_run_is_that_of_a_waiting_job(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        await stores.jobs.finish([AttemptResult(lease=job.lease, outcome=Outcome.RETRYING, retry_in=HOUR)])
        assert await stores.jobs.next_run_at() == (await stores.jobs.get("default", job.id)).run_after


class PruningContract:
    async def test_jobs_that_ended_long_ago_are_deleted(self, stores: Stores) -> None:
        await stores.connect()
        old = (await stores.finished()).job
        stores.pass_time(2 * HOUR)
        young = (await stores.finished()).job
        assert await stores.jobs.prune(HOUR, 9 * HOUR, 100) == 1
        with pytest.raises(NotFound):
            await stores.jobs.get("default", old.id)
        assert (await stores.jobs.get("default", young.id)).id == young.id
        assert len(await stores.log()) == 2, "the log has an age of its own"

    async def test_rows_that_were_logged_long_ago_are_deleted(self, stores: Stores) -> None:
        await stores.connect()
        old = (await stores.finished()).job
        stores.pass_time(2 * HOUR)
        young = (await stores.finished()).job
        assert await stores.jobs.prune(9 * HOUR, HOUR, 100) == 1
        assert [row.job_id for row in await stores.log()] == [young.id]
        assert (await stores.jobs.get("default", old.id)).id == old.id
        assert [row.job_id for row in await stores.sync_log.last_runs("default")] == [young.id]
        assert await stores.sync_log.attempts("default", old.id) == []

    async def test_both_count(self, stores: Stores) -> None:
        for key in (GOOGLE, ELSEWHERE):
            await stores.connect(key)
            await stores.finished(key)
        stores.pass_time(2 * HOUR)
        assert await stores.jobs.prune(HOUR, HOUR, 100) == 4
        assert await stores.jobs.prune(HOUR, HOUR, 100) == 0

    @pytest.mark.parametrize(("finished", "logged"), [(HOUR, 9 * HOUR), (9 * HOUR, HOUR)])
    async def test_no_more_are_deleted_than_asked_for(
        self, stores: Stores, finished: timedelta, logged: timedelta
    ) -> None:
        await stores.connect()
        for _ in range(3):
            await stores.finished()
        stores.pass_time(2 * HOUR)
        assert await stores.jobs.prune(finished, logged, 2) == 2
        assert await stores.jobs.prune(finished, logged, 2) == 1

    async def test_active_jobs_are_never_deleted(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
        await stores.running(GOOGLE)
        await stores.jobs.enqueue(some_id(), META, Frequency.HOURLY)
        stores.pass_time(9 * HOUR)
        assert await stores.jobs.prune(HOUR, HOUR, 100) == 0
        assert len(await stores.jobs.active("default")) == 2

    async def test_a_run_whose_old_rows_are_gone_is_still_told_by_its_newer_row(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        await stores.jobs.finish([AttemptResult(lease=job.lease, outcome=Outcome.RETRYING)])
        stores.pass_time(2 * HOUR)
        [again] = await stores.claim()
        await stores.jobs.finish([AttemptResult(lease=again.job.lease, outcome=Outcome.SUCCEEDED)])
        assert await stores.jobs.prune(9 * HOUR, HOUR, 100) == 1
        assert [row.attempt for row in await stores.sync_log.attempts("default", job.id)] == [2]
