"""Any cron that is accepted, in any zone, at any instant: its runs never go backwards, and none is left out."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from anselai.adapters.cron import CroniterTimetable
from anselai.domain.frequency import Frequency
from tests.unit.dst_oracle import HOUR, LocalTime, local_time, slots

TIMETABLE = CroniterTimetable()
TICK = timedelta(microseconds=1)
FIRST, LAST = datetime(1990, 1, 1), datetime(2036, 1, 1)
FOLD = 8 * HOUR  # the longest is seven (Antarctica/Vostok, 1994)


def field(low: int, high: int) -> SearchStrategy[str]:
    value = st.integers(low, high)
    pair = st.tuples(value, value).map(sorted)
    step = st.integers(1, high)
    single = value.map(str)
    span = pair.map(lambda ends: f"{ends[0]}-{ends[1]}")
    steps = st.one_of(
        step.map(lambda by: f"*/{by}"),
        st.tuples(span, step).map(lambda each: f"{each[0]}/{each[1]}"),
    )
    several = st.lists(st.one_of(single, span, steps), min_size=2, max_size=3).map(",".join)
    return st.one_of(single, st.just("*"), span, steps, several)


MINUTES, HOURS, WEEKDAYS = field(0, 59), field(0, 23), field(0, 6)
DAYS = st.one_of(field(1, 28), st.sampled_from(["L", "15W", "31", "29,30"]))
MONTHS = st.one_of(field(1, 12), st.sampled_from(["JAN,JUL", "mar-oct"]))
NAMED = st.one_of(WEEKDAYS, st.sampled_from(["sun", "MON-FRI", "1#2", "L5", "0,7"]))
ON_ANY_DAY = st.tuples(MINUTES, HOURS).map(lambda each: f"{each[0]} {each[1]} * * *")
ON_SOME_DAYS = st.tuples(
    MINUTES,
    HOURS,
    st.one_of(
        st.tuples(DAYS, st.just("*"), st.just("*")),
        st.tuples(st.just("*"), MONTHS, NAMED),
        st.tuples(st.just("*"), st.just("*"), NAMED),
        st.tuples(field(1, 28), MONTHS, st.just("*")),
        st.tuples(field(1, 28), st.just("*"), WEEKDAYS),
    ).map(" ".join),
).map(" ".join)
CRONS = st.one_of(ON_ANY_DAY, ON_SOME_DAYS)
ZONES = st.sampled_from(sorted(zoneinfo.available_timezones()))
FREQUENCIES = st.sampled_from(Frequency)
ANY_TIME = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


@st.composite
def instants(draw: st.DrawFn, zone: str) -> datetime:
    """Mostly in the days around a transition, if the zone has any."""
    transitions = [after.start for _, after in local_time(zone).transitions() if after.start < LAST.timestamp()]
    if not transitions or draw(st.integers(0, 3)) == 0:
        return draw(ANY_TIME)
    near = datetime.fromtimestamp(draw(st.sampled_from(transitions)), UTC)
    reach = draw(st.sampled_from([timedelta(hours=2), timedelta(hours=30)]))
    return near + draw(st.timedeltas(-reach, reach))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), frequency=FREQUENCIES, cron=CRONS, zone=ZONES)
def test_the_next_run_is_the_first_that_the_clock_and_the_cron_agree_on(
    data: st.DataObject, frequency: Frequency, cron: str, zone: str
) -> None:
    after = data.draw(instants(zone))
    TIMETABLE.check(cron, "UTC")
    following = TIMETABLE.next_after(frequency, cron, zone, after)
    assert after < following
    assert following.tzinfo is UTC
    assert following == expected(frequency, cron, zone, after)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), frequency=FREQUENCIES, cron=CRONS, zone=ZONES)
def test_the_next_run_never_goes_backwards_and_is_the_same_until_it_comes(
    data: st.DataObject, frequency: Frequency, cron: str, zone: str
) -> None:
    after = data.draw(instants(zone))
    following = TIMETABLE.next_after(frequency, cron, zone, after)
    later = after + data.draw(st.timedeltas(timedelta(), timedelta(days=3)))
    answer = TIMETABLE.next_after(frequency, cron, zone, later)
    assert answer >= following
    assert (answer == following) == (later < following)
    assert TIMETABLE.next_after(frequency, cron, zone, following - TICK) == following


@settings(max_examples=300, deadline=None)
@given(data=st.data(), frequency=FREQUENCIES, cron=ON_ANY_DAY, zone=ZONES)
def test_a_wait_is_no_longer_than_the_crons_longest_even_where_the_clock_is_changed(
    data: st.DataObject, frequency: Frequency, cron: str, zone: str
) -> None:
    """After a change an hourly schedule may wait twice that, and the others by as much longer as the change."""
    after = data.draw(instants(zone))
    wait = TIMETABLE.next_after(frequency, cron, zone, after) - after
    start, end = int(after.timestamp()), int((after + wait).timestamp())
    offsets = [each.offset for each in local_time(zone).around(start - FOLD, end + 1).stretches]
    longest = longest_wait(cron)
    if len(offsets) == 1:
        assert wait <= longest
    elif frequency == Frequency.HOURLY:
        assert wait <= 2 * longest
    else:
        assert wait <= longest + timedelta(seconds=max(offsets) - min(offsets))


@settings(max_examples=300, deadline=None)
@given(frequency=FREQUENCIES, cron=CRONS, after=ANY_TIME)
def test_in_utc_a_cron_means_what_croniter_says(frequency: Frequency, cron: str, after: datetime) -> None:
    plain = croniter(cron, after.replace(tzinfo=None)).get_next(datetime)
    assert TIMETABLE.next_after(frequency, cron, "UTC", after) == plain.replace(tzinfo=UTC)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), frequency=FREQUENCIES, cron=CRONS, zone=ZONES)
def test_an_instant_is_the_same_one_in_whatever_zone_it_is_written(
    data: st.DataObject, frequency: Frequency, cron: str, zone: str
) -> None:
    after = data.draw(instants(zone))
    written = [after.astimezone(zoneinfo.ZoneInfo(each)) for each in (zone, data.draw(ZONES))]
    answer = TIMETABLE.next_after(frequency, cron, zone, after)
    assert [TIMETABLE.next_after(frequency, cron, zone, each) for each in written] == [answer, answer]


def expected(frequency: Frequency, cron: str, zone: str, after: datetime) -> datetime:
    """By plain croniter, which names readings of a clock that is never changed, and by the oracle."""
    start, local = int(after.timestamp()), local_time(zone)
    runs = croniter(cron, start + offset_at(local, start) - FOLD)
    readings, found = list[int](), set[int]()
    while not found or readings[-1] < min(found) + offset_at(local, min(found)) + FOLD:
        readings.append(int(runs.get_next(float)))
        found |= {instant for instant in slots(frequency, readings[-1:], local) if instant > start}
    return datetime.fromtimestamp(min(found), UTC)


def offset_at(local: LocalTime, instant: int) -> int:
    return local.around(instant, instant + 1).stretches[0].offset


def longest_wait(cron: str) -> timedelta:
    (minutes, hours, *_), _ = croniter.expand(cron)
    every = [range(60) if "*" in minutes else minutes, range(24) if "*" in hours else hours]
    times = sorted(60 * hour + minute for minute, hour in product(*every))
    return timedelta(minutes=max(later - earlier for earlier, later in pairwise([*times, times[0] + 24 * 60])))
