"""Instants, lengths of time and counts, as a person reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

LONGEST_QUOTE = 300  # characters of what a platform said; the log has all of it

_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))
_FIRST = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTime:
    """Tells instants in a zone: the time of day, with its day where that is not the day of `now`."""

    now: datetime
    zone: ZoneInfo

    @classmethod
    def of(cls, now: datetime, zone: str) -> "LocalTime":
        """In UTC where that zone is not known here."""
        try:
            return cls(now=now, zone=ZoneInfo(zone))
        except (OSError, ValueError, KeyError):  # no such file, no name of one, or not in the package of zones
            return cls(now=now, zone=ZoneInfo("UTC"))

    def name(self, instant: datetime) -> str:
        """`14:17`, `19 May 14:17`, `19 May 2025 14:17`."""
        return f"{self._day(instant)} {self._time(instant)}".strip()

    def at(self, instant: datetime) -> str:
        """`at 14:17`, `on 19 May at 14:17`."""
        day = self._day(instant)
        return f"on {day} at {self._time(instant)}" if day else f"at {self._time(instant)}"

    def _day(self, instant: datetime) -> str:
        day, today = instant.astimezone(self.zone), self.now.astimezone(self.zone)
        if day.date() == today.date():
            return ""
        return f"{day.day} {day:%b}" if day.year == today.year else f"{day.day} {day:%b %Y}"

    def _time(self, instant: datetime) -> str:
        local = instant.astimezone(self.zone)
        comes_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        return f"{local:%H:%M %Z}" if comes_twice else f"{local:%H:%M}"


def distance(away: timedelta) -> str:
    """`in 3 hours`, `2 days ago`: in the largest unit that fits at least once."""
    length = abs(away)
    for unit, name in _UNITS:
        count = length // unit
        if count:
            text = counted(count, name)
            return f"in {text}" if away > timedelta() else f"{text} ago"
    return "in less than a minute" if away > timedelta() else "just now"


def length(time: timedelta) -> str:
    """`40 ms`, `3 s`, `2 min 5 s`, `1 h 30 min`."""
    if time < timedelta(seconds=1):
        return f"{max(time, timedelta()) // timedelta(milliseconds=1)} ms"
    seconds = round(time.total_seconds())
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def ordinal(place: int) -> str:
    """`first` to `tenth`, then `11th`."""
    if 1 <= place <= len(_FIRST):
        return _FIRST[place - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th") if place % 100 not in (11, 12, 13) else "th"
    return f"{place}{ending}"


def listed(names: Sequence[str]) -> str:
    """`hourly`, `hourly and daily`, `hourly, daily and weekly`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def quoted(*told: str | None) -> str:
    """What a code and a message tell, as the end of a sentence: `: CODE: message.`; a full stop if nothing was told."""
    text = " ".join(": ".join(filter(None, told)).split())
    if len(text) > LONGEST_QUOTE:
        text = f"{text[:LONGEST_QUOTE].rstrip()} …"
    if not text:
        return "."
    return f": {text}" if text.endswith((".", "!", "?", "…")) else f": {text}."
