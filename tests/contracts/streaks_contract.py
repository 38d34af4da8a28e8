"""What every SyncJobs has to do with a schedule whose runs fail again and again."""

import logging
from dataclasses import replace

import pytest

from anselai.domain import retry
from anselai.domain.connection import ConnectionStatus
from anselai.domain.errors import ConnectionChanged, FailureClass, LeaseLost
from anselai.domain.failure_streak import DISABLE_AFTER, WARN_AFTER
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import SyncSchedule
from anselai.domain.sync_job import AttemptResult, JobLease, Outcome
from tests.contracts.stores import HOUR, META, MINUTE, Stores
from tests.samples import GOOGLE, some_id

REFUSED = AttemptResult(
    lease=JobLease(some_id(), 0),
    outcome=Outcome.FAILED,
    error_class=FailureClass.PERMANENT,
    error_code="PLATFORM_REFUSED",
    error_message="The platform refused the request.",
)


class FailureStreaksContract:
    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.STALLED])
    async def test_a_run_that_failed_for_good_is_one_more_failure_of_its_schedule(
        self, stores: Stores, outcome: Outcome
    ) -> None:
        before = await _scheduled(stores)
        await _ended(stores, replace(REFUSED, outcome=outcome))
        assert await _schedule(stores) == replace(before, failures_in_row=1, version=before.version + 1)

    @pytest.mark.parametrize(
        "result",
        [
            AttemptResult(lease=REFUSED.lease, outcome=Outcome.SUCCEEDED),
            AttemptResult(lease=REFUSED.lease, outcome=Outcome.RETRYING, error_class=FailureClass.TRANSIENT),
            AttemptResult(lease=REFUSED.lease, outcome=Outcome.RETRYING, error_class=FailureClass.RATE_LIMITED),
            AttemptResult(lease=REFUSED.lease, outcome=Outcome.RELEASED),
            AttemptResult(lease=REFUSED.lease, outcome=Outcome.CANCELLED),
            replace(REFUSED, error_class=FailureClass.AUTH, connection_status=ConnectionStatus.EXPIRED),
        ],
        ids=["success", "retry", "rate limit", "release", "cancellation", "expired connection"],
    )
    async def test_what_is_no_such_failure_leaves_the_schedule_as_it_is(
        self, stores: Stores, result: AttemptResult
    ) -> None:
        before = await _scheduled(stores)
        await _ended(stores, result)
        assert await _schedule(stores) == before

    async def test_a_result_that_came_too_late_counts_for_nothing(self, stores: Stores) -> None:
        before = await _scheduled(stores)
        job = (await stores.running()).job
        await stores.jobs.finish([replace(REFUSED, lease=JobLease(job.id, job.fence - 1))])
        assert await _schedule(stores) == before

    async def test_a_success_forgets_the_failures_before_it(self, stores: Stores) -> None:
        before = await _scheduled(stores, failures=WARN_AFTER)
        await stores.finished()
        assert await _schedule(stores) == replace(before, failures_in_row=0, version=before.version + 1)

    async def test_the_failures_of_another_frequency_or_platform_are_their_own(self, stores: Stores) -> None:
        await _scheduled(stores)
        await stores.connect(META)
        others = [await stores.schedule_due(GOOGLE, Frequency.DAILY), await stores.schedule_due(META)]
        await _ended(stores, REFUSED)
        assert [await stores.schedules.get(each.key, each.frequency) for each in others] == others

    async def test_so_many_failures_in_a_row_switch_the_schedule_off_and_say_why(self, stores: Stores) -> None:
        before = await _scheduled(stores)
        for _ in range(DISABLE_AFTER - 1):
            await _ended(stores, REFUSED)
        assert (await _schedule(stores)).enabled
        await _ended(stores, REFUSED)
        after = await _schedule(stores)
        reason = (
            "10 runs in a row failed, the last with PLATFORM_REFUSED: The platform refused the request; "
            "switch it on again when the cause is gone"
        )
        assert after == replace(
            before,
            enabled=False,
            disabled_reason=reason,
            failures_in_row=DISABLE_AFTER,
            version=before.version + DISABLE_AFTER,
        )

    async def test_slots_of_a_schedule_that_failures_switched_off_are_paused_and_say_why(self, stores: Stores) -> None:
        await _scheduled(stores, failures=DISABLE_AFTER - 1)
        await _ended(stores, REFUSED)
        [due] = (await stores.schedules.due(10)).schedules
        assert due.paused_because is not None
        assert due.paused_because.startswith("the schedule was switched off: 10 runs in a row failed, the last with ")

    async def test_an_endless_error_makes_a_reason_that_fits_into_the_log(self, stores: Stores) -> None:
        await _scheduled(stores, failures=DISABLE_AFTER - 1)
        await _ended(stores, replace(REFUSED, error_code="C" * 5000, error_message="%s {} ' \\ " * 5000))
        [due] = (await stores.schedules.due(10)).schedules
        assert due.paused_because is not None
        assert len(due.paused_because) < 1000
        assert "%s {} ' \\ %s" in due.paused_because

    async def test_a_reason_that_a_schedule_is_off_already_is_kept(self, stores: Stores) -> None:
        off = await _scheduled(stores, failures=DISABLE_AFTER - 1, enabled=False, reason="the studio is closed")
        await _ended(stores, REFUSED)
        after = await _schedule(stores)
        assert after == replace(off, failures_in_row=DISABLE_AFTER, version=off.version + 1)

    async def test_a_success_does_not_switch_a_schedule_on_behind_peoples_backs(self, stores: Stores) -> None:
        off = await _scheduled(stores, failures=DISABLE_AFTER, enabled=False, reason="10 runs in a row failed")
        await stores.finished()
        assert await _schedule(stores) == replace(off, failures_in_row=0, version=off.version + 1)

    async def test_a_job_that_was_given_up_as_abandoned_is_a_failure(self, stores: Stores) -> None:
        await _scheduled(stores, failures=DISABLE_AFTER - 1)
        lease = (await stores.running()).job.lease
        told = AttemptResult(lease=lease, outcome=Outcome.RETRYING, failures=retry.ATTEMPTS - 2)
        await stores.jobs.finish([told])
        for _ in range(2):
            assert (await _schedule(stores)).enabled
            await stores.claim(lease=MINUTE)
            stores.pass_time(HOUR)
            assert await stores.jobs.reclaim(10) == 1
        after = await _schedule(stores)
        assert (after.enabled, after.failures_in_row) == (False, DISABLE_AFTER)
        assert LeaseLost.code in (after.disabled_reason or "")

    async def test_the_end_of_a_job_of_no_schedule_is_no_error(self, stores: Stores) -> None:
        await stores.connect()
        await _ended(stores, REFUSED)
        await stores.finished()

    async def test_many_schedules_are_counted_at_once(self, stores: Stores) -> None:
        await stores.connect()
        for frequency in Frequency:
            await stores.schedules.save(replace(await stores.schedule_due(GOOGLE, frequency), failures_in_row=2))
            await stores.jobs.enqueue(some_id(), GOOGLE, frequency)
        hourly, daily, weekly = await stores.claim()
        succeeded = AttemptResult(lease=daily.job.lease, outcome=Outcome.SUCCEEDED)
        failed = [replace(REFUSED, lease=each.job.lease) for each in (weekly, hourly)]
        assert len(await stores.jobs.finish([failed[0], succeeded, failed[1]])) == 3
        counts = {each.frequency: each.failures_in_row for each in await stores.schedules.list("default")}
        assert counts == {hourly.job.frequency: 3, daily.job.frequency: 0, weekly.job.frequency: 3}

    async def test_who_read_the_schedule_before_it_was_switched_off_cannot_save_or_plan_it(
        self, stores: Stores
    ) -> None:
        read = await _scheduled(stores, failures=DISABLE_AFTER - 1)
        await _ended(stores, REFUSED)
        assert await stores.schedules.commit([stores.plan(read)]) == 0
        with pytest.raises(ConnectionChanged):
            await stores.schedules.save(replace(read, timezone="Europe/Berlin"))

    async def test_whoever_counts_says_in_the_log_when_it_warns_and_when_it_switches_off(
        self, stores: Stores, caplog: pytest.LogCaptureFixture
    ) -> None:
        await _scheduled(stores)
        with caplog.at_level(logging.WARNING, "anselai"):
            for _ in range(DISABLE_AFTER + 1):
                await _ended(stores, REFUSED)
        warned, switched_off = [record.getMessage() for record in caplog.records]
        assert warned == (
            "The hourly sync of google (studio default) failed 5 times in a row; after 10 times it is switched off."
        )
        assert switched_off.startswith("The hourly sync of google (studio default) was switched off: 10 runs in a row")


async def _scheduled(
    stores: Stores, *, failures: int = 0, enabled: bool = True, reason: str | None = None
) -> SyncSchedule:
    """The stored hourly schedule of a new connection."""
    await stores.connect()
    saved = await stores.schedule_due()
    if not failures and enabled:
        return saved
    return await stores.schedules.save(
        replace(saved, failures_in_row=failures, enabled=enabled, disabled_reason=reason)
    )


async def _schedule(stores: Stores) -> SyncSchedule:
    return await stores.schedules.get(GOOGLE, Frequency.HOURLY)


async def _ended(stores: Stores, result: AttemptResult) -> None:
    """A run of the hourly schedule that ended so; nothing else may be due."""
    lease = (await stores.running()).job.lease
    assert await stores.jobs.finish([replace(result, lease=lease)]) == {lease.job_id}
