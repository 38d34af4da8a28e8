"""Design: daylight saving time. Every zone of the tz database, every transition from 1990 to 2037.

Hourly means every elapsed hour. Daily and weekly run once per local day: in a fold at the first of the two instants, in
a gap at the first valid instant after it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from anselai.adapters.cron import CroniterTimetable
from anselai.domain.frequency import Frequency
from tests.unit.dst_oracle import DAY, HOUR, MINUTE, Cron, LocalTime, names_by_local_time, slots

TIMETABLE = CroniterTimetable()
TICK = timedelta(microseconds=1)
Transition = tuple[str, LocalTime, int, tuple[int, int]]
PARTS = 8  # so that the workers of a run share the zones
OF_USERS = [  # each with how far around what is repeated or left out its runs are looked at
    (Cron("*/15 * * * *", tuple(range(0, 24 * 60, 15))), HOUR),
    (Cron("0 */6 * * *", (0, 6 * 60, 12 * 60, 18 * 60)), DAY),
    (Cron("30 1,2,3 * * *", (90, 150, 210)), DAY),
]

each_part = pytest.mark.parametrize("part", range(PARTS))


@each_part
def test_an_hourly_schedule_runs_every_elapsed_hour(part: int) -> None:
    for name, local, transition, (low, high) in transitions(part):
        runs = hold(Frequency.HOURLY, Cron.hourly(17), name, local, transition, DAY)
        if (high - low) % HOUR == 0:  # a shift by half an hour makes one interval shorter, or longer
            assert {later - earlier for earlier, later in pairwise(runs)} == {timedelta(hours=1)}


@each_part
@pytest.mark.parametrize("minute", [0, 30, 59])
def test_an_hourly_schedule_may_have_any_minute(part: int, minute: int) -> None:
    for name, local, transition, (low, high) in once_each(transitions(part)):
        hold(Frequency.HOURLY, Cron.hourly(minute), name, local, transition, high - low + 3 * HOUR)


@each_part
def test_a_daily_schedule_runs_once_on_each_local_day(part: int) -> None:
    for name, local, transition, edges in transitions(part):
        for reading in readings_at(*edges):
            hold(Frequency.DAILY, Cron.at(reading), name, local, transition, DAY)


@each_part
def test_a_weekly_schedule_runs_once_on_its_weekday(part: int) -> None:
    for name, local, transition, edges in transitions(part):
        for reading in readings_at(*edges):
            hold(Frequency.WEEKLY, Cron.at(reading, weekly=True), name, local, transition, 8 * DAY)


@each_part
@pytest.mark.parametrize(("cron", "reach"), OF_USERS, ids=[cron.text for cron, _ in OF_USERS])
def test_a_cron_with_several_times_a_day_keeps_to_the_same_rules(part: int, cron: Cron, reach: int) -> None:
    for name, local, transition, (low, high) in once_each(transitions(part)):
        for frequency in Frequency:
            hold(frequency, cron, name, local, transition, high - low + reach)


@cache
def transitions(part: int) -> Sequence[Transition]:
    """A name of the zone, its local time for some days, the instant, and the edges of what is repeated or left out."""
    zones = names_by_local_time().items()
    every = sorted((after.start, name, local) for local, (name, *_) in zones for _, after in local.transitions())
    found = []
    for instant, name, local in every[len(every) * part // PARTS : len(every) * (part + 1) // PARTS]:
        near = local.around(instant - 11 * DAY, instant + 11 * DAY)
        shown = [instant + each.offset for each in near.around(instant - 1, instant + 1).stretches]
        found.append((name, near, instant, (min(shown), max(shown))))
    return found


def once_each(every: Sequence[Transition]) -> Iterable[Transition]:
    """One of those at which the clocks of several zones show the same, for all of the days that are looked at."""
    return {local: (name, local, instant, edges) for name, local, instant, edges in every}.values()


def readings_at(low: int, high: int) -> Sequence[int]:
    """Before, at both edges of, in the middle of, and after what is repeated or left out."""
    middle = (low + high) // 2
    return [low - MINUTE, low, middle - middle % MINUTE, high - MINUTE, high, high + MINUTE]


def hold(
    frequency: Frequency, cron: Cron, name: str, local: LocalTime, transition: int, reach: int
) -> Sequence[datetime]:
    """Compare the runs within `reach` of a transition with the oracle's; asked one after another, and from anywhere."""
    start, end = transition - reach, transition + reach
    offsets = [each.offset for each in local.stretches]
    right = sorted(slots(frequency, cron.readings(start + min(offsets), end + max(offsets) + DAY), local))
    expected = right[bisect_right(right, start) : bisect_right(right, end)]
    runs = [at(start)]
    while (run := TIMETABLE.next_after(frequency, cron.text, name, runs[-1])) <= at(end):
        assert run > runs[-1], (name, cron.text, runs[-1])
        runs.append(run)
    assert runs[1:] == [at(instant) for instant in expected], (name, cron.text, at(transition))
    for instant, following in questions(right, start, end, transition):
        answer = TIMETABLE.next_after(frequency, cron.text, name, instant)
        assert answer == at(following), (name, cron.text, instant)
    return runs[1:]


def questions(right: Sequence[int], start: int, end: int, transition: int) -> Iterator[tuple[datetime, int]]:
    """Instants within an interval between two slots, each with the slot that ends it."""
    for earlier, later in pairwise(right):
        if start <= earlier and later <= end and (later - earlier >= 6 * HOUR or abs(later - transition) <= HOUR):
            yield at((earlier + later) // 2), later
            yield at(later) - TICK, later
    yield at(transition) - TICK, right[bisect_left(right, transition)]
    yield at(transition), right[bisect_right(right, transition)]
    yield at(transition) + TICK, right[bisect_right(right, transition)]


def at(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
