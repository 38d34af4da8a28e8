"""What every Schedules has to do."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contracts.stores import ELSEWHERE, HOUR, META, MINUTE, OTHER_STUDIO, SECOND, Stores
from tests.fakes import NOON
from tests.samples import GOOGLE, a_schedule, some_id

from anselai.domain.connection import ConnectionKey, ConnectionStatus
from anselai.domain.errors import ConnectionChanged, ConnectionNotFound, NotFound
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp, SlotRange
from anselai.domain.sync_job import AttemptResult, JobState, Outcome, Trigger


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
        await stores.connect(GOOGLE, a_schedule())
        wanted = a_schedule(
            next_slot_at=NOON + HOUR,
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

    async def test_a_schedule_of_a_connection_that_is_gone_is_refused(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule())
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


class CommittingPlansContract:
    async def test_a_plan_moves_the_next_slot_and_queues_its_job(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        planned = stores.plan(schedule)
        assert await stores.schedules.commit([planned]) == 1
        moved = await stores.schedules.get(GOOGLE, Frequency.HOURLY)
        assert replace(moved, version=0) == replace(schedule, next_slot_at=planned.plan.next_slot_at, version=0)
        job = await stores.jobs.get("default", planned.job_id)
        assert (job.key, job.frequency, job.trigger) == (GOOGLE, Frequency.HOURLY, Trigger.SCHEDULE)
        assert (job.slot_at, job.state, job.attempt) == (schedule.next_slot_at, JobState.QUEUED, 0)
        assert [each.job.id for each in await stores.claim()] == [planned.job_id]

    async def test_accounted_slots_get_their_rows_in_the_log(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        slot = schedule.next_slot_at
        missed = SlotRange(outcome=Outcome.MISSED, first=slot - 3 * HOUR, last=slot - HOUR, count=3, reason="down")
        paused = SlotRange(outcome=Outcome.PAUSED, first=slot, last=slot, count=1, reason="switched off")
        assert await stores.schedules.commit([stores.plan(schedule, missed, paused, run=False)]) == 1
        rows = {row.outcome: row for row in await stores.log()}
        assert rows.keys() == {Outcome.MISSED, Outcome.PAUSED}
        for accounted in (missed, paused):
            row = rows[accounted.outcome]
            assert (row.slot_at, row.slot_last_at, row.count) == (accounted.first, accounted.last, accounted.count)
            assert (row.platform, row.frequency, row.trigger) == ("google", Frequency.HOURLY, Trigger.SCHEDULE)
            assert (row.message, row.job_id, row.attempt) == (accounted.reason, None, None)
        assert await stores.jobs.active("default") == []

    async def test_no_plans_are_no_work(self, stores: Stores) -> None:
        assert await stores.schedules.commit([]) == 0

    async def test_of_planners_that_plan_the_same_slot_at_once_one_queues_it(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        plans = [stores.plan(schedule) for _ in range(5)]
        assert sum(await asyncio.gather(*(stores.schedules.commit([each]) for each in plans))) == 1
        assert len(await stores.jobs.active("default")) == 1
        assert await stores.log() == []

    async def test_planners_that_share_many_schedules_plan_each_once(self, stores: Stores) -> None:
        keys = [ConnectionKey("default", f"platform-{n}") for n in range(8)]
        for key in keys:
            await stores.connect(key)
        schedules = [await stores.schedule_due(key) for key in keys]
        batches = [[stores.plan(each) for each in order] for order in (schedules, schedules[::-1], schedules)]
        assert sum(await asyncio.gather(*(stores.schedules.commit(each) for each in batches))) == len(keys)
        assert len(await stores.jobs.active("default")) == len(keys)
        assert await stores.log() == []

    async def test_a_slot_is_planned_once_though_a_batch_holds_it_twice(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        assert await stores.schedules.commit([stores.plan(schedule), stores.plan(schedule)]) == 1
        assert len(await stores.jobs.active("default")) == 1
        assert await stores.log() == []

    async def test_a_plan_is_lost_when_the_schedule_was_saved_meanwhile(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        saved = await stores.schedules.save(replace(schedule, cron="3 * * * *"))
        missed = SlotRange(outcome=Outcome.MISSED, first=NOON, last=NOON, count=1, reason="down")
        assert await stores.schedules.commit([stores.plan(schedule, missed)]) == 0
        assert await stores.schedules.get(GOOGLE, Frequency.HOURLY) == saved
        assert await stores.jobs.active("default") == []
        assert await stores.log() == []

    async def test_a_plan_is_lost_when_the_next_slot_is_another(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        elsewhen = replace(schedule, next_slot_at=schedule.next_slot_at - HOUR)
        assert await stores.schedules.commit([stores.plan(elsewhen)]) == 0
        assert await stores.schedules.get(GOOGLE, Frequency.HOURLY) == schedule

    async def test_a_plan_is_lost_when_the_connection_was_removed(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        await stores.connections.remove(GOOGLE)
        assert await stores.schedules.commit([stores.plan(schedule)]) == 0
        assert await stores.claim() == []

    async def test_lost_plans_do_not_hold_up_those_beside_them(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
        lost, held = await stores.schedule_due(), await stores.schedule_due(META)
        await stores.schedules.save(lost)
        assert await stores.schedules.commit([stores.plan(lost), stores.plan(held)]) == 1
        assert [each.key for each in await stores.jobs.active("default")] == [META]

    async def test_a_schedule_that_was_planned_meanwhile_cannot_be_set_back(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        await stores.schedules.commit([stores.plan(schedule)])
        with pytest.raises(ConnectionChanged):
            await stores.schedules.save(replace(schedule, cron="3 * * * *"))

    async def test_a_slot_whose_frequency_is_active_becomes_overlapped(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        running = await stores.running()
        planned = stores.plan(schedule)
        assert await stores.schedules.commit([planned]) == 1
        assert [each.id for each in await stores.jobs.active("default")] == [running.job.id]
        [row] = await stores.log()
        assert (row.outcome, row.slot_at, row.count) == (Outcome.OVERLAPPED, schedule.next_slot_at, 1)
        assert row.message
        moved = await stores.schedules.get(GOOGLE, Frequency.HOURLY)
        assert moved.next_slot_at == planned.plan.next_slot_at

    async def test_a_slot_that_has_a_job_already_becomes_overlapped(self, stores: Stores) -> None:
        await stores.connect()
        schedule = await stores.schedule_due()
        await stores.schedules.commit([stores.plan(schedule)])
        [claimed] = await stores.claim()
        await stores.jobs.finish([AttemptResult(lease=claimed.job.lease, outcome=Outcome.SUCCEEDED)])
        moved = await stores.schedules.get(GOOGLE, Frequency.HOURLY)
        set_back = await stores.schedules.save(replace(moved, next_slot_at=schedule.next_slot_at))
        assert await stores.schedules.commit([stores.plan(set_back)]) == 1
        assert await stores.jobs.active("default") == []
        assert [row.outcome for row in await stores.log()] == [Outcome.OVERLAPPED, Outcome.SUCCEEDED]

    async def test_the_same_slot_of_another_frequency_or_studio_is_another_slot(self, stores: Stores) -> None:
        slot = await stores.now() - MINUTE
        schedules = [
            a_schedule(GOOGLE, Frequency.HOURLY, slot),
            a_schedule(GOOGLE, Frequency.DAILY, slot),
            a_schedule(META, Frequency.HOURLY, slot),
            a_schedule(ELSEWHERE, Frequency.HOURLY, slot),
        ]
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key, *(each for each in schedules if each.key == key))
        assert await stores.schedules.commit([stores.plan(each) for each in schedules]) == 4
        assert len(await stores.jobs.active("default")) == 3
        assert len(await stores.jobs.active(OTHER_STUDIO)) == 1

    async def test_the_job_of_the_earlier_slot_runs_first(self, stores: Stores) -> None:
        for key in (GOOGLE, META):
            await stores.connect(key)
        later, earlier = await stores.schedule_due(since=SECOND), await stores.schedule_due(META, since=HOUR)
        await stores.schedules.commit([stores.plan(later)])
        await stores.schedules.commit([stores.plan(earlier)])
        assert [each.job.key for each in await stores.claim(limit=1)] == [META]

    async def test_a_day_of_slots_leaves_one_job_or_row_for_each(self, stores: Stores) -> None:
        await stores.connect()
        await stores.schedule_due(since=timedelta(hours=23, minutes=30))
        while (due := await stores.schedules.due(10)).schedules:
            [only] = due.schedules
            await stores.schedules.commit([stores.plan(only.schedule)])
        [job] = await stores.jobs.active("default")
        rows = await stores.log()
        assert {row.outcome for row in rows} == {Outcome.OVERLAPPED}
        slots = {job.slot_at, *(row.slot_at for row in rows)}
        assert len(slots) == 24
