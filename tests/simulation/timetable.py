"""The product's timetable with a memory: a thousand schedules of one cron ask the same question."""

from datetime import datetime
from functools import lru_cache

from anselai.adapters.cron import CroniterTimetable
from anselai.domain.ports.timetable import Timetable


class RememberingTimetable(Timetable):
    def default_cron(self, frequency: str, hash_id: str) -> str:
        return _default_cron(frequency, hash_id)

    def check(self, cron: str, timezone: str) -> None:
        _check(cron, timezone)

    def next_after(self, frequency: str, cron: str, timezone: str, after: datetime) -> datetime:
        return _next_after(frequency, cron, timezone, after)


@lru_cache(maxsize=10_000)
def _default_cron(frequency: str, hash_id: str) -> str:
    return CroniterTimetable().default_cron(frequency, hash_id)


@lru_cache(maxsize=10_000)
def _check(cron: str, timezone: str) -> None:
    CroniterTimetable().check(cron, timezone)


@lru_cache(maxsize=2_000_000)
def _next_after(frequency: str, cron: str, timezone: str, after: datetime) -> datetime:
    return CroniterTimetable().next_after(frequency, cron, timezone, after)
