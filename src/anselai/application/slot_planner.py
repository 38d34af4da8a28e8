"""Turns due schedules into queued jobs."""

from dataclasses import dataclass

from anselai.domain.ports.clock import Ids
from anselai.domain.ports.schedules import PlannedSlot, Schedules
from anselai.domain.ports.timetable import Timetable
from anselai.domain.schedule import plan_slots

SCHEDULES_PER_TICK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlanner:
    """Any number of planners may tick at once: the store lets each slot be planned by one of them."""

    schedules: Schedules
    timetable: Timetable
    ids: Ids

    async def tick(self) -> int:
        """Plan what is due, at most SCHEDULES_PER_TICK schedules; how many there were (0: nothing is left)."""
        due = await self.schedules.due(SCHEDULES_PER_TICK)
        if not due.schedules:
            return 0
        await self.schedules.commit(
            [
                PlannedSlot(plan=plan_slots(each, now=due.now, timetable=self.timetable), job_id=self.ids.new())
                for each in due.schedules
            ]
        )
        return len(due.schedules)
