"""The arithmetic of crons and time zones."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol


class Timetable(Protocol):
    """Turns a cron expression in an IANA time zone into instants. Pure: the same question has the same answer.

    Hourly schedules run at every instant whose local time matches, so both halves of an autumn fold run. Daily and
    weekly ones run once per local day: in a fold at the first of the two instants, in a spring gap at the first valid
    instant after it; a local day that does not exist at all is left out by daily schedules.
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
