"""Where schedules are kept, and how due slots are planned."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import DueSchedule, SlotPlan, SyncSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSchedules:
    """Due schedules, and the store's present instant by which they are."""

    now: datetime
    schedules: Sequence[DueSchedule]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSlot:
    """A plan with the id that its job gets, if it has one."""

    plan: SlotPlan
    job_id: UUID


class Schedules(Protocol):
    """The schedules of every connection. Each method is one transaction; all raise StoreUnavailable."""

    @abstractmethod
    async def get(self, key: ConnectionKey, frequency: Frequency) -> SyncSchedule:
        """Raises ConnectionNotFound when there is no such connection, NotFound when it lacks that schedule."""

    @abstractmethod
    async def list(self, studio: str) -> Sequence[SyncSchedule]:
        """A studio's schedules, by platform and then hourly, daily, weekly."""

    @abstractmethod
    async def save(self, schedule: SyncSchedule) -> SyncSchedule:
        """Add the schedule, or replace the stored one if its version is still `schedule.version`.

        The result has the next version. Raises ConnectionChanged when the version moved on, and when the next slot
        would be another although the stored one is due: nobody would account for it. Raises ConnectionNotFound when
        the connection is gone. Wakes the planners.
        """

    @abstractmethod
    async def due(self, limit: int) -> DueSchedules:
        """At most `limit` schedules whose next slot has come by the store's clock, the longest due first.

        A schedule that catches up with all its slots is not due while a job of its frequency is active. A schedule
        is paused when it is switched off or its connection is expired.
        """

    @abstractmethod
    async def due_of(self, key: ConnectionKey, frequency: Frequency) -> DueSchedules:
        """One schedule if its next slot has come, otherwise none; also one that waits for its job to catch up."""

    @abstractmethod
    async def commit(self, planned: Sequence[PlannedSlot]) -> int:
        """Make plans true, each by compare-and-swap on its schedule's next slot and version; the number that held.

        Of each plan that holds: the next slot moves, the job is queued, and the accounted slots get their rows in
        the log, together. A job that cannot be queued, because its slot has one or its frequency is active, becomes
        a row `overlapped`. Plans that lost their swap leave nothing behind.
        """

    @abstractmethod
    async def next_due_at(self) -> datetime | None:
        """The earliest next slot of all schedules that `due` would name then, or None."""
