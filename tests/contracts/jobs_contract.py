"""What every SyncJobs has to do: queueing and claiming."""

import asyncio
from uuid import UUID

import pytest

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import ConnectionNotFound, FailureClass, TooManySyncs
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, JobState, Outcome, Trigger
from tests.contracts.stores import ELSEWHERE, HOUR, META, MINUTE, SECOND, Stores
from tests.samples import GOOGLE, some_id

MOST_SYNCS = 40  # that the stores of these suites take of a studio


class EnqueueingContract:
    async def test_a_manual_job_may_run_at_once(self, stores: Stores) -> None:
        await stores.connect()
        job_id = some_id()
        queued = await stores.jobs.enqueue(job_id, GOOGLE, Frequency.WEEKLY)
        assert not queued.deduplicated
        assert (queued.job.id, queued.job.key, queued.job.frequency) == (job_id, GOOGLE, Frequency.WEEKLY)
        assert (queued.job.trigger, queued.job.slot_at) == (Trigger.MANUAL, None)
        assert (queued.job.state, queued.job.attempt) == (JobState.QUEUED, 0)
        assert await stores.jobs.get("default", job_id) == queued.job
        assert [each.job.id for each in await stores.claim()] == [job_id]

    async def test_what_is_not_connected_cannot_be_queued(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE)
        with pytest.raises(ConnectionNotFound):
            await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert await stores.claim() == []

    @pytest.mark.parametrize("frequency", [Frequency.HOURLY, None])
    async def test_a_queued_job_is_returned_instead_of_a_second(
        self, stores: Stores, frequency: Frequency | None
    ) -> None:
        await stores.connect()
        first = await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        second = await stores.jobs.enqueue(some_id(), GOOGLE, frequency)
        assert second.deduplicated
        assert second.job == first.job
        assert await stores.jobs.active("default") == [first.job]

    @pytest.mark.parametrize("frequency", [Frequency.HOURLY, None])
    async def test_a_running_job_is_returned_instead_of_a_second(
        self, stores: Stores, frequency: Frequency | None
    ) -> None:
        await stores.connect()
        running = (await stores.running()).job
        second = await stores.jobs.enqueue(some_id(), GOOGLE, frequency)
        assert (second.deduplicated, second.job) == (True, running)

    async def test_a_studio_asks_for_so_many_syncs_within_a_day_and_no_more(self, stores: Stores) -> None:
        await stores.connect()
        await stores.connect(ELSEWHERE)
        for _ in range(MOST_SYNCS - 1):
            await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)
            await stores.jobs.cancel(GOOGLE, None)
        last = await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)
        again = await stores.jobs.enqueue(some_id(), GOOGLE, None)
        assert (again.deduplicated, again.job) == (True, last.job), "which is no new one"
        for idempotency_key in (None, "k"):
            with pytest.raises(TooManySyncs, match=str(MOST_SYNCS)):
                await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY, idempotency_key)
        assert await stores.jobs.active("default") == [last.job]
        assert not (await stores.jobs.enqueue(some_id(), ELSEWHERE, Frequency.HOURLY)).deduplicated
        await stores.jobs.cancel(GOOGLE, None)
        stores.pass_time(24 * HOUR)
        assert not (await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY, "k")).deduplicated

    async def test_slots_of_schedules_do_not_count_among_them(self, stores: Stores) -> None:
        await stores.connect()
        planned = stores.plan(await stores.schedule_due())
        await stores.schedules.commit([planned])
        for _ in range(MOST_SYNCS):
            await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)
            await stores.jobs.cancel(GOOGLE, Frequency.DAILY)
        with pytest.raises(TooManySyncs):
            await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)

    async def test_a_planned_job_is_returned_instead_of_a_manual_one(self, stores: Stores) -> None:
        await stores.connect()
        planned = stores.plan(await stores.schedule_due())
        await stores.schedules.commit([planned])
        queued = await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert (queued.deduplicated, queued.job.id, queued.job.trigger) == (True, planned.job_id, Trigger.SCHEDULE)

    async def test_another_frequency_gets_its_own_job(self, stores: Stores) -> None:
        await stores.connect()
        for frequency in Frequency:
            assert not (await stores.jobs.enqueue(some_id(), GOOGLE, frequency)).deduplicated
        assert len(await stores.jobs.active("default")) == 3

    async def test_without_a_frequency_and_without_an_active_job_the_new_one_is_daily(self, stores: Stores) -> None:
        await stores.connect()
        queued = await stores.jobs.enqueue(some_id(), GOOGLE, None)
        assert (queued.deduplicated, queued.job.frequency) == (False, Frequency.DAILY)

    async def test_jobs_of_other_connections_do_not_count(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key)
            assert not (await stores.jobs.enqueue(some_id(), key, None)).deduplicated

    async def test_a_job_that_has_ended_does_not_count(self, stores: Stores) -> None:
        await stores.connect()
        await stores.finished()
        assert not (await stores.jobs.enqueue(some_id(), GOOGLE, None)).deduplicated

    @pytest.mark.parametrize("frequency", [Frequency.HOURLY, None])
    async def test_of_many_that_ask_at_once_one_makes_the_job(
        self, stores: Stores, frequency: Frequency | None
    ) -> None:
        await stores.connect()
        answers = await asyncio.gather(*(stores.jobs.enqueue(some_id(), GOOGLE, frequency) for _ in range(5)))
        assert [each.deduplicated for each in answers].count(False) == 1
        assert len({each.job.id for each in answers}) == 1

    @pytest.mark.parametrize("frequency", [Frequency.HOURLY, None])
    async def test_a_job_that_waits_for_its_next_attempt_is_brought_forward(
        self, stores: Stores, frequency: Frequency | None
    ) -> None:
        await stores.connect()
        job = (await stores.running()).job
        await stores.jobs.finish(
            [
                AttemptResult(
                    lease=job.lease, outcome=Outcome.RETRYING, retry_in=HOUR, error_class=FailureClass.TRANSIENT
                )
            ]
        )
        assert await stores.claim() == []
        queued = await stores.jobs.enqueue(some_id(), GOOGLE, frequency)
        assert (queued.deduplicated, queued.job.id) == (True, job.id)
        assert queued.job.run_after <= await stores.now()
        assert [each.job.id for each in await stores.claim()] == [job.id]

    async def test_a_job_that_waits_for_a_rate_limit_goes_on_waiting(self, stores: Stores) -> None:
        await stores.connect()
        await _rate_limited(stores)
        queued = await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert queued.deduplicated
        assert queued.job.run_after > await stores.now()
        assert await stores.claim() == []
        stores.pass_time(HOUR)
        assert len(await stores.claim()) == 1

    async def test_but_one_that_waits_for_a_pause_of_our_own_does_not_once_somebody_asks(self, stores: Stores) -> None:
        await stores.connect()
        await _rate_limited(stores, "PLATFORM_PAUSED")
        await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert len(await stores.claim()) == 1

    async def test_a_rate_limit_of_an_earlier_attempt_holds_back_no_later_one(self, stores: Stores) -> None:
        await stores.connect()
        await _rate_limited(stores)
        stores.pass_time(HOUR)
        [again] = await stores.claim()
        await stores.jobs.finish(
            [
                AttemptResult(
                    lease=again.job.lease, outcome=Outcome.RETRYING, retry_in=HOUR, error_class=FailureClass.TRANSIENT
                )
            ]
        )
        await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert len(await stores.claim()) == 1


class ClaimingContract:
    async def test_a_claimed_job_is_running_and_comes_with_its_connection(self, stores: Stores) -> None:
        connection = await stores.connect()
        queued = (await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)).job
        [claimed] = await stores.claim(lease=MINUTE)
        assert claimed.connection == connection
        assert (claimed.job.id, claimed.job.state, claimed.job.attempt) == (queued.id, JobState.RUNNING, 1)
        assert claimed.job.started_at is not None
        assert claimed.job.lease_expires_at == claimed.job.started_at + MINUTE
        assert await stores.jobs.get("default", queued.id) == claimed.job

    async def test_nothing_is_claimed_where_nothing_is_queued(self, stores: Stores) -> None:
        await stores.connect()
        await stores.running()
        assert await stores.claim() == []

    async def test_no_more_are_claimed_than_asked_for(self, stores: Stores) -> None:
        await _many_queued(stores, 5)
        assert len(await stores.claim(limit=3)) == 3
        assert len(await stores.claim(limit=0)) == 0
        assert len(await stores.claim(limit=3)) == 2

    async def test_the_longest_due_are_claimed_first_whatever_their_studio(self, stores: Stores) -> None:
        for key in (META, ELSEWHERE, GOOGLE):
            await stores.connect(key)
            await stores.jobs.enqueue(some_id(), key, Frequency.HOURLY)
            stores.pass_time(SECOND)
        assert [each.job.key for each in await stores.claim()] == [META, ELSEWHERE, GOOGLE]

    async def test_a_job_waits_until_its_time_has_come(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        await stores.jobs.finish([AttemptResult(lease=lease, outcome=Outcome.RETRYING, retry_in=MINUTE)])
        stores.pass_time(MINUTE - 10 * SECOND)
        assert await stores.claim() == []
        stores.pass_time(10 * SECOND)
        assert len(await stores.claim()) == 1

    async def test_claimers_at_once_get_disjoint_jobs(self, stores: Stores) -> None:
        ids = await _many_queued(stores, 20)
        claims = await asyncio.gather(*(stores.claim(limit=7) for _ in range(5)))
        claimed = [each.job.id for claim in claims for each in claim]
        assert len(claimed) == len(set(claimed))
        claimed += [each.job.id for each in await stores.claim(limit=20)]  # what was locked at that moment
        assert sorted(claimed) == ids

    async def test_every_claim_counts_an_attempt_and_has_a_new_fencing_token(self, stores: Stores) -> None:
        await stores.connect()
        first = (await stores.running()).job
        await stores.jobs.finish([AttemptResult(lease=first.lease, outcome=Outcome.RETRYING)])
        [second] = await stores.claim()
        assert (first.attempt, second.job.attempt) == (1, 2)
        assert second.job.fence > first.fence


async def _rate_limited(stores: Stores, code: str = "SLOW_DOWN") -> None:
    lease = (await stores.running()).job.lease
    await stores.jobs.finish(
        [
            AttemptResult(
                lease=lease,
                outcome=Outcome.RETRYING,
                retry_in=HOUR,
                error_class=FailureClass.RATE_LIMITED,
                error_code=code,
            )
        ]
    )


async def _many_queued(stores: Stores, number: int) -> list[UUID]:
    keys = [ConnectionKey("default", f"platform-{n}") for n in range(number)]
    for key in keys:
        await stores.connect(key)
    return sorted([(await stores.jobs.enqueue(some_id(), key, Frequency.HOURLY)).job.id for key in keys])
