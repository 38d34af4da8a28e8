"""When a cron fires, by another road than the product's: no croniter, and of zoneinfo only which offset an instant has.

All numbers are seconds. Instants count from 1970 in UTC; readings count what a local clock shows as if it were UTC.
"""

import zoneinfo
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

from anselai.domain.frequency import Frequency

MINUTE, HOUR, DAY = 60, 3600, 86400
STEP = 5 * DAY  # no two changes of an offset are closer: test_dst_zones holds that against the zones' files
FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1990, 2038))
SAMPLED = range(FIRST - 30 * DAY, LAST + 30 * DAY, STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The instants from `start` until before `end`, in which the zone is `offset` ahead of UTC."""

    start: int
    end: int
    offset: int


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A zone from the end of 1989 to the beginning of 2038."""

    stretches: tuple[Stretch, ...]

    def transitions(self) -> Iterator[tuple[Stretch, Stretch]]:
        """What was before and what is after, for each from 1990 to 2037."""
        for before, after in zip(self.stretches, self.stretches[1:], strict=False):
            if FIRST <= after.start < LAST:
                yield before, after

    def around(self, start: int, end: int) -> "LocalTime":
        inside = [each for each in self.stretches if each.end > start and each.start < end]
        return LocalTime(tuple(replace(s, start=max(s.start, start), end=min(s.end, end)) for s in inside))

    def reads(self, reading: int) -> list[int]:
        """The instants at which the clock shows that: one, or two in a fold, or none in a gap."""
        return [reading - s.offset for s in self.stretches if s.start <= reading - s.offset < s.end]

    def first_reaches(self, reading: int) -> int | None:
        """The first instant at which the clock shows that or more; None after the last stretch."""
        for each in self.stretches:
            if reading - each.offset < each.end:
                return max(each.start, reading - each.offset)
        return None

    def has_day(self, reading: int) -> bool:
        midnight = reading - reading % DAY
        return any(s.start + s.offset < midnight + DAY and s.end + s.offset > midnight for s in self.stretches)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron as text, and what it means: minutes of the day, and the weekday (Sunday is 0) if it is only one."""

    text: str
    minutes: tuple[int, ...]
    weekday: int | None = None

    @classmethod
    def at(cls, reading: int, *, weekly: bool = False) -> "Cron":
        minute = reading % DAY // MINUTE
        weekday = (reading // DAY + 4) % 7 if weekly else None  # 1970 began on a Thursday
        return cls(f"{minute % 60} {minute // 60} * * {'*' if weekday is None else weekday}", (minute,), weekday)

    @classmethod
    def hourly(cls, minute: int) -> "Cron":
        return cls(f"{minute} * * * *", tuple(range(minute, 24 * 60, 60)))

    def readings(self, start: int, end: int) -> Sequence[int]:
        days = [day for day in range(start // DAY, end // DAY + 1) if self.weekday in (None, (day + 4) % 7)]
        readings = [day * DAY + minute * MINUTE for day in days for minute in self.minutes]
        return [each for each in readings if start <= each <= end]


def slots(frequency: Frequency, readings: Iterable[int], local: LocalTime) -> set[int]:
    """Hourly: whenever the clock shows one of the readings. Daily and weekly: each once, when it is first reached."""
    if frequency == Frequency.HOURLY:
        return {instant for reading in readings for instant in local.reads(reading)}
    weekly = frequency == Frequency.WEEKLY
    reached = {local.first_reaches(reading) for reading in readings if weekly or local.has_day(reading)}
    return {instant for instant in reached if instant is not None}


@cache
def local_time(name: str) -> LocalTime:
    zone = zoneinfo.ZoneInfo(name)
    stretches = []
    start, offset = SAMPLED[0], _offset(zone, SAMPLED[0])
    for instant in SAMPLED:
        if _offset(zone, instant) != offset:
            end = _change(zone, instant - STEP, instant)
            stretches.append(Stretch(start=start, end=end, offset=offset))
            start, offset = end, _offset(zone, instant)
    return LocalTime((*stretches, Stretch(start=start, end=SAMPLED[-1], offset=offset)))


@cache
def names_by_local_time() -> Mapping[LocalTime, Sequence[str]]:
    """Every zone of the tz database; those that are alike in all these years stand together."""
    names = defaultdict(list)
    for name in sorted(zoneinfo.available_timezones()):
        names[local_time(name)].append(name)
    return names


def _change(zone: zoneinfo.ZoneInfo, low: int, high: int) -> int:
    offset = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high


def _offset(zone: zoneinfo.ZoneInfo, instant: int) -> int:
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    assert offset is not None
    return offset.days * DAY + offset.seconds
