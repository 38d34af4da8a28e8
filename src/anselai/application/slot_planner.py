"""Turns due schedules into queued jobs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import ConnectionChanged, ConnectionNotFound
from anselai.domain.frequency import Frequency
from anselai.domain.ports.clock import Clock, Ids
from anselai.domain.ports.schedules import DueSchedules, PlannedSlot, Schedules
from anselai.domain.ports.timetable import Timetable
from anselai.domain.schedule import CatchUp, DueSchedule, SlotPlan, SlotRange, SyncSchedule, plan_slots
from anselai.domain.sync_job import Outcome

T = TypeVar("T")
log = logging.getLogger("anselai.planner")

SCHEDULES_PER_TICK = 500
TIME_PER_TICK = 0.2  # seconds
CHANGED = "the schedule was changed before these slots were caught up with"
LOOK_AGAIN = timedelta(days=1)  # at a schedule that cannot be planned
CHANGE_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlanner:
    """Any number of planners may tick at once: the store lets each slot be planned by one of them."""

    schedules: Schedules
    timetable: Timetable
    clock: Clock
    ids: Ids

    async def tick(self) -> int:
        """Plan what is due, the longest due first; how many schedules were (0: nothing is left).

        At most SCHEDULES_PER_TICK, and no more than fit into TIME_PER_TICK: the rest is due at the next tick.
        """
        return await self._plan(await self.schedules.due(SCHEDULES_PER_TICK))

    async def now(self, key: ConnectionKey) -> datetime:
        """The store's present instant, by which slots come due, whatever the clock of this process says."""
        return (await self.schedules.due_of(key, Frequency.HOURLY)).now

    async def after_settling(
        self,
        key: ConnectionKey,
        frequencies: Sequence[Frequency],
        change: Callable[[datetime], Awaitable[T]],
        *,
        give_up: bool,
    ) -> T:
        """Settle these schedules and make the change, which gets the store's instant; and all of it again if a slot
        came due in between, or somebody else was faster. Raises what the change does: ConnectionChanged at last.
        """
        for _ in range(CHANGE_TRIES - 1):
            with suppress(ConnectionChanged):
                return await change(await self._settle_all(key, frequencies, give_up=give_up))
        return await change(await self._settle_all(key, frequencies, give_up=give_up))

    async def _settle_all(self, key: ConnectionKey, frequencies: Sequence[Frequency], *, give_up: bool) -> datetime:
        return min([await self._settle(key, each, give_up=give_up) for each in frequencies])

    async def _settle(self, key: ConnectionKey, frequency: Frequency, *, give_up: bool) -> datetime:
        """Account for every slot of this one schedule that is due, so that the schedule can be changed or removed.

        Slots that wait to be caught up with go on waiting, or with `give_up` are passed over and say why. The result
        is the store's present instant: every slot up to it is accounted for.
        """
        while (due := await self.schedules.due_of(key, frequency)).schedules:
            [each] = due.schedules
            if each.in_flight and each.schedule.catch_up is CatchUp.ALL and each.paused_because is None:
                if not give_up:
                    break
                due = replace(due, schedules=[replace(each, paused_because=CHANGED)])
            await self._plan(due)
        return due.now

    async def _plan(self, due: DueSchedules) -> int:
        planned = []
        until = self.clock.monotonic() + TIME_PER_TICK
        for each in due.schedules:
            plan = await self._plan_one(each, due.now)
            if plan is not None:
                planned.append(PlannedSlot(plan=plan, job_id=self.ids.new()))
            if self.clock.monotonic() > until:
                break
            await asyncio.sleep(0)  # crons take time, and this is not the only work of the process
        if planned:
            await self.schedules.commit(planned)
        return len(due.schedules)

    async def _plan_one(self, due: DueSchedule, now: datetime) -> SlotPlan | None:
        """The plan. A schedule whose slots cannot be computed is switched off, and the others go on."""
        try:
            return plan_slots(due, now=now, timetable=self.timetable)
        except Exception as error:
            schedule = due.schedule
            log.exception("The %s schedule of %s cannot be planned.", schedule.frequency, schedule.key.platform)
            reason = f"its next run could not be computed ({type(error).__name__}); change its cron or time zone"
            with suppress(ConnectionChanged, ConnectionNotFound):  # somebody else was faster
                stored = await self.schedules.save(replace(schedule, enabled=False, disabled_reason=reason))
                return _passed_over(stored, reason, now + LOOK_AGAIN)
            return None


def _passed_over(schedule: SyncSchedule, reason: str, next_slot_at: datetime) -> SlotPlan:
    slot = schedule.next_slot_at
    paused = SlotRange(outcome=Outcome.PAUSED, first=slot, last=slot, count=1, reason=reason)
    return SlotPlan(schedule=schedule, run_slot_at=None, accounted=(paused,), next_slot_at=next_slot_at)
