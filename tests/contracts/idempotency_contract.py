"""What every SyncJobs has to do with requests that come with an idempotency key."""

import asyncio
from datetime import timedelta

import pytest

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import ConnectionNotFound, IdempotencyKeyReused, NotFound, TooManyIdempotencyKeys
from anselai.domain.frequency import Frequency
from anselai.domain.ports.jobs import QueuedJob
from anselai.domain.sync_job import AttemptResult, JobState, Outcome
from tests.contracts.stores import ELSEWHERE, HOUR, META, SECOND, Stores
from tests.samples import GOOGLE, some_id

MOST_KEYS = 5  # that the stores of these suites keep for a studio
DAY = 24 * HOUR
ALMOST_A_DAY = DAY - 10 * SECOND
LONG_AGO = timedelta(days=90)


async def ask(
    stores: Stores, idempotency_key: str, key: ConnectionKey = GOOGLE, frequency: Frequency | None = Frequency.DAILY
) -> QueuedJob:
    return await stores.jobs.enqueue(some_id(), key, frequency, idempotency_key)


async def drain(stores: Stores) -> None:
    results = [AttemptResult(lease=each.job.lease, outcome=Outcome.SUCCEEDED) for each in await stores.claim()]
    await stores.jobs.finish(results)


class IdempotencyContract:
    async def test_the_first_request_with_a_key_makes_a_job_that_runs(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        assert not first.deduplicated
        assert first.job.frequency is Frequency.DAILY
        assert [each.job.id for each in await stores.claim()] == [first.job.id]

    async def test_a_repeated_request_is_the_same_job_while_it_is_queued(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        again = await ask(stores, "k")
        assert (again.deduplicated, again.job) == (True, first.job)

    async def test_a_repeated_request_is_the_same_job_when_that_has_ended_and_runs_nothing_again(
        self, stores: Stores
    ) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        await drain(stores)
        stores.pass_time(ALMOST_A_DAY)
        again = await ask(stores, "k")
        assert (again.deduplicated, again.job.id, again.job.state) == (True, first.job.id, JobState.SUCCEEDED)
        assert await stores.jobs.active("default") == []

    async def test_a_repeated_request_is_the_same_job_when_that_was_cancelled(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        await stores.jobs.cancel(GOOGLE, None)
        again = await ask(stores, "k")
        assert (again.job.id, again.job.state) == (first.job.id, JobState.CANCELLED)

    async def test_a_key_stands_for_the_active_job_that_its_request_met(self, stores: Stores) -> None:
        await stores.connect()
        running = (await stores.running(GOOGLE, Frequency.DAILY)).job
        first = await ask(stores, "k")
        assert (first.deduplicated, first.job.id) == (True, running.id)
        await stores.jobs.finish([AttemptResult(lease=running.lease, outcome=Outcome.SUCCEEDED)])
        again = await ask(stores, "k")
        assert (again.job.id, again.job.state) == (running.id, JobState.SUCCEEDED)

    async def test_a_repeated_request_brings_nothing_forward(self, stores: Stores) -> None:
        await stores.connect()
        await ask(stores, "k")
        [claimed] = await stores.claim()
        await stores.jobs.finish([AttemptResult(lease=claimed.job.lease, outcome=Outcome.RETRYING, retry_in=HOUR)])
        assert (await ask(stores, "k")).job.run_after > await stores.now()
        assert await stores.claim() == []

    async def test_another_key_asks_for_another_job_once_the_first_has_ended(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        assert (await ask(stores, "l")).job.id == first.job.id
        await drain(stores)
        other = await ask(stores, "m")
        assert not other.deduplicated
        assert other.job.id != first.job.id
        assert (await ask(stores, "l")).job.id == first.job.id

    async def test_keys_differ_by_case(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        await drain(stores)
        assert (await ask(stores, "K")).job.id != first.job.id

    @pytest.mark.parametrize(
        ("key", "frequency"), [(META, Frequency.DAILY), (GOOGLE, Frequency.HOURLY), (GOOGLE, None)]
    )
    async def test_a_key_is_refused_for_another_platform_or_frequency(
        self, stores: Stores, key: ConnectionKey, frequency: Frequency | None
    ) -> None:
        await stores.connect()
        await stores.connect(META)
        first = await ask(stores, "k")
        with pytest.raises(IdempotencyKeyReused, match="google, daily"):
            await ask(stores, "k", key, frequency)
        assert await stores.jobs.active("default") == [first.job]

    async def test_without_a_frequency_the_key_stands_for_that(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k", frequency=None)
        assert (await ask(stores, "k", frequency=None)).job.id == first.job.id
        with pytest.raises(IdempotencyKeyReused, match="without a frequency"):
            await ask(stores, "k", frequency=Frequency.DAILY)

    async def test_after_a_day_a_key_is_free(self, stores: Stores) -> None:
        await stores.connect()
        await stores.connect(META)
        first = await ask(stores, "k")
        await drain(stores)
        stores.pass_time(DAY)
        second = await ask(stores, "k", META, None)
        assert not second.deduplicated
        assert second.job.id != first.job.id
        assert second.job.key == META
        stores.pass_time(ALMOST_A_DAY)
        assert (await ask(stores, "k", META, None)).job.id == second.job.id, "its day began anew"

    async def test_repeating_does_not_make_a_key_hold_longer(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        await drain(stores)
        stores.pass_time(ALMOST_A_DAY)
        assert (await ask(stores, "k")).job.id == first.job.id
        stores.pass_time(10 * SECOND)
        assert (await ask(stores, "k")).job.id != first.job.id

    async def test_studios_have_their_own_keys(self, stores: Stores) -> None:
        for key in (GOOGLE, ELSEWHERE):
            await stores.connect(key)
        here, there = await ask(stores, "k"), await ask(stores, "k", ELSEWHERE)
        assert not there.deduplicated
        assert here.job.id != there.job.id

    async def test_a_refused_request_uses_no_key_up(self, stores: Stores) -> None:
        with pytest.raises(ConnectionNotFound):
            await ask(stores, "k")
        await stores.connect(META)
        assert not (await ask(stores, "k", META)).deduplicated

    async def test_a_known_key_tells_its_job_when_the_connection_is_gone(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        await drain(stores)
        await stores.connections.remove(GOOGLE)
        again = await ask(stores, "k")
        assert (again.deduplicated, again.job.id) == (True, first.job.id)
        with pytest.raises(ConnectionNotFound):
            await ask(stores, "l")

    async def test_a_job_that_went_with_its_connection_makes_its_key_new(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        await stores.connections.remove(GOOGLE)
        with pytest.raises(NotFound):
            await stores.jobs.get("default", first.job.id)
        with pytest.raises(ConnectionNotFound):
            await ask(stores, "k")
        await stores.connect()
        again = await ask(stores, "k")
        assert not again.deduplicated
        assert (await ask(stores, "k")).job == again.job

    async def test_a_job_that_was_pruned_makes_its_key_new(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        await drain(stores)
        stores.pass_time(2 * HOUR)
        assert await stores.jobs.prune(HOUR, LONG_AGO, 100) == 1
        again = await ask(stores, "k")
        assert not again.deduplicated
        assert again.job.id != first.job.id

    async def test_no_more_new_keys_are_taken_than_a_studio_may_have(self, stores: Stores) -> None:
        for key in (GOOGLE, ELSEWHERE):
            await stores.connect(key)
        first = await ask(stores, "k0")
        await drain(stores)
        for number in range(1, MOST_KEYS):
            await ask(stores, f"k{number}")
        with pytest.raises(TooManyIdempotencyKeys, match=str(MOST_KEYS)):
            await ask(stores, "one more")
        assert (await ask(stores, "k0")).job.id == first.job.id, "a key that is known still holds"
        assert (await stores.jobs.enqueue(some_id(), GOOGLE, None)).deduplicated, "without a key there is no limit"
        assert not (await ask(stores, "one more", ELSEWHERE)).deduplicated, "nor for another studio"
        stores.pass_time(DAY)
        await ask(stores, "one more")

    async def test_keys_that_hold_no_longer_are_pruned_in_batches(self, stores: Stores) -> None:
        await stores.connect()
        for number in range(3):
            await ask(stores, f"k{number}")
        stores.pass_time(DAY)
        assert await stores.jobs.prune(LONG_AGO, LONG_AGO, 2) == 2
        assert await stores.jobs.prune(LONG_AGO, LONG_AGO, 2) == 1
        assert await stores.jobs.prune(LONG_AGO, LONG_AGO, 2) == 0

    async def test_keys_that_hold_are_not_pruned(self, stores: Stores) -> None:
        await stores.connect()
        first = await ask(stores, "k")
        await drain(stores)
        stores.pass_time(ALMOST_A_DAY)
        assert await stores.jobs.prune(LONG_AGO, LONG_AGO, 100) == 0
        assert (await ask(stores, "k")).job.id == first.job.id

    async def test_of_many_that_ask_at_once_with_one_key_one_makes_the_job(self, stores: Stores) -> None:
        await stores.connect()
        answers = await asyncio.gather(*(ask(stores, "k") for _ in range(5)))
        assert [each.deduplicated for each in answers].count(False) == 1
        assert len({each.job.id for each in answers}) == 1
        assert len(await stores.jobs.active("default")) == 1

    async def test_of_two_that_ask_for_different_syncs_with_one_key_one_is_refused(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
        answers = await asyncio.gather(ask(stores, "k"), ask(stores, "k", META), return_exceptions=True)
        assert sorted(type(each).__name__ for each in answers) == ["IdempotencyKeyReused", "QueuedJob"]
        assert len(await stores.jobs.active("default")) == 1
