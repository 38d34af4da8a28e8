"""croniter's only home. It says what a cron's fields mean, and which local days match; it never sees a time zone.

The time within a day is ours, since croniter takes 0.1 ms for it, and a planner asks for every due schedule. So is
turning local times into instants: see the policy in the Timetable port.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from anselai.domain.errors import InvalidInput
from anselai.domain.frequency import Frequency
from anselai.domain.ports.timetable import Timetable

# Hashed, each field by digits of its own, so that all minutes of a day and of a week are used alike.
_DEFAULTS = {
    Frequency.HOURLY: "{minute} * * * *",
    Frequency.DAILY: "{minute} {hour} * * *",
    Frequency.WEEKLY: "{minute} {hour} * * {weekday}",
}
_FIELD = re.compile(r"[0-9A-Za-z*/,\-#?]+")
_LONGEST_CRON = 100
_OF_THE_HOST = frozenset({"localtime", "posixrules", "Factory"})  # files beside the zones, on some machines
_DAY, _SECOND, _ZERO = timedelta(days=1), timedelta(seconds=1), timedelta()


@dataclass(frozen=True, slots=True)
class CroniterTimetable(Timetable):
    def default_cron(self, frequency: str, hash_id: str) -> str:
        number = int.from_bytes(blake2b(hash_id.encode(), digest_size=8).digest())
        return _DEFAULTS[Frequency(frequency)].format(
            minute=number % 60, hour=number // 60 % 24, weekday=number // (60 * 24) % 7
        )

    def check(self, cron: str, timezone: str) -> None:
        fields = _fields_of(cron)
        if len(fields) != 5 or len(cron) > _LONGEST_CRON or not all(_FIELD.fullmatch(each) for each in fields):
            raise InvalidInput.of("cron", "must have five fields: minute hour day-of-month month day-of-week")
        if any(each[:1] in "HhRr" for each in fields):
            raise InvalidInput.of("cron", "must not be hashed or random (H, R): write the times themselves")
        try:
            croniter(cron, datetime(2024, 1, 1)).get_next(datetime)  # noqa: DTZ001  naive local time is meant
        except CroniterBadDateError:
            raise InvalidInput.of("cron", "never fires") from None
        except (CroniterBadCronError, ValueError, KeyError) as error:
            raise InvalidInput.of("cron", f"is not valid: {error}") from None
        if not _is_zone(timezone):
            raise InvalidInput.of("timezone", "must be an IANA time zone, for example Europe/Berlin")

    def next_after(self, frequency: str, cron: str, timezone: str, after: datetime) -> datetime:
        zone = _zone(timezone)
        if frequency == Frequency.HOURLY:
            return _next_matching_instant(cron, zone, after)
        return _next_on_local_days(cron, zone, after, daily=frequency == Frequency.DAILY)


def _fields_of(cron: object) -> Sequence[str]:
    return cron.split(" ") if isinstance(cron, str) else ()


def _is_zone(name: object) -> bool:
    return isinstance(name, str) and name in _zones()


@cache
def _zones() -> frozenset[str]:
    """The names that mean the same on every machine. Reading them takes some tens of milliseconds."""
    return frozenset(available_timezones()) - _OF_THE_HOST


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _next_local(cron: str, after: datetime) -> datetime:
    """The first wall-clock time after `after` (both naive) that the cron names."""
    minute, hour, days = cron.split(" ", 2)
    minutes, hours = _values(minute, hour)
    today = after.date()
    day = _first_day(days, today)
    if day == today:
        if after.hour in hours and (index := bisect_right(minutes, after.minute)) < len(minutes):
            return datetime.combine(day, time(after.hour, minutes[index]))
        if (index := bisect_right(hours, after.hour)) < len(hours):
            return datetime.combine(day, time(hours[index], minutes[0]))
        day = _first_day(days, today + _DAY)
    return datetime.combine(day, time(hours[0], minutes[0]))


@lru_cache(maxsize=4096)
def _values(minute: str, hour: str) -> tuple[Sequence[int], Sequence[int]]:
    """The minutes and the hours that these two fields name, each in order."""
    (minutes, hours, *_), _ = croniter.expand(f"{minute} {hour} * * *")
    return range(60) if "*" in minutes else tuple(sorted(minutes)), range(24) if "*" in hours else tuple(sorted(hours))


@lru_cache(maxsize=4096)
def _first_day(days: str, earliest: date) -> date:
    """The first local day, from `earliest` on, that the last three fields name."""
    just_before = datetime.combine(earliest, time()) - _SECOND
    return croniter(f"0 0 {days}", just_before).get_next(datetime).date()  # type: ignore[no-any-return]


def _next_matching_instant(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Hourly: the first instant whose local time matches, stretch by stretch of one UTC offset.

    Within a stretch local time is UTC plus a constant, so both halves of a fold are seen, and a gap is never entered.
    """
    start, exclusive = after.astimezone(UTC), True
    while True:
        offset = _offset(zone, start)
        local = start.replace(tzinfo=None) + offset
        candidate = _next_local(cron, local if exclusive else local - _SECOND)
        instant = (candidate - offset).replace(tzinfo=UTC)
        transition = _first_transition(zone, start, instant, offset)
        if transition is None:
            return instant
        start, exclusive = transition, False


def _next_on_local_days(cron: str, zone: ZoneInfo, after: datetime, *, daily: bool) -> datetime:
    """Daily and weekly: wall-clock times one after another, each turned into its one instant."""
    local = after.astimezone(zone).replace(tzinfo=None, fold=0)
    while True:
        local = _next_local(cron, local)
        instant = local.replace(tzinfo=zone).astimezone(UTC)  # fold=0: the first of the two instants of a fold
        if instant.astimezone(zone).replace(tzinfo=None) != local:  # in a gap: no such time on that day
            before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
            transition = _first_transition(zone, before, instant, _offset(zone, before))
            if transition is None or (daily and _is_missing(local.date(), zone, transition)):
                continue
            instant = transition
        if instant > after:
            return instant


def _is_missing(day: date, zone: ZoneInfo, transition: datetime) -> bool:
    """Whether the transition leaves out the whole day (Samoa, 30 December 2011)."""
    before = transition - _SECOND
    return before.astimezone(zone).date() < day < transition.astimezone(zone).date()


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or _ZERO


def _first_transition(zone: ZoneInfo, start: datetime, end: datetime, offset: timedelta) -> datetime | None:
    """The first instant in (start, end] with another UTC offset than `start` has; no zone changes twice in a day."""
    low = start
    while low < end:
        high = min(low + _DAY, end)
        if _offset(zone, high) != offset:
            while high - low > _SECOND:
                middle = low + (high - low) / 2
                low, high = (low, middle) if _offset(zone, middle) != offset else (middle, high)
            return high.replace(microsecond=0)
        low = high
    return None
