"""What every SyncJobs has to do with leases: keeping them, and taking back what others abandoned."""

import asyncio

import pytest

from anselai.domain import retry
from anselai.domain.connection import ConnectionKey, ConnectionStatus
from anselai.domain.errors import LeaseLost
from anselai.domain.sync_job import AttemptResult, JobLease, JobState, Outcome, Trigger
from tests.contracts.stores import ELSEWHERE, HOUR, META, MINUTE, SECOND, Stores
from tests.samples import GOOGLE, a_metric, some_id


class LeasesContract:
    async def test_a_renewed_lease_lasts_longer(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running(lease=MINUTE)).job
        stores.pass_time(40 * SECOND)
        assert await stores.jobs.renew([job.lease], MINUTE) == {job.id}
        stores.pass_time(40 * SECOND)
        assert await stores.jobs.reclaim(10) == 0
        stores.pass_time(20 * SECOND)
        assert await stores.jobs.reclaim(10) == 1

    async def test_only_leases_with_the_current_fencing_token_are_renewed(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
        held, stale = (await stores.running(GOOGLE)).job, (await stores.running(META)).job
        asked = [held.lease, JobLease(stale.id, stale.fence - 1), JobLease(some_id(), 1)]
        assert await stores.jobs.renew(asked, HOUR) == {held.id}
        assert await stores.jobs.get("default", stale.id) == stale

    async def test_no_leases_are_none_renewed(self, stores: Stores) -> None:
        assert await stores.jobs.renew([], HOUR) == frozenset()

    async def test_a_lease_that_ran_out_but_was_not_taken_can_be_renewed(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running(lease=MINUTE)).job
        stores.pass_time(HOUR)
        assert await stores.jobs.renew([job.lease], MINUTE) == {job.id}
        assert await stores.jobs.reclaim(10) == 0

    async def test_the_lease_of_an_ended_job_cannot_be_renewed(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.finished()).job
        assert await stores.jobs.renew([job.lease], MINUTE) == frozenset()

    async def test_a_run_whose_job_was_taken_over_can_write_nothing(self, stores: Stores) -> None:
        connection = await stores.connect()
        old = (await stores.running(lease=MINUTE)).job.lease
        stores.pass_time(HOUR)
        await stores.jobs.reclaim(10)
        [new] = await stores.claim(lease=MINUTE)
        assert await stores.jobs.renew([old], HOUR) == frozenset()
        assert await stores.jobs.finish([_failed(old)]) == frozenset()
        with pytest.raises(LeaseLost):
            await stores.records.store(old, [a_metric()], "old")
        assert await stores.jobs.get("default", new.job.id) == new.job
        assert (await stores.connections.get(GOOGLE)).status is connection.status
        assert [row.outcome for row in await stores.log()] == [Outcome.ABANDONED]

    async def test_a_run_whose_job_waits_to_be_taken_over_can_write_nothing(self, stores: Stores) -> None:
        await stores.connect()
        old = (await stores.running(lease=MINUTE)).job.lease
        stores.pass_time(HOUR)
        await stores.jobs.reclaim(10)
        assert await stores.jobs.renew([old], HOUR) == frozenset()
        assert await stores.jobs.finish([_failed(old)]) == frozenset()
        with pytest.raises(LeaseLost):
            await stores.records.store(old, [a_metric()], "old")


class ReclaimingContract:
    async def test_a_job_whose_lease_ran_out_is_queued_again_at_once(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running(lease=MINUTE)).job
        stores.pass_time(MINUTE + SECOND)
        assert await stores.jobs.reclaim(10) == 1
        again = await stores.jobs.get("default", job.id)
        assert (again.state, again.lease_expires_at, again.failures) == (JobState.QUEUED, None, 1)
        assert [(each.job.id, each.job.attempt) for each in await stores.claim()] == [(job.id, 2)]

    async def test_the_abandoned_attempt_has_its_row_in_the_log(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running(lease=MINUTE)).job
        stores.pass_time(HOUR)
        await stores.jobs.reclaim(10)
        [row] = await stores.sync_log.attempts("default", job.id)
        assert (row.outcome, row.attempt, row.frequency) == (Outcome.ABANDONED, 1, job.frequency)
        assert (row.trigger, row.platform) == (Trigger.MANUAL, "google")
        assert row.started_at is not None
        assert row.message

    async def test_a_lease_that_is_alive_is_left_alone(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running(lease=MINUTE)).job
        stores.pass_time(30 * SECOND)
        assert await stores.jobs.reclaim(10) == 0
        assert (await stores.jobs.get("default", job.id)).state is JobState.RUNNING
        assert await stores.log() == []

    async def test_no_more_are_reclaimed_than_asked_for(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key)
            await stores.running(key, lease=MINUTE)
        stores.pass_time(HOUR)
        assert await stores.jobs.reclaim(2) == 2
        assert await stores.jobs.reclaim(2) == 1
        assert await stores.jobs.reclaim(2) == 0

    async def test_reclaimers_at_once_take_each_job_once(self, stores: Stores) -> None:
        keys = [ConnectionKey("default", f"platform-{n}") for n in range(8)]
        for key in keys:
            await stores.connect(key)
            await stores.running(key, lease=MINUTE)
        stores.pass_time(HOUR)
        reclaimed = sum(await asyncio.gather(*(stores.jobs.reclaim(5) for _ in range(4))))
        reclaimed += await stores.jobs.reclaim(10)  # what was locked at that moment
        assert reclaimed == len(keys)
        assert len(await stores.log()) == len(keys)

    async def test_a_job_that_was_abandoned_too_often_fails_for_good(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running(lease=MINUTE)).job
        for _ in range(retry.ATTEMPTS - 1):
            stores.pass_time(HOUR)
            await stores.jobs.reclaim(10)
            [again] = await stores.claim(lease=MINUTE)
            assert again.job.id == job.id
        stores.pass_time(HOUR)
        await stores.jobs.reclaim(10)
        ended = await stores.jobs.get("default", job.id)
        assert (ended.state, ended.failures, ended.lease_expires_at) == (JobState.FAILED, retry.ATTEMPTS, None)
        assert ended.finished_at is not None
        assert await stores.claim() == []
        rows = await stores.sync_log.attempts("default", job.id)
        assert [row.outcome for row in rows] == [*[Outcome.ABANDONED] * retry.ATTEMPTS, Outcome.FAILED]
        assert [row.attempt for row in rows] == [*range(1, retry.ATTEMPTS + 1), retry.ATTEMPTS]
        assert [row.id for row in await stores.sync_log.last_runs("default")] == [rows[-1].id]

    async def test_failures_that_were_told_count_with_those_that_were_not(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        told = AttemptResult(lease=lease, outcome=Outcome.RETRYING, failures=retry.ATTEMPTS - 1)
        await stores.jobs.finish([told])
        await stores.claim(lease=MINUTE)
        stores.pass_time(HOUR)
        await stores.jobs.reclaim(10)
        assert (await stores.jobs.get("default", lease.job_id)).state is JobState.FAILED

    async def test_a_reclaimed_job_goes_on_from_its_cursor(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running(lease=MINUTE)).job.lease
        await stores.records.store(lease, [a_metric()], "page-2")
        stores.pass_time(HOUR)
        await stores.jobs.reclaim(10)
        [again] = await stores.claim()
        assert again.job.cursor == "page-2"


def _failed(lease: JobLease) -> AttemptResult:
    return AttemptResult(lease=lease, outcome=Outcome.FAILED, connection_status=ConnectionStatus.ERROR)
