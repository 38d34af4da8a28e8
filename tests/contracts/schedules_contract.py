"""What every Schedules has to do."""

import asyncio
from dataclasses import replace

import pytest

from anselai.domain.connection import ConnectionStatus
from anselai.domain.errors import ConnectionChanged, ConnectionNotFound, NotFound
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp
from anselai.domain.sync_job import AttemptResult, Outcome
from tests.contracts.stores import ELSEWHERE, FAR_OFF, HOUR, META, MINUTE, OTHER_STUDIO, Stores
from tests.fakes import NOON
from tests.samples import GOOGLE, a_schedule, some_id


class SchedulesContract:
    async def test_a_schedule_of_a_missing_connection_is_not_found(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE, a_schedule(ELSEWHERE))
        with pytest.raises(ConnectionNotFound):
            await stores.schedules.get(GOOGLE, Frequency.HOURLY)

    async def test_a_schedule_that_a_connection_lacks_is_not_found(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule(frequency=Frequency.DAILY))
        with pytest.raises(NotFound):
            await stores.schedules.get(GOOGLE, Frequency.HOURLY)

    async def test_a_schedule_is_read_back_as_it_was(self, stores: Stores) -> None:
        odd = a_schedule(
            enabled=False,
            catch_up=CatchUp.SKIP,
            timezone="Europe/Berlin",
            cron="*/5 3 * * 1",
            disabled_reason="the studio is closed",
            version=7,
        )
        await stores.connect(GOOGLE, odd)
        assert await stores.schedules.get(GOOGLE, Frequency.HOURLY) == odd

    async def test_schedules_are_listed_by_platform_and_then_hourly_daily_weekly(self, stores: Stores) -> None:
        for key in (META, GOOGLE):
            await stores.connect(key, *(a_schedule(key, each) for each in reversed(Frequency)))
        assert [(each.key.platform, each.frequency.value) for each in await stores.schedules.list("default")] == [
            ("google", "hourly"),
            ("google", "daily"),
            ("google", "weekly"),
            ("meta", "hourly"),
            ("meta", "daily"),
            ("meta", "weekly"),
        ]

    async def test_a_studio_lists_only_its_own_schedules(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule())
        await stores.connect(ELSEWHERE, a_schedule(ELSEWHERE))
        assert await stores.schedules.list(OTHER_STUDIO) == [a_schedule(ELSEWHERE)]
        assert await stores.schedules.list("nowhere") == []


class SavingSchedulesContract:
    async def test_a_schedule_is_added_to_a_connection_that_lacks_it(self, stores: Stores) -> None:
        await stores.connect()
        saved = await stores.schedules.save(a_schedule())
        assert replace(saved, version=1) == a_schedule()
        assert await stores.schedules.get(GOOGLE, Frequency.HOURLY) == saved

    async def test_saving_replaces_everything_and_gives_the_next_version(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule(next_slot_at=FAR_OFF))
        wanted = a_schedule(
            next_slot_at=FAR_OFF + HOUR,
            cron="5 4 * * *",
            timezone="Asia/Tokyo",
            enabled=False,
            catch_up=CatchUp.ALL,
            disabled_reason="too many failures",
        )
        saved = await stores.schedules.save(wanted)
        assert saved == replace(wanted, version=2)
        assert await stores.schedules.get(GOOGLE, Frequency.HOURLY) == saved

    async def test_what_was_saved_can_be_saved_again(self, stores: Stores) -> None:
        await stores.connect()
        saved = await stores.schedules.save(a_schedule())
        again = await stores.schedules.save(replace(saved, cron="7 * * * *"))
        assert again == replace(saved, cron="7 * * * *", version=saved.version + 1)

    async def test_a_stale_version_is_refused_and_changes_nothing(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule())
        saved = await stores.schedules.save(a_schedule(cron="1 * * * *"))
        with pytest.raises(ConnectionChanged):
            await stores.schedules.save(a_schedule(cron="2 * * * *"))
        assert await stores.schedules.get(GOOGLE, Frequency.HOURLY) == saved

    async def test_of_two_that_save_at_once_one_wins(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule())
        outcomes = await asyncio.gather(
            *(stores.schedules.save(a_schedule(cron=f"{n} * * * *")) for n in range(5)), return_exceptions=True
        )
        assert sum(isinstance(each, ConnectionChanged) for each in outcomes) == 4
        assert await stores.schedules.get(GOOGLE, Frequency.HOURLY) in outcomes

    async def test_a_slot_that_is_due_cannot_be_passed_over(self, stores: Stores) -> None:
        await stores.connect()
        due = await stores.schedule_due()
        with pytest.raises(ConnectionChanged):
            await stores.schedules.save(replace(due, next_slot_at=FAR_OFF))
        assert await stores.schedules.get(GOOGLE, Frequency.HOURLY) == due
        assert (await stores.schedules.save(replace(due, enabled=False))).next_slot_at == due.next_slot_at

    async def test_a_schedule_of_a_connection_that_is_gone_is_refused(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule(next_slot_at=FAR_OFF))
        await stores.connections.remove(GOOGLE)
        with pytest.raises(ConnectionNotFound):
            await stores.schedules.save(a_schedule())
        assert await stores.schedules.list("default") == []

    async def test_saving_touches_no_other_schedule(self, stores: Stores) -> None:
        others = [a_schedule(frequency=Frequency.DAILY), a_schedule(META), a_schedule(ELSEWHERE)]
        await stores.connect(GOOGLE, a_schedule(), others[0])
        await stores.connect(META, others[1])
        await stores.connect(ELSEWHERE, others[2])
        await stores.schedules.save(a_schedule(cron="9 * * * *"))
        assert [await stores.schedules.get(each.key, each.frequency) for each in others] == others


class DueSchedulesContract:
    async def test_nothing_is_due_where_there_is_nothing(self, stores: Stores) -> None:
        assert (await stores.schedules.due(10)).schedules == []
        assert await stores.schedules.next_due_at() is None

    async def test_a_schedule_is_due_when_its_slot_has_come(self, stores: Stores) -> None:
        await stores.connect()
        await stores.schedule_due(since=-MINUTE)
        assert (await stores.schedules.due(10)).schedules == []
        stores.pass_time(MINUTE)
        due = await stores.schedules.due(10)
        [only] = due.schedules
        assert only.schedule == await stores.schedules.get(GOOGLE, Frequency.HOURLY)
        assert only.schedule.next_slot_at <= due.now
        assert (only.in_flight, only.paused_because) == (False, None)

    async def test_the_longest_due_come_first_of_all_studios_and_no_more_than_asked_for(self, stores: Stores) -> None:
        for key, minutes in ((GOOGLE, 2), (META, 3), (ELSEWHERE, 1)):
            await stores.connect(key)
            await stores.schedule_due(key, since=minutes * MINUTE)
        assert [each.schedule.key for each in (await stores.schedules.due(10)).schedules] == [META, GOOGLE, ELSEWHERE]
        assert [each.schedule.key for each in (await stores.schedules.due(2)).schedules] == [META, GOOGLE]

    async def test_asking_what_is_due_changes_nothing(self, stores: Stores) -> None:
        await stores.connect()
        await stores.schedule_due()
        first = await stores.schedules.due(10)
        assert (await stores.schedules.due(10)).schedules == first.schedules

    async def test_a_queued_or_running_job_of_its_frequency_is_in_flight(self, stores: Stores) -> None:
        await stores.connect()
        await stores.schedule_due()
        await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert [each.in_flight for each in (await stores.schedules.due(10)).schedules] == [True]
        [claimed] = await stores.claim()
        assert [each.in_flight for each in (await stores.schedules.due(10)).schedules] == [True]
        await stores.jobs.finish([AttemptResult(lease=claimed.job.lease, outcome=Outcome.FAILED)])
        assert [each.in_flight for each in (await stores.schedules.due(10)).schedules] == [False]

    async def test_jobs_of_others_are_not_in_flight(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key)
        await stores.schedule_due()
        await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)
        await stores.jobs.enqueue(some_id(), META, Frequency.HOURLY)
        await stores.jobs.enqueue(some_id(), ELSEWHERE, Frequency.HOURLY)
        assert [each.in_flight for each in (await stores.schedules.due(10)).schedules] == [False]

    async def test_a_schedule_that_is_switched_off_is_due_and_paused(self, stores: Stores) -> None:
        await stores.connect()
        saved = await stores.schedule_due()
        await stores.schedules.save(replace(saved, enabled=False))
        [due] = (await stores.schedules.due(10)).schedules
        assert due.paused_because

    async def test_a_schedule_of_an_expired_connection_is_due_and_paused(self, stores: Stores) -> None:
        connection = await stores.connect()
        await stores.schedule_due()
        await stores.connections.replace(replace(connection, status=ConnectionStatus.EXPIRED))
        [due] = (await stores.schedules.due(10)).schedules
        assert due.paused_because

    async def test_a_connection_with_an_error_is_synced_all_the_same(self, stores: Stores) -> None:
        connection = await stores.connect()
        await stores.schedule_due()
        await stores.connections.replace(replace(connection, status=ConnectionStatus.ERROR))
        [due] = (await stores.schedules.due(10)).schedules
        assert due.paused_because is None

    async def test_a_token_that_only_needs_its_refresh_pauses_nothing(self, stores: Stores) -> None:
        connection = await stores.connect()
        await stores.schedule_due()
        await stores.connections.replace(replace(connection, token_expires_at=await stores.now() - HOUR))
        [due] = (await stores.schedules.due(10)).schedules
        assert due.paused_because is None

    async def test_a_schedule_that_catches_up_with_all_is_not_due_while_its_job_is_active(self, stores: Stores) -> None:
        await stores.connect()
        saved = await stores.schedule_due()
        await stores.schedules.save(replace(saved, catch_up=CatchUp.ALL))
        claimed = await stores.running()
        assert (await stores.schedules.due(10)).schedules == []
        await stores.jobs.finish([AttemptResult(lease=claimed.job.lease, outcome=Outcome.SUCCEEDED)])
        assert len((await stores.schedules.due(10)).schedules) == 1

    async def test_one_that_is_not_due_for_its_job_leaves_its_place_to_others(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
            await stores.schedule_due(key, since=(2 if key == GOOGLE else 1) * MINUTE)
        catching_up = await stores.schedules.get(GOOGLE, Frequency.HOURLY)
        await stores.schedules.save(replace(catching_up, catch_up=CatchUp.ALL))
        await stores.running()
        assert [each.schedule.key for each in (await stores.schedules.due(1)).schedules] == [META]

    async def test_the_next_is_the_earliest_slot_of_all_studios_on_or_off(self, stores: Stores) -> None:
        for hours, key in enumerate((META, GOOGLE, ELSEWHERE), start=1):
            await stores.connect(key, a_schedule(key, next_slot_at=NOON - hours * HOUR, enabled=key != ELSEWHERE))
        assert await stores.schedules.next_due_at() == NOON - 3 * HOUR

    async def test_one_that_waits_for_its_job_is_not_the_next(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
        first = await stores.schedule_due(GOOGLE, since=2 * MINUTE)
        second = await stores.schedule_due(META, since=MINUTE)
        await stores.schedules.save(replace(first, catch_up=CatchUp.ALL))
        await stores.running()
        assert await stores.schedules.next_due_at() == second.next_slot_at

    async def test_one_schedule_can_be_asked_for_alone(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
            await stores.schedule_due(key)
        [due] = (await stores.schedules.due_of(META, Frequency.HOURLY)).schedules
        assert due in (await stores.schedules.due(10)).schedules
        assert (due.schedule.key, due.schedule.frequency) == (META, Frequency.HOURLY)

    async def test_a_schedule_that_is_not_due_is_not_when_asked_for_alone(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule(next_slot_at=NOON.replace(year=2999)))
        assert list((await stores.schedules.due_of(GOOGLE, Frequency.HOURLY)).schedules) == []
        assert list((await stores.schedules.due_of(META, Frequency.HOURLY)).schedules) == []

    async def test_a_schedule_that_waits_for_its_job_is_there_when_asked_for_alone(self, stores: Stores) -> None:
        await stores.connect()
        await stores.schedules.save(replace(await stores.schedule_due(), catch_up=CatchUp.ALL))
        await stores.running()
        [due] = (await stores.schedules.due_of(GOOGLE, Frequency.HOURLY)).schedules
        assert due.in_flight
