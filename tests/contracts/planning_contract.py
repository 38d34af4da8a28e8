"""What every Schedules has to do with plans of slots."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import ConnectionChanged
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import SlotRange
from anselai.domain.sync_job import AttemptResult, JobState, Outcome, Trigger
from tests.contracts.stores import ELSEWHERE, FAR_OFF, HOUR, META, MINUTE, OTHER_STUDIO, SECOND, Stores
from tests.fakes import NOON
from tests.samples import GOOGLE, a_schedule


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
        schedule = a_schedule(next_slot_at=FAR_OFF)
        await stores.connect(GOOGLE, schedule)
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
