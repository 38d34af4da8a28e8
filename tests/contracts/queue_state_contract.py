"""What every SyncJobs has to tell of its queue as a whole."""

from datetime import timedelta

from anselai.domain.frequency import Frequency
from anselai.domain.ports.jobs import QueueState
from anselai.domain.sync_job import AttemptResult, Outcome
from tests.contracts.stores import ELSEWHERE, HOUR, META, MINUTE, OTHER_STUDIO, SECOND, Stores
from tests.samples import GOOGLE, some_id


def counts(state: QueueState) -> tuple[int, int, int, int]:
    return (state.due, state.waiting, state.running, state.stalled)


class QueueStateContract:
    async def test_an_empty_queue_has_nothing_due(self, stores: Stores) -> None:
        await stores.connect()
        await stores.finished()
        for studio in ("default", None):
            state = await stores.jobs.queue_state(studio)
            assert counts(state) == (0, 0, 0, 0)
            assert (state.oldest_due_at, state.oldest_due_age) == (None, timedelta())

    async def test_a_job_is_due_from_the_instant_at_which_it_may_run(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        await stores.jobs.finish([AttemptResult(lease=lease, outcome=Outcome.RETRYING, retry_in=MINUTE)])
        assert counts(await stores.jobs.queue_state(None)) == (0, 1, 0, 0)
        stores.pass_time(MINUTE)
        state = await stores.jobs.queue_state(None)
        assert counts(state) == (1, 0, 0, 0)
        assert state.oldest_due_at == (await stores.jobs.get("default", lease.job_id)).run_after

    async def test_the_longest_due_tells_since_when(self, stores: Stores) -> None:
        await stores.connect()
        first = (await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)).job
        stores.pass_time(HOUR)
        await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)
        state = await stores.jobs.queue_state("default")
        assert counts(state) == (2, 0, 0, 0)
        assert state.oldest_due_at == (await stores.jobs.get("default", first.id)).run_after
        assert HOUR <= state.oldest_due_age < HOUR + MINUTE
        assert state.asked_at <= await stores.now()

    async def test_a_run_is_stalled_from_the_end_of_its_lease_until_it_is_taken_back(self, stores: Stores) -> None:
        await stores.connect()
        await stores.running(lease=MINUTE)
        assert counts(await stores.jobs.queue_state("default")) == (0, 0, 1, 0)
        stores.pass_time(MINUTE - 10 * SECOND)
        assert counts(await stores.jobs.queue_state("default")) == (0, 0, 1, 0)
        stores.pass_time(10 * SECOND)
        assert counts(await stores.jobs.queue_state("default")) == (0, 0, 0, 1)
        assert await stores.jobs.reclaim(10) == 1
        assert counts(await stores.jobs.queue_state("default")) == (1, 0, 0, 0)

    async def test_each_studio_has_its_own_and_all_are_the_sum(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key)
        await stores.running(GOOGLE)
        await stores.jobs.enqueue(some_id(), META, Frequency.HOURLY)
        await stores.jobs.enqueue(some_id(), ELSEWHERE, Frequency.HOURLY)
        assert counts(await stores.jobs.queue_state("default")) == (1, 0, 1, 0)
        assert counts(await stores.jobs.queue_state(OTHER_STUDIO)) == (1, 0, 0, 0)
        assert counts(await stores.jobs.queue_state("nobody")) == (0, 0, 0, 0)
        assert counts(await stores.jobs.queue_state(None)) == (2, 0, 1, 0)
