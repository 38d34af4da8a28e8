"""A sync schedule, and the pure function that turns it and the present instant into a plan of slots."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.ports.timetable import Timetable
from anselai.domain.sync_job import Outcome

CATCH_UP_LIMIT = 24
SLOTS_PER_PLAN = 1000
MISFIRE_GRACE = timedelta(minutes=1)


class CatchUp(StrEnum):
    """What happens to slots that passed while nobody planned them."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSchedule:
    """When one frequency of a connection is synced: a cron in a time zone, and the next slot not planned yet."""

    key: ConnectionKey
    frequency: Frequency
    cron: str
    timezone: str
    enabled: bool
    next_slot_at: datetime
    catch_up: CatchUp = CatchUp.LATEST
    disabled_reason: str | None = None
    version: int = 1
    failures_in_row: int = 0  # runs that failed for good since the last success


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSchedule:
    """A schedule whose next slot has come, with what planning has to know of the world."""

    schedule: SyncSchedule
    in_flight: bool
    paused_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRange:
    """One row that accounts for `count` slots from `first` to `last`, none of which becomes a run."""

    outcome: Outcome
    first: datetime
    last: datetime
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlan:
    """What becomes of the due slots of one schedule. It holds only while the schedule is as it was read."""

    schedule: SyncSchedule
    run_slot_at: datetime | None
    accounted: tuple[SlotRange, ...]
    next_slot_at: datetime


def plan_slots(due: DueSchedule, *, now: datetime, timetable: Timetable) -> SlotPlan:
    """Give every slot up to `now` its fate: at most one runs, each other is accounted for.

    At most SLOTS_PER_PLAN slots are planned at once; what is left stays due and is planned by the next call.
    """
    slots, following = _slots_until(due.schedule, now, timetable)
    if due.paused_because is not None:
        return _without_run(due.schedule, slots, following, Outcome.PAUSED, due.paused_because)
    if due.schedule.catch_up is CatchUp.ALL:
        return _catch_up_with_all(due.schedule, slots, following, now)
    if due.in_flight:
        return _without_run(due.schedule, slots, following, Outcome.OVERLAPPED, "the run before it had not ended")
    if following <= now:
        return _without_run(due.schedule, slots, following, *_left_behind(due.schedule.catch_up))
    *earlier, last = slots
    if due.schedule.catch_up is CatchUp.SKIP and now - last > MISFIRE_GRACE:
        return _without_run(due.schedule, slots, following, *_left_behind(CatchUp.SKIP))
    outcome, reason = _left_behind(due.schedule.catch_up)
    return SlotPlan(
        schedule=due.schedule,
        run_slot_at=last,
        accounted=_ranges(earlier, outcome, reason),
        next_slot_at=following,
    )


def _slots_until(schedule: SyncSchedule, now: datetime, timetable: Timetable) -> tuple[list[datetime], datetime]:
    slots = [schedule.next_slot_at]
    while True:
        following = timetable.next_after(schedule.frequency, schedule.cron, schedule.timezone, slots[-1])
        if following > now or len(slots) == SLOTS_PER_PLAN:
            return slots, following
        slots.append(following)


def _left_behind(catch_up: CatchUp) -> tuple[Outcome, str]:
    if catch_up is CatchUp.SKIP:
        return Outcome.MISSED, "no scheduler was running at that time, and this schedule does not catch up"
    return Outcome.COALESCED, "no scheduler was running at that time; a later slot ran in its place"


def _catch_up_with_all(schedule: SyncSchedule, slots: list[datetime], following: datetime, now: datetime) -> SlotPlan:
    left_behind, kept = slots[:-CATCH_UP_LIMIT], slots[-CATCH_UP_LIMIT:]
    missed = _ranges(left_behind, Outcome.MISSED, f"catch-up repeats at most the last {CATCH_UP_LIMIT} slots")
    if following <= now:  # more slots are due than one plan holds, so the kept ones may be too old as well
        return SlotPlan(schedule=schedule, run_slot_at=None, accounted=missed, next_slot_at=kept[0])
    return SlotPlan(
        schedule=schedule,
        run_slot_at=kept[0],
        accounted=missed,
        next_slot_at=kept[1] if len(kept) > 1 else following,
    )


def _without_run(
    schedule: SyncSchedule, slots: list[datetime], following: datetime, outcome: Outcome, reason: str
) -> SlotPlan:
    return SlotPlan(
        schedule=schedule, run_slot_at=None, accounted=_ranges(slots, outcome, reason), next_slot_at=following
    )


def _ranges(slots: list[datetime], outcome: Outcome, reason: str) -> tuple[SlotRange, ...]:
    if not slots:
        return ()
    return (SlotRange(outcome=outcome, first=slots[0], last=slots[-1], count=len(slots), reason=reason),)
