"""The arithmetic of crons and time zones."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol


class Timetable(Protocol):
    """Turns a cron expression in an IANA time zone into instants. Pure: the same question has the same answer.

    Hourly schedules run at every instant whose local time matches, so both halves of an autumn fold run, and of a gap
    nothing: once every elapsed hour, except that a shift by half an hour (Lord Howe) makes one wait half or one and a
    half of one. Daily and weekly ones run once per local day: in a fold at the first of the two instants, in a spring
    gap at the first valid instant after it; a local day that does not exist at all is left out by daily schedules, and
    weekly ones run at the first instant after it. A cron with several times a day keeps to this at each of them, and
    those that fall into one gap are one run.
    """

    @abstractmethod
    def default_cron(self, frequency: str, hash_id: str) -> str:
        """A cron of that frequency whose minute (hour, weekday) is spread evenly by a hash of `hash_id`."""

    @abstractmethod
    def check(self, cron: str, timezone: str) -> None:
        """Raise InvalidInput, with path `cron` or `timezone`, unless both are valid and the cron ever fires.

        A cron has five fields and may not be finer than a minute.
        """

    @abstractmethod
    def next_after(self, frequency: str, cron: str, timezone: str, after: datetime) -> datetime:
        """The first slot strictly after `after`, aware and in UTC."""
