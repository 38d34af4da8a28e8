"""What becomes of due slots: each runs or is accounted for, and none twice."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.ports.timetable import Timetable
from anselai.domain.schedule import (
    CATCH_UP_LIMIT,
    SLOTS_PER_PLAN,
    CatchUp,
    DueSchedule,
    SlotPlan,
    SyncSchedule,
    plan_slots,
)
from anselai.domain.sync_job import Outcome

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class EveryHour(Timetable):
    def default_cron(self, frequency: str, hash_id: str) -> str:
        return "0 * * * *"

    def check(self, cron: str, timezone: str) -> None:
        return

    def next_after(self, frequency: str, cron: str, timezone: str, after: datetime) -> datetime:
        return after.replace(minute=0, second=0, microsecond=0) + HOUR


def plan(
    *, now: datetime, catch_up: CatchUp = CatchUp.LATEST, in_flight: bool = False, paused: str | None = None
) -> SlotPlan:
    schedule = SyncSchedule(
        key=ConnectionKey("default", "google"),
        frequency=Frequency.HOURLY,
        cron="0 * * * *",
        timezone="UTC",
        enabled=True,
        next_slot_at=NOON,
        catch_up=catch_up,
    )
    due = DueSchedule(schedule=schedule, in_flight=in_flight, paused_because=paused)
    return plan_slots(due, now=now, timetable=EveryHour())


def fates(planned: SlotPlan) -> list[tuple[str, datetime, datetime, int]]:
    return [(each.outcome, each.first, each.last, each.count) for each in planned.accounted]


def test_a_slot_that_is_on_time_runs() -> None:
    planned = plan(now=NOON + timedelta(seconds=1))
    assert (planned.run_slot_at, planned.accounted, planned.next_slot_at) == (NOON, (), NOON + HOUR)


def test_after_a_downtime_the_latest_slot_runs_and_stands_for_the_others() -> None:
    planned = plan(now=NOON + 3.5 * HOUR)
    assert planned.run_slot_at == NOON + 3 * HOUR
    assert fates(planned) == [(Outcome.COALESCED, NOON, NOON + 2 * HOUR, 3)]
    assert planned.next_slot_at == NOON + 4 * HOUR


def test_a_schedule_that_skips_runs_nothing_that_is_late_and_says_so() -> None:
    planned = plan(now=NOON + 2.5 * HOUR, catch_up=CatchUp.SKIP)
    assert planned.run_slot_at is None
    assert fates(planned) == [(Outcome.MISSED, NOON, NOON + 2 * HOUR, 3)]
    assert planned.next_slot_at == NOON + 3 * HOUR


def test_a_schedule_that_skips_still_runs_a_slot_that_is_only_seconds_late() -> None:
    planned = plan(now=NOON + 2 * HOUR + timedelta(seconds=30), catch_up=CatchUp.SKIP)
    assert planned.run_slot_at == NOON + 2 * HOUR
    assert fates(planned) == [(Outcome.MISSED, NOON, NOON + HOUR, 2)]


def test_catching_up_with_all_runs_the_oldest_first_and_leaves_the_next_due() -> None:
    planned = plan(now=NOON + 2.5 * HOUR, catch_up=CatchUp.ALL)
    assert (planned.run_slot_at, planned.accounted, planned.next_slot_at) == (NOON, (), NOON + HOUR)


def test_catching_up_with_all_goes_back_at_most_the_last_24_slots() -> None:
    planned = plan(now=NOON + 29.5 * HOUR, catch_up=CatchUp.ALL)  # 30 slots are due
    assert planned.run_slot_at == NOON + 6 * HOUR
    assert fates(planned) == [(Outcome.MISSED, NOON, NOON + 5 * HOUR, 6)]
    assert planned.next_slot_at == NOON + 7 * HOUR


def test_a_slot_that_comes_while_the_last_run_is_going_is_overlapped() -> None:
    planned = plan(now=NOON + timedelta(seconds=1), in_flight=True)
    assert planned.run_slot_at is None
    assert fates(planned) == [(Outcome.OVERLAPPED, NOON, NOON, 1)]
    assert planned.next_slot_at == NOON + HOUR


def test_slots_of_a_paused_schedule_pass_and_say_why() -> None:
    planned = plan(now=NOON + 1.5 * HOUR, paused="the connection is expired")
    assert planned.run_slot_at is None
    assert fates(planned) == [(Outcome.PAUSED, NOON, NOON + HOUR, 2)]
    assert planned.accounted[0].reason == "the connection is expired"


@given(
    late=st.timedeltas(min_value=timedelta(), max_value=timedelta(days=120)),
    catch_up=st.sampled_from(CatchUp),
    paused=st.sampled_from([None, "switched off"]),
    busy=st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_every_slot_up_to_now_has_exactly_one_fate_in_order(
    late: timedelta, catch_up: CatchUp, paused: str | None, busy: list[bool]
) -> None:
    now, timetable, slots, turn = NOON + late, EveryHour(), [], 0
    planned = plan(now=now, catch_up=catch_up, paused=paused, in_flight=busy[0] and catch_up is not CatchUp.ALL)
    while True:
        assert sum(each.count for each in planned.accounted) <= SLOTS_PER_PLAN
        for each in planned.accounted:
            slots += [each.first + HOUR * step for step in range(each.count)]
            assert each.last == slots[-1]
        if planned.run_slot_at is not None:
            slots.append(planned.run_slot_at)
            assert catch_up is not CatchUp.ALL or now - planned.run_slot_at < CATCH_UP_LIMIT * HOUR
        if planned.next_slot_at > now:
            break
        turn += 1
        due = DueSchedule(
            schedule=replace(planned.schedule, next_slot_at=planned.next_slot_at),
            in_flight=busy[turn % len(busy)] and catch_up is not CatchUp.ALL,
            paused_because=paused,
        )
        planned = plan_slots(due, now=now, timetable=timetable)
    assert slots == [NOON + HOUR * step for step in range(len(slots))]
    assert planned.next_slot_at == slots[-1] + HOUR
