"""What every SyncJobs has to do when a platform may have only so many runs at once."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from anselai.domain.claim_limits import ClaimLimits
from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, ClaimedJob, Outcome
from tests.contracts.stores import HOUR, MINUTE, OTHER_STUDIO, SECOND, Stores
from tests.samples import some_id


class ClaimLimitsContract:
    async def test_no_more_of_a_platform_are_claimed_than_the_claimer_has_room_for(self, stores: Stores) -> None:
        await _queued(stores, "google", "meta")
        claimed = await stores.claim(limits=ClaimLimits(here={"google": 2}))
        assert _platforms(claimed) == {"google": 2, "meta": 6}

    async def test_a_platform_without_room_holds_up_no_other_however_much_of_it_waits(self, stores: Stores) -> None:
        await _queued(stores, "google")
        stores.pass_time(MINUTE)
        await _queued(stores, "meta")
        full = ClaimLimits(here={"google": 0})
        assert _platforms(await stores.claim(limit=4, limits=full)) == {"meta": 4}
        assert _platforms(await stores.claim(limit=4, limits=full)) == {"meta": 2}
        assert await stores.claim(limits=full) == []
        assert _platforms(await stores.claim()) == {"google": 6}

    async def test_limits_of_several_platforms_hold_at_once(self, stores: Stores) -> None:
        await _queued(stores, "google", "meta", "tiktok", "pinterest")
        limits = ClaimLimits(here={"google": 3, "meta": 100}, fleet={"meta": 1, "tiktok": 2})
        claimed = _platforms(await stores.claim(limit=100, limits=limits))
        assert claimed == {"google": 3, "meta": 1, "tiktok": 2, "pinterest": 6}

    async def test_all_platforms_together_are_no_more_than_asked_for(self, stores: Stores) -> None:
        await _queued(stores, "google", "meta", "tiktok")
        limits = ClaimLimits(here={"google": 3, "meta": 5}, fleet={"google": 4})
        assert len(await stores.claim(limit=4, limits=limits)) == 4
        assert len(await stores.claim(limit=0, limits=limits)) == 0

    async def test_the_longest_due_are_claimed_first_whether_their_platform_is_limited_or_not(
        self, stores: Stores
    ) -> None:
        order = ["tiktok", "google", "meta", "pinterest"]
        for platform in order:
            key = ConnectionKey("default", platform)
            await stores.connect(key)
            await stores.jobs.enqueue(some_id(), key, Frequency.HOURLY)
            stores.pass_time(SECOND)
        limits = ClaimLimits(here={"meta": 9}, fleet={"tiktok": 9})
        first = await stores.claim(limit=3, limits=limits)
        assert [each.job.key.platform for each in first] == order[:3]
        assert [each.job.key.platform for each in await stores.claim(limits=limits)] == order[3:]

    async def test_a_claim_with_limits_is_as_good_as_any(self, stores: Stores) -> None:
        key = ConnectionKey("default", "google")
        connection = await stores.connect(key)
        await stores.jobs.enqueue(some_id(), key, Frequency.HOURLY)
        [claimed] = await stores.claim(limits=ClaimLimits(here={"google": 1}, fleet={"google": 1}))
        assert claimed.connection == connection
        assert claimed.job == await stores.jobs.get("default", claimed.job.id)
        assert (claimed.job.attempt, claimed.job.is_active) == (1, True)
        assert await stores.jobs.renew([claimed.job.lease], MINUTE) == {claimed.job.id}

    async def test_a_limit_of_the_fleet_counts_what_others_run_in_every_studio(self, stores: Stores) -> None:
        await _queued(stores, "google")
        limits = ClaimLimits(fleet={"google": 4})
        assert len(await stores.claim(limit=3)) == 3, "by somebody whose own limits are others"
        assert len(await stores.claim(limits=limits)) == 1
        assert await stores.claim(limits=limits) == []

    async def test_claimers_at_once_keep_the_limit_of_the_fleet_together(self, stores: Stores) -> None:
        await _queued(stores, "google", "meta")
        limits = ClaimLimits(here={"google": 3}, fleet={"google": 4})
        claims = await asyncio.gather(*(stores.claim(limits=limits) for _ in range(6)))
        claimed = [each for claim in claims for each in claim]
        assert _platforms(claimed) == {"google": 4, "meta": 6}
        assert len({each.job.id for each in claimed}) == 10

    async def test_a_run_makes_room_when_its_result_is_in_or_when_it_is_taken_back(self, stores: Stores) -> None:
        await _queued(stores, "google")
        limits = ClaimLimits(fleet={"google": 2})
        first, _second = await stores.claim(lease=MINUTE, limits=limits)
        assert await stores.claim(limits=limits) == []
        await stores.jobs.finish([AttemptResult(lease=first.job.lease, outcome=Outcome.SUCCEEDED)])
        assert len(await stores.claim(lease=2 * HOUR, limits=limits)) == 1
        stores.pass_time(HOUR)
        assert await stores.claim(limits=limits) == []
        assert await stores.jobs.reclaim(10) == 1
        assert len(await stores.claim(limits=limits)) == 1
        assert await stores.claim(limits=limits) == []

    async def test_the_next_run_is_none_that_its_platform_has_no_room_for(self, stores: Stores) -> None:
        await _queued(stores, "google")
        limits = ClaimLimits(here={"google": 9}, fleet={"google": 1})
        due_at = await stores.jobs.next_run_at(limits)
        assert due_at is not None
        assert due_at <= await stores.now()
        [claimed] = await stores.claim(limits=limits)
        assert await stores.jobs.next_run_at(limits) == claimed.job.lease_expires_at
        later = AttemptResult(lease=claimed.job.lease, outcome=Outcome.RETRYING, retry_in=HOUR)
        await stores.jobs.finish([later])
        assert await stores.jobs.next_run_at(ClaimLimits(here={"google": 0})) is None
        await _queued(stores, "meta")
        meta_at = await stores.jobs.next_run_at(ClaimLimits(here={"google": 0}))
        assert meta_at is not None
        assert due_at <= meta_at <= await stores.now()


async def _queued(stores: Stores, *platforms: str) -> None:
    """Six jobs of each platform: one of each frequency in two studios."""
    for platform in platforms:
        for studio in ("default", OTHER_STUDIO):
            key = ConnectionKey(studio, platform)
            await stores.connect(key)
            for frequency in Frequency:
                await stores.jobs.enqueue(some_id(), key, frequency)


def _platforms(claimed: Sequence[ClaimedJob]) -> Counter[str]:
    return Counter(each.job.key.platform for each in claimed)
