"""What every SyncJobs has to do with the results of attempts, and what they mean for the connection."""

import asyncio
from dataclasses import replace

import pytest

from anselai.domain.connection import ConnectionKey, ConnectionStatus, SealedToken
from anselai.domain.errors import ConnectionChanged, FailureClass
from anselai.domain.frequency import Frequency
from anselai.domain.refreshing import RefreshState
from anselai.domain.sync_job import AttemptResult, JobLease, JobState, Outcome, Trigger
from tests.contracts.stores import BROKEN, ELSEWHERE, HOUR, META, Stores
from tests.samples import GOOGLE, a_metric, some_id

FAILED = AttemptResult(
    lease=JobLease(some_id(), 0),
    outcome=Outcome.FAILED,
    failures=2,
    partial_failures=1,
    error_class=FailureClass.PERMANENT,
    error_code="PLATFORM_REFUSED",
    error_message="The platform refused the request.",
)


class FinishingContract:
    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            (Outcome.SUCCEEDED, JobState.SUCCEEDED),
            (Outcome.FAILED, JobState.FAILED),
            (Outcome.STALLED, JobState.FAILED),
            (Outcome.CANCELLED, JobState.CANCELLED),
        ],
    )
    async def test_an_attempt_that_ends_its_job(self, stores: Stores, outcome: Outcome, state: JobState) -> None:
        await stores.connect()
        job = (await stores.running()).job
        assert await stores.jobs.finish([AttemptResult(lease=job.lease, outcome=outcome)]) == {job.id}
        ended = await stores.jobs.get("default", job.id)
        assert (ended.state, ended.lease_expires_at, ended.is_active) == (state, None, False)
        assert ended.finished_at is not None
        assert await stores.claim() == []
        assert [row.outcome for row in await stores.log()] == [outcome]

    @pytest.mark.parametrize("outcome", [Outcome.RETRYING, Outcome.RELEASED])
    async def test_an_attempt_after_which_the_job_goes_back_into_the_queue(
        self, stores: Stores, outcome: Outcome
    ) -> None:
        await stores.connect()
        job = (await stores.running()).job
        result = AttemptResult(lease=job.lease, outcome=outcome, failures=3, partial_failures=2)
        assert await stores.jobs.finish([result]) == {job.id}
        again = await stores.jobs.get("default", job.id)
        assert (again.state, again.lease_expires_at, again.finished_at) == (JobState.QUEUED, None, None)
        assert (again.failures, again.partial_failures) == (3, 2)
        assert [each.job.id for each in await stores.claim()] == [job.id]
        assert [row.outcome for row in await stores.log()] == [outcome]

    async def test_a_retry_comes_after_its_delay(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        before = await stores.now()
        await stores.jobs.finish([AttemptResult(lease=job.lease, outcome=Outcome.RETRYING, retry_in=HOUR)])
        again = await stores.jobs.get("default", job.id)
        assert before + HOUR <= again.run_after <= await stores.now() + HOUR

    async def test_the_log_tells_everything_of_the_attempt(self, stores: Stores) -> None:
        await stores.connect()
        planned = stores.plan(await stores.schedule_due())
        await stores.schedules.commit([planned])
        [claimed] = await stores.claim()
        result = replace(FAILED, lease=claimed.job.lease, records=7, api_calls=3, simulated=True)
        await stores.jobs.finish([result])
        [row] = await stores.log()
        assert (row.studio, row.platform, row.frequency) == ("default", "google", Frequency.HOURLY)
        assert (row.trigger, row.outcome, row.count) == (Trigger.SCHEDULE, Outcome.FAILED, 1)
        assert (row.job_id, row.attempt, row.slot_at) == (planned.job_id, 1, planned.plan.run_slot_at)
        assert (row.records, row.api_calls, row.simulated) == (7, 3, True)
        assert (row.error_class, row.error_code) == ("permanent", "PLATFORM_REFUSED")
        assert row.message == "The platform refused the request."
        assert row.started_at == claimed.job.started_at
        assert row.finished_at is not None
        assert claimed.job.started_at is not None
        assert claimed.job.started_at <= row.finished_at <= row.logged_at

    async def test_the_job_keeps_the_error_of_its_last_attempt(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        await stores.jobs.finish([replace(FAILED, lease=job.lease)])
        ended = await stores.jobs.get("default", job.id)
        assert (ended.last_error_code, ended.last_error) == (FAILED.error_code, FAILED.error_message)
        assert (ended.failures, ended.partial_failures) == (2, 1)

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_character_that_no_store_can_hold_is_replaced_in_a_message(
        self, stores: Stores, broken: str
    ) -> None:
        await stores.connect()
        job = (await stores.running()).job
        await stores.jobs.finish([replace(FAILED, lease=job.lease, error_message=f"It said {broken}.")])
        assert [row.message for row in await stores.log()] == ["It said \ufffd."]
        assert (await stores.jobs.get("default", job.id)).last_error == "It said \ufffd."

    async def test_a_result_tells_its_records_to_the_log_and_the_job_counts_those_that_were_stored(
        self, stores: Stores
    ) -> None:
        await stores.connect()
        job = (await stores.running()).job
        await stores.records.store(job.lease, [a_metric()], None)
        await stores.jobs.finish([AttemptResult(lease=job.lease, outcome=Outcome.SUCCEEDED, records=1)])
        assert (await stores.jobs.get("default", job.id)).records == 1
        assert [row.records for row in await stores.log()] == [1]

    async def test_no_results_are_none_accepted(self, stores: Stores) -> None:
        assert await stores.jobs.finish([]) == frozenset()

    async def test_an_attempt_is_closed_once(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        result = AttemptResult(lease=lease, outcome=Outcome.SUCCEEDED)
        answers = await asyncio.gather(*(stores.jobs.finish([result]) for _ in range(5)))
        assert sorted(len(each) for each in answers) == [0, 0, 0, 0, 1]
        assert len(await stores.log()) == 1

    async def test_an_attempt_is_closed_once_though_a_batch_holds_it_twice(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        result = AttemptResult(lease=job.lease, outcome=Outcome.SUCCEEDED)
        assert await stores.jobs.finish([result, result]) == {job.id}
        assert len(await stores.log()) == 1

    async def test_stale_results_change_nothing_and_do_not_hold_up_those_beside_them(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
        held, stale = (await stores.running(GOOGLE)).job, (await stores.running(META)).job
        untouched = await stores.connections.get(META)
        accepted = await stores.jobs.finish(
            [
                AttemptResult(lease=JobLease(stale.id, stale.fence - 1), outcome=Outcome.SUCCEEDED),
                AttemptResult(lease=held.lease, outcome=Outcome.SUCCEEDED),
                AttemptResult(lease=JobLease(some_id(), 1), outcome=Outcome.SUCCEEDED),
            ]
        )
        assert accepted == {held.id}
        assert await stores.jobs.get("default", stale.id) == stale
        assert await stores.connections.get(META) == untouched
        assert [row.job_id for row in await stores.log()] == [held.id]

    async def test_many_are_finished_at_once(self, stores: Stores) -> None:
        keys = [ConnectionKey("default", f"platform-{n}") for n in range(30)]
        for key in keys:
            await stores.connect(key)
            await stores.jobs.enqueue(some_id(), key, Frequency.HOURLY)
        claimed = await stores.claim(limit=100)
        results = [AttemptResult(lease=each.job.lease, outcome=Outcome.SUCCEEDED) for each in claimed]
        assert await stores.jobs.finish(results) == {each.job.id for each in claimed}
        assert len(await stores.log()) == len(keys)
        assert await stores.jobs.active("default") == []


class TellingConnectionsContract:
    async def test_a_success_makes_its_connection_active_and_clears_its_error(self, stores: Stores) -> None:
        connection = await stores.connect()
        await stores.connections.replace(
            replace(connection, status=ConnectionStatus.ERROR, last_error_code="CODE", last_error="a reason")
        )
        before = await stores.now()
        await stores.finished()
        healed = await stores.connections.get(GOOGLE)
        assert (healed.status, healed.last_error_code, healed.last_error) == (ConnectionStatus.ACTIVE, None, None)
        assert healed.last_sync_at is not None
        assert before <= healed.last_sync_at <= await stores.now()

    @pytest.mark.parametrize("status", [ConnectionStatus.ERROR, ConnectionStatus.EXPIRED])
    async def test_what_a_failure_learned_of_the_connection_is_kept(
        self, stores: Stores, status: ConnectionStatus
    ) -> None:
        version = (await stores.connect()).token_version
        lease = (await stores.running()).job.lease
        await stores.jobs.finish([replace(FAILED, lease=lease, connection_status=status, judged_token_version=version)])
        told = await stores.connections.get(GOOGLE)
        assert (told.status, told.last_error_code, told.last_error) == (
            status,
            FAILED.error_code,
            FAILED.error_message,
        )
        assert told.last_sync_at is None

    @pytest.mark.parametrize("outcome", [Outcome.RETRYING, Outcome.RELEASED, Outcome.CANCELLED])
    async def test_an_attempt_that_learned_nothing_leaves_its_connection_as_it_is(
        self, stores: Stores, outcome: Outcome
    ) -> None:
        connection = await stores.connect()
        lease = (await stores.running()).job.lease
        await stores.jobs.finish([AttemptResult(lease=lease, outcome=outcome, error_code="CODE", error_message="why")])
        assert await stores.connections.get(GOOGLE) == connection

    async def test_what_was_learned_with_a_token_says_nothing_of_the_one_that_took_its_place(
        self, stores: Stores
    ) -> None:
        old = await stores.connect()
        lease = (await stores.running()).job.lease
        new = await stores.connections.replace(replace(old, access_token=SealedToken("new")))
        refused = replace(FAILED, connection_status=ConnectionStatus.EXPIRED, judged_token_version=old.token_version)
        assert await stores.jobs.finish([replace(refused, lease=lease)]) == {lease.job_id}
        assert await stores.connections.get(GOOGLE) == new

    async def test_a_success_beside_it_still_counts(self, stores: Stores) -> None:
        old = await stores.connect()
        for frequency in (Frequency.HOURLY, Frequency.DAILY):
            await stores.jobs.enqueue(some_id(), GOOGLE, frequency)
        first, second = await stores.claim()
        await stores.connections.replace(replace(old, access_token=SealedToken("new")))
        refused = replace(FAILED, connection_status=ConnectionStatus.EXPIRED, judged_token_version=old.token_version)
        succeeded = AttemptResult(lease=first.job.lease, outcome=Outcome.SUCCEEDED)
        await stores.jobs.finish([succeeded, replace(refused, lease=second.job.lease)])
        told = await stores.connections.get(GOOGLE)
        assert (told.status, told.last_error) == (ConnectionStatus.ACTIVE, None)
        assert told.last_sync_at is not None

    async def test_a_change_of_status_is_a_new_version(self, stores: Stores) -> None:
        connection = await stores.connect()
        lease = (await stores.running()).job.lease
        version = connection.token_version
        judged = replace(FAILED, connection_status=ConnectionStatus.ERROR, judged_token_version=version)
        await stores.jobs.finish([replace(judged, lease=lease)])
        with pytest.raises(ConnectionChanged):
            await stores.connections.replace(replace(connection, account_id="stale"))

    async def test_of_one_connections_results_the_last_of_a_batch_decides(self, stores: Stores) -> None:
        failed = replace(FAILED, judged_token_version=(await stores.connect()).token_version)
        for frequency in Frequency:
            await stores.jobs.enqueue(some_id(), GOOGLE, frequency)
        first, second, third = await stores.claim()
        accepted = await stores.jobs.finish(
            [
                replace(failed, lease=first.job.lease, connection_status=ConnectionStatus.ERROR, error_code="FIRST"),
                AttemptResult(lease=second.job.lease, outcome=Outcome.SUCCEEDED),
                replace(failed, lease=third.job.lease, connection_status=ConnectionStatus.EXPIRED, error_code="LAST"),
            ]
        )
        assert accepted == {first.job.id, second.job.id, third.job.id}
        told = await stores.connections.get(GOOGLE)
        assert (told.status, told.last_error_code) == (ConnectionStatus.EXPIRED, "LAST")
        assert told.last_sync_at is not None, "one of them was a success"
        assert len(await stores.log()) == 3

    async def test_a_success_after_a_failure_in_one_batch_heals(self, stores: Stores) -> None:
        await stores.connect()
        for frequency in (Frequency.HOURLY, Frequency.DAILY):
            await stores.jobs.enqueue(some_id(), GOOGLE, frequency)
        first, second = await stores.claim()
        await stores.jobs.finish(
            [
                replace(FAILED, lease=first.job.lease, connection_status=ConnectionStatus.ERROR),
                AttemptResult(lease=second.job.lease, outcome=Outcome.SUCCEEDED),
            ]
        )
        told = await stores.connections.get(GOOGLE)
        assert (told.status, told.last_error) == (ConnectionStatus.ACTIVE, None)

    async def test_a_result_touches_no_other_connection(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key)
        others = [await stores.connections.get(key) for key in (META, ELSEWHERE)]
        await stores.finished(GOOGLE)
        assert [await stores.connections.get(key) for key in (META, ELSEWHERE)] == others

    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
    async def test_a_connection_that_a_refresh_ended_stays_so_whatever_a_sync_learns(
        self, stores: Stores, outcome: Outcome
    ) -> None:
        before = await stores.connect()
        job = (await stores.running()).job
        owner, now = some_id(), await stores.now()
        turn = await stores.connections.begin_refresh(GOOGLE, owner, HOUR)
        assert turn is not None
        refused = before.marked(ConnectionStatus.EXPIRED, now=now, code="PLATFORM_AUTH", reason="Refused.")
        ended = await stores.connections.end_refresh(
            owner, turn.connection, replace(refused, refresh=RefreshState(not_before=now + HOUR, ended=True))
        )
        await stores.jobs.finish(
            [
                replace(
                    FAILED if outcome is Outcome.FAILED else AttemptResult(lease=job.lease, outcome=outcome),
                    lease=job.lease,
                    connection_status=ConnectionStatus.ERROR if outcome is Outcome.FAILED else None,
                    judged_token_version=before.token_version,
                )
            ]
        )
        after = await stores.connections.get(GOOGLE)
        assert (after.status, after.last_error_code, after.last_error) == (
            ended.status,
            ended.last_error_code,
            ended.last_error,
        )
        assert (after.last_sync_at is not None) == (outcome is Outcome.SUCCEEDED)
        assert (after.version == ended.version) == (outcome is Outcome.FAILED)
